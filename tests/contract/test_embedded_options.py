"""Options, seeds and the context of the embedded server, with the real model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from support.embedded_asking import SEA, generate, refused, text
from support.embedded_server import serve, weights


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with serve(models=weights()) as server, server.client() as client:
        yield client


def test_num_predict_ends_with_length_and_stop_with_stop(http: httpx.Client) -> None:
    short = generate(http, SEA, num_predict=7)
    assert (short["done_reason"], short["eval_count"]) == ("length", 7)
    whole = text(http, "Count: one, two, three", num_predict=60, seed=1)
    word = whole.split()[4]
    cut = generate(http, "Count: one, two, three", num_predict=60, seed=1, stop=[word])
    assert cut["done_reason"] == "stop"
    assert cut["response"] == whole[: whole.index(word)]


def test_the_same_seed_gives_the_same_text_whatever_else_is_computed(http: httpx.Client) -> None:
    def ask(seed: int) -> str:
        return text(http, SEA, seed=seed, temperature=1.0, num_predict=20)

    first = ask(7)
    assert ask(8) != first
    assert ask(7) == first
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(ask, seed) for seed in (1, 2, 3)]
        assert pool.submit(ask, 7).result() == first
        assert len({other.result() for other in others}) == 3


def test_without_a_seed_each_answer_is_another(http: httpx.Client) -> None:
    assert len({text(http, SEA, temperature=1.2, num_predict=12) for _ in range(3)}) == 3


#: option -> values that must change what a hot, seeded answer says
TELLING: dict[str, Any] = {
    "temperature": {"temperature": 0.1},
    "top_k": {"top_k": 1},
    "top_p": {"top_p": 0.01},
    "min_p": {"min_p": 0.9},
    "typical_p": {"typical_p": 0.05},
    "repeat_penalty": {"repeat_penalty": 3.0},
    "repeat_last_n": {"repeat_penalty": 3.0, "repeat_last_n": 2},
    "presence_penalty": {"presence_penalty": 2.0},
    "frequency_penalty": {"frequency_penalty": 2.0},
    "seed": {"seed": 99},
}
HOT = {"temperature": 1.5, "seed": 5, "num_predict": 16, "repeat_penalty": 1.0}


@pytest.mark.parametrize("name", TELLING)
def test_every_sampling_option_is_honoured(http: httpx.Client, name: str) -> None:
    plain = HOT if name != "repeat_last_n" else {**HOT, "repeat_penalty": 3.0}
    assert text(http, SEA, **{**HOT, **TELLING[name]}) != text(http, SEA, **plain)


@pytest.mark.parametrize("name", ["top_k", "top_p", "min_p"])
def test_options_that_leave_one_choice_leave_no_chance(http: httpx.Client, name: str) -> None:
    narrow = {"top_k": {"top_k": 1}, "top_p": {"top_p": 1e-6}, "min_p": {"min_p": 1.0}}[name]
    greedy = text(http, SEA, **{**HOT, "temperature": 0})
    assert text(http, SEA, **{**HOT, **narrow}) == greedy


def test_an_option_that_would_be_ignored_is_named(http: httpx.Client) -> None:
    unknown = refused(http, prompt="x", options={"temprature": 1})
    assert unknown == "unknown option \"temprature\": did you mean 'temperature'?"
    for name in ("num_keep", "use_mmap", "main_gpu", "draft_num_predict", "num_gpu"):
        assert f'"{name}"' in refused(http, prompt="x", options={name: 1})
    assert '"mirostat"' in refused(http, prompt="x", options={"mirostat": 1})
    assert refused(http, prompt="x", options={"stop": "x"}) == (
        'option "stop" must be of type array'
    )
    assert refused(http, prompt="x", options={"top_k": "x"}) == (
        'option "top_k" must be of type integer'
    )
    assert "greatest" in refused(http, prompt="x", options={"seed": 2**40})
    assert text(http, "hi", num_gpu=0, num_predict=1, num_batch=64, num_thread=1) != ""


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(http: httpx.Client) -> None:
    said = refused(http, prompt="word " * 5000)
    assert "5021 tokens" in said
    assert "4096" in said
    assert "8192" in said
    small = refused(http, prompt="word " * 90, options={"num_ctx": 100})
    assert "111 tokens" in small
    assert "100 " in small


def test_num_ctx_is_the_context_that_is_used(http: httpx.Client) -> None:
    answer = generate(http, "Write a very long story. Do not stop.", num_ctx=100, temperature=1.5)
    assert answer["prompt_eval_count"] + answer["eval_count"] <= 100
    assert http.get("/api/ps").json()["models"][0]["context_length"] == 100
    long = generate(http, "word " * 300, num_ctx=330, num_predict=1)
    assert long["prompt_eval_count"] == 321
    assert http.get("/api/ps").json()["models"][0]["context_length"] == 330
    assert "8192" in refused(http, prompt="x", options={"num_ctx": 8193})


def test_each_of_several_requests_has_the_whole_context(http: httpx.Client) -> None:
    def ask(index: int) -> int:
        answer = generate(http, f"{index} " + "word " * 250, num_ctx=280, num_predict=2)
        return int(answer["prompt_eval_count"])

    with ThreadPoolExecutor(2) as pool:
        assert all(count > 250 for count in pool.map(ask, range(2)))
