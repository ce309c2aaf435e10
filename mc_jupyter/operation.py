"""What is being done to a service: one thing at a time, and visible while it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import cancel
from .events import Event, Report

_PATIENCE_S = 0.2


class Operations:
    """Starts, stops and removals of one service, one after the other.

    Parameters
    ----------
    handle
        The service's name, for messages.
    changed
        Called after each change of what is shown here.

    Attributes
    ----------
    busy
        What goes on (``starting``, ``stopping``, ``removing``); None for nothing.
    step
        The last step of it that was reported.
    """

    def __init__(self, handle: str, changed: Callable[[], None]) -> None:
        self._handle, self._changed = handle, changed
        self._lock = threading.RLock()
        self.busy: str | None = None
        self.step: Event | None = None

    @contextmanager
    def doing(self, what: str, report: Report) -> Iterator[Report]:
        """Do one thing; yields a `report` whose events are also kept as :attr:`step`."""

        def tell(event: Event) -> None:
            if event.step != "note":
                self.step = event
                self._changed()
            report(event)

        with self.alone(report):
            outer, self.busy = self.busy, what
            self._changed()
            try:
                yield tell
            finally:
                self.busy, self.step = outer, None
                self._changed()

    @contextmanager
    def alone(self, report: Report) -> Iterator[None]:
        """Keep everybody else out; say it when that has to be waited for.

        Raises
        ------
        Interrupted
            When this thread's work is cancelled while it waits.
        """
        if not self._lock.acquire(timeout=_PATIENCE_S):
            report(Event("wait", f"{self._handle} is {self.busy or 'busy'} already; waiting"))
            while not self._lock.acquire(timeout=_PATIENCE_S):
                cancel.check()
        try:
            yield
        finally:
            self._lock.release()
