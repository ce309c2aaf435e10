"""An engine on a Unix socket that answers by script: what a real one says when it fails."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            self._json(200, {"ApiVersion": "1.41", "MinAPIVersion": "1.12"})
        elif "/images/" in self.path:
            self._json(404, {"message": "No such image: x"})
        else:
            self._json(500, {"message": f"not in the script: {self.path}"})

    def do_POST(self) -> None:
        status, lines = self.server.pull
        if status != 200:
            self._json(status, lines[0])
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            for line in lines:
                if "sleep" in line:
                    time.sleep(line["sleep"])
                elif "end" in line:
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    text = json.dumps(line).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def _json(self, status: int, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    pull: tuple[int, Sequence[dict[str, Any]]] = (200, ())


@contextmanager
def scripted_engine(folder: Path, status: int, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Run an engine whose pulls answer with `status` and `lines`; yield its address."""
    with _Server(str(folder / "engine.sock"), _Handler) as server:
        server.pull = (status, lines)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"unix://{folder / 'engine.sock'}"
        finally:
            server.shutdown()
            thread.join()
