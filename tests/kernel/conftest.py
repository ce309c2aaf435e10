"""A kernel for each module, with the extension loaded; for each test servers, and a panel's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.front import Front
from support.kernel import Kernel, Serve
from support.scripted_ollama import ScriptedOllama


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel with the extension loaded and a home of its own; no service is loaded in it."""
    folder = tmp_path_factory.mktemp("kernel")
    kernel = Kernel({"MC_JUPYTER_HOME": str(folder / "home")}, str(folder))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        yield kernel
    finally:
        kernel.close()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """A kernel of its own, with the extension and no service."""
    env = {"MC_JUPYTER_HOME": str(tmp_path / "home"), "MC_JUPYTER_RUNTIME": "embedded"}
    kernel = Kernel(env, str(tmp_path))
    try:
        front = Front(kernel)
        assert not front.run("%load_ext mc_jupyter\nimport mc_jupyter").error
        yield front
    finally:
        kernel.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start scripted servers; they end with the test."""
    servers: list[ScriptedOllama] = []

    def start(**script: object) -> ScriptedOllama:
        servers.append(ScriptedOllama(**script))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
