"""Asking the embedded server over bare HTTP: what its contract tests share."""

from __future__ import annotations

import json
from typing import Any

import httpx

from .embedded_server import MODEL

FRANCE = "What is the capital of France?"
SEA = "Write a poem about the sea"


def lines(http: httpx.Client, path: str, **body: Any) -> list[dict[str, Any]]:
    """Post, and return the lines of the streamed answer."""
    with http.stream("POST", path, json={"model": MODEL, **body}) as reply:
        text = reply.read().decode()
        assert reply.status_code == 200, text
        assert reply.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in text.splitlines()]


def generate(http: httpx.Client, prompt: str, **options: Any) -> dict[str, Any]:
    """Return the whole answer to one prompt."""
    body = {"model": MODEL, "prompt": prompt, "stream": False, "options": options}
    reply = http.post("/api/generate", json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def text(http: httpx.Client, prompt: str, **options: Any) -> str:
    return str(generate(http, prompt, **options)["response"])


def refused(http: httpx.Client, path: str = "/api/generate", **body: Any) -> str:
    """Return the text of a 400."""
    reply = http.post(path, json={"model": MODEL, **body})
    assert reply.status_code == 400, reply.text
    assert reply.headers["content-type"].startswith("application/json")
    (key,) = reply.json()
    assert key == "error"
    return str(reply.json()["error"])
