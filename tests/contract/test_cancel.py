"""Work on a background thread ends within a second of its cancel, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.background import LIMIT_S, Background
from support.embedded_server import MODEL as REAL_MODEL
from support.embedded_server import Running, serve, session, weights
from support.git_server import SERVICE_FILES, GitServer, make_repository, redirect
from support.scripted_engine import scripted_engine
from support.scripted_ollama import ScriptedOllama, words
from support.wait import wait_until

from mc_jupyter.cancel import Cancel, cancellable
from mc_jupyter.clients import Limits, OllamaClient
from mc_jupyter.errors import Interrupted
from mc_jupyter.events import Event, Report, silent
from mc_jupyter.runtimes import health
from mc_jupyter.runtimes.base import Condition
from mc_jupyter.runtimes.compose.child import run
from mc_jupyter.runtimes.compose.engine import Engine
from mc_jupyter.settings import Settings
from mc_jupyter.sources import fetch, parse_identifier

MODEL = "llama3.2:1b"
HELLO = [{"role": "user", "content": "hi"}]


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def closed(server: ScriptedOllama) -> None:
    wait_until(lambda: server.closed_at, LIMIT_S, "the server sees the connection close")


# the client


def test_a_server_that_never_answers() -> None:
    with ScriptedOllama(delay=60) as server:
        work = Background(lambda: list(OllamaClient(server.url).chat(MODEL, HELLO)))
        wait_until(lambda: server.asked("/api/chat"), what="the prompt")
        work.cancel()
        closed(server)


def test_an_answer_that_is_silent_after_its_head() -> None:
    with ScriptedOllama(body_delay=60) as server:
        work = Background(lambda: list(OllamaClient(server.url).chat(MODEL, HELLO)))
        wait_until(lambda: server.asked("/api/chat"), what="the prompt")
        work.cancel()
        closed(server)


def test_a_slow_answer_keeps_what_came() -> None:
    kept: list[str] = []

    def ask() -> None:
        for chunk in OllamaClient(server.url).chat(MODEL, HELLO):
            kept.append(chunk["message"]["content"])

    with ScriptedOllama(tokens=words(300, 1350), rate=5) as server:
        work = Background(ask)
        wait_until(lambda: len(kept) >= 2, what="two pieces")
        work.cancel()
        closed(server)
    assert "".join(words(300, 1350)).startswith("".join(kept))


def test_a_short_answer_that_does_not_come() -> None:
    with ScriptedOllama(fault="hang") as server:
        work = Background(OllamaClient(server.url).models)
        wait_until(lambda: server.requests, what="the question")
        work.cancel()
        wait_until(lambda: server.requests[0].closed_at, LIMIT_S, "the connection closes")


def test_a_pull_that_hangs() -> None:
    library = {"new:1b": [900, 100]}
    with ScriptedOllama(library=library, fault="silent", fail_after=4) as server:
        events: list[Event] = []
        client = OllamaClient(server.url)
        work = Background(
            lambda: client.ensure_model("new:1b", max_download=None, report=events.append)
        )
        wait_until(lambda: server.tokens_sent == 4, what="the pull")
        stalled = re.compile("pulling new:1b: 180 of 900 B, no byte for [56] s")
        wait_until(lambda: any(stalled.fullmatch(e.text) for e in events), 12, "the stall")
        work.cancel()
        closed(server)
        wait_until(lambda: "mc_jupyter progress" not in _threads(), 1, "the end of the reports")


def test_a_connection_that_hangs() -> None:
    """A full backlog on loopback: the connection is neither made nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        client = OllamaClient(f"http://127.0.0.1:{address[1]}", limits=Limits(connect=3))
        work = Background(client.version)
        wait_until(lambda: "mc_jupyter request" in _threads(), what="the attempt")
        work.cancel()
        for filler in fillers:
            filler.close()


def test_a_cancel_that_came_before() -> None:
    cancel = Cancel()
    cancel.cancel()
    with ScriptedOllama() as server:
        with cancellable(cancel), pytest.raises(Interrupted):
            OllamaClient(server.url).version()
        assert not server.requests


def test_what_is_not_cancelled_goes_on() -> None:
    with ScriptedOllama(tokens=["a", "b"]) as server, cancellable(Cancel()):
        client = OllamaClient(server.url)
        text = "".join(chunk["message"]["content"] for chunk in client.chat(MODEL, HELLO))
        assert text == "ab"
        assert client.has_model(MODEL)


