"""How much of what a server sends is taken: each bound, its error, and that nothing stays of it."""

from __future__ import annotations

import gzip
import json
import re
import socket
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.ollama_contract import HELLO
from support.raw_server import raw_server

from mc_jupyter.clients import Bounds, Limits, OllamaClient
from mc_jupyter.clients.decode import PIECE, decoded
from mc_jupyter.clients.gradio import call
from mc_jupyter.clients.http import Http
from mc_jupyter.clients.plain import PlainAnswer, PlainClient
from mc_jupyter.clients.whisper import WhisperClient
from mc_jupyter.errors import (
    BoundError,
    ClientError,
    ResponseError,
    StreamCutError,
    TimeLimitError,
)

MODEL = "m"
SMALL = Bounds(max_line=10_000, max_answer=50_000, max_reply=200_000, max_headers=2_000)
LIMITS = Limits(5.0, 10.0, 10.0)
OK = b"HTTP/1.1 200 OK\r\n"
PART = b'{"message": {"content": "part "}}\n'
Answer = bytes | Callable[[socket.socket, bytes], None]


class Endless:
    """Sends a head, and then a piece over and over, until nobody listens.

    Attributes
    ----------
    sent
        Bytes that were sent behind the head; counted when the connection ends.
    """

    def __init__(self, head: bytes, piece: bytes) -> None:
        self.head, self.piece, self.sent = head, piece, 0

    def __call__(self, connection: socket.socket, _: bytes) -> None:
        connection.sendall(self.head)
        try:
            while True:
                connection.sendall(self.piece)
                self.sent += len(self.piece)
        except OSError:
            return


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files are made; nothing may stay there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not list(tmp_path.iterdir())


def plain(answer: Answer, method: str = "GET", bounds: Bounds = SMALL) -> PlainAnswer:
    with (
        raw_server(answer) as url,
        PlainClient(url, limits=LIMITS, name="it", bounds=bounds) as client,
    ):
        return client.call(method, "/x")


def chat(answer: Answer, bounds: Bounds = SMALL) -> tuple[int, ClientError]:
    """How many chunks come, and the error that ends them."""
    came: list[object] = []
    with (
        raw_server(answer) as url,
        OllamaClient(url, limits=LIMITS, bounds=bounds) as client,
        pytest.raises(ClientError) as raised,
    ):
        came.extend(client.chat(MODEL, HELLO))
    return len(came), raised.value


def check(error: BaseException, bound: str, value: str, more: str) -> None:
    """An error names its bound and the value, and the next line raises it."""
    assert isinstance(error, BoundError)
    assert error.message.endswith(f"(bound {bound}: {value})"), error.message
    assert error.hint == (
        f"to take more: %config McJupyter.{bound} = '{more}', or MC_JUPYTER_{bound.upper()}"
    )


# Lines and answers


@pytest.mark.parametrize("piece", [b"x" * 4096, b"x", b"\r", b'{"message": ', "…".encode()])
def test_a_line_without_an_end(piece: bytes) -> None:
    endless = Endless(OK + b"\r\n" + PART, piece)
    came, error = chat(endless)
    assert came == 1
    check(error, "max_line", "10 kB", "20 kB")


def test_an_answer_without_an_end() -> None:
    came, error = chat(Endless(OK + b"\r\n", PART))
    check(error, "max_answer", "50 kB", "100 kB")
    assert 50_000 // len(PART) <= came < 200_000 // len(PART)


def test_lines_of_nothing_are_an_answer_without_an_end() -> None:
    came, error = chat(Endless(OK + b"\r\n", b" \n" * 1000))
    assert came == 0
    check(error, "max_answer", "50 kB", "100 kB")


def test_a_line_and_an_answer_just_within_the_bounds() -> None:
    text = "x" * 9_000
    lines = [{"message": {"content": text}}] * 5 + [{"message": {"content": ""}, "done": True}]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    with raw_server(OK + b"\r\n" + body) as url, OllamaClient(url, bounds=SMALL) as client:
        assert len(list(client.chat(MODEL, HELLO))) == 6


