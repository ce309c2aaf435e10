"""Failures that need an engine, as a user meets them in a kernel: the fact and the next step.

A container that is killed in the middle of an answer: test_from_notebooks.py. What needs no
engine: tests/kernel/test_error_matrix.py.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import engine
from support.embedded_server import MODEL, weights
from support.kernel import Kernel

OLLAMA = """\
services:
  ollama:
    image: {image}
    ports: ["11434"]
"""
MANIFEST = """\
name: demo
docker: {serviceName: ollama, image: "ollama/ollama:latest", healthCheck: {endpoint: /api/version}}
"""
DIES = '    command: ["sh", "-c", "echo loading; sleep 0.2; echo no such model >&2; exit 3"]\n'
BASE = "mc-jupyter-test/base:1"
Load = Callable[..., str]


@pytest.fixture
def kernel(mc_home: Path, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel whose services are swept afterwards; a class's folder has the real model."""
    environment = {"MC_JUPYTER_HOME": str(mc_home), "MC_JUPYTER_MODELS": str(weights())}
    kernel = Kernel(environment, str(tmp_path))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        yield kernel
    finally:
        kernel.close()
        engine.sweep(mc_home)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """A line that loads and starts the service of a compose file."""

    def line(compose: str, runtime: str = "docker", manifest: str = MANIFEST) -> str:
        folder = engine.service_folder(tmp_path / "demo", compose, manifest, {})
        return f"%mc load {folder} --runtime {runtime} --start"

    return line


def said(kernel: Kernel, cell: str, lines: int = 2) -> str:
    """What a cell that fails shows: few lines, and nothing but the error."""
    got = kernel.run(cell)
    assert got.reply["status"] == "error", got.outputs()
    assert got.streams == ""
    assert len(got.error.splitlines()) <= lines, got.error
    assert not re.search(r"Traceback|/cache/services|mcj-", got.error)
    return got.error


@pytest.fixture
def nowhere() -> str:
    """An image of a registry where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}/a/b:1"


def test_an_image_that_cannot_be_had(kernel: Kernel, load: Load, nowhere: str) -> None:
    error = said(kernel, load(OLLAMA.format(image=nowhere)))
    assert error.startswith(f"ImageUnavailableError: image {nowhere} cannot be pulled: ")
    assert "connection refused" in error
    assert error.endswith(f"\ntry it yourself: docker pull {nowhere}")


def test_auto_goes_on_to_the_embedded_engine_and_says_so(
    kernel: Kernel, load: Load, nowhere: str
) -> None:
    loaded = kernel.run(load(OLLAMA.format(image=nowhere), "auto"))
    assert not loaded.error
    row, note = loaded.last["data"]["text/plain"].splitlines()[1:]
    assert row.split()[:4] == ["demo", "running", "embedded", "answers"]
    assert note.startswith(f"image {nowhere} cannot be pulled: ")
    assert note.endswith("; using the embedded engine")
    answer = kernel.run(f"%%ollama {MODEL} --host demo -t 0\nWhat is the capital of France?")
    assert "Paris" in answer.last["data"]["text/plain"]


def test_auto_has_nothing_else_for_what_is_no_ollama(
    kernel: Kernel, load: Load, nowhere: str
) -> None:
    compose = OLLAMA.format(image=nowhere).replace("ollama:", "web:")
    error = said(kernel, load(compose, "auto", "name: demo\ndocker: {serviceName: web}\n"))
    assert error.startswith(f"ImageUnavailableError: image {nowhere} cannot be pulled: ")


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize("runtime", ["docker", "auto"])
def test_a_container_that_exits_at_once(kernel: Kernel, load: Load, runtime: str) -> None:
    error = said(kernel, load(OLLAMA.format(image=BASE) + DIES, runtime), lines=4)
    assert error == (
        "StartError: demo exited with code 3; its last lines:\n"
        "  loading\n  no such model\n%mc logs demo"
    )
    shown = kernel.run("%mc logs demo").last["data"]["text/plain"]
    assert shown == "loading\nno such model"
    state = kernel.run("%mc status demo").last["data"]["text/plain"].splitlines()[1].split()
    assert state[:3] == ["demo", "exited", "docker"]


@pytest.mark.usefixtures("base")
def test_a_container_that_never_answers(kernel: Kernel, load: Load) -> None:
    compose = OLLAMA.format(image=BASE) + "    command: sleep 600\n"
    assert not kernel.run(load(compose).removesuffix(" --start")).error
    assert said(kernel, "%mc start demo --wait 0.5") == (
        "TimeLimitError: demo did not answer within 0.5 s; it goes on starting\n%mc status demo"
    )
    assert not kernel.run("%mc stop demo").error


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize("runtime", ["docker", "auto"])
@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("privileged: true", "services.ollama.privileged ("),
        ("network_mode: host", "services.ollama.network_mode ('host') is not allowed"),
        (
            'volumes: ["/etc:/host"]',
            "services.ollama.volumes[0].source ('/etc') is not allowed: "
            "it lies outside the repository",
        ),
    ],
)
def test_a_key_that_is_not_allowed(
    kernel: Kernel, load: Load, line: str, fact: str, runtime: str, mc_home: Path
) -> None:
    error = said(kernel, load(OLLAMA.format(image=BASE) + f"    {line}\n", runtime))
    assert error.startswith(f"PolicyError: docker-compose.yml: {fact}")
    assert "is not allowed" in error.splitlines()[0]
    assert error.splitlines()[-1].startswith("change this in /")
    assert error.endswith("/demo/docker-compose.yml")
    mine = f"label={engine.labels.HOME}={engine.labels.home_of(mc_home / 'data')}"
    assert engine.docker("ps", "-aq", "--filter", mine) == "", "nothing of it ran"


@pytest.mark.parametrize(
    ("compose", "fact"),
    [
        (
            "services: {ollama: {image: 'x:1', prots: ['1:1']}}\n",
            "StartError: docker-compose.yml is not accepted by Compose: services.ollama",
        ),
        ("services: [oops\n", "StartError: docker-compose.yml, line 2: did not find expected"),
        ("services: {web: {image: 'x:1'}}\n", "docker.serviceName is 'ollama'\n"),
    ],
)
def test_a_broken_compose_file(kernel: Kernel, load: Load, compose: str, fact: str) -> None:
    assert fact in said(kernel, load(compose))


def test_a_download_limit(kernel: Kernel, load: Load, nowhere: str) -> None:
    kernel.run("%env MC_JUPYTER_MAX_DOWNLOAD=0")
    error = said(kernel, load(OLLAMA.format(image=nowhere)))
    assert error.startswith(
        f"DownloadLimitError: image {nowhere} is not here, and nothing may be fetched "
        "(MC_JUPYTER_MAX_DOWNLOAD=0)"
    )
    assert error.endswith(f"\nfetch it yourself: docker pull {nowhere}")
