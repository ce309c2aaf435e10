"""The wire side of :mod:`support.scripted_ollama`: requests, chunked answers, and every fault."""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from support.scripted_ollama import ScriptedOllama

# What goes wrong: a broken connection (cut, reset), an end without "done", an error line, silence,
# a line that is no JSON, after `fail_after` lines; close and hang come before any header.
Fault = Literal["cut", "reset", "end", "error", "silent", "garbage", "close", "hang"]


@dataclass(frozen=True)
class Answer:
    """What a path answers in place of the script."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Request:
    """One request that came. `sent` counts stream lines; `closed_at` (time.monotonic) is when the
    client was seen to be gone before the end; `ended` when the answer was over, however."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    sent: int = 0
    closed_at: float | None = None
    ended: bool = False


def frame(data: bytes) -> bytes:
    """One chunk of a chunked transfer."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def line(item: Mapping[str, Any]) -> bytes:
    """One object as a line of NDJSON."""
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Server(ThreadingHTTPServer):
    """Listens, counts connections, and leaves the rest to the handler."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], script: ScriptedOllama) -> None:
        self.script = script
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.script.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that went away is no error
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        script = self.server.script
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_ = Request(self.command, self.path, headers, json.loads(raw) if raw else None)
        script.requests.append(self.request_)
        if script.fault in ("close", "hang"):
            while script.fault == "hang" and not self._gone(1.0):
                pass
            self.close_connection = True
        elif self.path in script.answers:
            self._answer(script.answers[self.path])
        elif script.token and headers.get("authorization") != f"Bearer {script.token}":
            self._json({"error": "unauthorized"}, 401)
        else:
            self._route()
        self.request_.ended = True

    do_POST = do_DELETE = do_HEAD = do_GET

    def _route(self) -> None:
        route = {
            "GET /": self._root,
            "HEAD /": self._root,
            "GET /api/version": lambda: self._json({"version": "0.33.0-scripted"}),
            "GET /api/tags": self._tags,
            "GET /api/ps": self._ps,
            "POST /api/show": self._show,
            "POST /api/chat": lambda: self._talk("chat"),
            "POST /api/generate": lambda: self._talk("generate"),
            "POST /api/pull": self._pull,
            "DELETE /api/delete": self._delete,
        }.get(f"{self.command} {self.path}")
        if route:
            route()
        else:
            self._answer(Answer(404, b"404 page not found", "text/plain"))

    def _root(self) -> None:
        self._answer(Answer(200, b"Ollama is running", "text/plain; charset=utf-8"))

    def _tags(self) -> None:
        script = self.server.script
        self._json({"models": [self._entry(name, script) for name in script.models] or None})

    def _ps(self) -> None:
        script = self.server.script
        more = {"expires_at": "2318-01-01T00:00:00Z", "size_vram": 0, "context_length": 4096}
        self._json({"models": [{**self._entry(name, script), **more} for name in script.loaded]})

    @staticmethod
    def _entry(name: str, script: ScriptedOllama) -> dict[str, Any]:
        remote = {"remote_host": "https://ollama.com:443"} if name in script.cloud else {}
        details = {"format": "gguf", "family": "llama", "parameter_size": "1.2B"}
        return {"name": name, "model": name, "size": 1_321_098_329, "details": details, **remote}

    def _known(self) -> str:
        """The model that is asked for; empty, and 404 sent, where it is not here."""
        model = str(self.request_.body["model"])
        if self.server.script.has(model):
            return model
        self._json({"error": f"model '{model}' not found"}, 404)
        return ""

    def _show(self) -> None:
        if self._known():
            self._json({"details": {"family": "llama"}, "capabilities": ["completion"]})

    def _delete(self) -> None:
        if self._known():
            self.server.script.models.remove(self.request_.body["model"])
            self._answer(Answer())

    def _talk(self, kind: Literal["chat", "generate"]) -> None:
        model, body, script = self._known(), self.request_.body, self.server.script
        if not model:
            return
        loaded = [name for name in script.loaded if name != model]
        script.loaded = loaded if body.get("keep_alive") == 0 else [*loaded, model]
        if body.get("prompt") or body.get("messages"):
            self._stream(script.frames(kind, model))
            return
        if self._gone(script.delay):
            return
        why = "unload" if body.get("keep_alive") == 0 else "load"
        self._json({"model": model, "response": "", "done": True, "done_reason": why})

    def _pull(self) -> None:
        model, script = str(self.request_.body["model"]), self.server.script
        if script.lines is not None:
            self._stream(script.frames("pull", model))
        else:
            self._stream(frame(line(item)) for item in script.pull_lines(model))

    def _json(self, item: Mapping[str, Any], status: int = 200) -> None:
        self._answer(Answer(status, line(item)))

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _stream(self, frames: Iterable[bytes]) -> None:
        request, script = self.request_, self.server.script
        if self._gone(script.delay):
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self._gone(script.body_delay):
            return
        start = time.monotonic()
        try:
            for piece in frames:
                if script.fault and request.sent >= script.fail_after:
                    self._fail(script.fault)
                    return
                due = start + request.sent / script.rate if script.rate else 0.0
                if (due or not request.sent % 64) and self._gone(due - time.monotonic()):
                    return
                self.wfile.write(piece)
                request.sent += 1
        except OSError:
            self._went()
            return
        request.ended = True
        with suppress(OSError):  # a client may leave once it has the last line
            self.wfile.write(b"0\r\n\r\n")

    def _fail(self, fault: Fault) -> None:
        if fault == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()
        elif fault == "silent":
            while not self._gone(1.0):
                pass
        else:
            last = {
                "error": line({"error": self.server.script.error}),
                "garbage": b"Internal Server Error\n",
            }.get(fault)
            self.wfile.write((frame(last) if last else b"") + b"0\r\n\r\n")
            return
        self.close_connection = True

    def _gone(self, seconds: float) -> bool:
        """Wait; return at once, and True, when the client closes or the server is stopped."""
        deadline = time.monotonic() + max(0.0, seconds)
        while not self.server.script.stopping.is_set():
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self.connection], [], [], max(0.0, min(left, 0.1)))
            try:
                if readable and not self.connection.recv(1, socket.MSG_PEEK):
                    self._went()
                    return True
            except OSError:
                self._went()
                return True
            if left <= 0:
                return False
        self.close_connection = True
        return True

    def _went(self) -> None:
        self.close_connection = True
        if not self.request_.ended:
            self.request_.closed_at = time.monotonic()
