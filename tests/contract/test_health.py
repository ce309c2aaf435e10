"""Readiness, against real servers on 127.0.0.1: only an HTTP answer counts."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mc_jupyter.errors import StartError, TimeLimitError
from mc_jupyter.events import Event, silent
from mc_jupyter.runtimes import health
from mc_jupyter.runtimes.base import Condition


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        statuses = self.server.statuses
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status == 0:
            time.sleep(3)
            return
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", "http://192.0.2.1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    seen: list[tuple[str, str | None]]
    statuses: list[int]


@contextmanager
def serving(*statuses: int) -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.seen, server.statuses = [], list(statuses)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url(server: _Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@contextmanager
def resetting() -> Iterator[str]:
    """Accept and reset, as a published port does while nothing listens behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    caller, _ = listener.accept()
                except TimeoutError:
                    continue
                linger = struct.pack("ii", 1, 0)
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                caller.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        thread.join()


@contextmanager
def refusing() -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def wait(
    look: Callable[[], Condition] | Condition,
    path: str = "/",
    limit: float | None = 5.0,
    report: Callable[[Event], None] = silent,
    logs: str = "",
) -> Condition:
    return health.wait_until_ready(
        look if callable(look) else lambda: look,
        path,
        limit=limit,
        report=report,
        logs=lambda: logs,
        name="web",
    )


@pytest.mark.parametrize("status", [200, 204, 301, 302, 401, 403, 405])
def test_what_counts_as_an_answer(status: int) -> None:
    with serving(status) as server:
        condition = Condition("running", url=url(server))
        assert wait(condition, "/health?deep=1") is condition
        assert server.seen == [("/health?deep=1", None)]
        assert health.answers(url(server), "/")


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503])
def test_what_does_not(status: int) -> None:
    with serving(status) as server:
        assert not health.answers(url(server), "/")
        with pytest.raises(TimeLimitError) as caught:
            wait(Condition("running", url=url(server)), "/up", limit=0.2)
    message = f"web runs, but did not answer within 0.2 s: HTTP {status} to GET /up"
    assert caught.value.message == message
    assert caught.value.hint == "it is left running: %mc status web, or %mc logs web"


def test_an_answer_after_errors() -> None:
    with serving(503, 503, 200) as server:
        wait(Condition("running", url=url(server)))
        assert len(server.seen) == 3


def test_the_token_is_shown_to_this_server_only() -> None:
    with serving(200) as server:
        wait(Condition("running", url=url(server), token="t0ken"))
        assert health.answers(url(server), "/", token="other")
        assert [token for _, token in server.seen] == ["Bearer t0ken", "Bearer other"]


def test_an_open_port_is_no_answer() -> None:
    with resetting() as address:
        assert not health.answers(address, "/")
        with pytest.raises(TimeLimitError, match="no HTTP answer to GET /"):
            wait(Condition("running", url=address), limit=0.3)


def test_a_closed_port() -> None:
    with refusing() as address:
        assert not health.answers(address, "/")
        with pytest.raises(TimeLimitError, match="the connection is refused"):
            wait(Condition("running", url=address), limit=0.3)


def test_a_server_that_accepts_and_says_nothing() -> None:
    with serving(0) as server:
        began = time.monotonic()
        assert not health.answers(url(server), "/", timeout=0.2)
        with pytest.raises(TimeLimitError, match="no answer to GET /"):
            wait(Condition("running", url=url(server)), limit=0.3)
        assert time.monotonic() - began < 1.5


def test_a_service_without_a_port_and_what_docker_says() -> None:
    with pytest.raises(TimeLimitError, match="no port is published"):
        wait(Condition("running"), limit=0.2)
    with (
        serving(500) as server,
        pytest.raises(TimeLimitError, match="HTTP 500 to GET /; Docker calls it unhealthy"),
    ):
        wait(Condition("running", url=url(server), docker_health="unhealthy"), limit=0.2)


def test_a_port_that_moves_is_followed() -> None:
    with refusing() as old, serving(200) as server:
        addresses = [old, old, url(server)]

        def look() -> Condition:
            address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
            return Condition("running", url=address)

        assert wait(look).url == url(server)


@pytest.mark.parametrize("state", ["exited", "restarting", "absent", "stopped", "created"])
def test_the_end_is_said_at_once_with_the_last_lines(state: str) -> None:
    conditions = [Condition("running"), Condition("running")]
    ended = Condition(state, "exited with code 3")  # type: ignore[arg-type]

    def look() -> Condition:
        return conditions.pop() if conditions else ended

    log = "".join(f"line {number}\n" for number in range(20)) + "\n" + "x" * 500 + "\n"
    began = time.monotonic()
    with pytest.raises(StartError) as caught:
        wait(look, limit=None, logs=log)
    assert time.monotonic() - began < 1
    lines = caught.value.message.splitlines()
    assert lines[0] == "web exited with code 3; its last lines:"
    assert lines[1:5] == [f"  line {number}" for number in range(16, 20)]
    assert lines[5] == "  " + "x" * 200
    assert caught.value.hint == "%mc logs web"


def test_the_end_without_a_log() -> None:
    with pytest.raises(StartError, match="web absent; it wrote no log"):
        wait(Condition("absent"))


def test_a_line_now_and_then_says_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SAY_EVERY", 0.3)
    events: list[Event] = []
    with serving(503) as server, pytest.raises(TimeLimitError):
        wait(Condition("running", url=url(server)), "/up", limit=1.1, report=events.append)
    assert 2 <= len(events) <= 3
    assert {event.step for event in events} == {"wait"}
    assert events[0].text == "waiting for web: HTTP 503 to GET /up (0 s)"


def test_a_line_comes_while_one_request_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SAY_EVERY", 0.2)
    events: list[Event] = []
    with serving(0) as server, pytest.raises(TimeLimitError):
        wait(Condition("running", url=url(server)), "/up", limit=0.9, report=events.append)
    assert len(events) >= 3
    assert events[0].text == "waiting for web: GET /up is not answered yet (0 s)"


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing() as nowhere, serving(200) as server:
        monkeypatch.setenv("HTTP_PROXY", nowhere)
        monkeypatch.setenv("ALL_PROXY", nowhere)
        assert health.answers(url(server), "/")


def test_an_interrupt_goes_up() -> None:
    def look() -> Condition:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait(look)
