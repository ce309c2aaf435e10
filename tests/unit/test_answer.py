from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mc_jupyter.errors import DataError, ResponseError
from mc_jupyter.html import code_block
from mc_jupyter.lab.answer import Answer, Timings, Usage
from mc_jupyter.lab.draft import Draft

DONE = {
    "message": {"content": ""},
    "done": True,
    "done_reason": "stop",
    "load_duration": 500_000_000,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 20_000_000,
    "eval_count": 300,
    "eval_duration": 5_000_000_000,
}


def ticking() -> Any:
    seconds: Iterator[float] = itertools.count(0.0, 0.5)
    return lambda: next(seconds)


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text, **more}, "done": False}


def bundle(answer: Answer) -> dict[str, Any]:
    return answer._repr_mimebundle_()[0]


def test_a_draft_becomes_an_answer() -> None:
    draft = Draft("m", runtime="docker", clock=ticking())
    assert [draft.feed(c) for c in (said("Hel"), said("lo"), DONE)] == ["Hel", "lo", ""]
    answer = draft.finish()
    assert str(answer) == answer.text == "Hello"
    assert answer.usage == Usage(26, 300)
    assert answer.timings == Timings(0.5, 1.0, 0.5, 0.02, 5.0, 60.0)
    assert (answer.done_reason, answer.interrupted, answer.error) == ("stop", False, None)


def test_the_text_keeps_its_line_ends() -> None:
    draft = Draft("m")
    for text in ("a\r", "\nb\r", "c\n"):
        draft.feed(said(text, thinking=text))
    assert draft.finish().text == draft.finish().thinking == "a\r\nb\rc\n"


def test_what_the_server_does_not_say_is_none() -> None:
    draft = Draft("m")
    draft.feed(said("Hel"))
    answer = draft.finish(interrupted=True)
    assert answer.usage == Usage(None, None)
    assert answer.timings.tokens_per_second is None
    assert answer.footer == "m · interrupted"


def test_plain_text_is_the_raw_answer() -> None:
    raw = "costs $5 <b> \\(x\\)\n```python\nx"
    answer = Answer(text=raw, model="m")
    assert bundle(answer)["text/plain"] == raw
    assert bundle(answer)["text/html"] == (
        '<div><div dir="auto"><p>costs <span>$</span>5 &lt;b&gt; <span>\\(x\\)</span></p>\n'
        f"{code_block('x')}</div><small>m</small></div>"
    )


def test_the_footer_is_stable_and_says_what_a_reader_must_know() -> None:
    answer = Answer(
        text="x",
        model="smollm2:135m",
        service="127-0-0-1-43210",
        runtime="embedded",
        usage=Usage(3, 1),
        timings=Timings(0.1, 2.0, tokens_per_second=61.5),
        done_reason="length",
        notes=("on CPU, though it was given a GPU",),
    )
    assert bundle(answer)["text/html"] == (
        '<div><div dir="auto"><p>x</p></div><small>smollm2:135m · embedded · 1 token'
        " · cut off at the token limit"
        " · on CPU, though it was given a GPU</small></div>"
    )
    again = dataclasses.replace(answer, timings=Timings(0.2, 3.0), usage=Usage(None, 1))
    assert answer._repr_mimebundle_() == again._repr_mimebundle_()
    assert "43210" not in str(answer._repr_mimebundle_())


def test_times_are_shown_with_verbose() -> None:
    quick = Timings(first_token=0.123, total=2.0, tokens_per_second=61.5)
    answer = Answer(text="x", model="m", timings=quick, verbose=True)
    assert "first token after 0.12 s · 2.00 s in all · 61.5 tokens/s" in str(bundle(answer))


def test_plain_shows_the_text_as_it_is_and_keeps_the_footer() -> None:
    shown = bundle(Answer(text="<b> $5", model="m", plain=True))
    assert shown["text/plain"] == "<b> $5"
    assert "&lt;b&gt; $5</pre></div><small>m</small>" in shown["text/html"]


def test_thinking_is_folded_and_not_part_of_the_text() -> None:
    draft = Draft("m")
    for chunk in (said("", thinking="Hm, </details> "), said("", thinking="so."), said("Yes.")):
        draft.feed(chunk)
    live = draft.progress()["text/html"]
    answer = draft.finish()
    assert answer.thinking == "Hm, </details> so."
    assert answer.text == "Yes."
    assert live.startswith('<div><div dir="auto"><p>Yes.</p>')
    assert bundle(answer)["text/html"].startswith(
        "<div><details><summary>Thinking</summary><p>Hm, &lt;/details&gt; so.</p></details>"
        '<div dir="auto"><p>Yes.</p>'
    )


def test_thinking_is_shown_while_it_comes_as_far_as_it_fits() -> None:
    draft = Draft("m")
    draft.feed(said("", thinking="a" * 5000))
    shown = draft.progress()["text/html"]
    assert shown.startswith(f"<div><blockquote><p>{'a' * 300}</p></blockquote>")


@pytest.mark.parametrize(
    ("text", "data", "note"),
    [('{"a": [1]}', {"a": [1]}, ()), ("null", None, ())],
)
def test_json_is_parsed(text: str, data: Any, note: tuple[str]) -> None:
    draft = Draft("m", wants_json=True)
    draft.feed(said(text))
    answer = draft.finish()
    assert (answer.data, answer.notes) == (data, note)


