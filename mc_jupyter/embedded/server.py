"""The HTTP server: who may ask, how errors look, how it starts and ends."""

from __future__ import annotations

import asyncio
import functools
import hmac
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tornado.httputil
import tornado.iostream
import tornado.netutil
import tornado.web

from ..errors import MediaConduitError, ModelNotFoundError, OptionError, ResponseError
from .cli import is_loopback
from .connections import Bounds, Refusal, Server, shown
from .models import Library
from .pulls import Pulls
from .requests import Json, parse_body
from .residents import Residents


@dataclass(frozen=True)
class Settings:
    """How the server was started.

    Attributes
    ----------
    host, port
        Where to listen; port 0 takes a free one.
    token
        What callers must bring; None lets everyone in.
    num_ctx, parallel, threads
        Defaults for loading, as in :class:`.worker.WorkerSpec`.
    end_with_stdin
        Whether the end of stdin ends the server.
    version
        What ``/api/version`` says.
    bounds
        What is held at most for the callers.
    """

    host: str
    port: int
    token: str | None
    num_ctx: int
    parallel: int
    threads: int
    end_with_stdin: bool
    version: str
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True)
class State:
    """What the handlers share."""

    settings: Settings
    library: Library
    residents: Residents
    pulls: Pulls


class Handler(tornado.web.RequestHandler):
    """What every route does: answer errors as Ollama does, and notice a hang-up."""

    state: State
    _work: asyncio.Task[None] | None = None
    _gone = False

    def initialize(self, state: State) -> None:
        """Take the shared state."""
        self.state = state

    def set_default_headers(self) -> None:
        """Say nothing about the server; no header here ever lets a browser's page in."""
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json; charset=utf-8")

    def compute_etag(self) -> None:
        """Give no ETag: nothing here is to be cached."""

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work of a request; give it up when the caller hangs up; map its errors."""
        self._work = asyncio.ensure_future(self._mapped(work))
        try:
            await self._work
        except asyncio.CancelledError:
            self.fail(503, "the server is ending")

    async def _mapped(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except MediaConduitError as error:
            self.fail(_status(error), str(error).replace("\n", ": "))
        except tornado.iostream.StreamClosedError:
            self._gone = True
        except Exception as error:  # a fault of ours: told to the caller, in full to the log
            traceback.print_exc()
            self.fail(500, f"{type(error).__name__}: {error}")

    def on_connection_close(self) -> None:
        """Give up: cancelling the work closes the connection to the engine."""
        self._gone = True
        if self._work is not None:
            self._work.cancel()

    def fail(self, status: int, message: str) -> None:
        """End with an error: as the answer, or as a last line when the answer has begun."""
        if self._gone or self._finished:
            return
        if not self._headers_written:
            self.set_status(status)
            self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps({"error": message}) + "\n" * self._headers_written)

    def body(self) -> Json:
        """Return the request's JSON object; the bytes are given up."""
        raw, self.request.body = self.request.body, b""
        return parse_body(raw)

    async def line(self, value: Mapping[str, Any]) -> None:
        """Send one line of a stream; waits while the caller's side has no room for it."""
        if not self._headers_written:
            self.set_header("Content-Type", "application/x-ndjson")
            # with Nagle's algorithm each token would wait for the last one's acknowledgement
            self.request.connection.stream.set_nodelay(True)  # type: ignore[union-attr]
        self.write(json.dumps(value) + "\n")
        await self.flush()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what went wrong outside the work: plain text for routes, JSON for the rest."""
        if status_code in (404, 405):
            self.set_header("Content-Type", "text/plain")
            self.finish("404 page not found" if status_code == 404 else "405 method not allowed")
        else:
            self.fail(status_code, self._reason)


class NoRoute(Handler):
    """Any path that is no route."""

    def prepare(self) -> None:
        """Answer: there is nothing."""
        self.send_error(404)


def refusal(settings: Settings, headers: tornado.httputil.HTTPHeaders) -> Refusal | None:
    """Return why a request is refused: no web page and nobody without the token is let in.

    Parameters
    ----------
    settings
        Of the server.
    headers
        Of the request, whose body has not been read.
    """
    name = tornado.httputil.split_host_and_port(headers.get("Host", "localhost").lower())[0]
    foreign = is_loopback(settings.host) and not is_loopback(name)
    if foreign or "Origin" in headers:
        return 403, ""
    if settings.token is None:
        return None
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    known = hmac.compare_digest(given.strip().encode(), settings.token.encode())
    return None if scheme.lower() == "bearer" and known else (401, "unauthorized")


def _status(error: MediaConduitError) -> int:
    if isinstance(error, ResponseError):
        return error.status
    if isinstance(error, ModelNotFoundError):
        return 404
    return 400 if isinstance(error, OptionError) else 500


def _log(handler: tornado.web.RequestHandler) -> None:
    request = handler.request
    took = request.request_time()
    print(
        f"{shown(request.method or '')} {shown(request.path)} {handler.get_status()} {took:.3f} s",
        file=sys.stderr,
        flush=True,
    )


async def serve(
    settings: Settings,
    library: Library,
    routes: Callable[[State], list[tuple[str, type[Handler], dict[str, State]]]],
) -> None:
    """Listen, say so in one JSON line on stdout, and serve until a signal or stdin's end."""
    state = State(settings, library, Residents(), Pulls(library))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    application = tornado.web.Application(
        [*routes(state), (r".*", NoRoute, {"state": state})],
        log_function=_log,
        compress_response=False,
    )
    server = Server(application, functools.partial(refusal, settings), settings.bounds)
    sockets = tornado.netutil.bind_sockets(settings.port, address=settings.host)
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if settings.end_with_stdin:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    print(json.dumps({"url": f"http://{host}:{port}", "version": settings.version}), flush=True)
    await stop.wait()
    server.stop()
    await state.pulls.close()
    await state.residents.close()
    await server.close_all_connections()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # not sys.stdin: the interpreter cannot end while a thread holds its lock
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)
