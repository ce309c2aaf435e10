"""Thinking that stands in the text itself, between tags."""

from __future__ import annotations

from typing import Any

import pytest

from mc_jupyter.lab.answer import Answer
from mc_jupyter.lab.draft import Draft
from mc_jupyter.lab.thinking import ThinkingSplitter

SPLIT = [
    ("<think>\nSecret plan\n</think>\n\nThe answer is 4.", "The answer is 4.", "Secret plan"),
    ("\n  <thinking>a</thinking>b", "b", "a"),
    ("<think>\n\n</think>\n\nYes.", "Yes.", ""),
    ("[THINK]so[/THINK]Four.", "Four.", "so"),
    ("plan first</think>\n\nFour.", "Four.", "plan first"),
    ("plan first</thinking>Four. </think>", "Four. </think>", "plan first"),
    ("</think>Four.", "Four.", ""),
    ("<think>say `</think>` or '</think>'.\n```\nx\n```</think>A.\n", "A.\n", None),
    ('they said "yes"</think>Four.', "Four.", 'they said "yes"'),
    ("a `x` and `</think>` b</think>c", "c", "a `x` and `</think>` b"),
    ("<think>a</think>b <think>c</think> d", "b <think>c</think> d", "a"),
]
KEPT = [
    "Four.",
    " \n Four.\r\n",
    "They write <think> and </think> around it.",
    "Some text.\n<think>no</think>",
    "```html\n<think>a</think>\n```",
    "```\na</think>b\n```\n",
    "~~~\na</think>b",
    "The tag `</think>` ends it.",
    "The tag '</think>' ends it.",
    "Look:\n```\n</think>\n```\n",
    "Look: `` a </think> b ``",
    '{"tag": "a </think> b"}',
    "<thin ice",
    "<thinker>a</think>",
    "`<think>` begins it",
    "1 < 2 </th",
    "   ",
    "a" + "`</think>`" * 50,
]


def answered(text: str, size: int, **end: Any) -> tuple[Answer, str]:
    """The answer to a text that comes in pieces of `size`, and what was said to be added."""
    draft, added = Draft("m"), ""
    for at in range(0, len(text), size):
        added += draft.feed({"message": {"content": text[at : at + size]}})
        assert draft.text.endswith(added.rpartition("\n\n")[2])
    draft.feed({"message": {"content": ""}, "done": True, "done_reason": "stop", **end})
    return draft.finish(), added


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(("text", "rest", "thought"), SPLIT)
def test_thinking_between_tags_is_no_text(
    text: str, rest: str, thought: str | None, size: int
) -> None:
    answer, added = answered(text, size)
    assert answer.text == rest
    assert thought is None or answer.thinking == thought
    assert added.endswith(rest)
    assert answer.notes == ()


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("text", KEPT)
def test_tags_elsewhere_stay_as_they_are(text: str, size: int) -> None:
    answer, added = answered(text, size)
    assert (answer.text, answer.thinking) == (text, "")
    assert text.startswith(added)


@pytest.mark.parametrize("size", [1, 1000])
def test_an_answer_that_ends_while_thinking_says_so(size: int) -> None:
    answer, _ = answered("<think>only thinking, cut off", size)
    assert (answer.text, answer.thinking) == ("", "only thinking, cut off")
    assert answer.footer == "m · ended while thinking"
    answer, _ = answered("<think>only </thi", size, done_reason="length")
    assert answer.thinking == "only </thi"
    assert answer.footer.endswith("ended while thinking; raise --num-predict")


def test_an_answer_of_only_thinking_from_the_server_says_so() -> None:
    draft = Draft("m")
    draft.feed({"message": {"content": "", "thinking": "Hm."}})
    draft.feed({"message": {"content": ""}, "done": True, "done_reason": "length"})
    assert "ended while thinking; raise --num-predict" in draft.finish().footer


def test_an_interrupt_while_thinking_says_only_that() -> None:
    draft = Draft("m")
    draft.feed({"message": {"content": "<think>Hm"}})
    answer = draft.finish(interrupted=True)
    assert (answer.text, answer.thinking, answer.footer) == ("", "Hm", "m · interrupted")


def test_a_tag_is_never_shown_as_text_while_it_comes() -> None:
    draft = Draft("m")
    for character in "\n<think>so</think>\n\nFour.":
        draft.feed({"message": {"content": character}})
        shown = draft.progress()["text/html"]
        assert "&lt;" not in shown
        assert "think&gt;" not in shown
    assert "<p>Four.</p>" in shown


def test_what_was_thinking_all_along_leaves_the_shown_text() -> None:
    draft = Draft("m")
    draft.feed({"message": {"content": "plan first</thi"}})
    assert draft.text == "plan first"
    assert draft.feed({"message": {"content": "nk>\n\nFour."}}) == "\n\nFour."
    assert (draft.text, draft.thinking) == ("Four.", "plan first")


def test_the_text_of_a_server_that_sends_thinking_is_left_alone() -> None:
    draft = Draft("m")
    draft.feed({"message": {"content": "", "thinking": "Hm."}})
    draft.feed({"message": {"content": "<think>a</think>b"}})
    answer = draft.finish()
    assert (answer.text, answer.thinking) == ("<think>a</think>b", "Hm.")


def test_json_after_thinking_is_read() -> None:
    draft = Draft("m", wants_json=True)
    draft.feed({"message": {"content": '<think>a map</think>\n{"a": 1}'}})
    assert draft.finish().data == {"a": 1}


def test_many_tags_cost_no_square_of_them() -> None:
    for text in ("<think>" + "'</think>'" * 200_000, "a " + "`</think>`" * 200_000, "\n" * 10**6):
        draft = Draft("m")
        draft.feed({"message": {"content": text}})
        answer = draft.finish()
        assert len(answer.text) + len(answer.thinking) >= len(text) - len("<think>")


def test_text_is_freed_at_once() -> None:
    import gc
    import weakref

    gc.disable()
    try:
        taken = ThinkingSplitter()
        taken.feed("Hello")
        seen = weakref.ref(taken)
        del taken
        assert seen() is None
    finally:
        gc.enable()
