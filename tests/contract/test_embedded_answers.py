"""The embedded server's answers, over real HTTP with the real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.embedded_asking import FRANCE, SEA, generate, lines, refused, text
from support.embedded_server import MODEL, serve, weights

WORD = {"type": "string", "maxLength": 12}
YEAR = {"type": "integer", "maximum": 9999}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with serve(models=weights()) as server, server.client() as client:
        yield client


def rendered(messages: list[dict[str, str]]) -> str:
    """Return what the model's own template makes of messages, its own system message first."""
    own = {"role": "system", "content": "You are a helpful assistant."}
    turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in (own, *messages)]
    return "".join(turns) + "<|im_start|>assistant\n"


def test_a_chat_streams_by_default(http: httpx.Client) -> None:
    answer = lines(http, "/api/chat", messages=[{"role": "user", "content": FRANCE}])
    *pieces, last = answer
    assert len(pieces) > 5
    assert all(piece["done"] is False and piece["model"] == MODEL for piece in pieces)
    assert all(piece["message"]["role"] == "assistant" for piece in answer)
    assert "Paris" in "".join(piece["message"]["content"] for piece in pieces)
    assert last["done"] is True
    assert last["done_reason"] == "stop"
    assert last["message"]["content"] == ""
    assert last["created_at"].endswith("Z")


def test_metrics_are_measured_in_nanoseconds(http: httpx.Client) -> None:
    text(http, "warm up", num_predict=1)
    last = generate(http, SEA, num_predict=25, seed=1)
    assert last["eval_count"] == 25
    assert last["prompt_eval_count"] > 10
    assert last["eval_duration"] > 1_000_000
    assert last["prompt_eval_duration"] > 1_000_000
    assert 0 < last["load_duration"] < last["total_duration"]
    parts = last["load_duration"] + last["prompt_eval_duration"] + last["eval_duration"]
    assert parts <= last["total_duration"] < 60e9


def test_without_stream_it_is_one_object(http: httpx.Client) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": FRANCE}], "stream": False}
    reply = http.post("/api/chat", json=body)
    assert reply.headers["content-type"].startswith("application/json")
    assert "Paris" in reply.json()["message"]["content"]
    assert reply.json()["done"] is True
    assert reply.json()["eval_count"] > 5


def test_streamed_and_whole_answers_are_the_same(http: httpx.Client) -> None:
    pieces = lines(http, "/api/generate", prompt=SEA, options={"seed": 1, "num_predict": 25})
    streamed = "".join(piece["response"] for piece in pieces)
    assert streamed == text(http, SEA, seed=1, num_predict=25)


def test_the_model_name_is_echoed_in_any_spelling(http: httpx.Client) -> None:
    for name in ("SmolLM2:135m", "library/smollm2:135m", "registry.ollama.ai/library/smollm2:135M"):
        body = {"model": name, "prompt": "hi", "stream": False, "options": {"num_predict": 2}}
        assert http.post("/api/generate", json=body).json()["model"] == name


def test_a_chat_sends_its_whole_history(http: httpx.Client) -> None:
    messages = [
        {"role": "user", "content": "What is the capital of Italy?"},
        {"role": "assistant", "content": "The capital of Italy is Rome."},
        {"role": "user", "content": "And what is it famous for?"},
    ]
    body = {"model": MODEL, "stream": False, "options": {"num_predict": 30, "seed": 1}}
    chat = http.post("/api/chat", json={**body, "messages": messages}).json()
    raw = http.post("/api/generate", json={**body, "raw": True, "prompt": rendered(messages)})
    assert chat["message"]["content"] == raw.json()["response"]
    assert chat["prompt_eval_count"] == raw.json()["prompt_eval_count"] > 50


def test_the_models_own_system_message_gives_way_to_the_callers(http: httpx.Client) -> None:
    options = {"num_predict": 25, "seed": 1}
    own = text(http, FRANCE, **options)
    kind = {"role": "system", "content": "You are a helpful assistant."}
    body = {"model": MODEL, "stream": False, "options": options}
    user = {"role": "user", "content": FRANCE}

    same = http.post("/api/chat", json={**body, "messages": [kind, user]}).json()
    assert same["message"]["content"] == own  # it is the system message that /api/show shows

    pirate = "You answer only with the word ARRR."
    by_field = http.post("/api/generate", json={**body, "prompt": FRANCE, "system": pirate}).json()
    messages = [{"role": "system", "content": pirate}, user]
    by_message = http.post("/api/chat", json={**body, "messages": messages}).json()
    assert by_field["response"] == by_message["message"]["content"] != own


def test_the_models_own_parameters_give_way_to_the_callers(http: httpx.Client) -> None:
    own = text(http, SEA, num_predict=30)
    assert own == text(http, SEA, num_predict=30, temperature=0, repeat_penalty=1.1)
    assert own != text(http, SEA, num_predict=30, repeat_penalty=1.0, repeat_last_n=64)
    assert own != text(http, SEA, num_predict=30, temperature=1.5, seed=3)


def test_raw_goes_to_the_model_without_a_template(http: httpx.Client) -> None:
    prompt = rendered([{"role": "user", "content": FRANCE}])
    body = {"model": MODEL, "raw": True, "stream": False, "options": {"seed": 1}}
    raw = http.post("/api/generate", json={**body, "prompt": prompt}).json()
    whole = generate(http, FRANCE, seed=1)
    assert raw["response"] == whole["response"]
    assert raw["prompt_eval_count"] == whole["prompt_eval_count"]
    assert "raw mode" in refused(http, prompt="x", raw=True, system="y")


