"""The interrupt button while no cell runs: ipykernel ignores it then, and the panel must not."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

_AGAIN_S = 0.05


class IdleInterrupt:
    """Calls `interrupted` when the interrupt button is pressed and nothing runs.

    Around each message ipykernel puts Python's own handler in place and afterwards back what was
    there before; so ours is put in place between two messages, and only for as long as something
    goes on in the background.

    Parameters
    ----------
    interrupted
        Called in the main thread.
    """

    def __init__(self, interrupted: Callable[[], None]) -> None:
        self._interrupted = interrupted
        self._wanted = False
        self._before: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if threading.current_thread() is threading.main_thread():
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                self._loop = None  # no kernel: there is no button

    def want(self, wanted: bool) -> None:
        """Have it in place from now on, or no longer; any thread may call this."""
        if self._loop is None or wanted == self._wanted or self._loop.is_closed():
            return
        self._wanted = wanted
        self._loop.call_soon_threadsafe(self._apply)

    def _apply(self) -> None:
        now = signal.getsignal(signal.SIGINT)
        if now is signal.default_int_handler:  # a message is being dealt with
            assert self._loop is not None
            self._loop.call_later(_AGAIN_S, self._apply)
        elif self._wanted and now != self._handle:
            self._before = signal.signal(signal.SIGINT, self._handle)
        elif not self._wanted and now == self._handle:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: object) -> None:
        self._interrupted()
