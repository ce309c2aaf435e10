"""What the lower layers tell the ones above: one small record per step of progress.

Information goes up only through callables of this type; nothing below ``notebook`` prints.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Step = Literal[
    "fetch", "image", "build", "start", "wait", "model", "load", "transfer", "work", "note"
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """One line of progress.

    Attributes
    ----------
    step
        What is going on: fetching a repository, an image, a build, a container or process
        starting, waiting for it to answer, pulling a model, loading it, a file on its way, a
        service at work, or a plain note.
    text
        The line to show, complete in itself ("pulling ollama/ollama:latest").
    current, total
        Bytes done and to be done, where both are known; else None.
    keep
        True for what must still be read when the answer is there, whenever the same answer comes
        again (it is not on a GPU, though one was asked for).
    settled
        True for what a step leaves, and what was found on this machine (a fall-back, what was
        taken). It is shown as long as the cell works; of it, notes stay in what a verb shows,
        and what was fetched, pulled or built does not, for the next run finds it there.
    """

    step: Step
    text: str
    current: int | None = None
    total: int | None = None
    keep: bool = False
    settled: bool = False


Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """Take no notice: the default for every ``report`` parameter."""


@contextmanager
def ticking(
    say: Callable[[float], Event | None],
    report: Report,
    *,
    every: float = 1.0,
    first: float | None = None,
) -> Iterator[None]:
    """Report now and then while the body blocks, from a thread of its own; never after the body.

    Parameters
    ----------
    say
        Given the seconds since the beginning, returns what to report; None for nothing.
    report
        Gets it.
    every, first
        Seconds between two calls, and before the first one (None: the same).
    """
    stop, speaking = threading.Event(), threading.Lock()
    began = time.monotonic()

    def tick() -> None:
        pause = every if first is None else first
        while not stop.wait(pause):
            pause = every
            try:
                event = say(time.monotonic() - began)
                with speaking:
                    if event is not None and not stop.is_set():
                        report(event)
            except Exception:
                _log.exception("progress could not be told")
                return

    threading.Thread(target=tick, name="mc_jupyter progress", daemon=True).start()
    try:
        yield
    finally:
        stop.set()
        if speaking.acquire(timeout=1.0):  # the one that is being told is told to its end
            speaking.release()
