"""What keeps the registry true on Docker: events of the engine, logs as they come, memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import engine
from support.socket_proxy import SocketProxy, socket_proxy
from support.wait import wait_until
from support.watching import SEEN_S, Following, Heard, threads

from mc_jupyter.errors import EngineUnavailableError
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.compose import detect, labels
from mc_jupyter.service import Service

TALKS = """\
services:
  web:
    image: mc-jupyter-test/base:1
    command: [python3, -uc, "{code}"]
    init: true
    ports: ["80"]
    {more}
"""
SERVE = (
    "import http.server, time; {before}; "
    "http.server.test(http.server.SimpleHTTPRequestHandler, port=80)"
)


@pytest.fixture
def registry(mc_home: Path, base: str) -> Iterator[ServiceRegistry]:
    """A kernel's registry; its containers are swept by label, its threads have ended."""
    registry = ServiceRegistry()
    yield registry
    engine.sweep(mc_home)
    wait_until(lambda: not threads(), 2, "the end of the threads")


@pytest.fixture
def watch(registry: ServiceRegistry) -> Iterator[Callable[[], None]]:
    """The registry is watched; call it to end that sooner."""
    end = registry.watch()
    yield end
    end()


Load = Callable[..., Service]


@pytest.fixture
def load(registry: ServiceRegistry, tmp_path: Path) -> Load:
    """Load a service of a folder of its own."""

    def loaded(
        before: str = "pass",
        more: str = "",
        name: str = "web-service",
        kernel: ServiceRegistry = registry,
    ) -> Service:
        compose = TALKS.format(code=SERVE.format(before=before), more=more)
        manifest = engine.MANIFEST.replace("web-service", name)
        folder = engine.service_folder(tmp_path / name, compose, manifest, {})
        return kernel.get_service(str(folder), runtime="docker")

    return loaded


def container(service: Service) -> str:
    """The id of a service's container."""
    (found,) = engine.containers(service.placement.spec)
    return str(found["Id"])


# changes from outside


@pytest.mark.usefixtures("watch")
def test_killed_started_paused_and_removed_from_outside(
    registry: ServiceRegistry, load: Load
) -> None:
    service, heard = load(), Heard(registry)
    first = service.start().url
    number = container(service)
    engine.docker("kill", number)
    seen = heard.hears("exited", "was killed (exit code 137)")
    assert (seen.url, seen.healthy) == (None, None)
    heard.clear()
    engine.docker("start", number)
    assert heard.hears("running").url not in (None, first), "the port has moved"
    wait_until(lambda: heard[-1].healthy, 5, "the first answer")
    engine.docker("pause", number)
    heard.hears("paused", "is paused")
    engine.docker("unpause", number)
    wait_until(lambda: heard[-1].healthy, SEEN_S, "it answers again")
    engine.docker("rm", "-f", number)
    heard.hears("absent")
    assert (heard[-1].url, heard[-1].started_at) == (None, None)


@pytest.mark.usefixtures("watch")
def test_stopped_and_restarted_from_outside(registry: ServiceRegistry, load: Load) -> None:
    service, heard = load(), Heard(registry)
    first = service.start()
    number = container(service)
    engine.docker("stop", "-t", "1", number)
    heard.hears("exited", "exited with code 143")
    heard.clear()
    engine.docker("restart", number)
    now = heard.hears("running")
    assert now.url != first.url, "the port has moved"
    wait_until(lambda: heard[-1].healthy, 5, "the first answer")
    heard.clear()
    engine.docker("restart", "-t", "1", number)
    wait_until(lambda: heard and heard[-1].healthy and heard[-1].url != now.url, 5, "its new port")


@pytest.mark.usefixtures("watch")
def test_one_that_is_slow_to_answer_is_seen_to_answer(
    registry: ServiceRegistry, load: Load
) -> None:
    service, heard = load("time.sleep(3)"), Heard(registry)
    service.start(wait=0)
    assert service.status().healthy is False
    wait_until(lambda: heard[-1].healthy, 8, "the first answer")


