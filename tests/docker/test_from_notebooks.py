"""The main job from real notebooks and kernels: git, Compose, a container, an answer.

The repositories are of the published shape, or the published ones themselves where
MC_TEST_SNAPSHOTS names a folder of them (see tests/contract/test_sources_snapshots.py).
The image `ollama/ollama:latest` is a stand-in that serves the embedded engine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support import engine
from support.git_server import GitServer, make_repository, redirect
from support.kernel import Kernel, seen
from support.wait import wait_until

import mc_jupyter
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.compose import labels

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01-first-prompt.ipynb"
OLLAMA = "github:MediaConduit/ollama-service"
MODEL = "smollm2:135m"
LONG = f"%%ollama {MODEL} --temperature 0 --seed 1\nTell a very long story about the sea."
Kernels = Callable[[], Kernel]


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[GitServer]:
    """What stands in for GitHub: smart HTTP on loopback."""
    with GitServer(tmp_path / "served") as server:
        bare = server.repository("MediaConduit/ollama-service")
        snapshots = os.environ.get("MC_TEST_SNAPSHOTS")
        if snapshots:
            bare.symlink_to(Path(snapshots).resolve() / "ollama-service.git")
        else:
            files = {
                "docker-compose.yml": engine.PUBLISHED_COMPOSE,
                "MediaConduit.service.yml": engine.PUBLISHED_MANIFEST,
            }
            make_repository(bare, files, {"refs/tags/v1": {"NEWS": "first"}})
        yield server


@pytest.fixture
def environment(
    repositories: GitServer, mc_home: Path, ollama_standin: str
) -> Iterator[dict[str, str]]:
    """What a kernel is started with; what it left on the engine is swept by label."""
    yield {
        "MC_JUPYTER_HOME": str(mc_home),
        "MC_JUPYTER_RUNTIME": "docker",
        **redirect(repositories.url),
    }
    engine.sweep(mc_home)


@pytest.fixture
def kernels(environment: dict[str, str], tmp_path: Path) -> Iterator[Kernels]:
    """Start kernels with the extension loaded; they end with the test."""
    started: list[Kernel] = []

    def start() -> Kernel:
        folder = tmp_path / f"kernel-{len(started)}"
        folder.mkdir()
        kernel = Kernel(environment, str(folder))
        started.append(kernel)
        assert not kernel.run("%load_ext mc_jupyter").error
        return kernel

    yield start
    for kernel in started:
        kernel.close()


def ours(home: Path) -> list[str]:
    """Ids of the containers that carry this home's label."""
    mine = f"label={labels.HOME}={labels.home_of(home / 'data')}"
    return engine.docker("ps", "-aq", "--no-trunc", "--filter", mine).split()


def test_the_first_notebook_runs_on_docker(
    environment: dict[str, str], mc_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=90, extra_arguments=["--IPKernelApp.log_level=40"])
    client.execute()
    status = next(c for c in notebook.cells if c.source.startswith("%mc status"))
    assert "docker" in status.outputs[0]["data"]["text/plain"]
    (container,) = ours(mc_home)
    assert engine.inspect(container)["State"]["Status"] == "exited"


def test_stop_start_and_prompt_again_though_the_port_moves(kernels: Kernels) -> None:
    kernel = kernels()
    url = "__import__('mc_jupyter').registry.find('ollama').url"
    assert not kernel.run(f"%mc load {OLLAMA} --start").error
    first = kernel.value(url)
    assert not kernel.run("%mc stop ollama").error
    assert kernel.value(url) is None
    assert not kernel.run("%mc start ollama").error
    assert kernel.value(url) not in (first, None)
    assert (
        "Paris"
        in kernel.run(f"%ollama run {MODEL} What is the capital of France?").last["data"][
            "text/plain"
        ]
    )


def test_a_restart_from_outside_moves_the_port_and_the_next_prompt_finds_it(
    kernels: Kernels, mc_home: Path
) -> None:
    kernel = kernels()
    assert not kernel.run(f"%mc load {OLLAMA} --start").error
    (container,) = ours(mc_home)
    engine.docker("restart", container)
    answer = kernel.run(f"%ollama run {MODEL} What is the capital of France?")
    assert not answer.error
    assert "Paris" in answer.last["data"]["text/plain"]


