"""Which models the embedded server has and what it says of them; how its errors look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from support.embedded_server import MODEL, serve, weights

from mc_jupyter.embedded.catalogue import SMOLLM2


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with the real model under three names, and two files that are no models."""
    folder = tmp_path_factory.mktemp("models")
    file = weights() / SMOLLM2.file
    (folder / SMOLLM2.file).symlink_to(file)
    (folder / "My other (v2).gguf").symlink_to(file)
    (folder / "broken.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    (folder / "text.gguf").write_text("hello")
    with serve("--gguf", f"tiny:q4={file}", models=folder) as server, server.client() as client:
        yield client


def test_the_root_and_the_version_answer_get_and_head(http: httpx.Client) -> None:
    root = http.get("/")
    assert root.text == "Ollama is running"
    assert root.headers["content-type"].startswith("text/plain")
    assert http.get("/api/version").json()["version"].endswith("-embedded")
    for path in ("/", "/api/version", "/api/tags"):
        assert http.head(path).status_code == 200
        assert http.head(path).content == b""


def test_tags_tell_what_is_here(http: httpx.Client) -> None:
    models = {model["name"]: model for model in http.get("/api/tags").json()["models"]}
    assert set(models) == {MODEL, "My-other-v2:latest", "tiny:q4"}
    for name, model in models.items():
        assert model["model"] == name
        assert model["size"] == SMOLLM2.size
        assert model["digest"] == SMOLLM2.sha256
        assert datetime.fromisoformat(model["modified_at"]).tzinfo is not None
        assert model["details"] == {
            "parent_model": "",
            "format": "gguf",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "134.52M",
            "quantization_level": "Q4_1",
        }


def test_show_tells_of_the_model_and_its_own_defaults(http: httpx.Client) -> None:
    shown = http.post("/api/show", json={"model": MODEL}).json()
    assert shown["system"] == "You are a helpful assistant."
    parameters = dict(line.split() for line in shown["parameters"].splitlines())
    assert parameters == {"temperature": "0", "repeat_penalty": "1.1"}
    assert 'SYSTEM """You are a helpful assistant."""' in shown["modelfile"]
    assert "PARAMETER temperature 0\nPARAMETER repeat_penalty 1.1" in shown["modelfile"]
    assert "<|im_start|>" in shown["template"]
    assert shown["license"] == "Apache-2.0"
    assert shown["capabilities"] == ["completion"]
    assert shown["details"]["quantization_level"] == "Q4_1"
    info = shown["model_info"]
    assert info["general.architecture"] == "llama"
    assert info["llama.context_length"] == 8192
    assert info["llama.embedding_length"] == 576
    assert info["general.parameter_count"] == 134_515_008
    assert info["tokenizer.ggml.tokens"] is None


def test_a_file_of_the_users_own_has_no_defaults_of_ours(http: httpx.Client) -> None:
    shown = http.post("/api/show", json={"name": "TINY:Q4"}).json()
    assert shown["system"] == shown["parameters"] == ""
    body = {"model": "tiny:q4", "prompt": "hi", "stream": False, "options": {"num_predict": 2}}
    assert http.post("/api/generate", json=body).json()["response"]


def test_an_unknown_model_is_a_404_that_tells_what_is_known(http: httpx.Client) -> None:
    for path in ("/api/generate", "/api/chat", "/api/show"):
        reply = http.post(path, json={"model": "llama3.2:1b"})
        assert reply.status_code == 404
        error = reply.json()["error"]
        assert error.startswith("model 'llama3.2:1b' not found")
        assert all(name in error for name in (MODEL, "tiny:q4", "Docker"))
    assert http.request("DELETE", "/api/delete", json={"model": "nope"}).status_code == 404


def test_a_file_that_was_not_fetched_is_not_deleted(http: httpx.Client) -> None:
    for name in (MODEL, "tiny:q4"):
        reply = http.request("DELETE", "/api/delete", json={"model": name})
        assert reply.status_code == 400
        assert "did not fetch" in reply.json()["error"]
    assert len(http.get("/api/tags").json()["models"]) == 3


def test_pulling_a_local_file_says_that_it_is_here(http: httpx.Client) -> None:
    lines = http.post("/api/pull", json={"model": "tiny:q4"}).text.splitlines()
    assert lines[-1] == '{"status": "success"}'
    assert "local file" in lines[0]


def test_unknown_routes_and_methods_are_plain_text(http: httpx.Client) -> None:
    lost = http.get("/api/nope")
    assert (lost.status_code, lost.text) == (404, "404 page not found")
    assert lost.headers["content-type"].startswith("text/plain")
    for method, path in (("GET", "/api/chat"), ("POST", "/api/tags"), ("PUT", "/")):
        wrong = http.request(method, path)
        assert (wrong.status_code, wrong.text) == (405, "405 method not allowed")


def test_routes_that_only_a_real_ollama_has_say_so(http: httpx.Client) -> None:
    for path in ("/api/embed", "/api/create", "/api/copy", "/api/push"):
        reply = http.post(path, json={"model": MODEL})
        assert reply.status_code == 501
        assert "Docker" in reply.json()["error"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "missing request body"),
        (b"{", "invalid JSON"),
        (b"[]", "JSON object"),
        (b'{"model": 1}', '"model" must be a string'),
        (b'{"model": "m", "stream": "yes"}', '"stream" must be true or false'),
        (b'{"model": "m", "options": [1]}', '"options" must be an object'),
        (b'{"model": "m", "options": {"top_p": NaN}}', "NaN"),
        (b"\xff\xfe", "invalid JSON"),
    ],
)
def test_a_broken_body_is_a_400(http: httpx.Client, body: bytes, said: str) -> None:
    for path in ("/api/generate", "/api/chat"):
        reply = http.post(path, content=body)
        assert reply.status_code == 400
        assert said in reply.json()["error"]


def test_a_missing_or_bad_name_is_refused(http: httpx.Client) -> None:
    assert http.post("/api/generate", json={"model": "a b"}).status_code == 404
    for path in ("/api/show", "/api/pull", "/api/generate", "/api/chat"):
        for body in ({}, {"model": ""}, {"model": None}):
            reply = http.post(path, json=body)
            assert (reply.status_code, reply.json()) == (400, {"error": "model is required"})
    for path in ("/api/show", "/api/pull"):
        reply = http.post(path, json={"model": "a b"})
        assert (reply.status_code, reply.json()) == (400, {"error": "invalid model name"})


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    with serve(models=tmp_path) as server, server.client() as http:
        assert http.get("/api/tags").json() == {"models": []}
        (tmp_path / "late.gguf").symlink_to(weights() / SMOLLM2.file)
        (model,) = http.get("/api/tags").json()["models"]
        assert model["name"] == "late:latest"
        body = {"model": "late", "prompt": "x", "stream": False, "options": {"num_predict": 1}}
        assert http.post("/api/generate", json=body).json()["done"] is True


def test_a_folder_that_is_missing_is_said_in_the_log(tmp_path: Path) -> None:
    with serve(models=tmp_path / "nope") as server:
        assert "no such folder" in server.log.read_text()
