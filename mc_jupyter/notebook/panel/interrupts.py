"""The interrupt button while no cell runs: ipykernel ignores it then, and the panel must not."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_AGAIN_S = 0.05


class IdleInterrupt:
    """Calls `interrupted` when the interrupt button is pressed and nothing runs.

    Around each message ipykernel puts Python's own handler in place and afterwards back what was
    there before; so ours is put in place between two messages, and only for as long as something
    goes on in the background.

    Parameters
    ----------
    wanted
        Whether something goes on; asked from any thread.
    interrupted
        Called in the main thread.
    """

    def __init__(self, wanted: Callable[[], bool], interrupted: Callable[[], None]) -> None:
        self._wanted, self._interrupted = wanted, interrupted
        self._in_place = self._planned = False
        self._before: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if threading.current_thread() is threading.main_thread():
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                self._loop = None  # no kernel: there is no button

    def look(self) -> None:
        """Ask `wanted` again, and do what follows from it soon; any thread may call this."""
        if self._loop is None or self._planned or self._wanted() == self._in_place:
            return
        self._planned = True
        with suppress(RuntimeError):  # the kernel ends
            self._loop.call_soon_threadsafe(self._apply)

    def _apply(self) -> None:
        assert self._loop is not None
        self._planned = False
        wanted = self._wanted()
        now = signal.getsignal(signal.SIGINT)
        if wanted == self._in_place:
            return
        if now is signal.default_int_handler:  # a message is being dealt with
            self._planned = True
            self._loop.call_later(_AGAIN_S, self._apply)
            return
        if wanted:
            self._before = signal.signal(signal.SIGINT, self._handle)
        elif now == self._handle:  # else it is somebody else's by now
            signal.signal(signal.SIGINT, self._before)
        self._in_place = wanted
        self.look()  # it may have changed meanwhile, and who said so was not heard

    def _handle(self, number: int, frame: object) -> None:
        # Not here: what the signal broke into may hold a lock that this takes.
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._interrupted)
