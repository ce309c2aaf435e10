"""Snapshots of the published service repositories, loaded by their real identifiers.

The snapshots are not part of this project. ``MC_TEST_SNAPSHOTS`` names a folder that holds (or
links to) bare copies of them::

    ollama-service.git   whisper-service.git   cowsay-service.git

made with ``git clone --bare https://github.com/MediaConduit/ollama-service``, and so on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_server import GitServer, redirect

from mc_jupyter.manifest import HealthCheck, Manifest, Requirements, read_manifest
from mc_jupyter.settings import Settings
from mc_jupyter.sources import fetch, parse_identifier

SNAPSHOTS = Path(os.environ.get("MC_TEST_SNAPSHOTS", ""))
pytestmark = pytest.mark.skipif(
    "MC_TEST_SNAPSHOTS" not in os.environ, reason="MC_TEST_SNAPSHOTS names no folder of snapshots"
)

EXPECTED = {
    "ollama": Manifest(
        name="ollama-service",
        compose_service="ollama",
        image="ollama/ollama:latest",
        ports=(11434,),
        health=HealthCheck("/api/tags", 30.0, 10.0, 5),
        volumes=("ollama_data:/root/.ollama",),
        capabilities=("text-to-text", "llm-inference", "chat-completion"),
        requirements=Requirements(gpu=True, memory_bytes=8 * 1024**3, cpu=4.0),
    ),
    "whisper": Manifest(
        name="whisper-service",
        compose_service="whisper",
        image="onerahmet/openai-whisper-asr-webservice:latest",
        health=HealthCheck("/", 30.0, 10.0, 3),
        environment={"LANG": "C.UTF-8", "POETRY_VENV": "/app/.venv"},
        volumes=("whisper_models:/root/.cache/whisper",),
        capabilities=("audio-to-text", "speech-recognition", "transcription"),
        requirements=Requirements(gpu=False, memory_bytes=2 * 1024**3, cpu=1.0),
    ),
    "cowsay": Manifest(
        name="Cowsay Service",
        compose_service="cowsay",
        image="cowsay-service",
        health=HealthCheck("/health"),
        capabilities=("TextToText",),
    ),
}
COMPARED = (
    "name",
    "compose_service",
    "image",
    "ports",
    "health",
    "environment",
    "volumes",
    "capabilities",
    "requirements",
)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        for name in EXPECTED:
            snapshot = SNAPSHOTS.expanduser().resolve() / f"{name}-service.git"
            running.repository(f"MediaConduit/{name}-service").symlink_to(snapshot)
        for variable, value in redirect(running.url).items():
            monkeypatch.setenv(variable, value)
        yield running


@pytest.mark.parametrize("name", EXPECTED)
def test_a_published_service_loads(server: GitServer, name: str) -> None:
    identifier = parse_identifier(f"github:MediaConduit/{name}-service")
    checkout = fetch(identifier, Settings())
    assert (identifier.handle, checkout.origin, checkout.fetched) == (name, "git", True)
    manifest = read_manifest(checkout.folder)
    for attribute in COMPARED:
        assert getattr(manifest, attribute) == getattr(EXPECTED[name], attribute), attribute
    assert (manifest.version, manifest.compose_file) == ("1.0.0", "docker-compose.yml")
    assert (checkout.folder / manifest.compose_file).is_file()
    assert manifest.is_ollama == (name == "ollama")
    assert dict(manifest.extra) == {}
    pinned = fetch(parse_identifier(f"{identifier.canonical}@{checkout.commit}"), Settings())
    assert pinned.commit == checkout.commit