def test_a_list_without_an_end() -> None:
    endless = Endless(OK + b"\r\n", b'{"models": [' + b"0," * 1000)
    with (
        raw_server(endless) as url,
        OllamaClient(url, limits=LIMITS, bounds=SMALL) as client,
        pytest.raises(BoundError) as raised,
    ):
        client.models()
    check(raised.value, "max_answer", "50 kB", "100 kB")


def test_a_pull_is_bounded_by_what_it_names() -> None:
    def layers(connection: socket.socket, _: bytes) -> None:
        connection.sendall(OK + b"\r\n")
        for number in range(20_000):
            step = {"status": "pulling", "digest": f"sha256:{number}", "total": 5}
            connection.sendall(json.dumps(step).encode() + b"\n")

    with (
        raw_server(layers) as url,
        OllamaClient(url, limits=LIMITS) as client,
        pytest.raises(ResponseError, match="names more than 10,000 layers"),
    ):
        client.fetch_model(MODEL)


def test_a_long_pull_may_say_more_than_an_answer() -> None:
    lines = [{"status": "pulling", "digest": "a", "total": 9_000, "completed": n} for n in range(9)]
    said = b"".join(json.dumps(line).encode() + b"\n" for line in lines * 250)
    assert len(said) > SMALL.max_answer
    body = said + b'{"status": "success"}\n'
    with raw_server(OK + b"\r\n" + body) as url, OllamaClient(url, bounds=SMALL) as client:
        client.fetch_model(MODEL)


@pytest.mark.parametrize("piece", [b"event: heartbeat\ndata: null\n\n", b":\n", b"data: x\n"])
def test_events_without_an_end(piece: bytes) -> None:
    def serve(connection: socket.socket, head: bytes) -> None:
        if head.startswith(b"POST"):
            connection.sendall(OK + b'\r\n{"event_id": "1"}')
        elif b"/call/" in head.partition(b"\r\n")[0]:
            Endless(OK + b"\r\n", piece * 100)(connection, head)
        else:
            connection.sendall(OK + b"\r\n{}")

    with (
        raw_server(serve) as url,
        closing(Http(url, limits=LIMITS, bounds=SMALL)) as http,
        pytest.raises(BoundError) as raised,
    ):
        call(http, "f", [])
    check(raised.value, "max_answer", "50 kB", "100 kB")


# Replies


@pytest.mark.parametrize("bounds", [SMALL, Bounds(max_reply=40_000_000)])
def test_a_reply_without_an_end(bounds: Bounds, temporary: Path) -> None:
    """In memory, and where it lies in a temporary file, which goes."""
    endless = Endless(OK + b"\r\n", bytes(100_000))
    with pytest.raises(BoundError) as raised:
        plain(endless, bounds=bounds)
    assert "(bound max_reply: " in raised.value.message
    assert not list(temporary.iterdir())


def test_a_reply_that_says_that_it_is_too_large_is_not_read() -> None:
    with pytest.raises(BoundError, match=r"it says 3\.0 GB|it says 3 GB") as raised:
        plain(OK + b"Content-Length: 3000000000\r\n\r\n", bounds=Bounds())
    check(raised.value, "max_reply", "2.0 GB", "4.0 GB")


def test_json_of_a_file_is_an_answer() -> None:
    body = b'{"segments": [' + b"0," * 60_000 + b"0]}"
    with (
        raw_server(OK + b"\r\n" + body) as url,
        WhisperClient(url, limits=LIMITS, bounds=SMALL) as client,
        pytest.raises(BoundError) as raised,
    ):
        client._object(client._http.fetch("GET", "/asr")[0], "/asr")
    check(raised.value, "max_answer", "50 kB", "100 kB")


@pytest.mark.parametrize("status", [b"500 No", b"302 Found", b"404 No", b"200 OK"])
def test_a_refusal_without_an_end(status: bytes) -> None:
    endless = Endless(b"HTTP/1.1 " + status + b"\r\nLocation: /y\r\n\r\n", b"no" * 5000)
    with pytest.raises((ResponseError, BoundError)) as raised:
        plain(endless)
    assert len(str(raised.value)) < 1000


