"""Everything that a server was seen to do wrong, over real HTTP, and what the user then reads."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.ollama_contract import HELLO
from support.scripted_ollama import Answer, ScriptedOllama

from mc_jupyter.clients import OllamaClient
from mc_jupyter.errors import (
    ArgumentError,
    ClientError,
    ConnectionFailedError,
    DiskFullError,
    MediaConduitError,
    ModelNotFoundError,
    ResponseError,
    StreamCutError,
)

MODEL = "llama3.2:1b"
HTML = b"<!DOCTYPE html><html><title>502 Bad Gateway</title>" + b"<p>nginx</p>" * 50


def line(text: str, done: bool = False) -> bytes:
    item = {"model": "m", "message": {"role": "assistant", "content": text}, "done": done}
    return json.dumps(item, ensure_ascii=False).encode()


END = line("", done=True)


def chat(server: ScriptedOllama) -> list[dict[str, Any]]:
    return list(OllamaClient(server.url).chat(MODEL, HELLO))


def texts(server: ScriptedOllama) -> list[str]:
    return [chunk["message"]["content"] for chunk in chat(server)]


def partial(
    server: ScriptedOllama, expected: type[MediaConduitError]
) -> tuple[list[str], MediaConduitError]:
    """What was yielded before the stream failed, and the error."""
    got: list[dict[str, Any]] = []
    with pytest.raises(expected) as caught:
        got.extend(OllamaClient(server.url).chat(MODEL, HELLO))
    return [chunk["message"]["content"] for chunk in got], caught.value


def refused(status: int, body: bytes, type: str = "application/json", **headers: str) -> Any:
    """The error for a chat that is answered so; it has at most two lines."""
    answer = Answer(status, body, type, headers)
    with ScriptedOllama(answers={"/api/chat": answer}) as server:
        _, error = partial(server, MediaConduitError)
    assert len(str(error).splitlines()) <= 2
    assert str(error).startswith("ollama: ")
    return error


# Streams that must be read right


@pytest.mark.parametrize("odd", ["\u0085", "\u2028", "\u2029", "\x0b", "\x1c", "\r"])
def test_a_separator_inside_a_token_is_text(odd: str) -> None:
    raw = line(f"a{odd}b") if odd >= "\x80" else json.dumps(json.loads(line(f"a{odd}b"))).encode()
    with ScriptedOllama(lines=[raw, END]) as server:
        assert texts(server) == [f"a{odd}b", ""]


def test_blank_lines_are_skipped() -> None:
    with ScriptedOllama(
        lines=[b"", line("a"), b"", b" \t", b"\r", line("b") + b"\r", END]
    ) as server:
        assert texts(server) == ["a", "b", ""]


def test_characters_and_lines_split_over_chunks() -> None:
    whole = b"\n".join([line("ß€😀"), line("b"), END]) + b"\n"
    with ScriptedOllama(pieces=[whole[i : i + 1] for i in range(len(whole))]) as server:
        assert texts(server) == ["ß€😀", "b", ""]
    with ScriptedOllama(pieces=[whole]) as server:
        assert texts(server) == ["ß€😀", "b", ""]


def test_a_last_line_without_newline_counts() -> None:
    with ScriptedOllama(pieces=[line("a") + b"\n" + END]) as server:
        assert texts(server) == ["a", ""]


def test_a_line_of_8_mib() -> None:
    long = "x" * 8_388_608
    raw = line(long) + b"\n" + END + b"\n"
    with ScriptedOllama(pieces=[raw[i : i + 65_536] for i in range(0, len(raw), 65_536)]) as server:
        assert texts(server) == [long, ""]


def test_a_stream_ends_at_done_even_if_the_server_stays() -> None:
    with ScriptedOllama(["a"], fault="silent", fail_after=2) as server:
        assert texts(server) == ["a", ""]


# Streams that break


def test_an_end_without_done_is_a_cut_stream() -> None:
    with ScriptedOllama(["a", "b"], fault="end", fail_after=2) as server:
        got, error = partial(server, StreamCutError)
    assert got == ["a", "b"]
    assert "ended after 2 pieces" in str(error)


def test_half_an_object_at_the_end_is_a_cut_stream() -> None:
    with ScriptedOllama(pieces=[line("a") + b"\n" + line("b")[:20]]) as server:
        got, _ = partial(server, StreamCutError)
    assert got == ["a"]


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_a_broken_connection_keeps_what_came(fault: Any) -> None:
    with ScriptedOllama(["a", "b", "c"], rate=100, fault=fault, fail_after=2) as server:
        got, error = partial(server, ConnectionFailedError)
    assert got == ["a", "b"]
    assert not isinstance(error, StreamCutError)
    assert "broke in the middle" in str(error)
    assert error.hint == "to look: %mc status ollama"


def test_an_error_line_in_the_stream() -> None:
    with ScriptedOllama(["a", "b"], fault="error", fail_after=1, error="out of\nmemory") as server:
        got, error = partial(server, ResponseError)
    assert got == ["a"]
    assert isinstance(error, ResponseError)
    assert (error.status, error.message) == (200, "ollama: out of memory")
    assert error.hint == "run it again, or look: %mc status ollama"


@pytest.mark.parametrize("raw", [b"Internal Server Error", b"[1]", b"5", b"\xff\xfe"])
def test_a_line_that_is_no_object(raw: bytes) -> None:
    with ScriptedOllama(lines=[line("a"), raw, END]) as server:
        got, error = partial(server, ResponseError)
    assert got == ["a"]
    assert "no JSON object" in str(error)


# No answer at all


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionFailedError) as caught:
        next(OllamaClient(f"http://127.0.0.1:{port}", name="mine").chat(MODEL, HELLO))
    said = f"mine: nothing answers at http://127.0.0.1:{port} (Connection refused)"
    assert str(caught.value).splitlines() == [said, "to look: %mc status mine"]


def test_a_name_that_no_host_can_have() -> None:
    with pytest.raises(ArgumentError, match="is not an address"):
        OllamaClient(f"http://{'a' * 64}:1")


def test_a_server_that_closes_without_an_answer() -> None:
    with ScriptedOllama(fault="close") as server:
        _, error = partial(server, ConnectionFailedError)
    assert "closed the connection without an answer" in str(error)


@pytest.fixture
def mail_server() -> Iterator[str]:
    """A program that greets in another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n\r\n")
                connection.recv(65_536)

        thread = threading.Thread(target=greet)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


