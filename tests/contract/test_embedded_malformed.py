"""Malformed bodies at the embedded server: each is refused in words, and the next is answered."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.embedded_asking import generate, refused
from support.embedded_server import MODEL, Running, serve, session, weights

ROUTES = {
    "/api/show": "POST",
    "/api/generate": "POST",
    "/api/chat": "POST",
    "/api/pull": "POST",
    "/api/delete": "DELETE",
}
FIELDS: dict[str, tuple[str, ...]] = {
    "/api/show": ("model", "name", "verbose"),
    "/api/pull": ("model", "name", "stream", "insecure"),
    "/api/delete": ("model", "name"),
}
ASKING = ("model", "stream", "format", "keep_alive", "options", "think", "tools", "truncate")
ASKING += ("shift", "logprobs", "top_logprobs", "images", "raw")
FIELDS["/api/generate"] = (*ASKING, "prompt", "system", "suffix", "template", "context")
FIELDS["/api/chat"] = (*ASKING, "messages")
OPTIONS = ("temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "stop", "seed")
OPTIONS += ("repeat_penalty", "presence_penalty", "frequency_penalty", "num_predict", "num_ctx")
OPTIONS += ("num_batch", "num_thread", "num_gpu", "num_keep", "mirostat", "", "\0")
TOP = 2**63

#: JSON texts that are right nowhere or almost nowhere
ODD = (
    *("1e400", "-1e400", "1e308", "-1e308", "1e-400", "NaN", "Infinity", "-Infinity", "-0.0"),
    *(
        "9" * 5000,
        f"-{'9' * 5000}",
        str(TOP),
        str(-TOP - 1),
        str(2**31),
        str(2**32),
        "1" + "0" * 400,
    ),
    *("null", "true", "false", "0", "-1", "0.5", "[]", "{}", '""', '" "', "[[]]", "[null]", "[{}]"),
    *("[" * 5000, "[" * 5000 + "]" * 5000, '{"a":' * 5000 + "1" + "}" * 5000),
    *('"\\ud800"', '"\\udc00x"', '"\\u0000"', '"\\ud83d\\ude00"', '"a\\r\\nX: y"', '"\\u202e"'),
    *('"\\x00"', "'a'", "undefined", "01", "+1", "1.", ".5", "0x10", "1_000", '"', '"a', "\\"),
    *('"1e400s"', '"9999999999h"', '"-1e400"', '"10m"', '"json"', '"yaml"', '"../../etc/passwd"'),
    *('{"$ref": "#"}', '{"type": 5}', '{"type": "foo"}', '{"not": {}}', '{"properties": []}'),
    *('{"type": "array", "minItems": 1000000000}', '{"type": "string", "pattern": "("}'),
    *('["a", 1]', '[""]', '["\\u0000"]', '[[["a"]]]', f"[{','.join(['1'] * 1000)}]"),
    *(f'"{"x" * 100_000}"', f'{{"{"k" * 100_000}": 1}}', '"' + "é" * 50 + '"'),
    *(
        '{"role": "user"}',
        '[{"role": "user", "content": 5}]',
        '[{"role": ["user"]}]',
        '[{"role": 1e400}]',
    ),
    *('[{"content": "x"}]', '[{"role": "user", "content": "hi", "images": ["eA=="]}]'),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serve(models=weights()) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: Running) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


class Bodies:
    """Malformed bodies from a seed: fields of the route, values that fit nowhere, broken texts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def make(self, path: str) -> bytes:
        pick = self.random
        fields = {"model": json.dumps(MODEL), "options": '{"num_predict": 1}'}
        if path == "/api/delete":
            del fields["model"]  # the weights stay
        if path not in ("/api/generate", "/api/chat"):
            del fields["options"]
        elif path == "/api/generate":
            fields["prompt"] = '"hi"'
        else:
            fields["messages"] = '[{"role": "user", "content": "hi"}]'
        for _ in range(pick.choice((1, 1, 1, 2, 4))):
            fields[pick.choice(FIELDS[path])] = pick.choice(ODD)
        if path in ("/api/generate", "/api/chat") and pick.random() < 0.5:
            name, value = pick.choice(OPTIONS), pick.choice(ODD)
            fields["options"] = f'{{"num_predict": 1, {json.dumps(name)}: {value}}}'
        pairs = [f"{json.dumps(name)}: {value}" for name, value in fields.items()]
        if pick.random() < 0.1:
            pairs.append(f"{json.dumps(pick.choice(FIELDS[path]))}: {pick.choice(ODD)}")
        return self._broken(f"{{{', '.join(pairs)}}}".encode())

    def _broken(self, text: bytes) -> bytes:
        """Return the text itself, seven times of ten."""
        pick = self.random
        at = pick.randrange(len(text))
        return pick.choice(
            [text] * 7
            + [text[:at], text[:at] + bytes([pick.randrange(256)]) + text[at + 1 :], text + text]
        )


