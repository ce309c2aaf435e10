"""The rule of `auto` where there is no Docker: what is absent falls through and is said."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import service_folder
from support.scripted_ollama import ScriptedOllama

from mc_jupyter.errors import EngineUnavailableError, RuntimeUnavailableError
from mc_jupyter.events import Event
from mc_jupyter.registry import ServiceRegistry


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ServiceRegistry]:
    """A registry on a machine with no docker program."""
    empty = tmp_path / "no-programs"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    registry = ServiceRegistry()
    yield registry
    for service in registry.services():
        if service.runtime == "embedded":
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
    kept = [event.text for event in said if event.keep]
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
        assert (now.runtime, now.url) == ("url", "http://127.0.0.1:11434")
        assert "runs on this machine" in now.notes[0]
    assert service.start().runtime == "embedded", "what it adopted is gone: auto decides again"


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
    assert "%mc load http://HOST:11434" in text
    assert service.snapshot().state == "loaded"


def test_a_service_that_is_no_ollama_needs_docker(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    folder = service_folder(tmp_path, "cowsay-service", "cowsay", "cowsay-service")
    with pytest.raises(RuntimeUnavailableError, match=r"(?i)docker"):
        registry.get_service(str(folder)).start()