# Headers


@pytest.mark.parametrize("status", [b"200 OK", b"500 No"])
def test_large_headers(status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\n" + b"X-A: b\r\n" * 300
    with pytest.raises(BoundError) as raised:
        plain(head + b"Content-Length: 0\r\n\r\n")
    check(raised.value, "max_headers", "2 kB", "4 kB")


@pytest.mark.parametrize(
    "answer",
    [
        Endless(OK, b"X-A: b\r\n" * 1000),
        Endless(OK + b"X-A: ", b"b" * 1000),
        Endless(b"HTTP/1.1 200 ", b"OK" * 1000),
        Endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;x=y" * 1000),
        Endless(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 1000),
    ],
    ids=["many", "one", "status", "chunk", "trailers"],
)
def test_headers_and_lines_between_chunks_without_an_end(answer: Endless) -> None:
    with pytest.raises(BoundError, match="of over 102 kB\nno setting takes more"):
        plain(answer)
    assert answer.sent < 20_000_000


# JSON


def nested(depth: int) -> bytes:
    return b'{"a": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("depth", [101, 5_000, 20_000])
def test_deep_json(depth: int) -> None:
    with raw_server(OK + b"\r\n" + nested(depth)) as url, OllamaClient(url, bounds=Bounds()) as it:
        with pytest.raises(BoundError) as raised:
            it.version()
        check(raised.value, "max_depth", "100", "200")
    came, error = chat(OK + b"\r\n" + PART + nested(min(depth, 4_000)) + b"\n" + PART)
    assert came == 1
    check(error, "max_depth", "100", "200")


def test_json_with_many_values() -> None:
    many = Bounds(max_values=1000)
    body = b'{"version": "' + b"," * 2000 + b'", "a": [' + b"0," * 900 + b"0]}"
    with raw_server(OK + b"\r\n" + body) as url, OllamaClient(url, bounds=many) as it:
        assert it.version() == "," * 2000
    for value in (b"0", b"[]", b'{"a":{}}', b'"\\","'):
        more = b'{"version": "1", "a": [' + (value + b",") * 1000 + b"0]}"
        with raw_server(OK + b"\r\n" + more) as url, OllamaClient(url, bounds=many) as it:
            with pytest.raises(BoundError) as raised:
                it.version()
            check(raised.value, "max_values", "1000", "2000")


def early_hints(connection: socket.socket, _: bytes) -> None:
    Endless(b"", b"HTTP/1.1 103 Early\r\nX: y\r\n\r\n" * 100)(connection, b"")


def drops(connection: socket.socket, _: bytes) -> None:
    """A head of which a byte comes now and then."""
    connection.sendall(OK + b"X: ")
    while True:
        connection.sendall(b"y")
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [early_hints, drops])
def test_a_head_without_an_end(answer: Answer) -> None:
    limits = Limits(5.0, 0.5, 0.5)
    with (
        raw_server(answer) as url,
        OllamaClient(url, limits=limits) as it,
        pytest.raises(TimeLimitError, match="limit silence"),
    ):
        it.version()


def test_an_answer_may_take_longer_than_its_head() -> None:
    def slow(connection: socket.socket, _: bytes) -> None:
        connection.sendall(OK + b"\r\n{")
        for sign in b'"version": "1"}':
            time.sleep(0.05)
            connection.sendall(bytes([sign]))

    limits = Limits(5.0, 0.4, 5.0)
    with (
        raw_server(slow) as url,
        closing(Http(url, limits=limits)) as http,
        http.open("GET", "/") as reply,
    ):
        assert reply.value() == {"version": "1"}