def test_a_real_model_stops() -> None:
    """The server is freed: the processor is at rest, and the next prompt is answered."""
    with serve(models=weights()) as server:
        client = OllamaClient(server.url, token=server.token)
        came: list[object] = []

        def talk() -> None:
            options = {"num_predict": 3000}
            prompt = [{"role": "user", "content": "Count to a thousand."}]
            for chunk in client.chat(REAL_MODEL, prompt, options=options):
                came.append(chunk)

        work = Background(talk)
        wait_until(lambda: len(came) > 3, 30, "some tokens")
        work.cancel()
        wait_until(lambda: _ticks(server) == _ticks_later(server), 2, "a processor at rest")
        assert len(list(client.chat(REAL_MODEL, HELLO, options={"num_predict": 2}))) >= 2


def _ticks(server: Running) -> int:
    """Processor time of the server and its workers, in clock ticks."""
    stats = [Path(f"/proc/{pid}/stat").read_text() for pid in session(server)]
    return sum(sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats)


def _ticks_later(server: Running) -> int:
    time.sleep(0.3)
    return _ticks(server)


# what is fetched and waited for


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        for name, value in redirect(running.url).items():
            monkeypatch.setenv(name, value)
        make_repository(running.repository("Someone/echo-service"))
        yield running


def _load(report: Report = silent) -> object:
    return fetch(parse_identifier("github:Someone/echo-service"), Settings(), report=report)


@pytest.mark.parametrize("slow", [False, True])
def test_a_clone(git: GitServer, slow: bool) -> None:
    if slow:
        files = {**SERVICE_FILES, "big": os.urandom(300_000)}
        make_repository(git.repository("Someone/slow-service"), files)
        git.bytes_per_second = 20_000
    else:
        git.silent_on = "git-upload-pack"
    name = "github:Someone/slow-service" if slow else "github:Someone/echo-service"
    work = Background(lambda: fetch(parse_identifier(name), Settings()))
    wait_until(lambda: any("git-upload-pack" in r for r in git.requests), what="git")
    work.cancel()
    left = Settings().cache.glob("services/*/*/tmp-*")
    assert list(left) == []
    git.silent_on, git.bytes_per_second = None, 0
    assert _load()


def test_a_wait_for_another_kernels_fetch(git: GitServer) -> None:
    git.silent_on = "git-upload-pack"
    first, events = Background(_load), list[Event]()
    wait_until(lambda: git.requests, what="git")
    second = Background(lambda: _load(events.append))
    wait_until(lambda: any("another kernel" in e.text for e in events), what="the wait")
    second.cancel()
    first.cancel()


class _Silent(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.set()  # type: ignore[attr-defined]
        self.server.over.wait(30)  # type: ignore[attr-defined]

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def silent_server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Silent) as server:
        server.daemon_threads = True
        server.asked, server.over = threading.Event(), threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.over.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def _wait(url: str, report: Report = silent) -> Condition:
    return health.wait_until_ready(
        lambda: Condition("running", url=url),
        "/",
        limit=None,
        report=report,
        logs=lambda: "",
        name="web",
    )


def test_a_health_wait_in_a_request() -> None:
    with silent_server() as server:
        work = Background(lambda: _wait(f"http://127.0.0.1:{server.server_port}"))
        assert server.asked.wait(5)  # type: ignore[attr-defined]
        work.cancel()


def test_a_health_wait_between_requests() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        events: list[Event] = []
        work = Background(
            lambda: _wait(f"http://127.0.0.1:{bound.getsockname()[1]}", events.append)
        )
        wait_until(lambda: events, what="a line")
        assert events[0].text == "waiting for web: the connection is refused (1 s)"
        work.cancel()


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
if "closed" in sys.argv:
    os.close(1), os.close(2)
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""


@pytest.mark.parametrize("more", [[], ["closed"]])
def test_a_child_with_its_group(tmp_path: Path, more: list[str]) -> None:
    pids = tmp_path / "pids"
    arguments = [sys.executable, "-c", STUBBORN, str(pids), *more]
    work = Background(lambda: run(arguments, {"PATH": os.environ["PATH"]}, 30))
    wait_until(lambda: pids.exists() and pids.read_text().count(" "), what="the child")
    work.cancel()
    for pid in pids.read_text().split():
        wait_until(lambda pid=pid: _gone(int(pid)), what=f"the end of {pid}")  # type: ignore[misc]


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_an_image_pull_whose_engine_falls_silent(tmp_path: Path) -> None:
    with scripted_engine(tmp_path, 200, [{"status": "x"}, {"sleep": 5}]) as address:
        seen: list[object] = []
        work = Background(lambda: [seen.append(line) for line in Engine(address).pull("a/b:1")])
        wait_until(lambda: seen, what="a line")
        work.cancel()
