"""A notebook that is run again is saved the same: its outputs, and our metadata."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from support.embedded_server import weights
from support.git_server import GitServer, make_repository, redirect
from support.kernel import MODEL, Serve, prompt

CELLS = (
    "%load_ext mc_jupyter",
    "%mc load github:MediaConduit/ollama-service",
    "%%ollama smollm2:135m --seed 1 --num-predict 40\nWrite a poem about the sea.",
    "%%ollama smollm2:135m -t 0 --num-predict 20 --format json\nThe capital of France?",
    "%ollama run smollm2:135m --temperature 0 --num-predict 5 Hello",
    "%ollama list",
    "%mc info ollama",
    "_answer",
)
ANSWERS = (2, 3, 4, 7)


def run(cells: tuple[str, ...], folder: Path, environment: dict[str, str]) -> list[Any]:
    """The outputs of each cell, with their metadata."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    client = nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3")
    client.execute(cwd=str(folder), env={**os.environ, **environment})
    return [cell["outputs"] for cell in notebook.cells]


def test_answers_of_the_embedded_engine(tmp_path: Path) -> None:
    """Run again where all is there, and where the machine has other news to tell."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        common = {
            "PATH": f"{tmp_path}/none",
            "MC_JUPYTER_MODELS": str(weights()),
            "IPYTHONDIR": str(tmp_path / "ipython"),
        }
        with GitServer(tmp_path / "served") as git:
            make_repository(git.repository("MediaConduit/ollama-service"))
            (tmp_path / "none").mkdir()
            (tmp_path / "none" / "git").symlink_to("/usr/bin/git")
            here = {**common, **redirect(git.url), "MC_JUPYTER_HOME": str(tmp_path / "a")}
            first, again = (run(CELLS, tmp_path, here) for _ in range(2))
        elsewhere = {**common, **redirect(nobody), "MC_JUPYTER_HOME": str(tmp_path / "b")}
        other = run(CELLS, tmp_path, {**elsewhere, "MC_JUPYTER_RENDER": "settled"})
    assert [len(outputs) for outputs in first] == [0, 1, 1, 1, 1, 1, 1, 1]
    assert again == first
    assert [other[n] for n in ANSWERS] == [first[n] for n in ANSWERS]
    assert "could not be reached" in str(other[1])
    assert "docker" not in str([first[n] for n in ANSWERS])


@pytest.mark.parametrize("options", ["", "--plain"])
def test_answers_of_another_server(tmp_path: Path, serve: Serve, options: str) -> None:
    """What is measured differs each time."""
    server = serve(tokens=["forty", "-two"], thinking=["Hm."], rate=50)
    environment = {"MC_JUPYTER_HOME": str(tmp_path / "home")}
    cells = ("%load_ext mc_jupyter", prompt(server, options), f"%ollama ps --host {server.url}")
    first = run(cells, tmp_path, environment)
    server.rate = 5
    assert run(cells, tmp_path, environment) == first
    assert MODEL in str(first[1])
