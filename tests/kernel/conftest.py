"""A kernel for each module, with the extension loaded, and scripted servers for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
def serve() -> Iterator[Serve]:
    """Start scripted servers; they end with the test."""
    servers: list[ScriptedOllama] = []

    def start(**script: object) -> ScriptedOllama:
        servers.append(ScriptedOllama(**script))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
