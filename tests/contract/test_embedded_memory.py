"""Loading, unloading, several at once, and callers who hang up: over real HTTP."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.embedded_server import MODEL, Running, serve, weights
from support.wait import wait_until

from mc_jupyter.embedded.catalogue import SMOLLM2


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A server that computes one request at a time."""
    with serve("--parallel", "1", models=weights()) as running:
        yield running


@pytest.fixture
def http(server: Running) -> Iterator[httpx.Client]:
    """A client; nothing is in memory when the test begins."""
    with server.client() as client:
        client.post("/api/generate", json={"model": MODEL, "keep_alive": 0}).raise_for_status()
        wait_until(lambda: not loaded(client), 10, "unloading")
        yield client


def loaded(http: httpx.Client) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = http.get("/api/ps").json()["models"]
    return models


def ask(http: httpx.Client, prompt: str = "hi", **rest: Any) -> dict[str, Any]:
    options = {"num_predict": 3, **rest.pop("options", {})}
    body = {"model": MODEL, "prompt": prompt, "stream": False, "options": options, **rest}
    reply = http.post("/api/generate", json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def workers(server: Running) -> list[int]:
    """Return the process ids of the server's children."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == server.pid and fields[0] != "Z":
            pids.append(int(folder.name))
    return pids


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


def test_an_empty_prompt_loads_and_zero_keep_alive_unloads(http: httpx.Client) -> None:
    assert loaded(http) == []
    for path, key, empty in (
        ("/api/generate", "response", {}),
        ("/api/generate", "response", {"prompt": ""}),
        ("/api/chat", "message", {"messages": []}),
    ):
        load = http.post(path, json={"model": MODEL, **empty})
        assert load.headers["content-type"].startswith("application/json")
        assert load.json()["done"] is True
        assert load.json()["done_reason"] == "load"
        assert load.json()[key] in ("", {"role": "assistant", "content": ""})
        assert [model["name"] for model in loaded(http)] == [MODEL]
        unload = http.post(path, json={"model": MODEL, "keep_alive": 0, **empty})
        assert unload.json()["done_reason"] == "unload"
        assert loaded(http) == []


def test_ps_tells_what_is_in_memory(http: httpx.Client) -> None:
    ask(http, keep_alive="10m")
    (model,) = loaded(http)
    assert model["name"] == model["model"] == MODEL
    assert model["digest"] == SMOLLM2.sha256
    assert model["details"]["family"] == "llama"
    assert model["size"] > SMOLLM2.size
    assert model["size_vram"] == 0
    assert model["context_length"] == 4096
    left = datetime.fromisoformat(model["expires_at"]) - datetime.now(UTC)
    assert 590 < left.total_seconds() <= 600


@needs_proc
def test_the_memory_is_given_back_when_the_time_is_over(
    http: httpx.Client, server: Running
) -> None:
    ask(http, keep_alive="200ms")
    assert len(workers(server)) == 1
    wait_until(lambda: not loaded(http), 5, "unloading")
    wait_until(lambda: not workers(server), 5, "end of the worker")


@pytest.mark.parametrize("forever", [-1, "-1m"])
def test_a_negative_keep_alive_is_for_ever(http: httpx.Client, forever: int | str) -> None:
    ask(http, keep_alive=forever)
    (model,) = loaded(http)
    assert datetime.fromisoformat(model["expires_at"]).year > 2300


def test_zero_keep_alive_with_a_prompt_unloads_afterwards(http: httpx.Client) -> None:
    assert ask(http, keep_alive=0)["response"]
    wait_until(lambda: not loaded(http), 5, "unloading")


def test_a_later_request_keeps_the_keep_alive_that_was_said(http: httpx.Client) -> None:
    ask(http, keep_alive=3600)
    ask(http)
    left = datetime.fromisoformat(loaded(http)[0]["expires_at"]) - datetime.now(UTC)
    assert left.total_seconds() > 3000


def test_a_bad_keep_alive_is_refused(http: httpx.Client) -> None:
    for value in ("5 minutes", "10", "", "m", True, [1]):
        reply = http.post("/api/generate", json={"model": MODEL, "keep_alive": value})
        assert reply.status_code == 400, value
        assert "keep_alive" in reply.json()["error"]


@needs_proc
def test_a_load_option_reloads_and_the_load_is_measured(
    http: httpx.Client, server: Running
) -> None:
    first = ask(http)
    (before,) = workers(server)
    again = ask(http)
    assert workers(server) == [before]
    other = ask(http, options={"num_ctx": 512})
    (after,) = workers(server)
    assert after != before
    assert again["load_duration"] < first["load_duration"]
    assert again["load_duration"] < other["load_duration"]
    assert other["load_duration"] > 10_000_000


def test_requests_wait_for_their_turn_and_all_are_answered(http: httpx.Client) -> None:
    def one(index: int) -> str:
        num_ctx = 512 if index % 2 else 1024  # each second one reloads
        return str(ask(http, f"Number {index}", options={"num_ctx": num_ctx})["response"])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(one, range(6)))


def test_several_answers_are_streamed_at_once() -> None:
    """Each of three streams begins before any of them ends."""

    def stream(server: Running, index: int) -> tuple[float, float]:
        body = {"model": MODEL, "prompt": f"Story {index}", "options": {"num_predict": 60}}
        with server.client() as http, http.stream("POST", "/api/generate", json=body) as reply:
            times = [time.monotonic() for _ in reply.iter_lines()]
        return times[0], times[-1]

    with serve("--parallel", "3", models=weights()) as server:
        with server.client() as http:
            ask(http)
        with ThreadPoolExecutor(3) as pool:
            spans = list(pool.map(lambda index: stream(server, index), range(3)))
    assert max(first for first, _ in spans) < min(last for _, last in spans)


def test_hanging_up_in_an_answer_frees_the_engine(http: httpx.Client) -> None:
    body = {"model": MODEL, "prompt": "Count to a thousand", "options": {"num_predict": 3000}}
    body["options"] |= {"temperature": 1.5, "num_ctx": 4096}
    with http.stream("POST", "/api/generate", json=body) as reply:
        next(reply.iter_lines())
    began = time.monotonic()
    ask(http)
    assert time.monotonic() - began < 2


def test_hanging_up_in_a_long_prompt_frees_the_engine(http: httpx.Client) -> None:
    ask(http)
    body = {"model": MODEL, "prompt": "word " * 3900, "stream": False}
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/generate", json=body, timeout=0.5)
    began = time.monotonic()
    ask(http)
    assert time.monotonic() - began < 6  # the whole prompt takes more than 10 s


@needs_proc
def test_hanging_up_while_the_model_loads_gives_the_load_up(
    http: httpx.Client, server: Running
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/generate", json={"model": MODEL}, timeout=0.05)
    wait_until(lambda: not workers(server), 5, "end of the worker")
    assert loaded(http) == []
    assert ask(http)["response"]


def test_hanging_up_while_waiting_for_a_turn_costs_nothing(http: httpx.Client) -> None:
    body = {"model": MODEL, "prompt": "Count", "options": {"num_predict": 150}}
    with http.stream("POST", "/api/generate", json=body) as reply:
        lines = reply.iter_lines()
        next(lines)
        with pytest.raises(httpx.ReadTimeout):
            http.post("/api/generate", json={**body, "prompt": "word " * 3900}, timeout=0.3)
        assert json.loads(list(lines)[-1])["done"] is True
    began = time.monotonic()
    ask(http)
    assert time.monotonic() - began < 6


@needs_proc
def test_an_engine_that_dies_in_an_answer_is_an_error_line_and_the_next_works(
    http: httpx.Client, server: Running
) -> None:
    body = {"model": MODEL, "prompt": "Count", "options": {"num_predict": 2000}}
    with http.stream("POST", "/api/generate", json=body) as reply:
        lines = reply.iter_lines()
        next(lines)
        os.kill(workers(server)[0], signal.SIGKILL)
        last = json.loads(list(lines)[-1])
        assert reply.status_code == 200
    assert list(last) == ["error"]
    assert "engine" in last["error"]
    assert ask(http)["response"]


def test_a_file_that_cannot_be_loaded_is_a_500_that_says_why(tmp_path: Path) -> None:
    with (weights() / SMOLLM2.file).open("rb") as file:
        (tmp_path / "half.gguf").write_bytes(file.read(8_000_000))
    with serve(models=tmp_path) as server, server.client() as http:
        reply = http.post("/api/generate", json={"model": "half", "prompt": "x"})
    assert reply.status_code == 500
    assert "corrupted or incomplete" in reply.json()["error"]


def test_at_most_three_models_are_held(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.gguf").symlink_to(weights() / SMOLLM2.file)
    small = ("--parallel", "1", "--num-ctx", "256")
    with serve(*small, models=tmp_path) as server, server.client() as http:
        for name in "abcda":
            http.post("/api/generate", json={"model": name}).raise_for_status()
        assert {model["name"] for model in loaded(http)} == {"c:latest", "d:latest", "a:latest"}