@pytest.mark.parametrize("depth", [50, 300])
def test_the_depth_is_the_bound_that_was_set(depth: int) -> None:
    bounds = Bounds(max_depth=depth)
    with raw_server(OK + b"\r\n" + nested(depth)) as url, closing(Http(url, bounds=bounds)) as http:
        assert http.get("/")["a"]
    deeper = OK + b"\r\n" + nested(depth + 1)
    with (
        raw_server(deeper) as url,
        closing(Http(url, bounds=bounds)) as http,
        pytest.raises(BoundError) as raised,
    ):
        http.get("/")
    check(raised.value, "max_depth", str(depth), str(min(500, 2 * depth)))


def test_little_of_a_refusal_is_read() -> None:
    endless = Endless(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65_536)
    with pytest.raises(ResponseError, match="500"):
        plain(endless, bounds=Bounds())
    assert endless.sent < 50_000_000


def test_json_just_within_the_depth() -> None:
    with raw_server(OK + b"\r\n" + nested(100)) as url, closing(Http(url)) as http:
        assert http.get("/")["a"]


@pytest.mark.parametrize("depth", [101, 30_000])
def test_a_deep_refusal(depth: int) -> None:
    body = b'{"error": ' + nested(depth) + b"}"
    with pytest.raises(ResponseError, match=r"500"):
        plain(b"HTTP/1.1 500 No\r\n\r\n" + body)


def test_numbers_that_python_does_not_read() -> None:
    body = json.dumps({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5})
    for old, new in (("1", "9" * 5000), ("2", "1e999"), ("3", "-1E+400"), ("4", "9" * 400 + ".0")):
        body = body.replace(f": {old}", f": {new}")
    with raw_server(OK + b"\r\n" + body.encode()) as url, closing(Http(url)) as http:
        assert http.get("/") == {"a": None, "b": None, "c": None, "d": None, "e": 5}


# Encoded replies


def raw_deflate(data: bytes) -> bytes:
    step = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return step.compress(data) + step.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "identity, gzip": gzip.compress,
    "identity": bytes,
}


def encoded(encoding: str, body: bytes) -> bytes:
    head = f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return OK + head.encode() + body


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_reply_that_is_encoded_all_the_same(encoding: str) -> None:
    text = b"The text. " * 15_000
    made = plain(encoded(encoding, ENCODERS[encoding](text)))
    assert made.content.bytes == text


def test_members_and_their_padding() -> None:
    body = gzip.compress(b"one, ") + gzip.compress(b"two") + bytes(100)
    assert plain(encoded("gzip", body)).content.bytes == b"one, two"


def test_a_stream_that_is_encoded() -> None:
    body = gzip.compress(PART * 3 + b'{"message": {}, "done": true}\n')
    with raw_server(encoded("gzip", body)) as url, OllamaClient(url) as client:
        assert len(list(client.chat(MODEL, HELLO))) == 4


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_what_a_few_bytes_become_comes_a_piece_at_a_time(
    encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    text = b"0123456789" * 500_000
    whole = encode(text)
    for pieces in ([whole], [whole[:1000], whole[1000:]]):
        came = list(decoded(iter(pieces), encoding))
        assert max(map(len, came)) <= PIECE
        assert b"".join(came) == text


@pytest.mark.parametrize("more", [1, 100, 258])
def test_what_is_left_when_all_bytes_are_read_is_not_lost(more: int) -> None:
    text = b"a" * (PIECE + more)
    assert b"".join(decoded(iter([raw_deflate(text)]), "deflate")) == text


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb(encoding: str) -> None:
    bomb = ENCODERS[encoding](bytes(50_000_000))
    assert len(bomb) < 50_000
    with pytest.raises(BoundError) as raised:
        plain(encoded(encoding, bomb))
    check(raised.value, "max_reply", "200 kB", "400 kB")
    came, error = chat(encoded(encoding, bomb))
    assert came == 0
    check(error, "max_line", "10 kB", "20 kB")


def test_an_encoded_reply_without_an_end_that_holds_nothing() -> None:
    endless = Endless(OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 100)
    with pytest.raises(BoundError) as raised:
        plain(endless)
    check(raised.value, "max_reply", "200 kB", "400 kB")


def test_a_bomb_in_a_refusal() -> None:
    body = gzip.compress(b'{"error": "no"}' + b" " * 50_000_000)
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with pytest.raises(ResponseError, match=r"no.*500|500.*no"):
        plain(b"HTTP/1.1 500 No\r\n" + head + body)


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("gzip", b"no gzip at all", "says that it is gzip, and is not"),
        ("deflate", b"\x78\x9cno", "says that it is deflate, and is not"),
        ("gzip", gzip.compress(b"text" * 1000, mtime=0)[:-9], "ended in the middle of its gzip"),
        ("gzip", gzip.compress(b"text", mtime=0) + b"more", "says that it is gzip, and is not"),
        ("br", b"\x0b\x02\x80text\x03", "encoded as 'br', which was not asked for"),
        ("gzip, gzip", gzip.compress(b"", mtime=0), "encoded as 'gzip, gzip'"),
        ("gzip\r\nContent-Encoding: gzip", gzip.compress(b"", mtime=0), "encoded as 'gzip, gzip'"),
        ("\u00e9" * 500, b"", "which was not asked for"),
    ],
)
def test_what_is_not_what_it_says(encoding: str, body: bytes, words: str) -> None:
    with pytest.raises(ResponseError, match=re.escape(words)):
        plain(encoded(encoding, body))


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_nothing_is_encoded(method: str) -> None:
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"
    assert plain(head, method).content.size == 0


