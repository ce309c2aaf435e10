"""The end of a service's log, followed on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from ...cancel import Cancel, cancellable
from ...errors import Interrupted, MediaConduitError

if TYPE_CHECKING:
    from ...service import Service

_log = logging.getLogger(__name__)
_LINES = 100
_WIDTH = 500


class Follower:
    """Keeps the last lines that a service writes.

    Parameters
    ----------
    service
        Whose log.
    told
        Called, on the thread that reads, when there is more.

    Attributes
    ----------
    service
        The same, and ``name`` is its handle.
    has_ended
        Whether there is no more to come, because the service has ended.
    """

    def __init__(self, service: Service, told: Callable[[], None]) -> None:
        self.name = service.handle
        self.service, self._told = service, told
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._rest = ""
        self._lock = threading.Lock()
        self._cancel = Cancel()
        self.has_ended = False
        self._begin()

    def again(self) -> None:
        """Follow anew, after the service has ended and was started again."""
        with self._lock:
            self._lines.clear()
            self._rest = ""
        self._begin()

    def _begin(self) -> None:
        self.has_ended = False
        threading.Thread(target=self._run, name="mc-jupyter-log", daemon=True).start()

    def text(self) -> str:
        """The lines so far."""
        with self._lock:
            return "\n".join([*self._lines, self._rest]).rstrip("\n")

    def close(self) -> None:
        """End it, without waiting for the thread."""
        self._cancel.cancel()

    def _run(self) -> None:
        try:
            with cancellable(self._cancel), closing(self.service.follow(_LINES)) as pieces:
                for piece in pieces:
                    self._take(piece)
            self._end("(that was the last line: it has ended)")
        except Interrupted:
            return
        except MediaConduitError as error:
            self._end(str(error))
        except Exception as error:
            _log.exception("following the log of %s failed", self.name)
            self._end(f"{type(error).__name__}: {error}")

    def _end(self, words: str) -> None:
        self.has_ended = True
        self._take(f"\n{words}\n" if self._rest else f"{words}\n")

    def _take(self, piece: str) -> None:
        with self._lock:
            *lines, rest = (self._rest + piece).split("\n")
            self._rest = rest[:_WIDTH]  # of what may never end
            self._lines.extend(line[:_WIDTH] for line in lines)
        self._told()
