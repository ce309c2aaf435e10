"""``%mc doctor`` in a real kernel: within its limit whatever hangs, and fit to be pasted."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_server import GitServer, make_repository, redirect
from support.kernel import Kernel
from support.wait import wait_until

LIMIT_S = 10.0
"""The slowest look has seven seconds; the rest is for a machine that does other things, too."""
SECRETS = ("ghp_planted0001", "planted0002", "planted0003", "planted0004", "carol", "alice.smith")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for PATH that holds git and no docker."""
    folder = tmp_path / "bin"
    folder.mkdir()
    git = shutil.which("git")
    assert git
    (folder / "git").symlink_to(git)
    return folder


@pytest.fixture
def served(tmp_path: Path) -> Iterator[GitServer]:
    """What stands in for GitHub."""
    with GitServer(tmp_path / "served") as server:
        make_repository(server.repository("MediaConduit/ollama-service"))
        yield server


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def environment(programs: Path, tmp_path: Path, nobody: str) -> dict[str, str]:
    """No docker, and a GitHub that nobody serves."""
    home = {"MC_JUPYTER_HOME": str(tmp_path / "mc-home")}
    return {"PATH": str(programs), **home, **redirect(nobody)}


@pytest.fixture
def kernel(environment: dict[str, str], tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(environment, str(tmp_path))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        yield kernel
    finally:
        kernel.close()


def hang(programs: Path) -> Path:
    """Put a docker on PATH that never answers; return the file that gets its process's number."""
    note = programs.parent / "docker-process"
    (programs / "docker").write_text(f"#!/bin/sh\necho $$ > {note}\nexec /bin/sleep 60\n")
    (programs / "docker").chmod(0o755)
    return note


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def verdicts(kernel: Kernel) -> dict[str, str]:
    found: dict[str, str] = kernel.value("{row['what']: row['verdict'] for row in seen}")
    return found


def test_without_docker_and_without_github(kernel: Kernel, tmp_path: Path) -> None:
    got = kernel.run("seen = %mc doctor\nseen")
    assert not got.error
    assert not got.streams
    found = verdicts(kernel)
    assert found["Docker engine"] == "absent"
    assert found["embedded engine"] == "ok"
    assert found["GitHub"] == "problem"
    assert "could not be reached" in got.text
    assert "-> without it: %mc load ollama" in got.text
    assert "there is no docker program on PATH" in got.text.splitlines()[-1]
    assert got.text.splitlines()[-1].startswith("auto would use: ")
    html = got.last["data"]["text/html"]
    assert html.startswith("<div><table>")
    assert "<strong>problem</strong>" in html
    assert not (tmp_path / "mc-home").exists(), "it changes nothing"
    assert len(got.outputs()) == 1


def test_github_by_the_way_that_loads_take(
    environment: dict[str, str], served: GitServer, tmp_path: Path
) -> None:
    kernel = Kernel({**environment, **redirect(served.url)}, str(tmp_path))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        got = kernel.run("seen = %mc doctor\nseen")
        assert verdicts(kernel)["GitHub"] == "ok", got.text
    finally:
        kernel.close()
    assert served.fetches == 1


def test_a_docker_that_hangs(kernel: Kernel, programs: Path) -> None:
    note = hang(programs)
    got = kernel.run("seen = %mc doctor")
    assert not got.error
    assert got.seconds < LIMIT_S
    found = verdicts(kernel)
    assert found["Docker engine"] == "problem"
    assert found["embedded engine"] == "ok"
    assert "systemctl restart docker" in kernel.value("str(seen)")
    assert len(got.outputs()) == 1, "what it waited for gives way to the report"
    wait_until(lambda: is_gone(int(note.read_text())), 5, "the end of the docker that hangs")


def test_an_interrupt_ends_it_and_what_it_started(kernel: Kernel, programs: Path) -> None:
    note = hang(programs)
    request = kernel.send("%mc doctor")
    wait_until(lambda: note.exists() and note.read_text().strip(), 20, "the docker that hangs")
    began = time.monotonic()
    kernel.interrupt()
    got = kernel.receive(request)
    assert time.monotonic() - began < 1
    assert "Interrupted: %mc doctor was interrupted" in got.error
    wait_until(lambda: is_gone(int(note.read_text())), 3, "the end of the docker that hangs")


def test_what_is_planted_does_not_appear(
    environment: dict[str, str], nobody: str, tmp_path: Path
) -> None:
    home = tmp_path / "people" / "alice.smith"
    home.mkdir(parents=True)
    address = nobody.removeprefix("http://")
    planted = {
        **environment,
        "HOME": str(home),
        "USER": "alice.smith",
        "MC_JUPYTER_HOME": str(home / "mc"),
        "GITHUB_TOKEN": "ghp_planted0001",
        "https_proxy": f"http://carol:planted0002@{address}",
        "OLLAMA_HOST": f"http://carol:planted0003@{address}",
        "MC_JUPYTER_RUNTIME": "planted0004",  # typed into the wrong variable, and echoed
        "SERVICE_PASSWORD": "planted0004",
        **redirect(f"http://carol:ghp_planted0001@{address}"),
    }
    kernel = Kernel(planted, str(tmp_path))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        got = kernel.run("%mc doctor")
    finally:
        kernel.close()
    shown = "\n".join(text for output in got.outputs() for text in output["data"].values())
    assert "MC_JUPYTER_RUNTIME is '***'" in shown
    assert "~/mc" in shown
    assert "could not be reached" in shown
    for secret in SECRETS:
        assert secret not in shown