@pytest.mark.usefixtures("watch")
def test_another_kernels_start_and_stop(registry: ServiceRegistry, load: Load) -> None:
    service, heard = load(), Heard(registry)
    other = load(kernel=ServiceRegistry())
    other.start()
    wait_until(lambda: heard and heard[-1].healthy, SEEN_S, "the other's start")
    assert heard[-1].url == other.url
    other.stop()
    heard.hears("stopped", "stopped", within=3)
    assert service.snapshot().state == "stopped"
    other.start()
    wait_until(lambda: heard[-1].healthy, SEEN_S, "the other's second start")
    other.remove()
    wait_until(lambda: heard[-1].url is None, SEEN_S, "the other's removal")


@pytest.mark.usefixtures("watch")
def test_one_that_ends_by_itself_again_and_again(registry: ServiceRegistry, load: Load) -> None:
    service, heard = load(more="restart: on-failure"), Heard(registry)
    service.start()
    heard.clear()
    engine.docker("exec", container(service), "sh", "-c", "kill -9 $(pidof python3)")
    heard.hears("restarting")
    wait_until(lambda: heard[-1].healthy, 20, "it has settled")


@pytest.mark.usefixtures("watch")
def test_what_is_not_ours_causes_nothing(
    registry: ServiceRegistry, load: Load, base: str, mc_home: Path
) -> None:
    service = load()
    service.start()
    spec = service.placement.spec
    wait_until(lambda: service.status().healthy, 5, "an answer")
    time.sleep(0.5)  # the first requests' lines
    requests = registry.runtime("docker").logs(spec, 1000).count("GET /")
    heard, mine = Heard(registry), f"{labels.HOME}={labels.home_of(mc_home / 'data')}"
    foreign = engine.docker("run", "-d", "--label", mine, base, "sleep", "60")
    engine.docker("kill", foreign)
    engine.docker("rm", foreign)
    engine.docker("exec", container(service), "true")
    time.sleep(3)  # a time in which nothing may happen
    assert heard == []
    assert registry.runtime("docker").logs(spec, 1000).count("GET /") == requests


@pytest.mark.usefixtures("watch")
def test_another_project_of_ours_is_not_looked_at(registry: ServiceRegistry, load: Load) -> None:
    one, two = load(name="one-service"), load(name="two-service")
    one.start()
    two.start()
    spec = one.placement.spec
    time.sleep(0.5)  # the first requests' lines
    requests = registry.runtime("docker").logs(spec, 1000).count("GET /")
    heard = Heard(registry)
    engine.docker("kill", container(two))
    heard.hears("exited", "was killed")
    wait_until(lambda: not registry.runtime("docker").condition(two.placement.spec).alive)
    assert {s.handle for s in heard} == {"two"}
    assert registry.runtime("docker").logs(spec, 1000).count("GET /") == requests


def test_the_end_leaves_no_thread(registry: ServiceRegistry, load: Load) -> None:
    end = registry.watch()
    service = load()
    service.start()
    wait_until(lambda: "mc-jupyter-events" in threads(), 2, "the watching")
    end()
    wait_until(lambda: not threads(), 1, "the end of the threads")
    heard = Heard(registry)
    engine.docker("kill", container(service))
    time.sleep(1)
    assert heard == []


# an engine that goes away


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SocketProxy]:
    """The engine as this kernel has it: it can go away, while the real one goes on."""
    real = detect.engine_address(detect.docker_program())
    with socket_proxy(tmp_path, real) as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.address)
        yield proxy


@pytest.mark.usefixtures("watch")
def test_an_engine_that_goes_and_comes_back(
    proxy: SocketProxy, registry: ServiceRegistry, load: Load
) -> None:
    service, heard = load(), Heard(registry)
    url = service.start().url
    proxy.down()
    seen = heard.hears("absent", "no Docker engine answers at")
    assert proxy.address in seen.detail
    assert (seen.url, seen.healthy, seen.memory) == (None, None, None)
    heard.clear()
    proxy.up()
    back = heard.hears("running", within=5)
    assert back.url == url
    assert back.healthy
    engine.docker("kill", container(service))
    heard.hears("exited", "was killed")


