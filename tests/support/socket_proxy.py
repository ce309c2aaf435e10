"""A stand-in for an engine that can go away: a Unix socket with the real one behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class SocketProxy:
    """Listens on a Unix socket and hands every connection on.

    Parameters
    ----------
    path
        Of its own socket.
    origin
        Of the socket that answers.

    Attributes
    ----------
    connections
        How many were made so far.
    silent
        While set, new connections are taken and nothing is handed on, as of an engine that hangs.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self.path, self._origin = path, origin
        self.connections, self.silent = 0, False
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None

    @property
    def address(self) -> str:
        """As docker-py and DOCKER_HOST want it."""
        return f"unix://{self.path}"

    def up(self) -> None:
        """Begin to listen."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Be gone: nobody listens, and whatever was connected is broken off."""
        with self._lock:
            listener, self._listener = self._listener, None
            gone, self._open = self._open, []
        if listener is None:
            return
        self.path.unlink(missing_ok=True)
        for one in (listener, *gone):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.silent:
                self._keep(listener, caller)
                continue
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self._origin)
            if not self._keep(listener, caller, engine):
                return
            for a, b in ((caller, engine), (engine, caller)):
                threading.Thread(target=_hand_on, args=(a, b), daemon=True).start()

    def _keep(self, listener: socket.socket, *both: socket.socket) -> bool:
        with self._lock:
            if self._listener is listener:
                self._open.extend(both)
                return True
        for one in both:
            one.close()
        return False


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def socket_proxy(folder: Path, origin: str) -> Iterator[SocketProxy]:
    """Stand before the engine at `origin` (``unix:///...``); gone at the end."""
    proxy = SocketProxy(folder / "engine.sock", origin.removeprefix("unix://"))
    proxy.up()
    try:
        yield proxy
    finally:
        proxy.down()