@pytest.mark.parametrize(
    ("end", "stopped", "message"),
    [
        (
            {"done_reason": "length", "eval_count": 1200},
            {},
            "the answer of m is not valid JSON, cut off after 1,200 tokens at the token limit\n"
            "a larger --num-predict N",
        ),
        ({"done_reason": "stop"}, {}, "not valid JSON\n--format with a JSON schema"),
        ({}, {"interrupted": True}, "not valid JSON, broken off before its end\nask again"),
        ({}, {"error": "gone"}, "not valid JSON, broken off before its end\nask again"),
    ],
)
def test_data_of_broken_json_raises_what_to_set(
    end: dict[str, Any], stopped: dict[str, Any], message: str
) -> None:
    draft = Draft("m", wants_json=True)
    draft.feed(said('{"a": [1'))
    draft.feed({"done": True, **end})
    answer = draft.finish(**stopped)
    assert answer.text == '{"a": [1'
    with pytest.raises(DataError) as caught:
        answer.data  # noqa: B018
    assert message in str(caught.value)


def test_data_is_none_where_no_json_was_asked_for() -> None:
    draft = Draft("m")
    draft.feed(said("Sure!"))
    assert draft.finish().data is None


def test_an_answer_from_elsewhere_says_so() -> None:
    draft = Draft("m")
    draft.feed(said("x") | {"remote_host": "https://ollama.com"})
    assert "answered by https://ollama.com, not by this service" in draft.finish().footer


def test_the_live_line_has_tokens_rate_and_time() -> None:
    draft = Draft("m", clock=ticking())
    for _ in range(5):
        draft.feed(said("word "))
    assert draft.progress()["text/html"].endswith(
        "<small>about 5 tokens · 10 tokens/s · 1 s</small></div>"
    )


def test_the_live_line_counts_tokens_that_came_in_one_piece() -> None:
    draft = Draft("m", clock=ticking())
    draft.feed(said("word " * 20))
    assert "about 20 tokens" in draft.progress()["text/html"]


def test_works_without_a_notebook() -> None:
    import subprocess

    code = (
        "import sys; sys.modules['IPython'] = None\n"
        "from mc_jupyter.lab.draft import Draft\n"
        "d = Draft('m'); d.feed({'message': {'content': 'hi'}, 'done': True})\n"
        "a = d.finish(); print(a, repr(a))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "hi <Answer of m: 'hi'>\n"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("[" * 50, "not valid JSON"),
        ("[" * 100_000, "JSON that nests too deeply"),
        ("[" * 101 + "]" * 101, "JSON that nests too deeply"),
        (f"[0{',0' * 2_000_000}]", "JSON of too many values"),
    ],
)
def test_json_without_end(text: str, note: str) -> None:
    draft = Draft("m", wants_json=True)
    draft.feed({"message": {"content": text}})
    answer = draft.finish()
    assert answer.notes == (note,)
    with pytest.raises(DataError, match=note):
        answer.data  # noqa: B018


@pytest.mark.parametrize(
    "figure", [{}, [], "many", "5", True, None, -1, 1.5e300, 10**400, float("nan"), float("inf")]
)
def test_figures_that_are_none_are_passed_over(figure: object) -> None:
    names = ("prompt_eval_count", "eval_count", "load_duration", "prompt_eval_duration")
    draft = Draft("m")
    draft.feed({"message": {"content": "hi"}})
    draft.feed(
        {"done": True, "done_reason": {}, **dict.fromkeys((*names, "eval_duration"), figure)}
    )
    answer = draft.finish()
    timings, usage = answer.timings, answer.usage
    assert (usage.prompt_tokens, usage.answer_tokens) == (None, None)
    assert (timings.load, timings.prompt, timings.generation) == (None, None, None)
    assert (timings.tokens_per_second, answer.done_reason) == (None, None)
    assert answer.text == "hi"


def test_no_rate_is_told_of_the_first_moment() -> None:
    times = iter([0.0, 0.1, 0.1001])
    draft = Draft("m", clock=lambda: next(times))
    draft.feed({"message": {"content": "one"}})
    assert "<small>about 1 tokens · 0 s</small>" in draft.progress()["text/html"]


@pytest.mark.parametrize("message", ["text", ["text"], {"content": 5}, {"thinking": ["a"]}])
def test_a_chunk_that_is_no_part_of_an_answer(message: object) -> None:
    with pytest.raises(ResponseError, match="no part of an answer"):
        Draft("m").feed({"message": message})


def test_notices_stand_above_an_answer_that_comes_and_are_not_saved() -> None:
    draft = Draft("m")
    draft.feed(said("Yes."))
    live = draft.progress(notices=("no docker program <b>", "fetched x"))["text/html"]
    assert live.startswith(
        '<div><small>no docker program &lt;b&gt;<br>fetched x</small><div dir="auto"><p>Yes.</p>'
    )
    assert "docker" not in str(draft.finish()._repr_mimebundle_())


def test_a_text_that_is_too_long_to_be_read_says_so() -> None:
    answer = Answer(text="word " * 50_000, model="m")
    assert "m · the last 50,000 characters are shown as they are</small>" in answer.html()
    assert bundle(answer)["text/plain"] == answer.text


def test_control_characters_are_visible_in_what_a_terminal_prints() -> None:
    answer = Answer(text="a\x1b]52;c;eA\x07\x9b2J\x7f\ttab\r\nline\ud83d", model="\x1b[2Jm")
    assert bundle(answer)["text/plain"] == "a␛]52;c;eA␇\\x9b2J␡\ttab\nline\ufffd"
    assert answer.text.startswith("a\x1b]52")
    assert repr(answer).startswith("<Answer of ␛[2Jm: 'a\\x1b]")
