"""What every server of the Ollama API must do for our client: one suite, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from mc_jupyter.clients import Limits, OllamaClient
from mc_jupyter.errors import ModelNotFoundError

HELLO = [{"role": "user", "content": "Say hello."}]
SHORT = {"num_predict": 8, "temperature": 0, "seed": 1}


@dataclass(frozen=True)
class Target:
    """A server to test, the model that it has and how else that model may be spelt."""

    url: str
    model: str
    spellings: tuple[str, ...] = ()
    token: str | None = None


class OllamaContract:
    """Subclass it in a test file, with a fixture `target`."""

    @pytest.fixture
    def client(self, target: Target) -> Iterator[OllamaClient]:
        limits = Limits(first_byte=60, silence=30)
        with OllamaClient(target.url, token=target.token, limits=limits) as client:
            yield client

    def test_chat_streams_to_done(self, client: OllamaClient, target: Target) -> None:
        chunks = list(client.chat(target.model, HELLO, options=SHORT))
        assert [chunk["done"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert "".join(chunk["message"]["content"] for chunk in chunks).strip()
        assert chunks[-1]["done_reason"] in ("stop", "length")
        assert chunks[-1]["model"] == target.model

    def test_generate_streams_to_done(self, client: OllamaClient, target: Target) -> None:
        chunks = list(client.generate(target.model, "Say hello.", system="Be brief", options=SHORT))
        assert "".join(chunk["response"] for chunk in chunks).strip()
        assert chunks[-1]["done"] is True

    def test_metrics_are_nanoseconds(self, client: OllamaClient, target: Target) -> None:
        last = list(client.chat(target.model, HELLO, options=SHORT))[-1]
        assert last["eval_count"] > 0
        assert 0 < last["eval_duration"] <= last["total_duration"]
        assert last["total_duration"] > 1_000_000

    def test_names(self, client: OllamaClient, target: Target) -> None:
        assert any(entry["name"] == target.model for entry in client.models())
        assert all(client.has_model(spelling) for spelling in (target.model, *target.spellings))
        assert not client.has_model("no-such-model")
        assert client.ensure_model(target.model, max_download=0) is False

    def test_version_and_show(self, client: OllamaClient, target: Target) -> None:
        assert client.version()
        assert "completion" in client.show(target.model)["capabilities"]

    def test_load_and_unload(self, client: OllamaClient, target: Target) -> None:
        assert client.load(target.model)["done_reason"] == "load"
        assert [entry["name"] for entry in client.ps()] == [target.model]
        assert client.unload(target.model)["done_reason"] == "unload"
        assert client.ps() == []

    def test_missing_model(self, client: OllamaClient) -> None:
        with pytest.raises(ModelNotFoundError, match="no-such-model"):
            next(client.chat("no-such-model", HELLO))
        with pytest.raises(ModelNotFoundError):
            client.show("no-such-model")
        with pytest.raises(ModelNotFoundError):
            list(client.pull("no-such-model"))

    def test_closed_early_and_used_again(self, client: OllamaClient, target: Target) -> None:
        with closing(client.chat(target.model, HELLO, options={"num_predict": 200})) as chunks:
            assert next(chunks)["done"] is False
        assert list(client.chat(target.model, HELLO, options=SHORT))[-1]["done"] is True

    def test_two_threads(self, client: OllamaClient, target: Target) -> None:
        ends: list[bool] = []

        def ask() -> None:
            ends.append(list(client.chat(target.model, HELLO, options=SHORT))[-1]["done"])

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert ends == [True, True]
