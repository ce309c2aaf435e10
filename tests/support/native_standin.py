"""A stand-in for the program `ollama`: our real embedded server behind its command line.

It knows ``ollama serve`` only, listens where OLLAMA_HOST says (as ollama does), writes a line of
its settings to its log (as ollama does), and answers with the small real model.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from support.embedded_server import PROGRAM, weights

_STANDIN = """\
#!{python}
# A stand-in for the program `ollama`, made by a test.
import os, sys

if sys.argv[1:] != ["serve"]:
    sys.exit("the stand-in for ollama knows `ollama serve` only")
shown = {{name: value for name, value in os.environ.items() if name in {shown!r}}}
print(f'msg="server config" env="{{shown}}"', file=sys.stderr)
for line in {lines!r}:
    print(line, file=sys.stderr)
if {fails!r}:
    sys.exit({code!r})
address = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434")
host, _, port = address.rpartition(":")
command = {command!r} + ["--host", host, "--port", port]
sys.stderr.flush()
os.execv(command[0], command)
"""
SHOWN = ("OLLAMA_HOST", "OLLAMA_KEEP_ALIVE", "CUDA_VISIBLE_DEVICES")
"""The variables that the stand-in writes to its log."""


def make(folder: Path, *, lines: Sequence[str] = (), code: int | None = None) -> Path:
    """Write the stand-in into a folder, to be put first on PATH.

    Parameters
    ----------
    folder
        Made where it is missing; nothing else lies in it.
    lines
        What it writes before it serves.
    code
        It exits with this at once, and serves nothing.

    Returns
    -------
    Path
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    serve = ["serve", "--no-token", "--threads", "1", "--store", str(folder / "store")]
    text = _STANDIN.format(
        python=sys.executable,
        shown=SHOWN,
        lines=list(lines),
        fails=code is not None,
        code=code,
        command=[*PROGRAM, *serve, "--models", str(weights())],
    )
    program = folder / "ollama"
    program.write_text(text)
    program.chmod(0o755)
    return folder


def first_on_path(folder: Path) -> str:
    """Return a PATH on which the stand-in is found before any real ollama."""
    return os.pathsep.join([str(folder), os.environ["PATH"]])


def nobody_on(port: int) -> bool:
    """Whether nothing of the machine's listens on that port of the loopback address."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def members(session: int) -> list[int]:
    """Return the pids of a session's living processes, by /proc; zombies do not count."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            state, _, _, of = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(of) == session and state != "Z":
            found.append(pid)
    return found
