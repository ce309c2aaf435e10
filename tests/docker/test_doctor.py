"""``%mc doctor`` beside a real engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import engine
from support.git_server import GitServer, make_repository, redirect
from support.kernel import Kernel

from mc_jupyter.doctor import engines
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.room import room_for


@pytest.fixture
def kernel(tmp_path: Path, mc_home: Path) -> Iterator[Kernel]:
    with GitServer(tmp_path / "served") as server:
        make_repository(server.repository("MediaConduit/ollama-service"))
        kernel = Kernel({"MC_JUPYTER_HOME": str(mc_home), **redirect(server.url)}, str(tmp_path))
        try:
            assert not kernel.run("%load_ext mc_jupyter").error
            yield kernel
        finally:
            kernel.close()


def test_the_engine_s_row(kernel: Kernel, mc_home: Path) -> None:
    got = kernel.run("seen = %mc doctor\nseen")
    assert not got.error
    found = {row["what"]: row for row in kernel.value("seen.rows")}
    version = engine.docker("version", "--format", "{{.Server.Version}}")
    assert found["Docker engine"]["verdict"] == "ok"
    assert found["Docker engine"]["fact"].startswith(f"{version} at unix://")
    assert found["Compose"]["verdict"] == "ok"
    assert got.text.splitlines()[-1] == "auto would use: docker"
    assert list(mc_home.iterdir()) == []


def test_the_engine_s_disk() -> None:
    (disk,) = (check for check in engines.docker() if check.what == "Docker's disk")
    root = engine.docker("info", "--format", "{{.DockerRootDir}}")
    if not os.path.isdir(root):
        assert "not known" in disk.fact
    else:
        assert disk.fact.endswith(f"free at {root}")


def test_room_where_docker_keeps_models(tmp_path: Path) -> None:
    folder = engine.service_folder(
        tmp_path / "ollama", engine.PUBLISHED_COMPOSE, engine.PUBLISHED_MANIFEST, {}
    )
    service = ServiceRegistry().get_service(str(folder), runtime="docker")
    seen = room_for(service)
    root = engine.docker("info", "--format", "{{.DockerRootDir}}")
    if not os.path.isdir(root):
        pytest.skip("the engine's folder is not on this machine")
    assert seen.disk_where == root
    assert seen.disk_free is not None
    assert seen.disk_free > 0
    assert seen.memory_free is not None
