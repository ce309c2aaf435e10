"""Any path of any service: what is sent, what comes back, and a refusal's own words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.background import Background
from support.scripted_service import Says, ScriptedService
from support.services import running, why_not
from support.spoken import digits
from support.wait import wait_until

from mc_jupyter.clients.content import IN_MEMORY
from mc_jupyter.clients.plain import PlainClient
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import (
    ArgumentError,
    ConnectionFailedError,
    MediaConduitError,
    OptionError,
    ResponseError,
)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService({"/v1/thing": Says({"ok": True}, headers={"X-Made-By": "me"})}) as it:
        yield it


@pytest.fixture
def client(service: ScriptedService) -> Iterator[PlainClient]:
    with PlainClient(service.url, name="thing") as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "post", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_status_headers_and_content(
    client: PlainClient, service: ScriptedService, method: str
) -> None:
    answer = client.call(method, "/v1/thing")
    assert (answer.status, answer.headers["x-made-by"]) == (200, "me")
    assert answer.content.bytes == b'{"ok": true}'
    assert answer.content.content_type == "application/json"
    assert service.requests[0].method == method.upper()
    assert service.requests[0].size == 0


def test_head_has_no_body(client: PlainClient) -> None:
    answer = client.call("HEAD", "/v1/thing")
    assert (answer.status, answer.content.size) == (200, 0)
    assert answer.headers["content-length"] == "12"


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v1/thing", {"a": "1 & 2", "ü": "=?"}, [("a", "1 & 2"), ("ü", "=?")]),
        ("/v1/thing", [("a", "1"), ("a", "2")], [("a", "1"), ("a", "2")]),
        ("/v1/thing?x=y", {"a": "1"}, [("x", "y"), ("a", "1")]),
        ("/v1/thing?x=y", None, [("x", "y")]),
        ("/v1/thing", {"empty": ""}, [("empty", "")]),
    ],
)
def test_queries(
    client: PlainClient, service: ScriptedService, path: str, query: Any, expected: Any
) -> None:
    client.call("GET", path, query=query)
    assert service.requests[0].query == expected


@pytest.mark.parametrize("value", [{"a": [1, None, "ü"]}, [1, 2], "text", 7, False])
def test_any_json(client: PlainClient, service: ScriptedService, value: Any) -> None:
    client.call("POST", "/v1/thing", json=value)
    assert service.requests[0].json == value
    assert service.requests[0].headers["content-type"] == "application/json"


def test_text_and_its_type(client: PlainClient, service: ScriptedService) -> None:
    client.call("POST", "/v1/thing", text="Zoë\n")
    client.call("PUT", "/v1/thing", text="<a/>", headers={"Content-Type": "application/xml"})
    first, second = service.requests
    assert first.body == "Zoë\n".encode()
    assert first.headers["content-type"] == "text/plain; charset=utf-8"
    assert (second.body, second.headers["content-type"]) == (b"<a/>", "application/xml")


def test_a_form_with_files(client: PlainClient, service: ScriptedService) -> None:
    uploads = [("one", Upload.of(b"1", "a.txt")), ("one", Upload.of(b"22", "b.bin"))]
    client.call("POST", "/v1/thing", form=[("k", "v"), ("k", "w"), ("ü", "ß")], files=uploads)
    (asked,) = service.requests
    fields = [(part.name, part.content.decode()) for part in asked.parts if not part.filename]
    assert fields == [("k", "v"), ("k", "w"), ("ü", "ß")]
    files = [(part.name, part.filename, part.type, part.content) for part in asked.files]
    assert files == [
        ("one", "a.txt", "text/plain", b"1"),
        ("one", "b.bin", "application/octet-stream", b"22"),
    ]


def test_a_form_without_files(client: PlainClient, service: ScriptedService) -> None:
    client.call("POST", "/v1/thing", form={"a": "1 & 2", "b": ""})
    (asked,) = service.requests
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body == b"a=1+%26+2&b="


def test_headers_and_the_token(service: ScriptedService) -> None:
    with PlainClient(service.url, token="s3cret") as client:
        client.call("GET", "/v1/thing", headers={"X-Mine": "a b", "Accept": "text/csv"})
    (asked,) = service.requests
    assert (asked.headers["x-mine"], asked.headers["accept"]) == ("a b", "text/csv")
    assert asked.headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("path", "options", "kind"),
    [
        ("v1/thing", {}, ArgumentError),
        ("//other.example/x", {}, ArgumentError),
        ("http://other.example/x", {}, ArgumentError),
        ("/a#b", {}, ArgumentError),
        ("/a\nb", {}, ArgumentError),
        ("/v1/thing", {"json": 1, "text": "a"}, OptionError),
        ("/v1/thing", {"json": 1, "form": {"a": "b"}}, OptionError),
        ("/v1/thing", {"json": {1, 2}}, OptionError),
        ("/v1/thing", {"json": float("nan")}, OptionError),
        ("/v1/thing", {"headers": {"Host": "other"}}, OptionError),
        ("/v1/thing", {"headers": {"X": "a\r\nY: b"}}, OptionError),
        ("/v1/thing", {"headers": {"X Y": "a"}}, OptionError),
        ("/v1/thing", {"headers": {"Content-Type": "text/csv"}}, OptionError),
    ],
)
def test_what_cannot_be_sent(
    client: PlainClient, service: ScriptedService, path: str, options: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        client.call("POST", path, **options)
    assert isinstance(caught.value, MediaConduitError)
    assert service.requests == []


def test_a_method_that_is_none(client: PlainClient, service: ScriptedService) -> None:
    with pytest.raises(ArgumentError, match="'FETCH' is no method"):
        client.call("FETCH", "/v1/thing")
    assert service.requests == []


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (Says({"error": "no such thing"}, 400), "no such thing (400)"),
        (Says({"error": {"message": "nested"}}, 422), "nested (422)"),
        (Says({"detail": "Model not loaded"}, 503), "Model not loaded (503)"),
        (
            Says({"detail": [{"loc": ["query", "n"], "msg": "Input should be an integer"}]}, 422),
            "query.n: Input should be an integer (422)",
        ),
        (Says("out of memory", 500, "text/plain"), "answered 500: out of memory"),
        (Says("", 404, ""), "there is no /v1/thing (404)"),
        (Says("", 301, "", {"Location": "/v2/thing"}), "points to /v2/thing"),
    ],
)
def test_a_refusal_has_the_bodys_words(
    client: PlainClient, service: ScriptedService, says: Says, said: str
) -> None:
    service.answers["/v1/thing"] = says
    with pytest.raises(ResponseError) as caught:
        client.call("POST", "/v1/thing", json={})
    assert said in caught.value.message
    assert caught.value.message.startswith("thing: ")
    assert caught.value.status == says.status


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ("/docs", "%mc call thing GET /docs"),
        ("docs?a=1&b=2#top", "%mc call thing GET '/v1/docs?a=1&b=2'"),
        ("{url}/docs", "%mc call thing GET /docs"),
        ("http://127.0.0.1:9/docs", "load that one: %mc load http://127.0.0.1:9"),
    ],
)
def test_where_a_redirect_points(
    client: PlainClient, service: ScriptedService, location: str, line: str
) -> None:
    to = {"Location": location.format(url=service.url)}
    service.answers["/v1/thing"] = Says("", 307, "", to)
    with pytest.raises(ResponseError) as caught:
        client.call("GET", "/v1/thing")
    assert caught.value.hint == line


def test_an_answer_without_a_type_and_one_with_a_name(
    client: PlainClient, service: ScriptedService
) -> None:
    service.answers["/files/a.png"] = Says(b"\x89PNG", 200, "")
    named = {"Content-Disposition": 'attachment; filename="../b.csv"'}
    service.answers["/export"] = Says(b"a,b", 200, "text/csv; charset=utf-8", named)
    assert client.call("GET", "/files/a.png").content.content_type == "image/png"
    content = client.call("GET", "/export").content
    assert (content.content_type, content.name, content.suffix) == ("text/csv", "b.csv", ".csv")


def test_a_large_answer_lies_in_a_file(
    client: PlainClient, service: ScriptedService, tmp_path: Path
) -> None:
    service.answers["/large"] = Says(type="video/mp4", size=IN_MEMORY + 1)
    content = client.call("GET", "/large").content
    assert content.path is not None
    assert content.save(tmp_path / "large.mp4").stat().st_size == IN_MEMORY + 1


def test_health_is_any_sign_of_life(client: PlainClient, service: ScriptedService) -> None:
    assert client.health() == {"status": 404}
    service.answers["/"] = Says("hello", 200, "text/html")
    assert client.health() == {"status": 200}
    service.answers["/"] = Says("broken", 500, "text/plain")
    with pytest.raises(ResponseError):
        client.health()


def test_changes_are_told(service: ScriptedService) -> None:
    changes: list[int] = []
    with PlainClient(service.url, changed=lambda: changes.append(1)) as client:
        client.call("GET", "/v1/thing")
        assert changes == []
        client.call("DELETE", "/v1/thing")
    assert changes == [1]


def test_lines_cancel_and_nothing_there(client: PlainClient, service: ScriptedService) -> None:
    service.answers["/slow"] = Says(free=threading.Event())
    lines: list[str] = []
    work = Background(
        lambda: client.call("GET", "/slow", report=lambda event: lines.append(event.text))
    )
    wait_until(lambda: "thing is at work (1 s)" in lines, what="a line")
    work.cancel()
    gone = ScriptedService()
    with gone:
        pass
    with pytest.raises(ConnectionFailedError):
        PlainClient(gone.url).call("GET", "/")


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
def test_a_real_service_by_its_paths() -> None:
    """The stand-in for Whisper, without its client."""
    with running("whisper", "grammar=digits") as served, PlainClient(served.url) as client:
        spoken = [("audio_file", Upload.of(digits(), "digits.wav"))]
        answer = client.call("POST", "/asr", query={"output": "txt"}, files=spoken)
        assert answer.content.bytes.decode().split()[:3] == ["one", "two", "three"]
        assert answer.headers["asr-engine"] == "openai_whisper"
        with pytest.raises(ResponseError, match="audio_file: Field required"):
            client.call("POST", "/asr", form={"a": "b"})
