"""Answers that no honest service gives: each is an error in words, or harmless."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing, suppress
from typing import Any

import pytest
from support.raw_server import raw_server

from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.http import Http
from mc_jupyter.clients.loads import loads
from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.plain import PlainAnswer, PlainClient
from mc_jupyter.clients.recognise import recognise
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.whisper import WhisperClient
from mc_jupyter.errors import (
    ArgumentError,
    BoundError,
    ConnectionFailedError,
    ResponseError,
    TimeLimitError,
)
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Transcript, show

LIMITS = Limits(2.0, 5.0, 5.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


def asked(answer: Any, **more: Any) -> PlainAnswer:
    with raw_server(answer) as url, PlainClient(url, limits=LIMITS, name="it", **more) as client:
        return client.call("GET", "/x")


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "http://[::1", "http://a:b:c/", "http://h/\x01", "//", "\\"]
)
def test_a_redirect_to_nowhere(target: str) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises((ConnectionFailedError, ResponseError)) as raised:
        asked(head.encode())
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    "path", ["/a\nb", "/\0", "a", "", "http://other.host/", f"/{'a' * 70_000}", "/\ud800"]
)
def test_paths_that_cannot_be(path: str) -> None:
    """Numbers of tasks and names of files that a server gives become parts of paths."""
    with (
        closing(Http("http://127.0.0.1:9", token="t0ken")) as http,
        pytest.raises(ArgumentError, match="is no path"),
        http.open("GET", path),
    ):
        pass


@pytest.mark.parametrize("url", ["http://xn--a", "http://１２７.0.0.1:1"])
def test_hosts_that_cannot_be(url: str) -> None:
    with pytest.raises(ArgumentError, match="cannot be used"):
        PlainClient(url)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ('attachment; filename="../../.bashrc"', "bashrc"),
        ("attachment; filename*=UTF-8''..%2f..%2fx.png", "x.png"),
        ("attachment; filename*=UTF-8''x%00%0d%0ay.png", "xy.png"),
        ("attachment; filename*=UTF-8''a%E2%80%AEgnp.exe", "agnp.exe"),
        ("attachment; filename*=idna''x.png", ""),
        ("attachment; filename*=nosuch''x.png", "x.png"),
        (f"attachment; filename={'a' * 5000}.png", f"{'a' * 196}.png"),
        ("attachment", ""),
    ],
)
def test_names_of_files(given: str, name: str) -> None:
    answer = asked(OK + f"Content-Disposition: {given}\r\n\r\nok".encode())
    assert answer.content.name == name


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_server_that_quotes_the_token(kind: str) -> None:
    def quote(connection: socket.socket, head: bytes) -> None:
        body = json.dumps({"error": head.decode()}).encode() if "json" in kind else head
        start = f"HTTP/1.1 400 Bad\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(start.encode() + body)

    with pytest.raises(ResponseError) as raised:
        asked(quote, token="s3cr3t-t0ken")
    assert "Bearer ***" in raised.value.message
    assert "s3cr3t" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize("status", [401, 403])
def test_another_than_ollama_that_lets_nobody_in(status: int) -> None:
    with pytest.raises(ResponseError, match=str(status)) as raised:
        asked(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
    assert "Ollama" not in f"{raised.value} {raised.value.hint}"


def test_half_a_letter_is_shown() -> None:
    """Jupyter's messages are UTF-8, which has no half surrogate pairs: a cell would break."""
    body = rb'{"a": "\ud83d", "b": "\ud83d\ude00", "c": NaN, "\udc00": [1e999]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    shown = show(asked(head + body).content, Made("answer"))._repr_mimebundle_()
    json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()
    assert '"a": "?"' in shown[0]["text/plain"]
    assert '"b": "😀"' in shown[0]["text/plain"]


def test_half_a_letter_in_a_refusal() -> None:
    with pytest.raises(ResponseError, match=r"no \? \(400\)$"):
        asked(b'HTTP/1.1 400 Bad\r\n\r\n{"error": "no \\ud83d"}')


def test_half_a_letter_in_a_transcript() -> None:
    said = {
        "text": "one \ud83d",
        "language": "\udc00",
        "segments": [
            {"start": float("nan"), "end": float("inf"), "text": "one", "words": "abc"},
            {"start": -1e300, "end": 10**400, "text": "\ud83d", "words": [1, {"word": "one"}]},
        ],
    }
    body = json.dumps(said).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    with raw_server(head + body) as url, WhisperClient(url, limits=LIMITS) as client:
        heard = client.transcribe(Upload.of(b"RIFF", "a.wav"))
    result = Transcript(heard, Made("transcript"))
    json.dumps(result._repr_mimebundle_(), ensure_ascii=False, allow_nan=False).encode()
    assert str(result) == "one ?"
    assert result.words == [{"word": "one"}]
    assert result.duration is None


@pytest.mark.parametrize(
    "figure", ["nan", "inf", "-inf", "1e999", "9" * 5000, "1/0", "x", "1/3/4", ""]
)
def test_figures_that_are_none(figure: str) -> None:
    names = ("X-Video-Duration", "X-Video-Width", "X-Video-Height", "X-Video-FPS")
    lines = "".join(f"{name}: {figure}\r\n" for name in (*names, "X-Processing-Time"))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n{lines}\r\nvideo"
    with raw_server(head.encode()) as url, FfmpegClient(url, limits=LIMITS) as client:
        clip = Upload.of(b"\0\0\0\x20ftypisom", "a.mp4")
        made = client.filter([clip], "[0:v]null")
    assert all(type(value) is int for value in made.facts.values())
    shown = show(made.content, Made("video"), facts=made.facts)._repr_mimebundle_()
    json.dumps(shown, allow_nan=False)


def endless(seconds: float, piece: bytes) -> Any:
    """A body that never ends, a piece each so many seconds."""

    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n")
        while True:
            connection.sendall(piece)
            time.sleep(seconds)

    return send


@pytest.mark.parametrize(("seconds", "size"), [(0.05, 1), (0.0, 1 << 20)])
def test_what_answers_without_an_end(seconds: float, size: int) -> None:
    """A camera is such a server; loading its address comes to an end."""
    limits = Limits(2.0, 0.3, 0.3)
    with raw_server(endless(seconds, bytes(size))) as url:
        for ask in (lambda http: http.get("/"), lambda http: http.call("GET", "/")):
            with (
                closing(Http(url, limits=limits)) as http,
                pytest.raises((TimeLimitError, BoundError)),
            ):
                ask(http)
        with closing(Http(url, limits=limits)) as http, suppress(TimeLimitError):
            assert recognise(http) == ("", "")


@pytest.mark.parametrize("raw", [b"", b"[" * 200_000, b"\xff", b"{", rb'"\ud83d', b"\xed\xa0\x80"])
def test_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(ValueError) as raised:
        loads(raw)
    assert not isinstance(raised.value, UnicodeError)


def test_json_with_a_mark_before_it() -> None:
    assert loads(b'\xef\xbb\xbf{"a": "\xed\xa0\x80"}') == {"a": "���"}


@pytest.mark.parametrize("number", ["1e309", "-1e999", "1" * 250 + "e99", "1" * 400 + ".0"])
def test_a_number_that_no_float_has_is_none(number: str) -> None:
    assert loads(f"[{number}, 1e99]") == [None, 1e99]