def healthy(server: Running, http: httpx.Client) -> None:
    assert generate(http, "hi", num_predict=2)["eval_count"] == 2
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("path", ROUTES)
def test_whatever_is_sent_is_refused_in_words_or_answered(
    server: Running, http: httpx.Client, path: str
) -> None:
    bodies = Bodies(seed=20261126)
    for number in range(300):
        body = bodies.make(path)
        reply = http.request(ROUTES[path], path, content=body)
        told = (number, body[:300], reply.status_code, reply.text[:300])
        assert reply.status_code == 200 or 400 <= reply.status_code < 500, told
        if reply.status_code != 200:
            assert list(reply.json()) == ["error"], told
            assert len(reply.text) < 1000, told
        elif path != "/api/show":
            assert '"error"' not in reply.text or path == "/api/pull", told
    healthy(server, http)


@pytest.mark.parametrize(
    "path", [*ROUTES, "/", "/api/tags", "/api/ps", "/api/version", "/api/embed"]
)
@pytest.mark.parametrize("body", [b"", b"\0", b"\xff\xfe", b"[" * 10**6, b'"' * 10**5, b"1e400"])
def test_a_body_that_is_no_object_is_refused_on_every_route(
    http: httpx.Client, path: str, body: bytes
) -> None:
    for method in {"GET", ROUTES.get(path, "POST")}:
        reply = http.request(method, path, content=body)
        assert reply.status_code in (200, 400, 405, 501)
        assert (reply.status_code == 200) <= (method == "GET")


def test_numbers_that_are_none_are_refused_with_their_text(http: httpx.Client) -> None:
    for number in ("-1e400", "1e400", "NaN", "Infinity", "9" * 5000):
        body = f'{{"model": "{MODEL}", "prompt": "x", "options": {{"num_predict": {number}}}}}'
        reply = http.post("/api/generate", content=body)
        assert reply.status_code == 400
        assert number[:50] in reply.json()["error"]


def test_options_beyond_the_engine_are_refused(http: httpx.Client) -> None:
    for name, value in (
        ("num_ctx", 10**9),
        ("num_batch", 1),
        ("num_batch", 2**31),
        ("num_thread", 10**9),
        ("top_k", 2**31),
        ("repeat_last_n", 2**40),
        ("repeat_penalty", 0),
        ("temperature", 1e39),
        ("stop", ["x"] * 5000),
        ("stop", ["x" * 10**6]),
    ):
        assert name.replace("repeat_penalty", "penalty_repeat") in refused(
            http, prompt="x", options={name: value}
        )


def test_an_option_never_takes_memory_beyond_the_context(
    server: Running, http: httpx.Client
) -> None:
    options = {"num_predict": 2, "stop": ["x" * 200] * 256, "seed": 2**32 - 2, "top_k": 2**31 - 1}
    generate(http, "hi", **options)
    before = memory(server)
    generate(http, "hi", **options, repeat_last_n=2**31 - 1)
    generate(http, "hi", **options, repeat_last_n=-1)
    assert memory(server) - before < 50  # MB
    generate(http, "hi", num_predict=2, num_batch=2**31 - 1)
    assert memory(server) - before < 600  # MB: a batch as large as the whole context
    healthy(server, http)


def memory(server: Running) -> int:
    """Return the most memory that each process of the server ever took, summed, in MB."""
    total = 0
    for pid in session(server):
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(status.partition("VmHWM:")[2].split()[0]) // 1024
    return total


def test_a_prompt_that_no_context_holds_is_refused_before_it_is_counted(
    server: Running, http: httpx.Client
) -> None:
    healthy(server, http)
    before = memory(server)
    said = refused(http, prompt="w" * 7_000_000)
    assert "7000000 characters" in said
    assert "4096 tokens (num_ctx)" in said
    many = [{"role": "user", "content": "a"}] * 100_000
    assert "100000 messages" in refused(http, "/api/chat", messages=many)
    assert "characters" in refused(http, raw=True, prompt="w" * 7_000_000)
    assert memory(server) - before < 200  # MB: a hundred thousand messages, for a moment
    healthy(server, http)


