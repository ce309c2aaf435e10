"""The registry over real folders, a real loopback server and real threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.folders import service_folder
from support.scripted_ollama import ScriptedOllama

from mc_jupyter.errors import (
    ArgumentError,
    ConnectionFailedError,
    HandleTakenError,
    IdentifierError,
    ModelNotFoundError,
    ServiceNotFoundError,
)
from mc_jupyter.events import Event
from mc_jupyter.records import Change
from mc_jupyter.registry import ServiceRegistry


@pytest.fixture
def registry() -> ServiceRegistry:
    return ServiceRegistry()


@pytest.fixture
def server() -> Iterator[ScriptedOllama]:
    with ScriptedOllama(tokens=["Hello", "."]) as running:
        yield running


def test_a_folder_loads_once(registry: ServiceRegistry, tmp_path: Path) -> None:
    folder = service_folder(tmp_path)
    first = registry.get_service(str(folder))
    assert registry.get_service(str(folder)) is first
    assert (first.handle, first.manifest.version, first.commit) == ("ollama", "1.0.0", None)
    assert first.snapshot().state == "loaded"
    stats = registry.stats()
    assert stats.from_memory == 1
    assert [load.how for load in stats.loads][-1] == "memory"


def test_many_threads_load_it_once(registry: ServiceRegistry, tmp_path: Path) -> None:
    folder = str(service_folder(tmp_path))
    gate = threading.Barrier(8)

    def load(_: int) -> object:
        gate.wait()
        return registry.get_service(folder)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(load, range(8))))) == 1
    assert len(registry.services()) == 1


def test_handles_never_collide(registry: ServiceRegistry, tmp_path: Path) -> None:
    one = registry.get_service(str(service_folder(tmp_path / "a")))
    two = registry.get_service(str(service_folder(tmp_path / "b")))
    assert [one.handle, two.handle] == ["ollama", "ollama-2"]


def test_as_names_and_aliases(registry: ServiceRegistry, tmp_path: Path) -> None:
    one = registry.get_service(str(service_folder(tmp_path / "a")), name="mine")
    other = str(service_folder(tmp_path / "b"))
    with pytest.raises(HandleTakenError, match="'mine' is already the name of"):
        registry.get_service(other, name="mine")
    registry.get_service(str(tmp_path / "a" / "ollama-service"), name="also")
    assert registry.find("also") is one is registry.find("MINE")
    two = registry.get_service(other)
    with pytest.raises(HandleTakenError):
        registry.get_service(str(tmp_path / "a" / "ollama-service"), name=two.handle)


@pytest.mark.parametrize("name", ["", "my name", "-n", "a/b"])
def test_a_name_that_could_not_be_typed(
    registry: ServiceRegistry, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ArgumentError, match="--as is"):
        registry.get_service(str(service_folder(tmp_path)), name=name)
    assert registry.services() == []


def test_url_is_no_runtime_for_a_folder(registry: ServiceRegistry, tmp_path: Path) -> None:
    folder = service_folder(tmp_path)
    service = registry.get_service(str(folder))
    service.prefer("url", None)
    with pytest.raises(ArgumentError, match="has no address"):
        service.start()
    service.prefer("auto", None)
    assert service.placement.wanted == "auto"


def test_the_variable_is_named_when_it_holds_no_identifier(
    registry: ServiceRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_SERVICE_URL", "127.0.0.1:9")
    with pytest.raises(IdentifierError, match="OLLAMA_SERVICE_URL: '127"):
        registry.for_prompt()


def test_a_name_is_never_lost(registry: ServiceRegistry, tmp_path: Path) -> None:
    folder = str(service_folder(tmp_path))
    service = registry.get_service(folder)
    registry.get_service(folder, name="fresh", refresh=True)
    assert registry.find("fresh") is service


def test_a_name_is_never_given_twice(registry: ServiceRegistry, tmp_path: Path) -> None:
    """A slow load finds the name free when it begins, and taken when it ends."""
    asked, go_on = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            go_on.wait(10)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"version": "1"}')

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Slow) as server, ThreadPoolExecutor(1) as pool:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        slow = pool.submit(
            registry.get_service, f"http://127.0.0.1:{server.server_port}", name="mine"
        )
        asked.wait(10)
        registry.get_service(str(service_folder(tmp_path)), name="mine")
        go_on.set()
        with pytest.raises(HandleTakenError, match="'mine' is already the name of"):
            slow.result(10)
        answering.join()
    assert [service.handle for service in registry.services()] == ["mine"]


def test_loads_at_the_same_time_each_give_their_name(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    folder = str(service_folder(tmp_path))
    gate = threading.Barrier(8)

    def load(number: int) -> object:
        gate.wait()
        return registry.get_service(folder, name=f"n{number}", env={f"E{number}": "1"})

    with ThreadPoolExecutor(8) as pool:
        (service,) = set(pool.map(load, range(8)))
    assert all(registry.find(f"n{number}") is service for number in range(8))
    environment = registry.services()[0].placement.spec.environment
    assert set(environment) == {f"E{number}" for number in range(8)}


def test_an_address_takes_no_environment(registry: ServiceRegistry, server: ScriptedOllama) -> None:
    for more in ({"env": {"A": "1"}}, {"runtime": "docker"}):
        with pytest.raises(ArgumentError, match="runs already"):
            registry.get_service(server.url, **more)  # type: ignore[arg-type]
    registry.get_service(server.url)
    with pytest.raises(ArgumentError, match="--gpu on"):
        registry.services()[0].start(gpu="on")


def test_an_unknown_handle(registry: ServiceRegistry, tmp_path: Path) -> None:
    with pytest.raises(ServiceNotFoundError, match="nothing is loaded"):
        registry.find("pond")
    with pytest.raises(ServiceNotFoundError, match="no service 'ollama' is loaded") as told:
        registry.find("ollama")
    assert "%mc load ollama" in str(told.value)
    registry.get_service(str(service_folder(tmp_path)))
    with pytest.raises(ServiceNotFoundError, match="did you mean 'ollama'"):
        registry.find("olama")


def test_an_unknown_runtime(registry: ServiceRegistry, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="did you mean 'docker'"):
        registry.get_service(str(service_folder(tmp_path)), runtime="dokcer")
    assert registry.services() == []


def test_listeners_hear_loads_and_removals(registry: ServiceRegistry, tmp_path: Path) -> None:
    heard: list[Change] = []

    def broken(change: Change) -> None:
        raise RuntimeError("a listener may fail")

    registry.subscribe(broken)
    stop = registry.subscribe(heard.append)
    registry.get_service(str(service_folder(tmp_path)), runtime="embedded")
    registry.remove("ollama")
    assert heard[0].snapshot is not None
    assert (heard[-1].handle, heard[-1].snapshot) == ("ollama", None)
    stop()
    count = len(heard)
    registry.get_service(str(tmp_path / "ollama-service"))
    assert len(heard) == count


def test_refresh_reads_the_folder_again(registry: ServiceRegistry, tmp_path: Path) -> None:
    folder = service_folder(tmp_path)
    service = registry.get_service(str(folder))
    file = folder / "MediaConduit.service.yml"
    file.write_text(file.read_text().replace("1.0.0", "2.0.0"))
    assert registry.get_service(str(folder)).manifest.version == "1.0.0"
    assert registry.refresh("ollama") is service
    assert service.manifest.version == "2.0.0"


def test_clear_cache_forgets_what_does_not_run(
    registry: ServiceRegistry, tmp_path: Path, server: ScriptedOllama
) -> None:
    registry.get_service(str(service_folder(tmp_path)), runtime="embedded")
    registry.get_service(server.url)
    registry.clear_cache()
    assert [service.identifier.kind for service in registry.services()] == ["url"]


def test_an_address(registry: ServiceRegistry, server: ScriptedOllama) -> None:
    service = registry.get_service(server.url)
    assert service.manifest.is_ollama
    assert service.start().state == "running"
    assert service.is_healthy()
    with pytest.raises(ArgumentError, match="not started by mc_jupyter"):
        service.stop()


def test_an_address_where_nothing_is(registry: ServiceRegistry) -> None:
    with pytest.raises(ConnectionFailedError, match=r"nothing answers at http://127\.0\.0\.1:9"):
        registry.get_service("http://127.0.0.1:9")
    assert registry.services() == []


# the rule of a prompt -------------------------------------------------------------------------


def test_a_prompt_takes_the_loaded_one(registry: ServiceRegistry, server: ScriptedOllama) -> None:
    service = registry.get_service(server.url, name="mine")
    assert registry.for_prompt() is service
    assert registry.for_prompt("mine") is service


def test_a_prompt_with_several_must_say_which(registry: ServiceRegistry, tmp_path: Path) -> None:
    registry.get_service(str(service_folder(tmp_path / "a")), name="one")
    registry.get_service(str(service_folder(tmp_path / "b")), name="two")
    with pytest.raises(ServiceNotFoundError, match="one, two"):
        registry.for_prompt()
    registry.get_service(str(service_folder(tmp_path / "c")))
    assert registry.for_prompt().handle == "ollama"


def test_ollama_host_comes_before_a_new_one(
    registry: ServiceRegistry, server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.url.rsplit(":", 1)[1]
    monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{port}")
    said: list[Event] = []
    service = registry.for_prompt(report=said.append)
    assert (service.handle, service.url or service.identifier.location) == ("ollama", server.url)
    assert any("OLLAMA_HOST" in event.text and event.settled for event in said)


def test_ollama_service_url_comes_first(
    registry: ServiceRegistry,
    server: ScriptedOllama,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    monkeypatch.setenv("OLLAMA_SERVICE_URL", str(service_folder(tmp_path)))
    assert registry.for_prompt().identifier.kind == "folder"


def test_prepare_takes_the_first_that_is_there(
    registry: ServiceRegistry, server: ScriptedOllama
) -> None:
    service = registry.get_service(server.url)
    installed = service.start() and service.client().models()[0]["name"]
    _, model = registry.prepare(service, ["nope:7b", installed])
    assert model == installed
    with pytest.raises(ModelNotFoundError, match=r"none of nope:7b, no:1b; installed: "):
        registry.prepare(service, ["nope:7b", "no:1b"])


def test_a_prompt_goes_to_the_service_that_has_the_model(registry: ServiceRegistry) -> None:
    said: list[Event] = []
    with ScriptedOllama(models=["a:1b"]) as one, ScriptedOllama(models=["b", "a:1b"]) as two:
        usual = registry.get_service(one.url, name="ollama")
        other = registry.get_service(two.url, name="other")
        assert registry.for_prompt(None, said.append, ["a:1b"]) is usual
        assert registry.for_prompt(None, said.append, ["missing"]) is usual
        assert said == []
        for _ in range(2):
            assert registry.for_prompt(None, said.append, ["B:latest"]) is other
        assert [event.text.partition(":latest ")[2][:11] for event in said] == ["is on other"]
        assert registry.for_prompt("ollama", said.append, ["b"]) is usual
    assert registry.for_prompt(None, said.append, ["b"]) is usual


def test_a_service_is_not_started_to_look_for_a_model(
    registry: ServiceRegistry, server: ScriptedOllama, tmp_path: Path
) -> None:
    stopped = registry.get_service(str(service_folder(tmp_path)))
    running = registry.get_service(server.url, name="mine")
    assert registry.for_prompt(models=["llama3.2:1b"]) is running
    assert registry.for_prompt(models=["missing"]) is stopped
    assert stopped.snapshot().state != "running"


def test_the_word_for_a_kind_is_what_a_prompt_has_taken(
    registry: ServiceRegistry, server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    taken = registry.for_prompt()
    assert registry.get_service("ollama") is taken
    assert [service.handle for service in registry.services()] == ["ollama"]
