"""A child program that cannot outlive us: a session of its own, our clock, and a watcher.

git's own time limits do not end a connect or a TLS handshake that hangs, and a kernel that is
killed leaves ``git-remote-http`` behind. So one shell leads a new session, in which everything
that it starts stays. Its first act is to start a watcher, a copy of itself that does nothing but
wait for the end of a pipe whose other end only we hold: it comes when we close it and when we die,
however we die, and then the watcher ends the whole group. No moment is left uncovered: whoever is
killed before the watcher runs leaves a pipe that has ended already.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from .. import cancel

_WATCHED = """
exec 3<&0 </dev/null
(
    trap '' HUP INT TERM
    read -r _ <&3
    kill -s TERM -- "-$$"
    sleep 1
    kill -s KILL -- "-$$"
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
{script}
status=$?
kill -s KILL "$watcher"
wait "$watcher" 2>/dev/null
exit "$status"
"""
_POLITE_S = 1.0
_EVERY_S = 0.2  # between two looks at a cancel
_LONGEST = 100_000  # bytes of a line that is kept


@dataclass(frozen=True)
class Clock:
    """How long a child may say nothing.

    Attributes
    ----------
    first_byte
        Seconds until it must have said anything at all.
    silence
        Seconds that it may be silent after that.
    """

    first_byte: float = 10.0
    silence: float = 30.0


class TimeUp(Exception):
    """The child was silent for too long and was ended.

    Parameters
    ----------
    seconds
        The limit that it broke.
    heard
        Whether it had said anything before.
    """

    def __init__(self, seconds: float, heard: bool) -> None:
        super().__init__(seconds, heard)
        self.seconds = seconds
        self.heard = heard


def run(
    script: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    clock: Clock,
    on_line: Callable[[str], None],
    watch: Callable[[], None] = lambda: None,
) -> int:
    """Run a shell script to its end, or end it and everything that it started.

    Parameters
    ----------
    script
        POSIX shell, constant; whatever varies comes as an argument.
    arguments
        ``$1``, ``$2``...
    environment
        The child's whole environment.
    clock
        How long it may be silent on stderr.
    on_line
        Called with each line of stderr (a carriage return ends one, too).
    watch
        Called a few times a second; what it raises ends the child.

    Returns
    -------
    int
        The script's exit status.

    Raises
    ------
    TimeUp
        When the child was silent for too long. This, a KeyboardInterrupt (Interrupted, where this
        was cancelled) and whatever `on_line` and `watch` raise leave no process behind.
    """
    read_end, write_end = os.pipe()
    process: subprocess.Popen[bytes] | None = None
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED.format(script=script), "sh", *arguments],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
        assert process.stderr is not None
        _listen(process.stderr, clock, on_line, watch)
        return process.wait()  # its last act: stderr has ended
    except BaseException:
        if process:
            _end(process)
        raise
    finally:
        # last, and always: now the watcher ends what is left, even if _end was interrupted
        os.close(write_end)
        os.close(read_end)
        if process and process.stderr:
            process.stderr.close()


def _listen(
    stream: IO[bytes],
    clock: Clock,
    on_line: Callable[[str], None],
    watch: Callable[[], None],
) -> None:
    heard, rest, looked = False, b"", time.monotonic()
    while True:
        data = _next(stream, clock.silence if heard else clock.first_byte, heard, watch)
        if time.monotonic() - looked > _EVERY_S:
            watch()
            looked = time.monotonic()
        *lines, rest = re.split(rb"[\r\n]+", rest + data) if data else [rest, b""]
        for line in filter(None, lines):
            on_line(line.decode("utf-8", "replace"))
        if not data:
            return
        if len(rest) > _LONGEST:
            rest = b""
        heard = True


def _next(stream: IO[bytes], seconds: float, heard: bool, watch: Callable[[], None]) -> bytes:
    """The next bytes as :func:`_read` has them, unless this is cancelled before they come."""
    deadline = time.monotonic() + seconds
    while True:
        cancel.check()
        left = deadline - time.monotonic()
        try:
            return _read(stream, max(0.0, min(left, _EVERY_S)), heard)
        except TimeUp:
            watch()
            if left <= _EVERY_S:
                raise TimeUp(seconds, heard) from None


def _read(stream: IO[bytes], seconds: float, heard: bool) -> bytes:
    """The next bytes; none at the end of the stream."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(seconds):
            raise TimeUp(seconds, heard)
    return os.read(stream.fileno(), 65536)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the group: TERM, so that git tidies up, then KILL, which the watcher needs anyway."""
    assert process.stderr is not None
    _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + _POLITE_S
    with suppress(TimeUp):
        # stderr ends when the last of them has gone; the watcher does not hold it
        while _read(process.stderr, max(0.0, deadline - time.monotonic()), True):
            pass
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # not reaped yet, so the number still is this group's; macOS says EPERM for a dead one
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
