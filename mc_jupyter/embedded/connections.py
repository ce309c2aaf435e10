"""The connections to the server: how many, for how long, and what is read of each request.

Who may ask is decided when a request's headers are there. Of one that is refused, no byte of the
body is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import tornado.httpserver
import tornado.httputil
import tornado.iostream
import tornado.web
from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection

#: A status and a message; the message is empty for an answer without a body.
Refusal = tuple[int, str]

_READ_BUFFER = 2**20  # bytes; what a caller sends while its answer is computed is not read beyond
_LINGER_TIME, _LINGER_SIZE = 1.0, 2**20  # seconds, bytes
_LOGGED = 100  # refusals; the log of a server that somebody floods must not grow without end
_SHOWN = 200  # characters


@dataclass(frozen=True)
class Bounds:
    """What the server holds at most for its callers.

    Attributes
    ----------
    connections
        How many are open at once. One more closes the one that has been idle for longest; where
        none is idle, it is refused.
    idle
        Seconds until the headers of a connection's next request must be there.
    head
        Bytes of a request's line and headers.
    body
        Bytes of a request's body.
    bodies
        Bytes of the bodies of all requests under way.
    body_time
        Seconds until the whole body must be there.
    """

    connections: int = 128
    idle: float = 120.0
    head: int = 16 * 2**10
    body: int = 8 * 2**20
    bodies: int = 32 * 2**20
    body_time: float = 60.0


class Server(tornado.httpserver.HTTPServer):
    """An HTTP server that refuses before it reads.

    Parameters
    ----------
    application
        What answers the requests that are let in.
    refuse
        Given a request's headers, returns why it is refused, or None to let it in.
    bounds
        What is held at most.
    """

    def initialize(  # type: ignore[override]
        self,
        application: tornado.web.Application,
        refuse: Callable[[tornado.httputil.HTTPHeaders], Refusal | None],
        bounds: Bounds,
    ) -> None:
        """Take the parameters (tornado calls this in place of a constructor)."""
        super().initialize(
            application,
            idle_connection_timeout=bounds.idle,
            body_timeout=bounds.body_time,
            max_header_size=bounds.head,
            max_body_size=sys.maxsize,  # it is counted here, where the answer can say the bound
            max_buffer_size=_READ_BUFFER,
        )
        self.application = application
        self.refuse = refuse
        self.bounds = bounds
        # in the order in which they became idle
        self._idle: dict[tornado.iostream.IOStream, None] = {}
        self._busy: dict[tornado.iostream.IOStream, int] = {}  # with the bytes of a body
        self._refused = 0

    def handle_stream(self, stream: tornado.iostream.IOStream, address: Any) -> None:
        """Serve a new connection, at the cost of an idle one where there are too many."""
        if len(self._idle) + len(self._busy) >= self.bounds.connections:
            if not self._idle:
                stream.write(_bare(503, "too many connections"))
                stream.close()
                return
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.close()
        self._idle[stream] = None
        super().handle_stream(stream, address)

    def start_request(
        self, server_conn: Any, request_conn: Any
    ) -> tornado.httputil.HTTPMessageDelegate:
        """Wait for a connection's next request; its last one is over."""
        stream = server_conn.stream
        if self._busy.pop(stream, None) is not None and not stream.closed():
            self._idle[stream] = None
        return _Request(self, server_conn, request_conn)

    def on_close(self, server_conn: Any) -> None:
        """Forget a connection."""
        self._idle.pop(server_conn.stream, None)
        self._busy.pop(server_conn.stream, None)
        super().on_close(server_conn)

    def let_in(self, stream: tornado.iostream.IOStream) -> None:
        """Count a connection as busy until its request is answered."""
        self._idle.pop(stream, None)
        self._busy[stream] = 0

    def count(self, stream: tornado.iostream.IOStream, size: int) -> Refusal | None:
        """Count `size` more bytes of a body; return why that is too much, or None."""
        self._busy[stream] = self._busy.get(stream, 0) + size
        if self._busy[stream] > self.bounds.body:
            return self.too_long()
        if sum(self._busy.values()) > self.bounds.bodies:
            return 503, "the server is busy: the requests under way are too long together"
        return None

    def too_long(self) -> Refusal:
        """Return what is said of a body that is too long."""
        return 413, f"the request body is too long; the most is {self.bounds.body} bytes"

    def log(self, method: str, path: str, status: int) -> None:
        """Say in the log that a request was refused; the first hundred times."""
        self._refused += 1
        if self._refused <= _LOGGED:
            print(f"{shown(method)} {shown(path)} {status} refused", file=sys.stderr, flush=True)
        if self._refused == _LOGGED:
            print("further refusals are not logged", file=sys.stderr, flush=True)


