"""Loading a service: from memory, from disk in a new process, and for the first time.

The first load is compared with a shell script of the same git commands against the same smart
HTTP server on loopback, in turn; imports are excluded on our side.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Row, ratio, seconds

from support.git_server import GitServer, make_repository, redirect  # isort: skip

IDENTIFIER = "github:MediaConduit/ollama-service"
RUNS = 15

SCRIPT = """\
set -e
git init -q --template= "$1"
git -C "$1" config core.symlinks false
git -C "$1" -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=30 \\
    fetch -q --depth 1 --no-tags --no-recurse-submodules --end-of-options "$2" HEAD
git -C "$1" -c core.hooksPath=/dev/null checkout -q --detach FETCH_HEAD
git -C "$1" rev-parse HEAD >/dev/null
rm -rf "$1/.git"
mv "$1" "$1.done"
"""

FROM_DISK = """\
import json, sys, time
import mc_jupyter.registry, mc_jupyter.sources.cache, yaml  # imports are not part of the figure
start = time.perf_counter()
mc_jupyter.registry.get_service(sys.argv[1])
print(json.dumps((time.perf_counter() - start, mc_jupyter.registry.stats().from_disk)))
"""


def from_memory() -> Row:
    """The second get_service in one kernel."""
    import mc_jupyter

    mc_jupyter.registry.get_service(IDENTIFIER)
    values = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(1000):
            mc_jupyter.registry.get_service(IDENTIFIER)
        values.append((time.perf_counter() - start) * 1e3)
    return Row("get_service from memory", tuple(values), "us")


def from_disk() -> Row:
    """A new process, in which git could not be run if it were asked for."""
    values = []
    environment = {**os.environ, "PATH": "/nonexistent"}
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", FROM_DISK, IDENTIFIER],
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        )
        took, count = json.loads(done.stdout)
        assert count == 1, "it was not read from disk"
        values.append(took * 1e3)
    return Row("load from disk in a new process, without imports, no git", tuple(values), "ms")


def first_load(work: Path) -> list[Row]:
    """A fetch over smart HTTP against the shell script of the same commands."""
    import git  # noqa: F401  (imports are not part of the figure)

    from mc_jupyter.registry import ServiceRegistry

    ours, theirs = [], []
    for run in range(RUNS + 1):
        shutil.rmtree(Path(os.environ["MC_JUPYTER_HOME"]) / "cache", ignore_errors=True)
        mine = seconds(lambda: ServiceRegistry().get_service(IDENTIFIER))
        target = str(work / f"script-{run}")
        command = [
            "sh",
            "-c",
            SCRIPT,
            "sh",
            target,
            "https://github.com/MediaConduit/ollama-service.git",
        ]
        script = seconds(lambda command=command: subprocess.run(command, check=True))
        if run:  # the first pair warms up
            ours.append(mine)
            theirs.append(script)
    return [
        Row("first load over smart HTTP on loopback", tuple(1e3 * v for v in ours), "ms"),
        Row("  a shell script of the same git commands", tuple(1e3 * v for v in theirs), "ms"),
        ratio("  ratio", ours, theirs, 1.3),
    ]


def rows() -> list[Row]:
    """Measure everything of this page."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with GitServer(work / "repositories") as server:
            make_repository(server.repository("MediaConduit/ollama-service"))
            os.environ.update(redirect(server.url))
            return [*first_load(work), from_disk(), from_memory()]


if __name__ == "__main__":
    os.environ.setdefault("MC_JUPYTER_HOME", tempfile.mkdtemp())
    print(*rows(), sep="\n")
