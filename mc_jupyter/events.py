"""What the lower layers tell the ones above: one small record per step of progress.

Information goes up only through callables of this type; nothing below ``notebook`` prints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Step = Literal["fetch", "image", "build", "start", "wait", "model", "load", "note"]


@dataclass(frozen=True)
class Event:
    """One line of progress.

    Attributes
    ----------
    step
        What is going on: fetching a repository, an image, a build, a container or process
        starting, waiting for it to answer, pulling a model, loading it, or a plain note.
    text
        The line to show, complete in itself ("pulling ollama/ollama:latest").
    current, total
        Bytes done and to be done, where both are known; else None.
    keep
        True for what must still be read when the answer is there (a fall-back, what was taken).
    """

    step: Step
    text: str
    current: int | None = None
    total: int | None = None
    keep: bool = False


Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """Take no notice: the default for every ``report`` parameter."""