class _Request(tornado.httputil.HTTPMessageDelegate):
    """A request on its way in: refused, or handed to the application."""

    def __init__(
        self, server: Server, holder: HTTP1ServerConnection, connection: HTTP1Connection
    ) -> None:
        self._server = server
        self._holder = holder
        self._connection = connection
        self._start: Any = None
        self._inner: tornado.httputil.HTTPMessageDelegate | None = None

    async def headers_received(
        self, start_line: Any, headers: tornado.httputil.HTTPHeaders
    ) -> None:
        self._start = start_line
        refusal = self._server.refuse(headers)
        if refusal is None and _length(headers) > self._server.bounds.body:
            refusal = self._server.too_long()
        if refusal is not None:
            await self._refuse(*refusal, linger=_has_body(headers))
            return
        self._server.let_in(self._holder.stream)
        # every body is read as JSON; tornado would read what curl -d sends as a form
        headers.pop("Content-Type", None)
        self._inner = self._server.application.start_request(self._holder, self._connection)
        self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._inner is None:
            return None
        refusal = self._server.count(self._holder.stream, len(chunk))
        if refusal is None:
            return self._inner.data_received(chunk)
        self.on_connection_close()
        self._server.let_in(self._holder.stream)  # its bytes are gone: room for the others
        return self._refuse(*refusal, linger=True)

    def finish(self) -> None:
        if self._inner is not None:
            self._inner.finish()
        self._inner = None  # it holds a copy of the body

    def on_connection_close(self) -> None:
        if self._inner is not None:
            self._inner.on_connection_close()
        self._inner = None

    async def _refuse(self, status: int, message: str, linger: bool) -> None:
        """Answer, and close the connection."""
        self._server.log(self._start.method, self._start.path, status)
        body = _error(message)
        start = tornado.httputil.ResponseStartLine(
            "HTTP/1.1", status, http.client.responses[status]
        )
        headers = tornado.httputil.HTTPHeaders(_headers(body))
        sent = self._connection.write_headers(
            start, headers, b"" if self._start.method == "HEAD" else body
        )
        if linger:
            with contextlib.suppress(tornado.iostream.StreamClosedError, OSError):
                await sent
                await _read_off(self._connection.stream)
        self._connection.finish()


async def _read_off(stream: tornado.iostream.IOStream) -> None:
    """Read a little of what still comes, and forget it.

    A connection that is closed with bytes unread is reset, and the caller may never see the
    answer.
    """
    assert stream.socket is not None
    stream.socket.shutdown(socket.SHUT_WR)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_TIME):
            left = _LINGER_SIZE
            while left > 0:
                left -= len(await stream.read_bytes(65536, partial=True))


def _length(headers: tornado.httputil.HTTPHeaders) -> int:
    """Return the length that a body is said to have; 0 for no number, which tornado refuses."""
    digits = headers.get("Content-Length", "").partition(",")[0].strip()
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return int(digits) if len(digits) < 20 else sys.maxsize


def _has_body(headers: tornado.httputil.HTTPHeaders) -> bool:
    return headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers


def _error(message: str) -> bytes:
    return json.dumps({"error": message}).encode() if message else b""


def _headers(body: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }


def _bare(status: int, message: str) -> bytes:
    """Return an answer as it goes over the wire."""
    body = _error(message)
    lines = [f"HTTP/1.1 {status} {http.client.responses[status]}"]
    lines += [f"{name}: {value}" for name, value in _headers(body).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def shown(word: str) -> str:
    """Return a request's method or path for a log: without a query, short, in plain ASCII."""
    short = word.partition("?")[0][:_SHOWN]
    return short.encode("ascii", "backslashreplace").decode()
