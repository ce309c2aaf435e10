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


CELLS = [
    "%%ollama m\nsee {{WORD}}",
    "%ollama run m {{WORD}}",
    "%mc load {{WORD}}",
    "%mc call {{WORD}} GET /",
]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("word", ["exit()", "quit()", "sys.exit(3)"])
def test_a_template_does_not_end_the_kernel(kernel: Kernel, cell: str, word: str) -> None:
    kernel.run("import sys; _alive = 'yes'")
    got = kernel.run(cell.replace("WORD", word))
    assert got.error.startswith(f"TemplateError: {{{{{word}}}}}"), got.error
    assert "payload" not in got.reply or not got.reply["payload"], "no wish to exit was noted"
    assert kernel.value("_alive") == "yes"


@pytest.mark.parametrize("cell", CELLS)
def test_an_interrupt_in_a_template_is_ours(kernel: Kernel, cell: str) -> None:
    kernel.run("def _stop():\n    raise KeyboardInterrupt")
    got = kernel.run(cell.replace("WORD", "_stop()"))
    assert got.error.startswith("Interrupted: "), got.error
    assert len(got.error.splitlines()) == 1


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "1e999"])
def test_a_time_that_is_none_is_refused(kernel: Kernel, wait: str) -> None:
    got = kernel.run(f"%mc start x --wait={wait}")
    assert got.error.splitlines()[0] == (
        f"ArgumentError: %mc start: --wait: {wait!r} is no number of seconds"
    )


@pytest.mark.parametrize("option", ["--image", "--system", "--stop"])
@pytest.mark.parametrize("name", ["pipe", "circle", "folder", "/dev/zero", "huge"])
def test_what_is_no_regular_file_is_refused_at_once(
    kernel: Kernel, serve: Serve, option: str, name: str
) -> None:
    file = name if option == "--image" else f"@{name}"
    got = kernel.run(f"%%ollama llama3.2:1b --host {serve().url} {option} {file}\nHello?")
    assert "cannot be read" in got.error
    assert got.seconds < 5
