"""A scripted HTTP server for what no real service does on demand: it answers by path, and counts.

Bodies are read piece by piece; only small ones are kept, so that files of gigabytes can be sent.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_KEPT = 1_000_000  # bytes of a body
_PIECE = bytes(1 << 16)


@dataclass
class Says:
    """An answer: `body` (a dict or list goes as JSON), then `size` zero bytes.

    With `free` it comes only when that is set.
    """

    body: Any = b""
    status: int = 200
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    free: threading.Event | None = None


@dataclass
class Part:
    """A part of a multipart body."""

    name: str
    type: str
    filename: str | None
    content: bytes


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    size: int
    sha256: str
    body: bytes  # its beginning, when it is large

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parts(self) -> list[Part]:
        boundary = self.headers["content-type"].partition("boundary=")[2].encode()
        found = []
        for chunk in self.body.split(b"--" + boundary)[1:-1]:
            head, _, content = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            text = head.decode()
            filename = re.search(r'; filename="([^"]*)"', text)
            kind = re.search(r"(?im)^content-type: (\S+)", text)
            found.append(
                Part(
                    re.search(r'; name="([^"]*)"', text)[1],  # type: ignore[index]
                    kind[1] if kind else "",
                    filename[1] if filename else None,
                    content.removesuffix(b"\r\n"),
                )
            )
        return found

    @property
    def form(self) -> dict[str, str]:
        """The fields of a multipart body that are no files."""
        return {part.name: part.content.decode() for part in self.parts if part.filename is None}

    @property
    def files(self) -> list[Part]:
        return [part for part in self.parts if part.filename is not None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        service: ScriptedService = self.server.service
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        size, digest, body = self._read()
        query = parse_qsl(address.query, keep_blank_values=True)
        asked = Asked(self.command, address.path, query, headers, size, digest, body)
        service.requests.append(asked)
        key = f"{self.command} {address.path}"
        says = service.answers.get(key) or service.answers.get(address.path)
        self._answer(says or Says({"success": False, "error": "Endpoint not found"}, 404))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _read(self) -> tuple[int, str, bytes]:
        kept, digest, size = bytearray(), hashlib.sha256(), 0
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        left = int(self.headers.get("Content-Length") or 0)
        service: ScriptedService = self.server.service
        while left or chunked:
            if chunked and not left and not (left := int(self.rfile.readline() or b"0", 16)):
                self.rfile.readline()
                break
            piece = self.rfile.read(min(left, 1 << 16))
            if not piece:
                service.left.append(urlsplit(self.path).path)
                break
            time.sleep(service.pace)
            left -= len(piece)
            if chunked and not left:
                self.rfile.readline()
            size += len(piece)
            service.received += len(piece)
            if service.hashes:
                digest.update(piece)
            if len(kept) < _KEPT:
                kept += piece
        return size, digest.hexdigest(), bytes(kept)

    def _answer(self, says: Says) -> None:
        service: ScriptedService = self.server.service
        while says.free is not None and not says.free.wait(0.02):
            if self._has_left():
                service.left.append(urlsplit(self.path).path)
                self.close_connection = True
                return
        body = says.body
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(says.status)
        if says.type:
            self.send_header("Content-Type", says.type)
        self.send_header("Content-Length", str(says.size + len(body)))
        for name, value in says.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body)
        left = says.size
        try:
            while left > 0:
                self.wfile.write(_PIECE[:left])
                left -= len(_PIECE)
                time.sleep(service.pace)
        except OSError:
            service.left.append(urlsplit(self.path).path)
            raise

    def _has_left(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


def _no_word(request: Any, client_address: Any) -> None:
    """A client that went away is no error."""
    error = sys.exception()
    if not isinstance(error, OSError):
        raise error or RuntimeError


class ScriptedService:
    """The server; listens from the moment it is made, on 127.0.0.1.

    Parameters
    ----------
    answers
        By ``METHOD /path`` or ``/path``; everything else is 404.
    one_at_a_time
        It answers nobody else while it is at it, as a server with a blocked event loop.
    hashes
        Whether bodies are hashed.

    Attributes
    ----------
    requests
        What came, whole.
    received
        Bytes of bodies that came.
    left
        Paths whose client went away before its request or the answer was whole.
    pace
        Seconds between two pieces of 64 KiB of a body, in either direction; may be set.
    """

    def __init__(
        self,
        answers: Mapping[str, Says] | None = None,
        *,
        one_at_a_time: bool = False,
        hashes: bool = True,
    ) -> None:
        self.answers = dict(answers or {})
        self.requests: list[Asked] = []
        self.received, self.hashes = 0, hashes
        self.left: list[str] = []
        self.pace = 0.0
        kind = HTTPServer if one_at_a_time else ThreadingHTTPServer
        self._server: Any = kind(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self._server.daemon_threads = True
        self._server.handle_error = _no_word
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def __enter__(self) -> ScriptedService:
        return self

    def __exit__(self, *_: object) -> None:
        self.pace = 0.0
        for says in self.answers.values():
            if says.free is not None:
                says.free.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def asked(self, path: str) -> list[Asked]:
        """The requests for one path."""
        return [each for each in self.requests if each.path == path]
