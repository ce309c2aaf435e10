"""The client against the real embedded server and its real model: the same suite, and more."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.embedded_server import MODEL, Running, serve, weights
from support.ollama_contract import HELLO, OllamaContract, Target

from mc_jupyter.clients import OllamaClient
from mc_jupyter.errors import ModelNotFoundError, ResponseError

CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve(models=weights()) as server:
        yield server


@pytest.fixture
def target(running: Running) -> Target:
    return Target(running.url, MODEL, (MODEL.upper(), f"library/{MODEL}"), running.token)


class TestEmbedded(OllamaContract):
    def test_the_seed_gives_the_same_text(self, client: OllamaClient) -> None:
        def answer() -> str:
            chunks = client.chat(MODEL, CAPITAL, options={"seed": 7, "num_predict": 12})
            return "".join(chunk["message"]["content"] for chunk in chunks)

        assert answer() == answer()

    def test_a_schema_is_obeyed(self, client: OllamaClient) -> None:
        schema = {
            "type": "object",
            "properties": {"capital": {"type": "string"}},
            "required": ["capital"],
            "additionalProperties": False,
        }
        options = {"temperature": 0, "num_predict": 30}
        chunks = client.chat(MODEL, CAPITAL, format=schema, options=options)
        data = json.loads("".join(chunk["message"]["content"] for chunk in chunks))
        assert set(data) == {"capital"}

    def test_refusals_say_what_the_server_says(self, client: OllamaClient, target: Target) -> None:
        with pytest.raises(ModelNotFoundError) as caught:
            next(client.chat("llama9", HELLO))
        assert MODEL in caught.value.message  # what can be served here
        assert caught.value.hint == "to see what is here: %ollama list"
        with pytest.raises(ModelNotFoundError, match="there is no model 'llama9' to pull"):
            list(client.pull("llama9"))
        with pytest.raises(ResponseError, match="option") as refused:
            next(client.chat(MODEL, HELLO, options={"num_gpu": 99}))
        assert refused.value.status == 400
        with pytest.raises(ResponseError, match="wants a key"):
            OllamaClient(target.url, token="wrong").models()
