"""What keeps the registry true while somebody looks, on runtimes that are processes from here."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from support.background import Background
from support.embedded_server import MODEL, weights
from support.folders import service_folder
from support.scripted_engine import scripted_engine
from support.scripted_ollama import ScriptedOllama
from support.wait import wait_until
from support.watching import SEEN_S, Following, Heard, threads

from mc_jupyter.errors import EngineUnavailableError, StartError
from mc_jupyter.events import Event
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.compose import watch as docker_watch
from mc_jupyter.runtimes.native import NativeRuntime
from mc_jupyter.service import Service

HELLO = [{"role": "user", "content": "hi"}]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceRegistry]:
    """A registry whose embedded engine has the real small model."""
    monkeypatch.setenv("MC_JUPYTER_MODELS", str(weights()))
    registry = ServiceRegistry()
    yield registry
    for service in registry.services():
        if service.runtime == "embedded":
            service.stop()
    wait_until(lambda: not threads(), 2, "the end of the threads")


@pytest.fixture
def watch(registry: ServiceRegistry) -> Iterator[Callable[[], None]]:
    """The registry is watched; call it to end that sooner."""
    end = registry.watch()
    yield end
    end()


def load(registry: ServiceRegistry, folder: Path, name: str = "ollama-service") -> Service:
    return registry.get_service(str(service_folder(folder, name)), runtime="embedded")


def pid(service: Service) -> int:
    return int(service.status().detail.split()[-1])


# changes from outside


@pytest.mark.usefixtures("watch")
def test_a_server_killed_from_outside_is_heard_of(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    service, heard = load(registry, tmp_path), Heard(registry)
    service.start()
    os.kill(pid(service), signal.SIGKILL)
    seen = heard.hears("exited", "killed by SIGKILL")
    assert (seen.url, seen.healthy, seen.memory) == (None, None, None)
    service.start()
    os.kill(pid(service), signal.SIGTERM)
    heard.hears("exited", "exited with code 0")


def test_of_two_services_on_one_server_both_are_heard_of(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    one = load(registry, tmp_path, "one-service")
    end, heard = registry.watch(), Heard(registry)
    two = load(registry, tmp_path, "two-service")  # while it is watched
    one.start()
    two.start()
    os.kill(pid(one), signal.SIGKILL)
    wait_until(
        lambda: {s.handle for s in heard if s.state == "exited"} == {"one", "two"}, SEEN_S, "both"
    )
    end()


def test_the_end_leaves_no_thread_and_nothing_is_heard_any_more(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    before = threads()
    end, again = registry.watch(), registry.watch()
    service = load(registry, tmp_path)
    service.start()
    assert "mc-jupyter-watch" in threads()
    end()
    end()
    again()
    wait_until(lambda: threads("mc-jupyter-exit") == before, 2, "the end of the watching")
    heard = Heard(registry)
    os.kill(pid(service), signal.SIGKILL)
    wait_until(lambda: not threads(), SEEN_S, "the end of the process")
    assert heard == []
    assert service.snapshot().state == "running", "nobody looked"


@pytest.mark.usefixtures("watch")
def test_nobody_is_asked_while_nothing_happens(registry: ServiceRegistry, tmp_path: Path) -> None:
    """Both servers, one found on this machine and one started here, count what they are asked."""
    with ScriptedOllama() as server:
        registry._runtimes["native"] = NativeRuntime(server.port)
        found = registry.get_service(
            str(service_folder(tmp_path, "found-service")), runtime="native"
        )
        assert found.start().healthy
        mine = load(registry, tmp_path)
        mine.start()
        wait_until(lambda: _log(registry, mine), 2, "the line of the first request")
        asked, log = len(server.requests), _log(registry, mine)
        time.sleep(4)  # a time in which nothing may happen
        assert len(server.requests) == asked
        assert _log(registry, mine) == log, "the engine logs every request"


def _log(registry: ServiceRegistry, service: Service) -> str:
    return registry.runtime("embedded").logs(service.placement.spec, 1000)


@pytest.mark.usefixtures("watch")
def test_what_starts_without_being_waited_for_is_seen_to_answer(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    service, heard = load(registry, tmp_path), Heard(registry)
    service.start(wait=0)
    wait_until(lambda: any(s.healthy for s in heard), 5, "the first answer")


# Docker's events, without Docker


def test_an_engine_that_was_never_there_is_looked_for_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(docker_watch, "_AGAIN_S", 0.1)
    tried, told = list[float](), list[str | None]()

    def connected() -> NoReturn:
        tried.append(time.monotonic())
        raise EngineUnavailableError("no Docker engine answers", "start it")

    end = docker_watch.watch(connected, told.append)
    wait_until(lambda: len(tried) == 5, 5, "five tries")
    end()
    gaps = [b - a for a, b in itertools.pairwise(tried)]
    assert all(gap >= pause for gap, pause in zip(gaps, (0.1, 0.2, 0.4, 0.8), strict=True))
    assert told == []
    wait_until(lambda: not threads(), 1, "the end of the thread")


def test_an_engine_that_answers_with_an_error_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that is going down; the stand-in knows no events at all."""
    from mc_jupyter.runtimes.compose.engine import Engine

    monkeypatch.setattr(docker_watch, "_AGAIN_S", 0.1)
    tried = list[Engine]()
    with scripted_engine(tmp_path, 200, ()) as address:

        def connected() -> Engine:
            tried.append(Engine(address))
            return tried[-1]

        with pytest.raises(StartError, match="not in the script"):
            list(Engine(address).events())
        end = docker_watch.watch(connected, lambda project: None)
        wait_until(lambda: len(tried) == 3, 5, "three tries")
        end()
        wait_until(lambda: not threads(), 1, "the end of the thread")


