"""Work that a server begins for us and must be told to end, whenever we are interrupted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from typing import TypeVar

from .. import cancel
from ..errors import MediaConduitError

_log = logging.getLogger(__name__)
T = TypeVar("T")
_PATIENCE = 0.5  # seconds that an interrupt waits for the server to be told


def begin(request: Callable[[], T], undo: Callable[[T], None]) -> T:
    """Return what `request` returns; where that comes after an interrupt, it is undone.

    The request runs on a thread of its own, which an interrupt or cancel does not reach: the
    answer says what has to be ended.

    Parameters
    ----------
    request
        Asks the server to begin.
    undo
        Given an answer that nobody waits for any more; errors of it are nobody's.
    """
    answer: Future[T] = Future()
    left = threading.Lock()  # held by whoever decides first: the answer, or the leaving
    woken = threading.Event()

    def work() -> None:
        try:
            got = request()
        except BaseException as error:
            answer.set_exception(error)
        else:
            if left.acquire(blocking=False):
                answer.set_result(got)
            else:
                undo(got)
        woken.set()

    take_back = cancel.on_cancel(woken.set)
    try:
        try:
            _apart(work)
            woken.wait()
            cancel.check()
            return answer.result()
        finally:
            take_back()
    except BaseException:  # also of take_back(), which an interrupt may end
        if not left.acquire(blocking=False):
            aside(lambda: undo(answer.result()))
        raise


def aside(work: Callable[[], None]) -> None:
    """Do something short that an interrupt or cancel must not reach; wait half a second at most."""
    _apart(work).join(_PATIENCE)


def pause(seconds: float) -> None:
    """Wait; a cancel ends it.

    Raises
    ------
    Interrupted
        It was cancelled.
    """
    woken = threading.Event()
    take_back = cancel.on_cancel(woken.set)
    try:
        woken.wait(seconds)
    finally:
        take_back()
    cancel.check()


def _apart(work: Callable[[], None]) -> threading.Thread:
    """Start work on a thread that has no Cancel, and ends with the process."""

    def run() -> None:
        try:
            Context().run(work)
        except MediaConduitError as error:
            _log.info("a server was not told: %s", error.message)

    thread = threading.Thread(target=run, name="mc_jupyter errand", daemon=True)
    thread.start()
    return thread
