"""The engine's events, followed for as long as somebody wants to know."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...cancel import Cancel, cancellable
from ...errors import Interrupted, MediaConduitError

if TYPE_CHECKING:
    from .engine import Engine

_log = logging.getLogger(__name__)

_AGAIN_S, _SELDOM_S = 3.0, 60.0
"""Seconds until an engine that has gone is knocked at again; and one that was never there."""


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
        pause, was_there = _AGAIN_S, False
        while not over.is_set():
            there = False
            try:
                for project in connected().events():
                    there = was_there = True
                    changed(project or None)
            except MediaConduitError as error:  # it is looked for again
                _log.debug("no events of the engine: %s", error)
            if there and not over.is_set():
                changed(None)
            over.wait(_AGAIN_S if was_there else pause)
            pause = min(2 * pause, _SELDOM_S)

    def run() -> None:
        with cancellable(cancel), contextlib.suppress(Interrupted):
            follow()

    def end() -> None:
        over.set()
        cancel.cancel()

    threading.Thread(target=run, name="mc-jupyter-events", daemon=True).start()
    return end
