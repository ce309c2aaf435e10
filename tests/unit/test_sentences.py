"""Where a long text is cut, and that nothing of it is lost."""

from __future__ import annotations

import random

import pytest

from mc_jupyter.clients.sentences import split_text


def bare(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("text", "longest", "pieces"),
    [
        ("", 10, []),
        (" \n\t ", 10, []),
        ("  short.  ", 10, ["short."]),
        ("One. Two.\n\nThree. Four.", 12, ["One. Two.", "Three. Four."]),
        ("One. Two.\n \nThree.", 18, ["One. Two.\n \nThree."]),
        ("He left! Really? Yes… Good.", 12, ["He left!", "Really? Yes…", "Good."]),
        ("“He left.” She stayed.", 14, ["“He left.”", "She stayed."]),
        ("(It rains.) It pours.", 14, ["(It rains.)", "It pours."]),
        ("It is 3.14 or so. Yes.", 18, ["It is 3.14 or so.", "Yes."]),
        ("I met Dr. Smith there. He left.", 24, ["I met Dr. Smith there.", "He left."]),
        ("Ask J. R. R. Tolkien. He knows.", 22, ["Ask J. R. R. Tolkien.", "He knows."]),
        ("So do I. You too.", 10, ["So do I.", "You too."]),
        ("Read, e.g. this one. Done now.", 21, ["Read, e.g. this one.", "Done now."]),
        ("It took 2 hrs. and more. Good.", 25, ["It took 2 hrs. and more.", "Good."]),
        ("Das ist z.B. gut. Na ja.", 18, ["Das ist z.B. gut.", "Na ja."]),
        ("今日は。元気ですか？はい！", 6, ["今日は。", "元気ですか？", "はい！"]),
        ("彼は「はい。」と言った。そう。", 8, ["彼は「はい。」", "と言った。そう。"]),
        ("one, two; three: four", 10, ["one, two;", "three:", "four"]),
        ("これは、長い、文", 4, ["これは、", "長い、文"]),
        ("1,000 men", 6, ["1,000", "men"]),
        ("a bb ccc dddd", 5, ["a bb", "ccc", "dddd"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("x abcdefgh y", 4, ["x", "abcd", "efgh", "y"]),
        ("cafe\u0301s", 4, ["caf", "e\u0301s"]),
    ],
)
def test_where_it_is_cut(text: str, longest: int, pieces: list[str]) -> None:
    assert split_text(text, longest) == pieces


def test_a_paragraph_is_preferred_to_a_sentence() -> None:
    text = "A first. A second.\n\nB first. B second.\n\nC first."
    assert split_text(text, 30) == ["A first. A second.", "B first. B second.\n\nC first."]


def test_pieces_are_as_few_as_go_in_order() -> None:
    text = " ".join(f"Sentence number {number}." for number in range(10, 60))
    pieces = split_text(text, 100)
    assert len(pieces) == 10
    assert all(piece.endswith(".") and 90 <= len(piece) <= 100 for piece in pieces)


def test_nothing_is_lost_and_nothing_is_too_long() -> None:
    draw = random.Random(5)
    alphabet = [*"aZ9 .,;:!?…\n\n\t\"'”)]。！？、」…—\u0301\u200dé字", "Dr. ", "e.g. ", "\r\n"]
    for _ in range(600):
        text = "".join(draw.choices(alphabet, k=draw.randrange(120)))
        longest = draw.randrange(1, 40)
        pieces = split_text(text, longest)
        assert bare("".join(pieces)) == bare(text)
        assert all(0 < len(piece) <= longest and piece == piece.strip() for piece in pieces)


@pytest.mark.timeout(20)  # it was quadratic once: minutes
@pytest.mark.parametrize("longest", [500, 50_000])
def test_a_very_long_text_is_cut_in_good_time(longest: int) -> None:
    text = "x" * 200_000 + " " + "A sentence, with a comma. " * 20_000
    pieces = split_text(text, longest)
    assert bare("".join(pieces)) == bare(text)


def test_longest_must_be_one_at_least() -> None:
    with pytest.raises(ValueError, match="longest is 0"):
        split_text("x", 0)
