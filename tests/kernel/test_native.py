"""`--runtime native` in a notebook, with a stand-in program named `ollama` on PATH."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.embedded_server import MODEL
from support.folders import service_folder
from support.kernel import Kernel, Messages, Serve
from support.native_standin import first_on_path, make, members, nobody_on
from support.wait import wait_until

PROMPT = f"%%ollama {MODEL} --num-predict 5 --seed 1\nSay hello."


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel on a machine where ollama is installed and does not run."""
    if not nobody_on(11434):
        pytest.skip("something answers on port 11434 here")
    folder = make(tmp_path / "programs")
    env = {"MC_JUPYTER_HOME": str(tmp_path / "home"), "PATH": first_on_path(folder)}
    kernel = Kernel(env, str(tmp_path))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        yield kernel
    finally:
        kernel.close()


def _text(messages: Messages) -> str:
    assert not messages.error, messages.error
    return str(messages.last["data"]["text/plain"])


def _pid(kernel: Kernel) -> int:
    return int(kernel.value("mc_jupyter.registry.find('ollama').status().detail.split()[-1]"))


def test_load_start_prompt_stop(kernel: Kernel, tmp_path: Path) -> None:
    folder = service_folder(tmp_path)
    loaded = _text(kernel.run(f"%mc load {folder} --runtime native --start"))
    assert loaded.splitlines()[1].split()[:4] == ["ollama", "running", "native", "answers"]
    kernel.run("import mc_jupyter")
    pid = _pid(kernel)
    assert _text(kernel.run(PROMPT)).strip()
    assert kernel.value("_answer.runtime") == "native"
    assert "127.0.0.1:11434" in _text(kernel.run("%mc logs ollama"))
    assert "stopped" in _text(kernel.run("%mc stop ollama"))
    wait_until(lambda: not members(pid), 5, "the end of the program")
    assert _text(kernel.run(PROMPT)).strip(), "a prompt starts what is stopped"
    assert _pid(kernel) != pid


def test_it_ends_with_a_kernel_that_is_killed(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(f"%mc load {service_folder(tmp_path)} --runtime native --start")
    assert _text(kernel.run(PROMPT)).strip()
    kernel.run("import mc_jupyter")
    pid = _pid(kernel)
    mine = kernel.value("__import__('os').getpid()")
    assert len(members(pid)) > 2
    os.kill(mine, 9)
    wait_until(lambda: not members(pid), 8, "the end of the program, its workers and the watcher")


def test_what_already_runs_is_not_stopped(kernel: Kernel, serve: Serve, tmp_path: Path) -> None:
    server = serve(port=11434)
    loaded = kernel.run(f"%mc load {service_folder(tmp_path)} --runtime native --start")
    assert _text(loaded).splitlines()[1].split()[:4] == ["ollama", "running", "native", "answers"]
    stopped = kernel.run("%mc stop ollama").error
    assert stopped.startswith("NotOursError: ollama was not started by mc_jupyter")
    assert _text(kernel.run("%mc start ollama"))
    assert "ollama was not started from here and goes on" in _text(kernel.run("%mc stop --all"))
    assert server.asked("/api/version")
    assert not nobody_on(11434)


def test_a_first_prompt_with_the_setting_native(kernel: Kernel, tmp_path: Path) -> None:
    """What a user has who says MC_JUPYTER_RUNTIME=native and loads a service by its folder."""
    kernel.run("%config McJupyter.runtime = 'native'")
    loaded = kernel.run(f"%mc load {service_folder(tmp_path)}")
    assert not loaded.error
    assert _text(kernel.run(PROMPT)).strip()
    assert kernel.value("_answer.runtime") == "native"
