"""How close a transcript is to what was said."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_INSIDE = re.compile(r"[^\w\s']|_", re.UNICODE)


@dataclass(frozen=True, repr=False)
class WordErrors:
    """The word error rate and what it is made of.

    Attributes
    ----------
    rate
        (substituted + deleted + inserted) / words that were said; 0 is perfect, and it can be
        more than 1.
    words
        Words that were said.
    substituted, deleted, inserted
        Words heard as others, not heard, and heard though nobody said them.
    """

    rate: float
    words: int
    substituted: int
    deleted: int
    inserted: int

    def __repr__(self) -> str:
        return (
            f"word error rate {100 * self.rate:.0f} % ({self.substituted} substituted, "
            f"{self.deleted} deleted, {self.inserted} inserted of {self.words} words)"
        )


def word_error_rate(said: object, heard: object) -> WordErrors:
    """Return the word error rate of a transcript.

    Case, punctuation and Unicode's ways to write the same letter do not count; ``12`` and
    ``twelve`` are different words.

    Parameters
    ----------
    said
        What was said: a text, or a result whose ``str`` is one.
    heard
        What was understood.

    Raises
    ------
    ValueError
        Where nothing was said: a rate of nothing means nothing.

    Notes
    -----
    The least number of edits between the two lists of words (Levenshtein's distance), found by
    dynamic programming in time and memory of one times the other.
    """
    reference, hypothesis = words_of(str(said)), words_of(str(heard))
    if not reference:
        raise ValueError("there are no words in what was said")
    # each entry: edits, and of them substituted, deleted, inserted
    row = [(n, 0, 0, n) for n in range(len(hypothesis) + 1)]
    for deleted, word in enumerate(reference, 1):
        above, row = row, [(deleted, 0, deleted, 0)]
        for at, other in enumerate(hypothesis):
            if word == other:
                row.append(above[at])
                continue
            (e, s, d, i), (e2, s2, d2, i2), (e3, s3, d3, i3) = above[at], above[at + 1], row[at]
            row.append(
                min((e + 1, s + 1, d, i), (e2 + 1, s2, d2 + 1, i2), (e3 + 1, s3, d3, i3 + 1))
            )
    edits, substituted, deleted, inserted = row[-1]
    count = len(reference)
    return WordErrors(edits / count, count, substituted, deleted, inserted)


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are compared: lower case, without punctuation."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return [word.strip("'") for word in _INSIDE.sub(" ", plain).split() if word.strip("'")]