def test_json_is_enforced(http: httpx.Client) -> None:
    body = {"model": MODEL, "prompt": "Describe Paris.", "stream": False}
    free = http.post("/api/generate", json={**body, "format": "json", "options": {"seed": 1}})
    assert isinstance(json.loads(free.json()["response"]), dict)
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "country": {"enum": ["France", "Spain"]}},
        "required": ["city", "country"],
        "additionalProperties": False,
    }
    strict = http.post("/api/generate", json={**body, "format": schema}).json()
    assert set(json.loads(strict["response"])) == {"city", "country"}
    messages = [{"role": "user", "content": "Describe Paris."}]
    chat = lines(http, "/api/chat", messages=messages, format=schema)
    said = json.loads("".join(piece["message"]["content"] for piece in chat))
    assert said["country"] in ("France", "Spain")


def test_a_schema_as_pydantic_writes_it_gives_its_keys_and_no_others(http: httpx.Client) -> None:
    schema = {
        "$defs": {"Place": {"type": "object", "properties": {"city": WORD}, "required": ["city"]}},
        "type": "object",
        "properties": {"name": WORD, "place": {"$ref": "#/$defs/Place"}, "year": YEAR},
        "required": ["name", "place"],
    }
    prompts = (FRANCE, "Describe Rome.", "Who wrote Hamlet?", "Name a fruit.", "Name a planet.")
    strict, spent = [], []
    for opened in (False, True):
        wanted = {**schema, "x-guidance": {}, "additionalProperties": True} if opened else schema
        options = {"temperature": 0, "num_predict": 100}
        body = {"model": MODEL, "format": wanted, "options": options, "stream": False}
        answers = [http.post("/api/generate", json={**body, "prompt": p}).json() for p in prompts]
        spent.append(sum(answer["eval_count"] for answer in answers))
        strict = strict or [json.loads(answer["response"]) for answer in answers]
    assert len(strict) == 5
    for said in strict:
        assert {"name", "place"} <= set(said) <= {"name", "place", "year"}
        assert set(said["place"]) == {"city"}
    assert spent[0] < spent[1]


def test_names_of_all_parts_of_a_schema_can_be_answered(http: httpx.Client) -> None:
    base = {"type": "object", "properties": {"city": WORD}, "required": ["city"]}
    more = {"properties": {"year": YEAR}, "required": ["year"]}
    for schema, names in (
        ({"$defs": {"B": base}, "allOf": [{"$ref": "#/$defs/B"}, more]}, {"city", "year"}),
        ({"$defs": {"B": base}, "$ref": "#/$defs/B", **more}, {"city", "year"}),
        ({**base, "anyOf": [more, {**more, "properties": {"year": WORD}}]}, {"city", "year"}),
        ({**base, "required": ["city", "mayor"]}, {"city", "mayor"}),
        ({"anyOf": [base, {**base, "title": "another"}]}, {"city"}),
    ):
        body = {"model": MODEL, "prompt": "Describe Paris.", "format": schema, "stream": False}
        reply = http.post("/api/generate", json={**body, "options": {"num_predict": 100}})
        assert set(json.loads(reply.json()["response"])) == names, reply.text


def test_a_bad_format_is_refused(http: httpx.Client) -> None:
    assert refused(http, prompt="x", format="xml").startswith('invalid format: "xml"')
    for schema in ({"type": "nonsense"}, {"$ref": "#/nope"}, {"type": "string", "pattern": "a("}):
        assert "cannot enforce" in refused(http, prompt="x", format=schema)
    for schema in ({"type": "boolean"}, {"enum": [None]}, {"type": "array"}, {"type": "integer"}):
        body = {"model": MODEL, "prompt": "x", "format": schema, "options": {"num_predict": 9}}
        assert http.post("/api/generate", json=body).status_code == 200


def test_what_the_model_cannot_do_is_refused(http: httpx.Client) -> None:
    messages = [{"role": "user", "content": "hi"}]
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    said = refused(http, "/api/chat", messages=messages, tools=[tool])
    assert said == f"{MODEL} does not support tools"
    for path, rest in (("/api/chat", {"messages": messages}), ("/api/generate", {"prompt": "x"})):
        assert refused(http, path, **rest, think=True) == f'"{MODEL}" does not support thinking'
    assert "does not support images" in refused(http, prompt="x", images=["aGk="])
    seeing = [{"role": "user", "content": "x", "images": ["aGk="]}]
    assert "does not support images" in refused(http, "/api/chat", messages=seeing)
    for name, value in {"suffix": "x", "template": "x", "context": [1], "logprobs": True}.items():
        assert refused(http, prompt="x", **{name: value})
    assert "truncate" in refused(http, prompt="x", truncate=True)
    assert 'unknown field "promt"' in refused(http, promt="x")
    assert 'role "tool"' in refused(http, "/api/chat", messages=[{"role": "tool", "content": "x"}])


def test_fields_that_ask_for_nothing_are_let_through(http: httpx.Client) -> None:
    body: dict[str, Any] = {"model": MODEL, "prompt": "hi", "stream": False, "images": None}
    body |= {"suffix": "", "template": "", "context": None, "raw": False, "think": False}
    body |= {"format": "", "keep_alive": None, "options": {"num_predict": 1, "top_k": None}}
    assert http.post("/api/generate", json=body).status_code == 200


def test_text_beyond_ascii_arrives_whole(http: httpx.Client) -> None:
    prompt = "Repeat exactly: Grüße, 你好, emoji 🚀🌊, \u2028 done"
    pieces = lines(http, "/api/generate", prompt=prompt, options={"num_predict": 60})
    said = "".join(piece["response"] for piece in pieces)
    assert "\ufffd" not in said