REFUSED_FORMATS: dict[str, Any] = {
    "recursion limit": json.loads('{"items":' * 190 + "{}" + "}" * 190),
    "cannot enforce": {"$ref": "#"},
    "'/nope' does not exist": {"$ref": "#/nope"},
    "does not fetch": {"$ref": "http://127.0.0.1:1/schema.json"},
    "$ref must be a string": {"$ref": 5},
    "regex parse error": {"type": "string", "pattern": "("},
    "type must be": {"type": 5},
    "Invalid type: foo": {"type": "foo"},
    "Unsatisfiable": {"type": []},
    "properties must be an object": {"properties": []},
    "Unimplemented keys": {"not": {}},
    "too many expressions": {"type": "string", "pattern": "^(a{1000}){1000}$"},
    "too big": {"enum": [f"x{number}" for number in range(100_000)]},
    '"minItems" in the format': {"type": "array", "minItems": 10**9},
    '"maxItems" in the format': {"type": "array", "maxItems": 10**6},
    "a string in the format": {"type": "object", "properties": {"k" * 200_000: {}}},
}


@pytest.mark.parametrize("said", REFUSED_FORMATS)
def test_a_format_that_cannot_be_kept_is_refused_in_the_engines_words(
    http: httpx.Client, said: str
) -> None:
    assert said in refused(http, prompt="Give JSON", format=REFUSED_FORMATS[said])


def test_formats_that_refuse_or_recur_leave_the_engine_well(
    server: Running, http: httpx.Client
) -> None:
    node = {
        "type": "object",
        "properties": {"c": {"type": "array", "items": {"$ref": "#/$defs/n"}}},
    }
    for schema in (
        {"$defs": {"n": node}, "$ref": "#/$defs/n"},
        {"type": "string", "pattern": "(a{1000}){1000}"},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "items": {"type": "array", "minItems": 10_000}, "minItems": 10_000},
        {"allOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]} for _ in range(24)]},
    ):
        body = {"model": MODEL, "prompt": "x", "format": schema, "options": {"num_predict": 4}}
        reply = http.post("/api/generate", json=body)
        assert reply.status_code in (200, 400), reply.text
    healthy(server, http)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        *(("10m", 200), (0, 200), (-1, 200), ("-1s", 200), (1.5, 200), (None, 200), ("0", 200)),
        *(("1e400s", 400), ("9999999999h", 400), ({}, 400), ([], 400), (True, 400), ("", 400)),
        *((1e300, 400), (2**62, 400), ("1" * 200_000, 400), ("1s" * 60, 400), ("\0", 400)),
    ],
)
def test_keep_alive_of_every_kind_is_taken_or_refused(
    http: httpx.Client, value: Any, status: int
) -> None:
    reply = http.post("/api/generate", json={"model": MODEL, "keep_alive": value})
    assert reply.status_code == status
    assert len(reply.text) < 1000
    assert http.get("/api/ps").status_code == 200


def test_a_name_that_is_very_long_is_not_sent_back_whole(http: httpx.Client) -> None:
    for path, method in ROUTES.items():
        reply = http.request(method, path, json={"model": "x" * 10**6})
        assert reply.status_code in (400, 404)
        assert len(reply.text) < 1000
        reply = http.request(method, path, json={"model": "x", "y" * 10**6: 1})
        assert reply.status_code == 400
        assert len(reply.text) < 1000


def test_a_name_that_comes_twice_counts_as_it_comes_last(http: httpx.Client) -> None:
    reply = http.post("/api/show", content=f'{{"model": "a b", "model": "{MODEL}"}}')
    assert reply.status_code == 200
    reply = http.post("/api/show", content=f'{{"model": "{MODEL}", "model": "a b"}}')
    assert reply.status_code == 400


def test_a_format_that_is_given_up_in_an_answer_is_an_error_and_not_an_answer(
    server: Running, http: httpx.Client
) -> None:
    late = {"type": "string", "pattern": "^(a{1000}){1000}$"}
    schema: dict[str, Any] = {"type": "array", "prefixItems": [{"const": "b" * 40}, late]}
    schema |= {"items": False, "minItems": 2, "x-guidance": {}}
    body = {"model": MODEL, "prompt": "Give JSON", "format": schema, "stream": False}
    reply = http.post("/api/generate", json={**body, "options": {"num_predict": 100, "seed": 1}})
    assert reply.status_code == 400, reply.text
    assert "gave up the format in the midst of the answer" in reply.json()["error"]
    healthy(server, http)