def test_a_second_kernel_adopts_what_the_first_left(kernels: Kernels, mc_home: Path) -> None:
    first = kernels()
    assert not first.run(f"%mc load {OLLAMA} --start").error
    first.close()
    second = kernels()
    listed = second.run("%mc status").last["data"]["text/plain"]
    assert "not loaded here" in listed
    assert "%mc load github:mediaconduit/ollama-service" in listed
    answer = second.run(f"%ollama run {MODEL} What is the capital of France?")
    shown = [seen(m["data"]) for m in (*answer.displays, *answer.updates)]
    assert any("left running by an earlier kernel" in one for one in shown)
    assert len(ours(mc_home)) == 1


def test_a_killed_container_in_the_middle_of_an_answer(kernels: Kernels, mc_home: Path) -> None:
    kernel = kernels()
    assert not kernel.run(f"%mc load {OLLAMA} --start").error
    request = kernel.send(LONG)
    kernel.until(request, "update_display_data", 2)
    (container,) = ours(mc_home)
    engine.docker("kill", container)
    rest = kernel.receive(request)
    assert len(rest.error.strip().splitlines()) <= 2, rest.error
    assert rest.error.startswith(("ConnectionFailedError", "StreamCutError"))
    assert kernel.value("len(_answer.text)") > 0
    again = kernel.run(f"%ollama run {MODEL} What is the capital of France?")
    assert not again.error
    assert "Paris" in again.last["data"]["text/plain"]


def test_an_interrupt_frees_the_container(kernels: Kernels, mc_home: Path) -> None:
    kernel = kernels()
    assert not kernel.run(f"%mc load {OLLAMA} --start").error
    request = kernel.send(LONG)
    kernel.until(request, "update_display_data", 2)
    kernel.interrupt()
    stopped = kernel.receive(request)
    assert stopped.error.startswith("Interrupted")
    (container,) = ours(mc_home)

    def idle() -> bool:
        used = engine.docker("stats", "--no-stream", "--format", "{{.CPUPerc}}", container)
        return float(used.rstrip("%")) < 20

    wait_until(idle, 15, "an idle container")


def test_a_second_ref_runs_beside_the_first(kernels: Kernels, mc_home: Path) -> None:
    if os.environ.get("MC_TEST_SNAPSHOTS"):
        pytest.skip("the published repository has no second ref")
    kernel = kernels()
    assert not kernel.run(f"%mc load {OLLAMA} --start").error
    other = kernel.run(f"%mc load {OLLAMA}@v1 --start")
    assert "ollama@v1" in other.last["data"]["text/plain"]
    answer = kernel.run(f"%%ollama {MODEL} --host ollama@v1 -t 0\nWhat is the capital of France?")
    assert not answer.error
    assert len(ours(mc_home)) == 2


def test_remove_takes_everything_that_was_made(kernels: Kernels, mc_home: Path) -> None:
    kernel = kernels()
    assert not kernel.run(f"%mc load {OLLAMA} --start").error
    removed = kernel.run("%mc remove ollama --volumes").last["data"]["text/plain"]
    assert "removed volume mcj-" in removed
    assert "no longer loaded" in removed
    assert ours(mc_home) == []


def test_a_left_container_whose_folder_is_gone_is_no_obstacle(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    folder = engine.service_folder(
        tmp_path / "ollama-service", engine.PUBLISHED_COMPOSE, engine.PUBLISHED_MANIFEST, {}
    )
    ServiceRegistry().get_service(str(folder)).start()
    shutil.rmtree(folder)
    later = ServiceRegistry()
    assert [found.handle for found in later.elsewhere()] == ["ollama"]
    assert later.for_prompt().identified == OLLAMA


def test_python_without_ipython(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service = mc_jupyter.registry.get_service(OLLAMA)
    try:
        assert service.start().runtime == "docker"
        chunks = service.client().chat(
            MODEL, [{"role": "user", "content": "What is the capital of France?"}]
        )
        assert "Paris" in "".join(chunk["message"]["content"] for chunk in chunks)
    finally:
        mc_jupyter.registry.remove("ollama", volumes=True)
