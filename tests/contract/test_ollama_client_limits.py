"""How long the client waits: each limit, its error, and what ends the wait."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support.ollama_contract import HELLO
from support.scripted_ollama import ScriptedOllama
from support.wait import wait_until

from mc_jupyter.clients import Limits, OllamaClient
from mc_jupyter.errors import ArgumentError, TimeLimitError

MODEL = "llama3.2:1b"
SOON = Limits(connect=0.2, first_byte=0.4, silence=0.2)


def limited(call: Callable[[], object]) -> tuple[str, str, float]:
    """The error's message and hint, and how long it took to come."""
    start = time.monotonic()
    with pytest.raises(TimeLimitError) as caught:
        call()
    return caught.value.message, caught.value.hint or "", time.monotonic() - start


@pytest.fixture
def full_queue() -> Iterator[int]:
    """A port that accepts nobody: the queue of its listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_connect(full_queue: int) -> None:
    url = f"http://127.0.0.1:{full_queue}"
    message, hint, _ = limited(OllamaClient(url, limits=SOON).version)
    assert message == f"ollama: no connection to {url} for 0.2 s (limit connect)"
    assert hint == "to wait longer: client(limits=Limits(connect=0.6))"


def test_first_byte() -> None:
    with ScriptedOllama(delay=30) as server:
        client = OllamaClient(server.url, limits=SOON)
        message, hint, took = limited(lambda: next(client.chat(MODEL, HELLO)))
        wait_until(lambda: server.closed_at, 2, "the connection is closed")
    assert message == "ollama: no answer began for 0.4 s (limit first_byte)"
    assert "first_byte=1.2" in hint
    assert 0.4 <= took < 2


def test_first_byte_is_the_first_of_the_body() -> None:
    with ScriptedOllama(body_delay=0.3) as server:  # longer than silence
        chunks = list(OllamaClient(server.url, limits=SOON).chat(MODEL, HELLO))
        assert chunks[-1]["done"] is True
    with ScriptedOllama(body_delay=30) as server:
        client = OllamaClient(server.url, limits=SOON)
        message, _, _ = limited(lambda: next(client.chat(MODEL, HELLO)))
    assert "first_byte" in message


def test_silence() -> None:
    with ScriptedOllama(["a", "b"], fault="silent", fail_after=1) as server:
        chunks = OllamaClient(server.url, limits=SOON).chat(MODEL, HELLO)
        assert next(chunks)["message"]["content"] == "a"
        message, hint, took = limited(lambda: next(chunks))
        wait_until(lambda: server.closed_at, 2, "the connection is closed")
    assert message == "ollama: nothing came for 0.2 s (limit silence)"
    assert "silence=0.6" in hint
    assert 0.2 <= took < 2


def test_silence_is_between_pieces_not_over_all() -> None:
    with ScriptedOllama(["a"] * 8, rate=20) as server:  # 0.4 s in all
        chunks = list(OllamaClient(server.url, limits=SOON).chat(MODEL, HELLO))
    assert len(chunks) == 9


def test_a_slow_reader_is_no_silence() -> None:
    with ScriptedOllama(["a", "b"]) as server:
        chunks = OllamaClient(server.url, limits=SOON).chat(MODEL, HELLO)
        next(chunks)
        wait_until(lambda: server.requests[0].ended, 5, "all was sent")
        time.sleep(0.25)  # the reader's own time, longer than silence
        assert list(chunks)[-1]["done"] is True


def test_short_answers_wait_for_silence_and_loading_for_first_byte() -> None:
    with ScriptedOllama(fault="hang") as server:
        client = OllamaClient(server.url, limits=SOON)
        for call in (client.version, client.models, client.ps, lambda: client.show(MODEL)):
            message, _, _ = limited(call)
            assert message.endswith("(limit silence)")
        message, _, _ = limited(lambda: client.load(MODEL))
        assert message.endswith("(limit first_byte)")


def test_none_waits() -> None:
    with ScriptedOllama(delay=0.3, rate=100) as server:
        limits = Limits(connect=None, first_byte=None, silence=None)
        assert list(OllamaClient(server.url, limits=limits).chat(MODEL, HELLO))[-1]["done"] is True


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_limit_that_is_none(value: float) -> None:
    with pytest.raises(ArgumentError, match="limit silence"):
        Limits(silence=value)
