"""Requests that can be cancelled: the connection of one is broken off from another thread.

A blocked read is woken by shutting its socket down, which the server sees too. What has no socket
yet (a name being looked up, a connection or TLS being made) cannot be woken: it is left behind on
a thread of its own, where its own limits end it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from . import cancel

T = TypeVar("T")
_CONNECTED = ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")


def shut(sock: socket.socket) -> None:
    """End both directions of a connection; whoever blocks in it wakes up. It is not closed."""
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own, which is for its reader


class Wire:
    """The connection of one request that httpx sends.

    Parameters
    ----------
    patience
        Seconds for an answer's head, from its request's end to its own: a byte now and then does
        not make it longer. None sets no limit.

    Attributes
    ----------
    is_late
        Whether that was too long, and the connection was broken off.
    """

    def __init__(self, patience: float | None = None) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = self.is_late = False
        self._patience = patience
        self._timer: threading.Timer | None = None

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Take note of the socket: httpcore's request extension ``trace``."""
        if name.endswith("receive_response_headers.started") and self._patience:
            self._timer = threading.Timer(self._patience, self._give_up)
            self._timer.daemon = True
            self._timer.start()
        elif self._timer is not None:  # the head is there, or the request failed
            self._timer.cancel()
        if not name.endswith(_CONNECTED):
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
            is_late = self._is_cut
        if is_late:
            self.cut()

    def _give_up(self) -> None:
        self.is_late = True
        self.cut()

    def cut(self) -> None:
        """Break the connection off, now or as soon as it is there."""
        with self._lock:
            self._is_cut, sock = True, self._socket
        if sock is not None:
            shut(sock)


def send(request: Callable[[], T], discard: Callable[[T], None], wire: Wire) -> T:
    """Return what `request` returns; a cancel ends the waiting at once, wherever it blocks.

    Parameters
    ----------
    request
        Sends the request and waits for the answer's head; may raise anything.
    discard
        Given an answer that comes too late.
    wire
        The request's connection.

    Raises
    ------
    Interrupted
        It was cancelled.
    """
    if not cancel.is_cancellable():
        return request()
    cancel.check()
    answer: Future[T] = Future()

    def work() -> None:
        try:
            got = request()
        except BaseException as error:
            with suppress(InvalidStateError):
                answer.set_exception(error)
            return
        try:
            answer.set_result(got)
        except InvalidStateError:
            discard(got)

    def leave() -> None:
        answer.cancel()
        wire.cut()

    take_back = cancel.on_cancel(leave)
    threading.Thread(target=work, name="mc_jupyter request", daemon=True).start()
    try:
        return answer.result()
    except CancelledError:
        cancel.check()
        raise
    except KeyboardInterrupt:
        leave()
        raise
    finally:
        take_back()
