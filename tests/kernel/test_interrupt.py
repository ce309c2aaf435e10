"""The stop button: within a second, with what came kept, and nothing after it run."""

from __future__ import annotations

import time

import pytest
from support.kernel import MODEL, Kernel, Messages, Serve, prompt
from support.scripted_ollama import ScriptedOllama, words
from support.wait import wait_until


def interrupt(kernel: Kernel, server: ScriptedOllama, request: str) -> Messages:
    """Interrupt and check what holds for every interrupt."""
    pressed = time.monotonic()
    kernel.interrupt()
    got = kernel.receive(request)
    assert got.seconds < 1.0
    assert got.reply["ename"] == "Interrupted"
    assert got.error.startswith("Interrupted: ")
    assert len(got.error.splitlines()) == 1
    closed = wait_until(lambda: server.closed_at, 5, "the server sees the connection close")
    assert closed - pressed < 1.0
    return got


def test_an_interrupt_keeps_what_came(kernel: Kernel, serve: Serve) -> None:
    server = serve(tokens=words(300, 1350), rate=40)
    request = kernel.send(prompt(server, "--out partial"))
    kernel.until(request, "update_display_data", 3)
    got = interrupt(kernel, server, request)
    assert got.error == (
        f"Interrupted: {MODEL} was interrupted; what came of its answer is in _answer"
    )
    text = kernel.value("_answer.text")
    assert 0 < len(text) < 1350
    assert "".join(words(300, 1350)).startswith(text)
    assert kernel.value("[_answer.interrupted, partial is _answer]") == [True, True]
    saved = got.updates[-1]["data"]
    assert saved["text/plain"] == text
    assert saved["text/html"].endswith(f"<small>{MODEL} · url · interrupted</small></div>")


def test_the_next_queued_cell_does_not_run(kernel: Kernel, serve: Serve) -> None:
    server = serve(tokens=words(300, 1350), rate=40)
    kernel.run("after = 'not run'")
    first = kernel.send(prompt(server))
    second = kernel.send("after = 'run'")
    kernel.until(first, "update_display_data")
    interrupt(kernel, server, first)
    assert kernel.receive(second).reply["status"] == "aborted"
    assert kernel.value("after") == "not run"


@pytest.mark.parametrize("script", [{"delay": 20.0}, {"body_delay": 20.0}])
def test_an_interrupt_before_the_first_token(
    kernel: Kernel, serve: Serve, script: dict[str, float]
) -> None:
    server = serve(**script)
    request = kernel.send(prompt(server))
    wait_until(lambda: server.asked("/api/chat"), what="the prompt arrives")
    got = interrupt(kernel, server, request)
    assert kernel.value("[_answer.text, _answer.interrupted]") == ["", True]
    assert len([output for output in got.outputs() if output["type"] != "error"]) <= 1


def test_an_interrupt_in_a_cell_that_awaits(kernel: Kernel, serve: Serve) -> None:
    server = serve(tokens=words(300, 1350), rate=40)
    line = f"%ollama run --host {server.url} {MODEL} hi"
    request = kernel.send(f"import asyncio\nawait asyncio.sleep(0)\n{line}")
    kernel.until(request, "update_display_data", 2)
    interrupt(kernel, server, request)
    assert kernel.value("_answer.interrupted") is True
    restored = "import signal; print(signal.getsignal(signal.SIGINT).__name__)"
    assert kernel.run(restored).streams == "default_int_handler\n"


def test_an_interrupt_while_a_model_is_pulled(kernel: Kernel, serve: Serve) -> None:
    server = serve(library={"tiny:1b": [1_000_000]}, rate=20, pull_steps=2000)
    request = kernel.send(f"%ollama pull tiny:1b --host {server.url}")
    kernel.until(request, "update_display_data", 2)
    got = interrupt(kernel, server, request)
    assert got.error == (
        "Interrupted: the pull of tiny:1b was interrupted; what came stays on the server, "
        "and the same line goes on there"
    )


def test_an_interrupt_between_two_reads_closes_the_connection_too(
    kernel: Kernel, serve: Serve
) -> None:
    """It lands in our own loop, where a generator that nobody closes would live on in the
    traceback that IPython keeps."""
    server = serve(tokens=words(300, 1350), rate=40)
    kernel.run(
        "def hook(message):\n"
        "    if message['msg_type'] == 'update_display_data':\n"
        "        get_ipython().display_pub.unregister_hook(hook)\n"
        "        raise KeyboardInterrupt\n"
        "    return message\n"
        "get_ipython().display_pub.register_hook(hook)"
    )
    got = kernel.run(prompt(server))
    assert got.reply["ename"] == "Interrupted"
    assert kernel.value("_answer.interrupted") is True
    wait_until(lambda: server.closed_at, 1.0, "the server sees the connection close")


def test_the_kernel_goes_on_after_an_interrupt(kernel: Kernel, serve: Serve) -> None:
    assert kernel.run(prompt(serve())).last["data"]["text/plain"] == "Hello from the script."
