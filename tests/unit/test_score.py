"""The word error rate, against counts made by hand."""

from __future__ import annotations

import pytest

from mc_jupyter.lab.score import word_error_rate, words_of


@pytest.mark.parametrize(
    ("said", "heard", "counts"),
    [
        ("one two three", "one two three", (0, 0, 0)),
        ("one two three", "One, two. THREE!", (0, 0, 0)),
        ("one two three", "one too three", (1, 0, 0)),
        ("one two three", "one three", (0, 1, 0)),
        ("one two three", "one two and three", (0, 0, 1)),
        ("one two three", "", (0, 3, 0)),
        ("a b c d", "b c d e", (0, 1, 1)),
        ("it's five", "it’s five", (0, 0, 0)),
        ("caf\u00e9", "cafe\u0301", (0, 0, 0)),
        ("twelve", "12", (1, 0, 0)),
    ],
)
def test_the_least_edits_are_counted(said: str, heard: str, counts: tuple[int, ...]) -> None:
    errors = word_error_rate(said, heard)
    assert (errors.substituted, errors.deleted, errors.inserted) == counts
    assert errors.rate == sum(counts) / len(said.split())


def test_a_rate_can_be_more_than_one() -> None:
    assert word_error_rate("yes", "no no no").rate == 3


def test_nothing_said_has_no_rate() -> None:
    with pytest.raises(ValueError, match="no words"):
        word_error_rate("...", "something")


def test_it_reads_well() -> None:
    assert str(word_error_rate("a b c d", "b c d e")) == (
        "word error rate 50 % (0 substituted, 1 deleted, 1 inserted of 4 words)"
    )


def test_words() -> None:
    assert words_of("Dr. Who's 'here'—now; x_y") == ["dr", "who's", "here", "now", "x", "y"]