# Answers without a message


@pytest.mark.parametrize(
    "lines",
    [
        [{"done": True}],
        [{"foo": 1}, {"foo": 2}, {"done": True, "eval_count": 5}],
        [{"response": "hi"}, {"done": True}],
        [{"message": None}, {"message": [], "done": True}],
    ],
)
def test_an_answer_without_a_message(lines: list[dict[str, Any]]) -> None:
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    came, error = chat(OK + b"\r\n" + body)
    assert came == len(lines) - 1
    assert isinstance(error, ResponseError)
    assert "the answer has no 'message' in any of its lines" in error.message


@pytest.mark.parametrize("key", ["done", "done_reason"])
def test_loading_has_no_part(key: str) -> None:
    line = json.dumps({"done": True, "done_reason": "load"} if key == "done_reason" else {})
    with raw_server(OK + b"\r\n" + line.encode() + b"\n") as url, OllamaClient(url) as client:
        if key == "done_reason":
            assert len(list(client.generate(MODEL, ""))) == 1
        else:
            with pytest.raises(StreamCutError):
                list(client.generate(MODEL, ""))


def test_figures_of_models_that_are_none_are_left_out() -> None:
    wrong = [{}, [], "5", True, -1, 1e300, None]
    entries = [{"name": f"m{n}", "size": size, "details": size} for n, size in enumerate(wrong)]
    body = json.dumps({"models": [*entries, 5, None, {"name": "m", "size": 5, "new": [1]}]})
    with raw_server(OK + b"\r\n" + body.encode()) as url, OllamaClient(url) as client:
        listed = client.models()
    assert [set(one) - {"details"} for one in listed[:-1]] == [{"name"}] * len(wrong)
    assert listed[0]["details"] == {}
    assert listed[-1] == {"name": "m", "size": 5, "new": [1]}


@pytest.mark.parametrize("models", [5, {"a": 1}, "text", True])
def test_a_list_of_models_that_is_none(models: Any) -> None:
    body = json.dumps({"models": models}).encode()
    with raw_server(OK + b"\r\n" + body) as url, OllamaClient(url) as client:
        for ask in (client.models, client.ps):
            with pytest.raises(ResponseError, match="no list of models"):
                ask()


@pytest.mark.parametrize("figure", [{}, "5", True, -5, 1e300, [5]])
def test_figures_of_a_pull_that_are_none(figure: Any) -> None:
    step = {"status": "pulling", "digest": figure, "total": figure, "completed": figure}
    body = json.dumps(step) + "\n" + json.dumps({"status": "success"}) + "\n"
    with raw_server(OK + b"\r\n" + body.encode()) as url, OllamaClient(url) as client:
        assert client.fetch_model(MODEL) == "pulled m"
