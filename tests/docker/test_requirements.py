"""What a service wants is compared with what the engine has, before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import engine

from mc_jupyter.errors import StartError
from mc_jupyter.events import Event
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.service import Service


@pytest.fixture
def load(mc_home: Path, tmp_path: Path, base: str) -> Iterator[object]:
    registry = ServiceRegistry()

    def made(wants: str) -> Service:
        manifest = f"{engine.MANIFEST}requirements: {wants}\n"
        folder = engine.service_folder(tmp_path / "web-service", engine.WEB, manifest, {})
        return registry.get_service(str(folder), runtime="docker", refresh=True)

    yield made
    engine.sweep(mc_home)


def test_more_than_there_is_needs_force(load) -> None:  # type: ignore[no-untyped-def]
    service = load("{memory: 90000GB, cpu: 9999}")
    with pytest.raises(StartError) as caught:
        service.start()
    assert caught.value.message.startswith("web wants 90000 GB of memory, and this machine has ")
    assert caught.value.hint == "%mc start web --force   tries all the same"
    assert service.status().state in ("loaded", "absent")
    said: list[Event] = []
    started = service.start(force=True, report=said.append)
    assert started.healthy
    (note,) = [event for event in said if "wants" in event.text]
    assert note.settled
    assert note.text in started.notes
    assert "; 9999 cores, this machine has " in note.text

    again: list[Event] = []
    assert note.text in service.start(report=again.append).notes, "it runs: it is not checked"
    assert not [event for event in again if "wants" in event.text]
    assert service.restart().healthy, "it ran: it is not stopped only to be refused"
    service.stop()
    with pytest.raises(StartError, match="--force"):
        service.restart()
    assert not [text for text in service.notes if "wants" in text]


def test_what_is_there_is_not_spoken_of(load) -> None:  # type: ignore[no-untyped-def]
    service = load("{memory: 1MB, cpu: 1, disk: 1MB}")
    assert not [text for text in service.start().notes if "wants" in text]


def test_the_disk_is_asked_for_once(load) -> None:  # type: ignore[no-untyped-def]
    """What was there once has its images and data on the disk already."""
    service = load("{disk: 90000GB}")
    with pytest.raises(StartError, match=r"web wants 90000 GB of disk, .* free"):
        service.start()
    service.start(force=True)
    service.stop()
    assert service.start().healthy
