"""No error of Python's own reaches a cell, whatever is typed behind a magic."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import odd
from support.kernel import Kernel, Serve
from support.services import running, why_not

TESTS = Path(__file__).parents[1]
LOADED = "import mc_jupyter\nfrom support import odd; _shell = get_ipython()"
FORGET = "for _s in mc_jupyter.registry.services(): mc_jupyter.registry.remove(_s.handle, False)"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel among odd files, which starts no service and finds none."""
    folder = tmp_path_factory.mktemp("odd")
    odd.files(folder)
    env = {
        "MC_JUPYTER_HOME": str(folder / "home"),
        "MC_JUPYTER_RUNTIME": "url",
        "OLLAMA_HOST": "127.0.0.1:1",
        "PATH": str(folder / "folder"),  # no docker, no git
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")])),
    }
    kernel = Kernel(env, str(folder))
    try:
        assert not kernel.run(f"%load_ext mc_jupyter\n{LOADED}").error
        yield kernel
    finally:
        kernel.close()


def load_every_kind(kernel: Kernel, serve: Serve) -> None:
    """Load one service of each kind; the same script answers for all."""
    from mc_jupyter.clients.kinds import KINDS

    for kind in KINDS:
        name = "demo" if kind.name == "ollama" else kind.name
        got = kernel.run(f"%mc load {serve().url} --as {name} --client {kind.name}")
        assert not got.error, got.error


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_odd_lines_end_in_errors_of_ours(kernel: Kernel, serve: Serve, seed: int) -> None:
    load_every_kind(kernel, serve)
    try:
        assert kernel.value(f"odd.walk(_shell, {seed}, 500)") == []
    finally:
        assert not kernel.run(FORGET).error


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
@pytest.mark.parametrize("name", ["whisper", "kokoro"])
def test_odd_lines_for_a_service_that_works_end_in_errors_of_ours(
    kernel: Kernel, name: str
) -> None:
    with running(name) as served:
        assert not kernel.run(f"%mc load {served.url} --as {name}").error
        try:
            assert kernel.value(f"odd.walk(_shell, 5, 400, {name!r})") == []
        finally:
            kernel.run(f"%mc remove {name}")
