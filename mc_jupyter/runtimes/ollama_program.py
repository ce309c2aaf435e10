"""The program `ollama` of this machine: found, asked, and started so that it ends with us.

A small shell becomes `ollama serve` in a session of its own. Before that it starts a watcher, a
copy of itself that waits for the end of a pipe whose other end only we hold: it comes when we
close it and when we die, however we die, and then the watcher ends the whole group.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .. import cancel
from ..errors import StartError
from . import program
from .base import Gpu
from .health import with_last_lines

HOST = "127.0.0.1"
USUAL_PORT = 11434
_ASK_LIMIT_S = 2.0
_SETTLE_LIMIT_S = 5.0
_LOOK_EVERY_S = 0.05
_OTHER_KERNEL_LIMIT_S = 30.0
_LOG_HEAD = 100_000  # what it says of the GPU it says when it starts

_WATCHED = """
exec 3<&0 </dev/null
(
    trap '' HUP INT TERM
    PATH=/usr/bin:/bin
    read -r _ <&3
    kill -s TERM -- "-$$"
    for _ in 1 2 3; do
        kill -s 0 "$$" || break
        sleep 1
    done
    kill -s KILL -- "-$$"
) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"""

# From Ollama's own documentation: an invalid number hides every GPU of that kind.
_NO_GPU = {
    name: "-1"
    for name in (
        "CUDA_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES",
        "GGML_VK_VISIBLE_DEVICES",
    )
}
_COMPUTE = re.compile(r'msg="inference compute".* library=(?P<library>\S+)(?P<rest>.*)')
_NAME = re.compile(r' (?:description|name)="([^"]+)"')


@dataclass
class Server:
    """An `ollama serve` that this kernel started.

    Attributes
    ----------
    process
        The program itself; its stdin is the pipe that the watcher holds.
    url, log
        Where it answers, and the file that takes what it writes.
    started_at
        ISO 8601, UTC.
    environment, gpu
        What it was started with.
    """

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    started_at: str
    environment: Mapping[str, str]
    gpu: Gpu

    @property
    def alive(self) -> bool:
        """Whether the program runs."""
        return self.process.poll() is None

    def release(self) -> None:
        """Let the watcher end what the program left behind."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def gpu_words(self) -> str | None:
        """Return what it found at its start, as its log tells; None where that does not tell."""
        if self.gpu == "off":
            return "not used: hidden from Ollama (--gpu off)"
        try:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                found = _COMPUTE.search(log.read(_LOG_HEAD))
        except OSError:
            return None
        if found is None:
            return None
        if found["library"].lower() == "cpu":
            return "not used: Ollama found none that it can use"
        names = _NAME.findall(found["rest"])
        return f"Ollama found {names[-1] if names else found['library']}"


def find() -> str | None:
    """Return the path of the program `ollama`; None where PATH has none."""
    found = shutil.which("ollama")
    return str(Path(found).absolute()) if found else None


def is_ollama(port: int) -> bool:
    """Whether what answers on that port of this machine says that it is an Ollama.

    A status alone is not enough: some servers answer every path.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=_ASK_LIMIT_S)
    try:
        connection.request("GET", "/api/version")
        response = connection.getresponse()
        answer = json.loads(response.read(4096)) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(answer, dict) and isinstance(answer.get("version"), str)


def choose_port(usual: int) -> int:
    """Return the usual port (a terminal's `ollama` looks there) where it is free, else another."""
    return _free(usual) or _free(0)


def _free(port: int) -> int:
    """Return the port where nobody has it (for 0 any that nobody has), else 0."""
    with socket.socket() as probe:
        probe.settimeout(_ASK_LIMIT_S)
        # macOS lets one bind beside a listener on all addresses, so somebody is called for, too
        if port and probe.connect_ex((HOST, port)) != errno.ECONNREFUSED:
            return 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def can_hide_gpu() -> bool:
    """Whether a GPU can be hidden from Ollama here (Metal cannot)."""
    return sys.platform != "darwin"


@contextmanager
def no_other_kernel(locks: Path) -> Iterator[None]:
    """One start at a time in all kernels of this home: the second uses the first one's Ollama."""
    import filelock

    try:
        locks.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"{locks} cannot be written: {error.strerror or error}") from error
    try:
        with filelock.FileLock(locks / "native.lock").acquire(timeout=_OTHER_KERNEL_LIMIT_S):
            yield
    except filelock.Timeout as error:
        raise StartError(
            f"another kernel has been starting Ollama for {_OTHER_KERNEL_LIMIT_S:.0f} s"
        ) from error


def launch(ollama: str, port: int, log: Path, environment: Mapping[str, str], gpu: Gpu) -> Server:
    """Start `ollama serve` on that port of the loopback address.

    Parameters
    ----------
    ollama
        The program's path.
    port
        Where it is to listen; OLLAMA_HOST of the environment does not count.
    log
        The file for what it writes; written anew.
    environment
        Added to ours.
    gpu
        ``off`` hides every GPU from it.

    Raises
    ------
    StartError
        When it ends at once, with its last lines. Nothing is left behind.
    """
    address = f"{HOST}:{port}"
    hidden = _NO_GPU if gpu == "off" else {}
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as written:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, "sh", ollama, "serve"],
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment, **hidden, "OLLAMA_HOST": address},
                cwd="/",
                start_new_session=True,
            )
    except OSError as error:
        raise StartError(f"ollama serve could not be started: {error}") from error
    try:
        _settle(process, port, log)
    except BaseException:
        program.end(process)
        raise
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Server(process, f"http://{address}", log, now, dict(environment), gpu)


def _settle(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait a moment, until it listens or has ended."""
    deadline = time.monotonic() + _SETTLE_LIMIT_S
    while time.monotonic() < deadline:
        if (code := process.poll()) is not None:
            what = f"ollama serve ended at once ({program.exit_words(code)})"
            raise StartError(
                with_last_lines(what, program.tail(log, 5)),
                "to see more, in a terminal: ollama serve",
            )
        with socket.socket() as probe:
            probe.settimeout(_ASK_LIMIT_S)
            if probe.connect_ex((HOST, port)) == 0:
                return
        cancel.check()
        time.sleep(_LOOK_EVERY_S)
