"""A program of this machine that serves: how it ends, what it wrote, what memory it takes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

from .. import cancel

STOP_LIMIT_S = 5.0
_LOOK_EVERY_S = 0.25


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process, politely first; its pipes are closed whatever happens."""
    try:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def exit_words(code: int) -> str:
    """Return an exit status in words."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"


def tail(path: Path | None, lines: int) -> str:
    """Return the last `lines` lines of a log; nothing where there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path else ""
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def follow(path: Path | None, lines: int, lives: Callable[[], bool]) -> Generator[str, None, None]:
    """Yield the last `lines` lines of a log, then what is added, until its writer has ended.

    Parameters
    ----------
    lives
        Whether the writer lives; after its end the rest is yielded.

    Raises
    ------
    Interrupted
        When the work of this thread is cancelled.
    """
    if path is None or not os.path.exists(path):
        return
    with path.open(encoding="utf-8", errors="replace") as log:
        text = log.read()
        if text:
            yield "".join(text.splitlines(keepends=True)[-lines:])
        while True:
            alive = lives()
            cancel.check()
            if more := log.read():
                yield more
            elif not alive:
                return
            else:
                time.sleep(_LOOK_EVERY_S)


def memory_of(pid: int) -> int | None:
    """Return the bytes that a process and its children hold in memory; None where it is gone.

    Pages that several of them share are counted once where the system tells (Linux: the
    proportional set size), else for each.
    """
    import psutil

    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    total = 0
    for process in family:
        with contextlib.suppress(psutil.Error):
            try:
                total += process.memory_full_info().pss
            except (psutil.AccessDenied, AttributeError):
                total += process.memory_info().rss
    return total or None


def when_it_ends(process: subprocess.Popen[bytes], tell: Callable[[], None]) -> None:
    """Have `tell` called, on a thread of its own, when the process has ended."""

    def wait() -> None:
        process.wait()
        tell()

    threading.Thread(target=wait, name="mc-jupyter-exit", daemon=True).start()
