"""Cancelling what runs on a thread of its own: there, the twin of the interrupt.

A cell is ended by KeyboardInterrupt, which reaches the main thread only. What runs in the
background runs under a :class:`Cancel`: loops :func:`check` it, and whatever blocks says with
:func:`on_cancel` how it is woken. Both end in :class:`~mc_jupyter.errors.Interrupted`, so that
the tidying up is the same. Where nobody set one, all of this does nothing.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .errors import Interrupted

_log = logging.getLogger(__name__)
_current: ContextVar[Cancel | None] = ContextVar("mc_jupyter_cancel", default=None)


class Cancel:
    """One piece of background work that may be cancelled, from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakers: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()

    @property
    def is_cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Cancel it: wake what blocks, and let :func:`check` raise from now on."""
        with self._lock:
            self._event.set()
            wakers = list(self._wakers.values())
        for wake in wakers:
            _call(wake)

    def add(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have `wake` called by :meth:`cancel` (at once if that came first).

        Returns
        -------
        callable
            Takes it back.
        """
        with self._lock:
            number = next(self._numbers)
            late = self._event.is_set()
            if not late:
                self._wakers[number] = wake
        if late:
            _call(wake)
        return lambda: self._remove(number)

    def _remove(self, number: int) -> None:
        with self._lock:
            self._wakers.pop(number, None)


def _call(wake: Callable[[], None]) -> None:
    try:
        wake()
    except Exception:
        _log.exception("waking what was cancelled failed")


@contextmanager
def cancellable(cancel: Cancel) -> Iterator[None]:
    """Run the body under `cancel`, in this thread only."""
    token = _current.set(cancel)
    try:
        yield
    finally:
        _current.reset(token)


def is_cancellable() -> bool:
    """Whether this thread's work may be cancelled at all."""
    return _current.get() is not None


def check() -> None:
    """Raise Interrupted where this thread's work was cancelled."""
    cancel = _current.get()
    if cancel is not None and cancel.is_cancelled:
        raise Interrupted("cancelled")


def on_cancel(wake: Callable[[], None]) -> Callable[[], None]:
    """Have `wake` called, from another thread, when this thread's work is cancelled.

    Returns
    -------
    callable
        Takes it back; call it when the blocking is over.
    """
    cancel = _current.get()
    return cancel.add(wake) if cancel is not None else lambda: None
