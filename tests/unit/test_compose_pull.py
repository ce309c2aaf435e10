"""Pulls that go wrong in ways that a real engine cannot be made to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.scripted_engine import scripted_engine

from mc_jupyter.errors import (
    DiskFullError,
    DownloadLimitError,
    EngineUnavailableError,
    ImageUnavailableError,
    RuntimeUnavailableError,
)
from mc_jupyter.errors import MediaConduitError as Mine
from mc_jupyter.events import Event
from mc_jupyter.runtimes.compose import detect, pull
from mc_jupyter.runtimes.compose.engine import Engine

IMAGE = "ollama/ollama:latest"
LAYERS = ("a" * 12, "b" * 12)


def tools(address: str) -> detect.Tools:
    """Without a docker program: nobody can be asked for the sizes first."""
    return detect.Tools(
        docker="/nonexistent/docker",
        compose=(),
        compose_version=(2, 40),
        address=address,
        engine_version=(28,),
        nvidia=False,
        root="/",
        architecture="x86_64",
    )


def downloading(layer: str, current: int, total: int) -> dict[str, Any]:
    detail = {"current": current, "total": total}
    return {"status": "Downloading", "id": layer, "progressDetail": detail}


def attempt(
    folder: Path, lines: list[dict[str, Any]], status: int = 200, limit: int = 10**10
) -> tuple[Mine, list[Event]]:
    events: list[Event] = []
    with scripted_engine(folder, status, lines) as address, pytest.raises(Mine) as caught:
        pull.pull(Engine(address), tools(address), IMAGE, None, limit, events.append)
    return caught.value, events


@pytest.mark.parametrize("status", [200, 500])
def test_a_full_disk(tmp_path: Path, status: int) -> None:
    text = "write /var/lib/docker/tmp/x: no space left on device"
    key = "error" if status == 200 else "message"
    error, _ = attempt(tmp_path, [{key: text}], status)
    assert isinstance(error, DiskFullError)
    assert text in error.message


def test_an_error_in_the_stream(tmp_path: Path) -> None:
    error, _ = attempt(tmp_path, [{"status": "Pulling fs layer"}, {"error": "denied: no"}])
    assert isinstance(error, ImageUnavailableError)
    assert error.message == f"image {IMAGE} cannot be pulled: denied: no"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_error_before_the_stream(tmp_path: Path, status: int) -> None:
    message = "pull access denied for x, repository does not exist or may require login"
    error, _ = attempt(tmp_path, [{"message": message}], status)
    assert isinstance(error, ImageUnavailableError)
    assert message in error.message
    assert len(str(error).splitlines()) == 2


def test_the_limit_holds_where_nobody_told_the_size(tmp_path: Path) -> None:
    lines = [downloading(layer, 1000, 6 * 10**8) for layer in LAYERS]
    error, events = attempt(tmp_path, [*lines, {"sleep": 30}], limit=10**9)
    assert isinstance(error, DownloadLimitError)
    assert "is 1.2 GB, more than the limit of 1.0 GB" in error.message
    assert error.hint == f"fetch it yourself: docker pull {IMAGE}"
    assert events[-1].text == f"pulling {IMAGE}: layer 1 of 1, 0 of 600 MB"


@pytest.mark.parametrize("how", ["cut", "quiet"])
def test_a_connection_that_ends_too_soon(tmp_path: Path, how: str) -> None:
    end = [{"end": True}] if how == "quiet" else []
    error, events = attempt(tmp_path, [downloading(LAYERS[0], 1, 2), *end])
    assert isinstance(error, RuntimeUnavailableError)
    words = {"cut": "the connection broke", "quiet": "the engine broke off"}
    assert words[how] in error.message
    assert not [event for event in events if event.settled]


def test_silence_before_and_within(tmp_path: Path) -> None:
    for number, lines in enumerate(([{"sleep": 5}], [{"status": "x"}, {"sleep": 5}])):
        folder = tmp_path / str(number)
        folder.mkdir()
        with scripted_engine(folder, 200, lines) as address:
            pulled = Engine(address).pull(IMAGE, first=0.3, silence=0.3)
            with pytest.raises(ImageUnavailableError, match="no progress"):
                list(pulled)


def test_an_engine_that_is_gone(tmp_path: Path) -> None:
    with scripted_engine(tmp_path, 200, []) as address:
        engine = Engine(address)
    with pytest.raises(EngineUnavailableError, match="no Docker engine answers"):
        engine.containers("x")
