"""Fetches that end early: interrupted, killed, out of room; and many at once."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.git_server import SERVICE_FILES, GitServer, make_repository, redirect
from support.small_disk import small_disk
from support.wait import wait_until

from mc_jupyter.errors import DiskFullError
from mc_jupyter.settings import Settings
from mc_jupyter.sources import fetch, parse_identifier

NAME = "github:Someone/echo-service"
KILLS = 30
PROC = Path("/proc/self/environ")

# One load in a process of its own; it says when it begins, so that imports are not in the way.
LOAD = """
import sys, git, filelock, mc_jupyter.sources.git, mc_jupyter.sources.cache
from mc_jupyter import settings, sources
identifier = sources.parse_identifier(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    checkout = sources.fetch(identifier, settings.Settings())
    print(checkout.fetched, checkout.folder, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""

# The same many times over, each in a fresh fork: each line of stdin holds a number of seconds and
# a home; a process loads there and is killed when the time is up.
NURSERY = """
import os, sys, time, git, filelock, mc_jupyter.sources.git, mc_jupyter.sources.cache
from mc_jupyter import settings, sources
identifier = sources.parse_identifier(sys.argv[1])
for line in sys.stdin:
    seconds, home = line.split()
    child = os.fork()
    if not child:
        os.environ["MC_JUPYTER_HOME"] = os.environ["HOME"] = home
        sources.fetch(identifier, settings.Settings())
        os._exit(0)
    if seconds != "never":
        time.sleep(float(seconds))
        os.kill(child, 9)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        for name, value in redirect(running.url).items():
            monkeypatch.setenv(name, value)
        yield running


@contextmanager
def child(script: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, NAME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
        start_new_session=True,
    )
    with process:
        yield process
        process.kill()


def say(process: subprocess.Popen[str], text: str = "") -> None:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 20)[0], "the child says nothing"
    return process.stdout.readline().strip()


def living(home: Path) -> list[str]:
    """The command lines of git's processes, and their shells, with a HOME at or below `home`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"\0HOME={home}".encode() in b"\0" + (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if not command.startswith(sys.executable):
                    found.append(command)
        except OSError:
            continue  # it has ended
    return found


def gits(home: Path) -> list[str]:
    return [line for line in living(home) if not line.startswith(("/bin/sh", "sleep"))]


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def leftovers() -> list[Path]:
    return [path for path in Settings().cache.glob("services/*/*/*") if path.name[:4] == "tmp-"]


def test_many_kernels_loading_at_once_make_one_fetch(server: GitServer) -> None:
    make_repository(server.repository("Someone/echo-service"))
    server.bytes_per_second = 5_000
    with child(LOAD) as one, child(LOAD) as two, child(LOAD) as three:
        kernels = [one, two, three]
        assert [heard(kernel) for kernel in kernels] == ["ready"] * 3
        for kernel in kernels:
            say(kernel)
        answers = [heard(kernel).split() for kernel in kernels]
    assert sorted(fetched for fetched, _ in answers) == ["False", "False", "True"]
    assert len({folder for _, folder in answers}) == 1
    assert server.fetches == 1


@pytest.mark.skipif(not PROC.exists(), reason="reads /proc")
def test_an_interrupt_ends_git_and_leaves_nothing(server: GitServer, tmp_path: Path) -> None:
    make_repository(server.repository("Someone/echo-service"))
    server.silent_on = "git-upload-pack"
    with child(LOAD, HOME=str(tmp_path)) as kernel:
        assert heard(kernel) == "ready"
        say(kernel)
        wait_until(lambda: server.requests, what="git's request")
        assert any("remote-http" in command for command in living(tmp_path))
        start = time.monotonic()
        kernel.send_signal(signal.SIGINT)
        assert heard(kernel) == "interrupted"
        assert time.monotonic() - start < 1
        assert living(tmp_path) == []
    assert leftovers() == []


@pytest.mark.skipif(not PROC.exists(), reason="reads /proc")
def test_a_killed_kernel_takes_git_with_it(server: GitServer, tmp_path: Path) -> None:
    """git would wait for this server for half a minute."""
    make_repository(server.repository("Someone/echo-service"))
    server.silent_on = "git-upload-pack"
    with child(LOAD, HOME=str(tmp_path)) as kernel:
        assert heard(kernel) == "ready"
        say(kernel)
        wait_until(lambda: server.requests, what="git's request")
        assert gits(tmp_path)
        kernel.kill()
        wait_until(lambda: not living(tmp_path), 5, "the end of git and its watcher")


@pytest.mark.skipif(not PROC.exists(), reason="reads /proc")
def test_a_killed_kernel_leaves_no_git_and_no_half_folder(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty kernels, each killed a little later in its fetch; after each, the next load works."""
    files = {**SERVICE_FILES, "notes/big.txt": os.urandom(20_000).hex()}
    commits = make_repository(server.repository("Someone/echo-service"), files)
    identifier = parse_identifier(NAME)
    fetched = 0
    with child(NURSERY) as nursery:

        def slow_load(seconds: float | str, home: Path) -> None:
            server.bytes_per_second = 150_000
            say(nursery, f"{seconds} {home}")
            assert heard(nursery) == "ended"
            server.bytes_per_second = 0

        slow_load("never", tmp_path / "first")  # not timed: the next ones find everything warm
        start = time.monotonic()
        slow_load("never", tmp_path / "whole")
        whole = time.monotonic() - start
        for number in range(KILLS):
            home = tmp_path / str(number)
            slow_load(whole * number / KILLS, home)
            monkeypatch.setenv("MC_JUPYTER_HOME", str(home))
            checkout = fetch(identifier, Settings())
            fetched += checkout.fetched
            assert checkout.commit == commits["refs/heads/main"]
            assert contents(checkout.folder) == files
            wait_until(lambda home=home: not gits(home), 5, "the end of git")
            assert not fetch(identifier, Settings()).fetched
            assert leftovers() == []
    assert fetched > KILLS / 2, f"most were to be killed in mid-fetch, {fetched} were"
    wait_until(lambda: not living(tmp_path), 5, "the end of the watchers")


def test_a_full_disk(server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = server.repository("Someone/echo-service")
    make_repository(bare, {**SERVICE_FILES, "big": os.urandom(3_000_000)})
    with small_disk(tmp_path / "disk") as disk:
        monkeypatch.setenv("MC_JUPYTER_HOME", str(disk))
        with pytest.raises(DiskFullError, match="no room left on the disk of") as caught:
            fetch(parse_identifier(NAME), Settings())
        assert "%env MC_JUPYTER_HOME=" in str(caught.value)
        left = [path.name for path in disk.rglob("*") if path.is_file()]
        assert left == ["lock"]
