"""What Binder makes of this repository: its files, and the environment that they build.

repo2docker itself needs an engine and a base image from the network, so its steps are done here,
in its order: ``pip install -r binder/requirements.txt`` in the repository's root, then
``binder/postBuild``, and each session's command through ``binder/start``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest
from support.wait import wait_until

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
LESSON = Path("notebooks") / "01-first-prompt.ipynb"
NOWHERE = "https://127.0.0.1:9/"
OFFLINE = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": f"url.{NOWHERE}.insteadOf",
    "GIT_CONFIG_VALUE_0": "https://github.com/",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": NOWHERE,
    "https_proxy": NOWHERE,
    "http_proxy": NOWHERE,
    "no_proxy": "127.0.0.1,localhost",
}


def tracked() -> list[str]:
    """The repository's files as a clone of the next commit has them."""
    listing = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(listing, check=True, stdout=subprocess.PIPE).stdout.decode()
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a step of the build; return what it wrote."""
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), text=True, timeout=400,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def processes_below(folder: Path) -> list[str]:
    """Ids of the processes that run with that home."""
    wanted = f"HOME={folder}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


def test_binder_has_the_files_that_repo2docker_reads() -> None:
    assert {path.name for path in BINDER.iterdir()} == {
        "runtime.txt", "requirements.txt", "postBuild", "start",
    }  # fmt: skip
    assert not (ROOT / ".binder").exists()  # it refuses a repository with both
    for name in ("postBuild", "start"):
        assert os.access(BINDER / name, os.X_OK), name
        text = (BINDER / name).read_text()
        assert text.startswith("#!/bin/bash\n"), name
        assert "set -euo pipefail" in text, name  # else an error in the middle goes unseen
    assert (BINDER / "start").read_text().endswith('\nexec "$@"\n')


def test_binder_pins_a_python_that_the_package_accepts() -> None:
    pinned = re.fullmatch(r"python-(3\.\d+)\n", (BINDER / "runtime.txt").read_text())
    assert pinned
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {pinned[1]}" in project["classifiers"]


@pytest.mark.timeout(600)
def test_the_first_lesson_runs_in_a_session_without_network(tmp_path: Path) -> None:
    copy, home, env = (tmp_path / name for name in ("repository", "home", "env"))
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    home.mkdir()
    venv.create(env, with_pip=True)
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("MC_", "PYTHON", "JUPYTER"))}
    build = {
        **kept,
        "HOME": str(home),
        "PATH": f"{env / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(env),
    }
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "IPYTHONDIR"):
        build.pop(name, None)

    run(["pip", "install", "--quiet", "-r", "binder/requirements.txt"], copy, build)
    run(["binder/postBuild"], copy, build)
    models = copy / ".cache" / "models"
    before = {path.name: path.stat().st_mtime_ns for path in models.glob("*.gguf")}
    assert len(before) == 1

    executed = tmp_path / "executed.ipynb"
    command = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--output", str(executed)]
    elsewhere = tmp_path  # a session's working directory need not be the repository
    run([str(copy / "binder" / "start"), *command, str(copy / LESSON)], elsewhere, build | OFFLINE)

    shown = nbformat.read(executed, as_version=4)
    answers = [
        output
        for cell in shown.cells
        for output in cell.get("outputs", [])
        if output.get("metadata", {}).get("mc_jupyter")
    ]
    assert [answer.metadata.mc_jupyter.runtime for answer in answers] == ["embedded"] * 2
    assert "The capital of France is Paris" in answers[0]["data"]["text/plain"]
    assert {path.name: path.stat().st_mtime_ns for path in models.glob("*.gguf")} == before
    assert not list(home.rglob("*.gguf")), "a model was fetched into the session's home"
    wait_until(lambda: not processes_below(home), 10, "the end of every process")


def test_start_leaves_its_command_alone(tmp_path: Path) -> None:
    shown = run(
        [
            str(BINDER / "start"),
            sys.executable,
            "-c",
            "import sys; print(sys.argv[1:])",
            "a b",
            "c",
        ],
        tmp_path,
        os.environ,
    )
    assert shown == "['a b', 'c']\n"