# the log


def test_the_log_is_followed_to_the_end(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = load(registry, tmp_path)
    service.start()
    with Following(lambda: service.follow(1)) as log:
        wait_until(lambda: log.pieces, 5, "the last line")
        assert log.pieces[0].count("\n") == 1, "as many lines as were asked for"
        service.client().models()
        log.says("GET /api/tags 200")
        os.kill(pid(service), signal.SIGKILL)
        log.ends()
    assert log.text.count("GET /api/tags") == 1
    service.stop()
    assert "GET /api/tags" in "".join(service.follow(1000)), "of what is stopped, what there is"


def test_a_restart_ends_the_following_of_the_old_server(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    service = load(registry, tmp_path)
    service.start()
    for _ in range(20):
        service.client().models()
    with Following(lambda: service.follow(1)) as log:
        wait_until(lambda: log.pieces, 5, "a line")
        service.restart()
        log.ends()


def test_a_service_that_leaves_a_shared_server_ends_its_following(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    one, two = load(registry, tmp_path, "one-service"), load(registry, tmp_path, "two-service")
    one.start()
    two.start()
    with Following(one.follow) as log, Following(two.follow) as other:
        wait_until(lambda: log.pieces and other.pieces, 5, "lines")
        one.stop()
        log.ends()
        two.client().models()
        other.says("GET /api/tags 200")


def test_following_ends_when_it_is_cancelled(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = load(registry, tmp_path)
    service.start()
    with Following(service.follow) as log:
        wait_until(lambda: log.pieces, 5, "a line")
        log.is_cancelled()


# memory


def test_memory_is_more_with_a_model_and_none_when_it_is_stopped(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    service, heard = load(registry, tmp_path), Heard(registry)
    assert service.measure() is None
    service.start()
    empty = service.measure()
    assert empty is not None
    assert 1e6 < empty < 200e6
    assert heard[-1].memory == empty
    service.client().load(MODEL)
    loaded = service.measure()
    assert loaded is not None
    assert loaded > empty + 50e6, "the weights alone are 93 MB, partly in the file cache"
    assert service.snapshot().memory == loaded
    os.kill(pid(service), signal.SIGKILL)
    wait_until(lambda: service.status().state == "exited", SEEN_S, "the end")
    assert service.measure() is None
    service.stop()
    assert service.measure() is None
    assert service.snapshot().memory is None


# what is going on


def test_a_start_tells_its_steps_in_the_snapshot(registry: ServiceRegistry, tmp_path: Path) -> None:
    service, heard = load(registry, tmp_path), Heard(registry)
    reported = list[Event]()
    service.start(report=reported.append)
    during = [s for s in heard if s.state == "starting"]
    steps = [s.doing.text for s in during if s.doing]
    assert "starting the embedded engine" in steps
    assert set(steps) <= {event.text for event in reported}
    assert (heard[-1].state, heard[-1].doing) == ("running", None)
    heard.clear()
    service.stop()
    assert {"stopping", "stopped"} == {s.state for s in heard}
    assert heard[-1].doing is None
    heard.clear()
    service.restart()
    assert heard[-1].doing is None
    assert heard[-1].state == "running"


def test_a_start_that_fails_leaves_no_step(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = load(registry, tmp_path)
    monkeypatch.setattr("sys.executable", str(tmp_path / "nowhere"))
    with pytest.raises(StartError, match="nowhere"):
        service.start()
    now = service.snapshot()
    assert (now.state, now.doing) == ("loaded", None)


class Holding:
    """A report that holds its service's operation until it is let go."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, event: Event) -> None:
        self.reached.set()
        assert self.go.wait(20)


def test_the_second_operation_says_that_it_waits_and_can_be_cancelled(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    service, holding = load(registry, tmp_path), Holding()
    second, third = list[Event](), list[Event]()
    with ThreadPoolExecutor(2) as pool:
        starting = pool.submit(lambda: service.start(report=holding))
        try:
            assert holding.reached.wait(10)
            work = Background(lambda: service.stop(report=second.append))
            wait_until(lambda: second, 2, "the wait")
            assert second[0].text == "ollama is starting already; waiting"
            restarting = pool.submit(lambda: service.restart(report=third.append))
            wait_until(lambda: third, 2, "the third's wait")
            doing = service.snapshot()
            assert doing.state == "starting"
            assert doing.doing is not None
            assert "waiting" not in doing.doing.text, "it is the first one's step"
            work.cancel()
            assert service.snapshot().state == "starting", "the first goes on"
        finally:
            holding.go.set()
        assert starting.result(30).state == "running"
        assert restarting.result(30).state == "running"
    assert service.snapshot().doing is None


# models


def test_calls_that_change_models_are_counted(registry: ServiceRegistry, tmp_path: Path) -> None:
    library = {"new:1b": [900, 100]}
    with ScriptedOllama(library=library) as server:
        service, heard = registry.get_service(server.url), Heard(registry)
        service.start()
        client, seen = service.client(), 0
        client.models()
        client.ps()
        client.has_model("llama3.2:1b")
        assert service.snapshot().models_seen == 0, "looking changes nothing"
        for call in (
            lambda: list(client.pull("new:1b")),
            lambda: client.load("new:1b"),
            lambda: list(client.chat("new:1b", HELLO)),
            lambda: list(client.generate("new:1b", "hi")),
            lambda: client.unload("new:1b"),
            lambda: client.delete("new:1b"),
            lambda: client.ensure_model("new:1b", max_download=None),
        ):
            call()
            assert service.snapshot().models_seen > seen
            seen = service.snapshot().models_seen
            assert heard[-1].models_seen == seen
        client.ensure_model("new:1b", max_download=None)
        assert service.snapshot().models_seen == seen, "it was there"
