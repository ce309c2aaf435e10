"""Child processes: both pipes drained, a limit, and no one left after an interrupt."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from support.wait import wait_until

from mc_jupyter.runtimes.compose.child import LimitReached, run

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def python(code: str, limit: float = 20.0, **options: object) -> object:
    return run([sys.executable, "-c", code], ENVIRONMENT, limit, **options)  # type: ignore[arg-type]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_outputs_of_any_size_and_bytes() -> None:
    big = "import sys; sys.stderr.write('e' * 3_000_000); print('o' * 3_000_000)"
    answer = run([sys.executable, "-c", big], ENVIRONMENT, 20)
    assert (answer.code, len(answer.out), len(answer.err)) == (0, 3_000_001, 3_000_000)
    odd = "import sys; sys.stdout.buffer.write(b'caf\\xe9'); sys.exit(3)"
    answer = run([sys.executable, "-c", odd], ENVIRONMENT, 20)
    assert (answer.code, answer.out) == (3, "caf\N{REPLACEMENT CHARACTER}")


def test_lines_come_as_they_are_written() -> None:
    seen: list[tuple[float, str]] = []
    code = "import time; print('one', flush=True); time.sleep(0.5); print('two')"
    python(code, on_line=lambda text: seen.append((time.monotonic(), text)))
    assert [text for _, text in seen] == ["one", "two"]
    assert seen[1][0] - seen[0][0] > 0.3


def test_nothing_can_be_read_from_us() -> None:
    answer = run([sys.executable, "-c", "print(repr(input()))"], ENVIRONMENT, 20)
    assert "EOFError" in answer.err


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""


def test_the_limit_ends_the_whole_group(tmp_path: Path) -> None:
    with pytest.raises(LimitReached):
        run([sys.executable, "-c", STUBBORN, str(tmp_path / "pids")], ENVIRONMENT, 1.5)
    for pid in (tmp_path / "pids").read_text().split():
        wait_until(lambda pid=pid: gone(int(pid)), what=f"the end of {pid}")  # type: ignore[misc]


def test_an_interrupt_ends_the_whole_group_within_a_second(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    def interrupt() -> None:
        wait_until(lambda: pids.exists() and pids.read_text().count(" "), what="the child")
        interrupted.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    interrupted: list[float] = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", STUBBORN, str(pids)], ENVIRONMENT, 30)
    assert time.monotonic() - interrupted[0] < 1.0
    thread.join()
    for pid in pids.read_text().split():
        wait_until(lambda pid=pid: gone(int(pid)), what=f"the end of {pid}")  # type: ignore[misc]


def test_a_grandchild_that_keeps_the_pipes_is_not_waited_for() -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'],"
        " start_new_session=True)\n"
        "print('done')"
    )
    began = time.monotonic()
    answer = run([sys.executable, "-c", code], ENVIRONMENT, 20)
    assert answer.out == "done\n"
    assert time.monotonic() - began < 4


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/no/such/program"], ENVIRONMENT, 1)


def test_what_is_written_has_a_bound() -> None:
    endless = "while True: print('x' * 1000)"
    with pytest.raises(LimitReached):
        run([sys.executable, "-c", endless], ENVIRONMENT, 60, most=100_000)
