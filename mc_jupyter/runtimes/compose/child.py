"""Child processes that always end: a time limit, a process group of their own, both pipes drained.

A kernel's interrupt goes to its whole process group; the children stand outside of it, so that
it is we who end them, in order, and at once.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from ... import cancel

_EVERY = 0.2  # seconds between two looks at the limit and at a cancel
_QUIET = 4  # such looks after its end: on a busy machine what it wrote may come late
_LONGEST = 1_000_000  # bytes of a line; a longer one comes in parts
_ENDING = ((signal.SIGINT, 0.4), (signal.SIGTERM, 0.3), (signal.SIGKILL, 2.0))

# fmt: off
_PASSED_ON = (
    "PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR",
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
    "DOCKER_BUILDKIT",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)
# fmt: on

Line = tuple[str, str | None]


@dataclass(frozen=True)
class Finished:
    """What a child left: exit status and both outputs, undecodable bytes replaced."""

    code: int
    out: str
    err: str


class LimitReached(Exception):
    """The child was ended because its time was over, or it wrote too much."""


def environment() -> dict[str, str]:
    """Return the small environment that docker and Compose get: nothing of the kernel's own."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "COMPOSE_ANSI": "never",
        "COMPOSE_MENU": "false",
        "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false",
        "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false",
    }


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    limit: float,
    on_line: Callable[[str], None] | None = None,
    most: int = 100_000_000,
) -> Finished:
    """Run a program to its end.

    Parameters
    ----------
    arguments
        The program and its arguments.
    environment
        Its whole environment.
    limit
        Seconds after which it is ended.
    on_line
        Called in this thread with each line of either output, as it comes.
    most
        Characters that it may write.

    Raises
    ------
    LimitReached
        The limit passed, or more came; the child and its group are gone.
    KeyboardInterrupt
        As it came, or Interrupted where this was cancelled; the child and its group are gone.
    OSError
        The program could not be started.
    """
    child = subprocess.Popen(
        arguments,
        env=dict(environment),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        return _follow(child, limit, on_line, most)
    except BaseException:
        end_group(child)
        raise


def _follow(
    child: subprocess.Popen[bytes],
    limit: float,
    on_line: Callable[[str], None] | None,
    most: int,
) -> Finished:
    lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
    for name, pipe in (("out", child.stdout), ("err", child.stderr)):
        assert pipe is not None
        threading.Thread(target=_read, args=(pipe, name, lines), daemon=True).start()
    kept: dict[str, list[str]] = {"out": [], "err": []}
    still_open, quiet, deadline = 2, 0, time.monotonic() + limit
    while still_open:
        cancel.check()
        try:
            name, text = lines.get(timeout=max(0.0, min(deadline - time.monotonic(), _EVERY)))
        except queue.Empty:
            quiet = quiet + 1 if child.poll() is not None else 0
            if quiet > _QUIET:
                break  # only something that it left behind still holds the pipes
            if time.monotonic() >= deadline:
                raise LimitReached from None
            continue
        quiet = 0
        if text is None:
            still_open -= 1
            continue
        kept[name].append(text)
        most -= len(text)
        if most < 0:
            raise LimitReached
        if on_line is not None:
            on_line(text.rstrip())
    deadline = max(deadline, time.monotonic() + 0.1)
    while (code := _code(child)) is None:
        cancel.check()
        if time.monotonic() >= deadline:
            raise LimitReached
    return Finished(code, "".join(kept["out"]), "".join(kept["err"]))


def _code(child: subprocess.Popen[bytes]) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(_EVERY)
    return None


def _read(pipe: IO[bytes], name: str, lines: queue.SimpleQueue[Line]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with pipe:
        while line := pipe.readline(_LONGEST):
            lines.put((name, decoder.decode(line)))
    if rest := decoder.decode(b"", final=True):
        lines.put((name, rest))
    lines.put((name, None))


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a child started with ``start_new_session`` and whatever it started: INT, TERM, KILL."""
    try:
        for number, patience in _ENDING:
            _signal(child.pid, number)
            try:
                child.wait(patience)
                return
            except subprocess.TimeoutExpired:
                continue
    finally:
        _signal(child.pid, signal.SIGKILL)  # what the leader left behind


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
