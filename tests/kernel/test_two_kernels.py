"""Several kernels at once, over one home: one fetch, and each has the service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_server import GitServer, make_repository, redirect
from support.kernel import Kernel

LOAD = "%mc load github:MediaConduit/ollama-service"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        make_repository(running.repository("MediaConduit/ollama-service"))
        yield running


@pytest.fixture
def kernels(server: GitServer, mc_home: Path, tmp_path: Path) -> Iterator[list[Kernel]]:
    environment = {"MC_JUPYTER_HOME": str(mc_home), **redirect(server.url)}
    started = []
    try:
        for number in range(2):
            folder = tmp_path / f"kernel-{number}"
            folder.mkdir()
            started.append(Kernel(environment, str(folder)))
            assert not started[-1].run("%load_ext mc_jupyter").error
        yield started
    finally:
        for kernel in started:
            kernel.close()


def test_two_kernels_loading_at_once_make_one_fetch(
    kernels: list[Kernel], server: GitServer
) -> None:
    server.bytes_per_second = 2000  # so that the second comes while the first still fetches
    requests = [kernel.send(LOAD) for kernel in kernels]
    answers = [kernel.receive(r) for kernel, r in zip(kernels, requests, strict=True)]
    assert [answer.error for answer in answers] == ["", ""]
    assert server.fetches == 1
    stats = [
        kernel.value("vars(__import__('mc_jupyter').registry.stats())['fetched']")
        for kernel in kernels
    ]
    assert sorted(stats) == [0, 1]


def test_loading_again_needs_no_server(kernels: list[Kernel], server: GitServer) -> None:
    first, second = kernels
    assert not first.run(LOAD).error
    server.status = 500
    assert not second.run(LOAD).error
    assert not first.run(LOAD).error
    assert second.value("__import__('mc_jupyter').registry.stats().from_disk") == 1
    assert first.value("__import__('mc_jupyter').registry.stats().from_memory") == 1
    assert server.fetches == 1