def test_another_protocol(mail_server: str) -> None:
    with pytest.raises(ConnectionFailedError, match="does not speak HTTP"):
        OllamaClient(mail_server).version()


# Refusals before the first chunk


def test_a_plain_error() -> None:
    error = refused(400, b'{"error":"\\"m\\" does not support thinking"}')
    assert isinstance(error, ResponseError)
    assert error.status == 400
    assert str(error) == 'ollama: "m" does not support thinking (400)'


@pytest.mark.parametrize("text", [f"model '{MODEL}' not found", f'model "{MODEL}" not found, try'])
def test_a_missing_model(text: str) -> None:
    error = refused(404, json.dumps({"error": text}).encode())
    assert isinstance(error, ModelNotFoundError)
    assert str(error).splitlines() == [f"ollama: {text}", f"%ollama pull {MODEL}"]


def test_a_missing_model_that_no_pull_would_bring() -> None:
    text = "model 'llama9' not found: smollm2:135m is here; Docker serves the rest"
    error = refused(404, json.dumps({"error": text}).encode())
    assert isinstance(error, ModelNotFoundError)
    assert str(error).splitlines() == [f"ollama: {text}", "to see what is here: %ollama list"]


def test_an_empty_403() -> None:
    error = refused(403, b"")
    assert "403 and an empty answer" in str(error)
    assert "OLLAMA_HOST=0.0.0.0" in error.hint


