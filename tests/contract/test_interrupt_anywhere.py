"""An interrupt wherever Python takes signals in the clients' code closes the connection.

A button pressed at a random moment meets each of these places once in thousands of times. Here a
tracer raises at each of them in turn.
"""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from types import CodeType, FrameType
from typing import Any

import pytest
from support.scripted_ollama import ScriptedOllama, words
from support.services import Served, running, why_not
from support.wait import wait_until

from mc_jupyter.clients import OllamaClient, gradio, http, reply
from mc_jupyter.clients.http import Http

_CALL = "/gradio_api/call/generate_audio"
# not sockets.py: a tracer also stops between `with lock` and its block, where CPython takes no
# signal, and the lock would stay taken
_HTTP = (http.__file__, reply.__file__)


@cache
def _after_calls(code: CodeType) -> frozenset[int]:
    """The offsets of the instructions behind those at which CPython looks for signals."""
    pairs = itertools.pairwise(dis.get_instructions(code))
    return frozenset(
        after.offset
        for before, after in pairs
        if before.opname in ("CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD")
    )


class _Interrupt:
    """Raises KeyboardInterrupt at the place of that number.

    Where a call of a Python function returns, CPython takes no signal; there are no such places
    where `skips_returns` is set (nor where C has called a Python function, which do take signals).
    """

    def __init__(self, number: int, *files: str, skips_returns: bool = False) -> None:
        self.left, self.files, self.place = number, files, ""
        self.skips_returns = skips_returns
        self.callers: set[FrameType | None] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if event == "call" and self.skips_returns:
            self.callers.add(frame.f_back)
        if code.co_filename not in self.files:
            return None
        if event == "opcode" and frame in self.callers:
            self.callers.remove(frame)
            return self
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "call" or (event == "opcode" and frame.f_lasti in _after_calls(code)):
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                self.place = f"{event} in {code.co_qualname}, line {frame.f_lineno}"
                raise KeyboardInterrupt
        return self


def _chunks(client: OllamaClient) -> Iterator[object]:
    yield from client.chat("llama3.2:1b", [{"role": "user", "content": "hi"}])


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer of somebody else's is at work")
def test_an_interrupt_wherever_signals_are_taken_closes_the_connection() -> None:
    kept, places, missed = [], set(), []
    script = ScriptedOllama(words(300), body_delay=0.5, rate=50)
    with script as server, OllamaClient(server.url) as client:
        next(_chunks(client))  # what is imported and looked up once
        for number in range(1, 10_000):
            before = len(server.asked("/api/chat"))
            interrupt = _Interrupt(number, *_HTTP)
            chunks = _chunks(client)
            sys.settrace(interrupt)
            try:
                next(chunks)
            except KeyboardInterrupt as error:
                kept.append(error)  # as IPython keeps the last one, with all its frames
            else:
                break
            finally:
                sys.settrace(None)
            if len(server.asked("/api/chat")) == before:
                continue
            places.add(interrupt.place)
            try:
                wait_until(lambda: server.closed_at, 3)
            except AssertionError:
                missed.append(interrupt.place)
    assert len(places) > 20
    assert not missed


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
def test_an_interrupt_wherever_signals_are_taken_ends_the_call_of_gradio() -> None:
    """Its number comes with one request, and its answer with the next."""
    kept, places, missed = [], set(), []
    with running("zonos", "slow=3") as served, closing(Http(served.url, name="zonos")) as client:
        data = [each.default for each in gradio.functions(client)["generate_audio"]]
        data[1] = "One."
        for number in range(1, 60):
            calls, gone = len(served.asked(_CALL)), _gone(served)
            interrupt = _Interrupt(number, gradio.__file__, *_HTTP, skips_returns=True)
            sys.settrace(interrupt)
            try:
                gradio.call(client, "generate_audio", data)
            except KeyboardInterrupt as error:
                kept.append(error)
            else:
                break
            finally:
                sys.settrace(None)
            if len(served.asked(_CALL)) == calls:
                continue
            if " in _outputs," in interrupt.place:
                break  # the answer is being read
            places.add(interrupt.place)
            try:
                wait_until(lambda before=gone: _gone(served) > before, 5)
            except AssertionError:
                missed.append(interrupt.place)
    assert len(places) > 5
    assert not missed


def _gone(served: Served) -> int:
    """How many streams of events were left before their end."""
    return sum(one["gone"] for one in served.requests() if one["path"].startswith(f"{_CALL}/"))
