"""The rule of `auto` where there is no Docker: what is absent falls through and is said."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.folders import service_folder
from support.native_standin import make
from support.scripted_ollama import ScriptedOllama

from mc_jupyter.errors import EngineUnavailableError, RuntimeUnavailableError, StartError
from mc_jupyter.events import Event
from mc_jupyter.registry import ServiceRegistry

DOCKER = shutil.which("docker")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ServiceRegistry]:
    """A registry on a machine with no docker program."""
    empty = tmp_path / "no-programs"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    registry = ServiceRegistry()
    yield registry
    for service in registry.services():
        if service.runtime in ("native", "embedded"):
            service.stop()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_no_docker_goes_on_to_the_embedded_engine(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    if not _free(11434):
        pytest.skip("something answers on port 11434 here")
    said: list[Event] = []
    service = registry.get_service(str(service_folder(tmp_path)))
    now = service.start(report=said.append)
    assert (now.runtime, now.state, now.healthy) == ("embedded", "running", True)
    kept = [event.text for event in said if event.settled]
    assert len(kept) == 1
    assert kept[0].endswith("using the embedded engine")
    assert "docker" in kept[0].lower()
    assert now.notes == tuple(kept)
    service.restart()
    assert service.notes == tuple(kept)
    service.stop()
    assert service.notes == ()


def test_a_native_ollama_that_answers_is_adopted(registry: ServiceRegistry, tmp_path: Path) -> None:
    if not _free(11434):
        pytest.skip("something answers on port 11434 here")
    service = registry.get_service(str(service_folder(tmp_path)))
    with ScriptedOllama(tokens=["Hi"], port=11434):
        now = service.start()
        assert (now.runtime, now.url) == ("native", "http://127.0.0.1:11434")
        assert "using the Ollama of this machine" in now.notes[0]
    assert service.start().runtime == "embedded", "what it adopted is gone: auto decides again"


def test_an_ollama_that_is_installed_is_started(registry: ServiceRegistry, tmp_path: Path) -> None:
    make(tmp_path / "no-programs")  # the only folder on PATH; now a stand-in for ollama is there
    service = registry.get_service(str(service_folder(tmp_path)))
    now = service.start()
    assert (now.runtime, now.state, now.healthy) == ("native", "running", True)
    assert now.notes[0].endswith("using the Ollama of this machine")
    assert "docker" in now.notes[0].lower()
    assert service.client().models()


def test_an_ollama_that_fails_is_an_error(registry: ServiceRegistry, tmp_path: Path) -> None:
    if not _free(11434):
        pytest.skip("something answers on port 11434 here")
    make(tmp_path / "no-programs", lines=["Error: broken"], code=1)
    with pytest.raises(StartError, match="Error: broken"):
        registry.get_service(str(service_folder(tmp_path))).start()


@pytest.mark.skipif(DOCKER is None, reason="no docker program")
def test_a_hung_engine_is_not_asked_at_each_look(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts connections and says nothing: each question takes 5 s."""
    assert DOCKER is not None
    (make(tmp_path / "no-programs") / "docker").symlink_to(DOCKER)
    service = registry.get_service(str(service_folder(tmp_path)))
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "s"))
        engine.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 's'}")
        took = [_seconds(service.status) for _ in range(3)]
        assert took[0] > 4.5
        assert took[1] + took[2] < 1
        assert _seconds(service.start) > 4.5, "a start asks again"
        assert service.runtime == "native"


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_no_docker_and_no_embedded_engine_gives_the_lines_that_help(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not _free(11434):
        pytest.skip("something answers on port 11434 here")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    service = registry.get_service(str(service_folder(tmp_path)))
    with pytest.raises(EngineUnavailableError) as caught:
        service.start()
    text = str(caught.value)
    assert "%pip install 'mc-jupyter[embedded]'" in text
    assert "93 MB" in text
    assert "no program ollama is on PATH" in text
    assert "%mc load http://HOST:11434" in text
    assert service.snapshot().state == "loaded"


def test_a_service_that_is_no_ollama_needs_docker(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    folder = service_folder(tmp_path, "cowsay-service", "cowsay", "cowsay-service")
    with pytest.raises(RuntimeUnavailableError, match=r"(?i)docker"):
        registry.get_service(str(folder)).start()
