"""The client against the scripted server: what is sent, what comes back, and what closes."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.ollama_contract import HELLO, OllamaContract, Target
from support.scripted_ollama import ScriptedOllama, words
from support.wait import wait_until

from mc_jupyter.clients import OllamaClient
from mc_jupyter.errors import ArgumentError, ConnectionFailedError, OptionError

MODEL = "llama3.2:1b"


class TestScripted(OllamaContract):
    @pytest.fixture
    def target(self) -> Iterator[Target]:
        with ScriptedOllama(models=["llama2:latest"]) as server:
            yield Target(server.url, "llama2:latest", ("llama2", "LLama2", "library/llama2"))


@pytest.fixture
def server() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as server:
        yield server


def test_messages_pass_through_untouched(server: ScriptedOllama) -> None:
    messages = [
        {"role": "user", "content": "{a} \u0085 ß", "images": ["aGk="], "new_field": {"x": 1}},
        {"role": "tool", "content": "4", "tool_call_id": "call_1", "tool_name": "add"},
    ]
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    list(OllamaClient(server.url).chat(MODEL, messages, tools=tools, think="low", keep_alive="1m"))
    (request,) = server.asked("/api/chat")
    assert request.body == {
        "model": MODEL,
        "stream": True,
        "think": "low",
        "keep_alive": "1m",
        "messages": messages,
        "tools": tools,
    }


def test_generate_sends_what_was_given(server: ScriptedOllama, tmp_path: Path) -> None:
    image = tmp_path / "cat.png"
    image.write_bytes(b"\x89PNG")
    schema = {"type": "object", "properties": {}}
    chunks = OllamaClient(server.url).generate(
        f" {MODEL} ",
        "",
        system="",
        images=[b"raw", image],
        format=schema,
        think=False,
        options={"temperature": 0, "stop": "END", "top_p": 0.5},
    )
    assert list(chunks)[-1]["done_reason"] == "load"  # an empty prompt is not left out
    assert server.asked("/api/generate")[0].body == {
        "model": MODEL,
        "stream": True,
        "prompt": "",
        "system": "",
        "format": schema,
        "think": False,
        "images": [base64.b64encode(b).decode() for b in (b"raw", b"\x89PNG")],
        "options": {"temperature": 0, "stop": ["END"], "top_p": 0.5},
    }


def test_what_would_be_refused_is_not_sent(server: ScriptedOllama, tmp_path: Path) -> None:
    client = OllamaClient(server.url)
    assert client.has_model(MODEL)  # so that nobody has to ask where it runs
    before = server.connections
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with pytest.raises(OptionError, match="pathlib"):
        client.generate(MODEL, "x", images=[str(secret)])  # type: ignore[list-item]
    with pytest.raises(OptionError, match="did you mean 'temperature'"):
        client.chat(MODEL, HELLO, options={"temprature": 1})
    with pytest.raises(OptionError, match="format"):
        client.chat(MODEL, HELLO, format="yaml")
    with pytest.raises(OptionError, match="think"):
        client.chat(MODEL, HELLO, think="hard")
    with pytest.raises(OptionError, match="messages"):
        client.chat(MODEL, "hello")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="model"):
        client.chat("", HELLO)
    with pytest.raises(OptionError, match="JSON"):
        next(client.chat(MODEL, [{"role": "user", "content": "x", "images": [b"raw"]}]))
    with pytest.raises(ArgumentError, match="not a model name"):
        client.pull("two words")
    assert server.connections == before


def test_chunks_are_what_the_server_sent() -> None:
    new = {"model": "m", "response": "a", "done": False, "remote_host": "x", "logprobs": [1]}
    last = {"model": "m", "response": "", "done": True}
    lines = [json.dumps(item).encode() for item in (new, last)]
    with ScriptedOllama(lines=lines) as server:
        assert list(OllamaClient(server.url).generate(MODEL, "x")) == [new, last]


def test_no_metrics_is_fine() -> None:
    with ScriptedOllama(metrics=False) as server:
        assert "eval_count" not in list(OllamaClient(server.url).chat(MODEL, HELLO))[-1]


def test_nothing_is_sent_before_the_first_chunk_is_taken(server: ScriptedOllama) -> None:
    OllamaClient(server.url).chat(MODEL, HELLO).close()
    assert server.connections == 0


def test_closing_closes_the_connection_promptly() -> None:
    with ScriptedOllama(words(300), rate=60) as server:
        chunks = OllamaClient(server.url).chat(MODEL, HELLO)
        for _ in range(3):
            next(chunks)
        closed = time.monotonic()
        chunks.close()
        wait_until(lambda: server.closed_at, 2, "the server sees the close")
        assert server.closed_at is not None
        assert server.closed_at - closed < 0.5
        assert server.tokens_sent < 50


def test_an_exception_in_the_loop_closes_the_connection() -> None:
    with ScriptedOllama(words(300), rate=60) as server:

        def fail_in_the_body() -> None:
            with closing(OllamaClient(server.url).chat(MODEL, HELLO)) as chunks:
                for _ in chunks:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_in_the_body()
        wait_until(lambda: server.closed_at, 2, "the server sees the close")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("phase", ["before the headers", "between two chunks"])
def test_an_interrupt_inside_next_closes_the_connection(phase: str) -> None:
    waits = {"delay": 30.0} if phase.startswith("before") else {"fault": "silent", "fail_after": 2}
    with ScriptedOllama(**waits) as server:  # type: ignore[arg-type]
        chunks = OllamaClient(server.url).chat(MODEL, HELLO)
        interrupted: list[float] = []

        def interrupt() -> None:
            wait_until(lambda: server.requests, 5, "the request")
            if phase.startswith("between"):
                wait_until(lambda: server.tokens_sent == 2, 5, "two tokens")
            interrupted.append(time.monotonic())
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        got: list[object] = []
        with pytest.raises(KeyboardInterrupt):
            got.extend(chunks)
        thread.join(5)
        wait_until(lambda: server.closed_at, 2, "the server sees the close")
        assert server.closed_at is not None
        assert server.closed_at - interrupted[0] < 1
        assert len(got) == (0 if phase.startswith("before") else 2)


def test_one_connection_a_request_and_a_restart_on_the_same_port(server: ScriptedOllama) -> None:
    client = OllamaClient(server.url)
    client.version()
    client.models()
    assert server.connections == 2
    server.stop()
    with pytest.raises(ConnectionFailedError):
        client.version()
    with ScriptedOllama(port=server.port):
        assert client.version()


def test_loopback_ignores_proxies(server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for url in (server.url, f"localhost:{server.port}", f"0.0.0.0:{server.port}"):
        assert OllamaClient(url).version()


def test_other_hosts_use_the_proxy(server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    with pytest.raises(Exception, match="does not know"):
        OllamaClient("http://ollama.invalid:11434").version()
    assert server.requests[0].headers["host"] == "ollama.invalid:11434"


def test_a_token_goes_to_its_url_only_and_is_never_shown(
    server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "from-the-environment")
    OllamaClient(server.url).version()
    assert "authorization" not in server.requests[-1].headers
    client = OllamaClient(server.url, token="s3cret")
    client.version()
    assert server.requests[-1].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(client) + str(vars(client))
    with pytest.raises(ArgumentError) as caught:
        OllamaClient(server.url, token="s3cret\r\nX: y")
    assert "s3cret" not in str(caught.value)


def test_a_password_in_the_url_is_sent_and_never_shown(server: ScriptedOllama) -> None:
    client = OllamaClient(f"http://user:s3cret@127.0.0.1:{server.port}")
    client.version()
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    server.stop()
    with pytest.raises(ConnectionFailedError) as caught:
        client.version()
    assert "s3cret" not in str(caught.value) + repr(client)


def test_a_path_in_the_url_is_kept() -> None:
    with ScriptedOllama() as server:
        with pytest.raises(Exception, match="does not know"):
            OllamaClient(f"{server.url}/proxy/ollama/").version()
        assert server.requests[0].path == "/proxy/ollama/api/version"


def test_a_closed_client_says_so(server: ScriptedOllama) -> None:
    client = OllamaClient(server.url)
    client.close()
    with pytest.raises(ConnectionFailedError, match="closed"):
        client.version()


def test_importing_the_clients_is_light() -> None:
    code = (
        "import sys, mc_jupyter.clients\n"
        "print([m for m in ('httpx', 'IPython', 'docker', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout.strip() == "[]"
