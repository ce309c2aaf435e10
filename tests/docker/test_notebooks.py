"""The notebooks that run on Docker only, by nbval, with stand-ins for the published images.

Whisper and Kokoro are stand-ins (PocketSphinx and espeak-ng behind the published names); FFMPEG
and cowsay are the bundled services themselves.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import engine
from support.standin import build, debian

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = ("04-speak-and-transcribe", "05-media")


@pytest.fixture
def environment(mc_home: Path, services_standin: str) -> Iterator[dict[str, str]]:
    try:
        for name in debian.BUILT:
            debian.built(name)
    except build.CannotBuild as reason:
        pytest.skip(str(reason))
    yield {
        **os.environ,
        "MC_JUPYTER_HOME": str(mc_home),
        "MC_JUPYTER_RUNTIME": "docker",
        "MC_JUPYTER_RENDER": "settled",
    }
    engine.sweep(mc_home)


def test_these_are_all_that_need_docker() -> None:
    """The notebooks layer leaves them to this file."""
    tagged = [
        path.stem
        for path in sorted(FOLDER.glob("*.ipynb"))
        if "needs-docker" in json.loads(path.read_text())["metadata"].get("tags", ())
    ]
    assert tuple(tagged) == NOTEBOOKS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_gives_what_is_stored(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    notebook = tmp_path / f"{name}.ipynb"
    shutil.copy(FOLDER / notebook.name, notebook)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nbval",
        str(notebook),
        "-p",
        "no:cacheprovider",
    ]
    command += ["--rootdir", str(tmp_path), "-o", "filterwarnings=default"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    cells = json.loads(notebook.read_text())["cells"]
    assert passed
    assert int(passed[1]) == sum(cell["cell_type"] == "code" for cell in cells)