@pytest.mark.usefixtures("watch")
def test_what_happened_while_the_engine_was_gone(
    proxy: SocketProxy, registry: ServiceRegistry, load: Load
) -> None:
    service, heard = load(), Heard(registry)
    service.start()
    proxy.down()
    heard.hears("absent")
    engine.docker("kill", container(service))
    proxy.up()
    heard.hears("exited", "was killed", within=5)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_the_end_does_not_wait_for_an_engine_that_hangs(
    proxy: SocketProxy, registry: ServiceRegistry, load: Load, when: str
) -> None:
    service = load()
    if when == "meanwhile":
        service.start()
    proxy.silent = when == "before"
    end = registry.watch()
    made = proxy.connections
    wait_until(lambda: proxy.connections > made + 1, 5, "its connection")
    proxy.silent = True
    began = time.monotonic()
    end()
    assert time.monotonic() - began < 0.5
    wait_until(lambda: not threads(), 1, "the end of the threads")


# the log


def test_a_log_is_followed_across_the_life_of_its_container(load: Load) -> None:
    service = load("print('one ä'); print('two ä')")
    service.start()
    number = container(service)
    with Following(lambda: service.follow(100)) as log:
        log.says("two ä")
        engine.docker("exec", number, "sh", "-c", "echo three ä > /proc/1/fd/1")
        log.says("three ä")
        assert service.is_healthy()
        log.says("GET / HTTP")
        engine.docker("kill", number)
        log.ends()
    assert "was killed" in service.status().detail
    with Following(lambda: service.follow(100)) as log:
        log.says("three ä")
        log.ends()
    service.start()
    with Following(lambda: service.follow(1)) as log:
        service.is_healthy()
        log.says("GET / HTTP")
        service.stop()
        log.ends(3)
    service.remove()
    with Following(lambda: service.follow(1)) as log:
        log.ends()
        assert log.text == ""


def test_a_log_without_multiplexing_keeps_its_letters(load: Load) -> None:
    service = load("print('grüße €')", more="tty: true")
    service.start()
    with Following(lambda: service.follow(100)) as log:
        log.says("grüße €")
        assert len(log.pieces) < 20, "not letter by letter"
        engine.docker("kill", container(service))
        log.ends()


def test_following_a_log_ends_when_it_is_cancelled(load: Load) -> None:
    service = load("print('hello')")
    service.start()
    with Following(service.follow) as log:
        log.says("hello")
        log.is_cancelled()


def test_following_ends_with_the_engine_and_says_so(proxy: SocketProxy, load: Load) -> None:
    service = load("print('hello')")
    service.start()
    with Following(service.follow) as log:
        log.says("hello")
        proxy.down()
        wait_until(lambda: isinstance(log.error, EngineUnavailableError), SEEN_S, "the reason")
        proxy.up()


# memory


def test_memory_is_what_docker_stats_says(load: Load) -> None:
    service = load("held = bytearray(60_000_000); held[::4096] = b'1' * len(held[::4096])")
    assert service.measure() is None
    service.start()
    told = service.measure()
    assert told is not None
    line = engine.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container(service))
    number, unit = re.match(r"([\d.]+)(\wiB)", line).groups()  # type: ignore[union-attr]
    expected = float(number) * {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit]
    assert 60e6 < told < 200e6
    assert told == pytest.approx(expected, rel=0.2)
    engine.docker("kill", container(service))
    assert service.status().state == "exited"
    assert service.measure() is None


def test_a_memory_that_docker_cannot_tell_of_is_none(load: Load) -> None:
    service = load()
    service.start()
    engine.docker("rm", "-f", container(service))
    assert service.measure() is None
