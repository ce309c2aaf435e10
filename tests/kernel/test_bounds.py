"""What a server sends without an end: the error in the cell, what is kept, and the memory after."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel
from support.raw_server import raw_server
from support.wait import wait_until

MB = 1_000_000
OK = b"HTTP/1.1 200 OK\r\n"
PART = b'{"message": {"content": "' + b"word " * 200 + b'"}}\n'
RSS = "int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()"


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of its own, so that its memory is this test's."""
    env = {"MC_JUPYTER_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    kernel = Kernel(env, str(tmp_path))
    try:
        assert not kernel.run("%load_ext mc_jupyter\nimport gc, resource, mc_jupyter").error
        yield kernel
    finally:
        kernel.close()


class Ollama:
    """An Ollama whose answer never ends.

    Attributes
    ----------
    sent
        Bytes of it so far.
    """

    def __init__(self, start: bytes, piece: bytes) -> None:
        self.start, self.piece, self.sent = start, piece, 0

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        path = head.split(b" ", 2)[1]
        said = {
            b"/api/version": b'{"version": "0.12.0"}',
            b"/api/tags": b'{"models": [{"name": "m:latest"}]}',
            b"/api/ps": b'{"models": []}',
        }
        if path in said:
            connection.sendall(OK + b"\r\n" + said[path])
            return
        connection.sendall(OK + b"\r\n" + self.start)
        while True:
            connection.sendall(self.piece)
            self.sent += len(self.piece)


def memory(kernel: Kernel) -> int:
    """Bytes that the kernel holds."""
    return int(kernel.value(f"[gc.collect(), {RSS}][1]"))


def warm(kernel: Kernel, url: str) -> int:
    """Have everything imported and a prompt broken off; return the memory after it."""
    kernel.run("%config McJupyter.max_answer = '100kB'\n%config McJupyter.max_line = '50kB'")
    assert "BoundError" in kernel.run(f"%%ollama m --host {url}\nhi").error
    kernel.run("%config McJupyter.max_answer = ''\n%config McJupyter.max_line = ''")
    kernel.run("_answer = _ = None")
    return memory(kernel)


def test_a_line_without_an_end(kernel: Kernel) -> None:
    with raw_server(Ollama(PART, b"x" * 65_536)) as url:
        before = warm(kernel, url)
        got = kernel.run(f"%%ollama m --host {url}\nhi")
        assert got.error.splitlines()[0].endswith(
            "a line of the answer is longer (bound max_line: 16 MB); "
            "what came of the answer is in _answer"
        )
        assert got.error.splitlines()[1] == (
            "to take more: %config McJupyter.max_line = '32 MB', or MC_JUPYTER_MAX_LINE"
        )
        assert kernel.value("_answer.text") == "word " * 200
        assert memory(kernel) - before < 10 * MB


def test_an_interrupt_gives_a_line_back(kernel: Kernel) -> None:
    server = Ollama(PART, b"x" * 65_536)
    with raw_server(server) as url:
        before = warm(kernel, url)
        kernel.run("%config McJupyter.max_line = '4GB'\n%config McJupyter.max_answer = '4GB'")
        server.sent = 0
        request = kernel.send(f"%%ollama m --host {url}\nhi")
        wait_until(lambda: server.sent > 200 * MB, 30, "200 MB are sent")
        kernel.interrupt()
        assert kernel.receive(request).error.startswith("Interrupted: ")
        assert kernel.value("_answer.text") == "word " * 200
        assert memory(kernel) - before < 10 * MB


@pytest.mark.parametrize(("piece", "sent"), [(PART, 30), (b'{"message":{"content":"ab"}}\n', 9)])
def test_an_interrupt_gives_an_answer_back(kernel: Kernel, piece: bytes, sent: int) -> None:
    """What came is kept in _answer; nothing else of it is, however often that happens.

    The C library may keep up to 64 MB of what was freed for what comes next.
    """
    server = Ollama(b"", piece * 100)
    with raw_server(server) as url:
        before = warm(kernel, url)
        for _ in range(3):
            server.sent = 0
            request = kernel.send(f"%%ollama m --host {url} --quiet\nhi")
            wait_until(lambda: server.sent > sent * MB, 60, "some megabytes are sent")
            kernel.interrupt()
            assert kernel.receive(request).error.startswith("Interrupted: ")
            assert kernel.value("len(_answer.text)") > 100_000
            kernel.run("_answer = _ = None")
            assert memory(kernel) - before < 70 * MB
        kernel.run("import ctypes; ctypes.CDLL(None).malloc_trim(0)")
        assert memory(kernel) - before < 10 * MB


def test_an_answer_without_an_end(kernel: Kernel) -> None:
    """What came is kept; the settings come from %config at each use."""
    with raw_server(Ollama(b"", PART)) as url:
        kernel.run("%config McJupyter.max_answer = '2MB'")
        got = kernel.run(f"%%ollama m --host {url} --quiet\nhi")
        assert "the answer is longer (bound max_answer: 2.0 MB)" in got.error
        assert "'4.0 MB'" in got.error
        length = kernel.value("len(_answer.text)")
        assert 1.9 * MB < length < 2.1 * MB
        assert "bound max_answer" in kernel.value("_answer.error")


def test_a_reply_without_an_end(kernel: Kernel, tmp_path: Path) -> None:
    """Nothing of it stays on the disk or in memory."""
    kernel.run("import os; os.environ['MC_JUPYTER_MAX_REPLY'] = '100MB'")
    with raw_server(Ollama(b"", bytes(65_536))) as url:
        kernel.run(f"%mc load {url} --as it --client plain")
        before = memory(kernel)
        got = kernel.run("%mc call it GET /endless")
        assert "(bound max_reply: 100 MB)" in got.error
        assert "MC_JUPYTER_MAX_REPLY" in got.error
        assert not list((tmp_path / "temporary").glob("mc-jupyter-*"))
        assert memory(kernel) - before < 10 * MB


def test_a_wrong_bound_is_said_where_it_is_set(kernel: Kernel) -> None:
    assert "accepted: at least 1 kB" in kernel.run("%config McJupyter.max_line = '5'").streams
    assert not kernel.run("%config McJupyter.max_depth = 200").streams
    assert kernel.value("mc_jupyter.registry.settings.bounds.max_depth") == 200