def test_an_html_page_is_not_shown() -> None:
    error = refused(502, HTML, "text/html")
    assert "502 and an HTML page" in str(error)
    assert "nginx" not in str(error)
    assert "200 and an HTML page" in str(refused(200, HTML, "text/html"))
    assert "200 and an HTML page" in str(refused(200, HTML.replace(b"<p>", b"\n<p>"), "text/plain"))


def test_401_keeps_the_sign_in_address() -> None:
    body = b'{"error":"unauthorized","signin_url":"https://ollama.com/connect?name=x&key=y"}'
    error = refused(401, body)
    assert "unauthorized" in str(error)
    assert error.hint == "sign in: https://ollama.com/connect?name=x&key=y"


def test_a_token_that_is_missing() -> None:
    with ScriptedOllama(token="s3cret") as server:
        with pytest.raises(ResponseError, match="wants a key"):
            OllamaClient(server.url, token="wrong").version()
        assert OllamaClient(server.url, token="s3cret").version()


@pytest.mark.parametrize("status", [404, 405])
def test_a_path_that_is_unknown(status: int) -> None:
    error = refused(status, b"404 page not found", "text/plain")
    assert type(error) is ResponseError
    assert f"does not know /api/chat ({status} '404 page not found')" in str(error)


def test_other_statuses() -> None:
    assert "unexpectedly stopped (500)" in str(refused(500, b'{"error":"unexpectedly stopped"}'))
    assert "500 and an empty answer" in str(refused(500, b""))
    assert "answered 500: a text" in str(refused(500, b"a\n text", "text/plain"))
    busy = refused(503, b'{"error":"server busy, please try again. maximum pending requests"}')
    assert busy.status == 503
    assert "wait" in busy.hint
    assert "nested (400)" in str(refused(400, b'{"error":{"message":"nested"}}'))
    assert "Not Found" in str(refused(404, b'{"detail":"Not Found"}'))


def test_a_long_error_is_cut() -> None:
    error = refused(500, json.dumps({"error": "very long\n" * 20_000}).encode())
    assert len(str(error)) < 700


def test_redirects_are_named_not_followed() -> None:
    with ScriptedOllama() as other:
        error = refused(307, b"", Location=f"{other.url}/api/chat?token=x")
        assert other.connections == 0
    assert error.hint == f"load that one: %mc load {other.url}"
    assert f"points to {other.url}/api/chat" in error.message
    assert "may answer there" in refused(302, b"", Location="/login").hint


def test_no_space_is_a_full_disk() -> None:
    error = refused(500, b'{"error":"write /tmp/x: no space left on device"}')
    assert isinstance(error, DiskFullError)


# Short answers


def test_short_answers_go_wrong_too() -> None:
    answers = {
        "/api/version": Answer(200, b"hello", "text/plain"),
        "/api/tags": Answer(200, b'{"models":null}'),
        "/api/ps": Answer(200, b'{"data":[]}'),
        "/api/show": Answer(200, b'{"error":"broken"}'),
    }
    with ScriptedOllama(answers=answers) as server:
        client = OllamaClient(server.url)
        assert client.models() == []
        with pytest.raises(ResponseError, match="no JSON object"):
            client.version()
        with pytest.raises(ResponseError, match="answers without 'models'"):
            client.ps()
        with pytest.raises(ResponseError, match="broken"):
            client.show(MODEL)


def test_delete_has_an_empty_answer() -> None:
    with ScriptedOllama() as server:
        client = OllamaClient(server.url)
        client.delete(MODEL)
        assert client.models() == []
        with pytest.raises(ModelNotFoundError) as caught:
            client.delete(MODEL)
        assert caught.value.hint == "to see what is here: %ollama list"


def test_every_httpx_error_has_a_class_of_ours() -> None:
    import httpx

    client = OllamaClient("http://127.0.0.1:1")
    pending = [httpx.TransportError]
    while pending:
        known = pending.pop()
        pending += known.__subclasses__()
        for started in (False, True):
            error = client._http.peer.failure(known("text"), "silence", started=started)
            assert isinstance(error, ClientError)
