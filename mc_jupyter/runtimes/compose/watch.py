"""The engine's events, followed for as long as somebody wants to know."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...cancel import Cancel, cancellable
from ...errors import EngineUnavailableError, Interrupted, MediaConduitError

if TYPE_CHECKING:
    from .engine import Engine

_AGAIN_S = 3.0
"""Seconds until an engine that has gone is knocked at again."""


def watch(
    connected: Callable[[], Engine], changed: Callable[[str | None], None]
) -> Callable[[], None]:
    """Follow the engine's events on a thread of its own.

    Parameters
    ----------
    connected
        Returns the engine, or raises EngineUnavailableError.
    changed
        Called with the project that changed; with None when the engine has come or gone.

    Returns
    -------
    callable
        Ends it, without waiting for the thread.
    """
    cancel = Cancel()
    over = threading.Event()

    def follow() -> None:
        there = False
        while not over.is_set():
            try:
                for project in connected().events():
                    there = True
                    changed(project or None)
            except EngineUnavailableError:
                pass  # it is looked for again
            if there and not over.is_set():
                there = False
                changed(None)
            over.wait(_AGAIN_S)

    def run() -> None:
        with cancellable(cancel):
            try:
                follow()
            except (Interrupted, MediaConduitError):
                return

    def end() -> None:
        over.set()
        cancel.cancel()

    threading.Thread(target=run, name="mc-jupyter-events", daemon=True).start()
    return end
