"""A small real HTTP server that answers what it is told to, and can be busy."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.free.wait()
        status, body = self.server.answers.get(self.path, (404, {"error": "not found"}))
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answers: Mapping[str, tuple[int, Any]]
    asked: list[str]
    free: threading.Event

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that went away."""


class Site:
    """A server on 127.0.0.1, for a ``with``.

    Parameters
    ----------
    answers
        Status and body (a text, or what goes as JSON) by path; all others are 404.

    Attributes
    ----------
    url
        Where it answers.
    asked
        The paths that it was asked for.
    free
        Cleared, it takes connections and answers nothing: it is busy.
    """

    def __init__(self, answers: Mapping[str, tuple[int, Any]]) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.answers, self._server.asked = answers, []
        self._server.free = self.free = threading.Event()
        self.free.set()
        self.asked = self._server.asked
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.free.set()
        self.close()

    def close(self) -> None:
        """End it; nothing answers any more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
