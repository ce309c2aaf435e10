"""Cutting a long text where a speaker would breathe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_CLOSING = "\"'”’»)\\]"
_END = re.compile(rf"[.!?…]+[{_CLOSING}]*(?=\s)\s+|[。！？｡]+[」』）”’\"')]*\s*")
_COMMA = re.compile(r"[,;:—–](?=\s)\s+|[、，；：]\s*")
_SPACE = re.compile(r"\s+")
# a dot behind these ends no sentence: titles, and words that stand before another
_SHORT = re.compile(
    r"dr|mr|mrs|ms|mx|prof|st|rev|hon|gen|col|capt|lt|sgt|sen|rep|gov|pres|jr|sr|mme|mlle"
    r"|e\.g|i\.e|cf|vs|viz|nos?|figs?|vol|pp?|ch|sec|eq|approx|ca|al|a\.k\.a"
    r"|z\.b|d\.h|u\.a|nr|bzw|bspw|hr|fr|abb"
)
_LONGEST_SHORT = 12  # characters that are looked at; more than any of these has
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘«]+$")


def split_text(text: str, longest: int) -> list[str]:
    """Return a text in pieces of at most `longest` characters.

    It is cut between paragraphs where that will do, else between sentences, else behind a comma,
    else at a space; only a word that is longer is cut itself. No character but white space at a
    cut is lost, and the order stays.

    Parameters
    ----------
    text
        The text.
    longest
        Characters, 1 or more.
    """
    if longest < 1:
        raise ValueError(f"longest is {longest}")
    return [piece for part in _packed(text, longest, 0) if (piece := part.strip())]


def _packed(text: str, longest: int, level: int) -> list[str]:
    """The text in parts that fit, cut as `_LEVELS` from `level` on say; as few as go in order."""
    if len(text.strip()) <= longest:
        return [text]
    parts, held = [], ""
    for unit in _LEVELS[level](text, longest):
        if len((held + unit).strip()) <= longest:
            held += unit
            continue
        if held:
            parts.append(held)
        *done, held = _packed(unit, longest, level + 1)
        parts += done
    return [*parts, held]


def _cut_behind(text: str, ends: Iterator[int]) -> Iterator[str]:
    start = 0
    for end in ends:
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _paragraphs(text: str, longest: int) -> Iterator[str]:
    return _cut_behind(text, (match.end() for match in _PARAGRAPH.finditer(text)))


def _sentences(text: str, longest: int) -> Iterator[str]:
    return _cut_behind(text, (m.end() for m in _END.finditer(text) if _is_end(text, m)))


def _is_end(text: str, match: re.Match[str]) -> bool:
    """Whether a sentence ends there: not behind ``Dr.``, ``J.`` or ``e.g.``."""
    if match.group().rstrip() != ".":
        return True
    word = _WORD_BEFORE.search(text, max(0, match.start() - _LONGEST_SHORT), match.start())
    before = word.group() if word else ""
    is_initial = len(before) == 1 and before.isalpha() and before.isupper() and before != "I"
    follows = text[match.end() : match.end() + 1]
    return not (_SHORT.fullmatch(before.lower()) or is_initial or follows.islower())


def _clauses(text: str, longest: int) -> Iterator[str]:
    return _cut_behind(text, (match.end() for match in _COMMA.finditer(text)))


def _words(text: str, longest: int) -> Iterator[str]:
    return _cut_behind(text, (match.end() for match in _SPACE.finditer(text)))


def _letters(text: str, longest: int) -> Iterator[str]:
    """Pieces of a word: never between a letter and the marks upon it, where there is a choice."""
    start = 0
    while start < len(text):
        end = min(start + longest, len(text))
        while end < len(text) and end > start + 1 and _clings(text[end]):
            end -= 1
        if end == start + 1 and end < len(text) and _clings(text[end]):
            end = min(start + longest, len(text))
        yield text[start:end]
        start = end


def _clings(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or character == "\u200d"


_LEVELS: tuple[Callable[[str, int], Iterator[str]], ...] = (
    _paragraphs,
    _sentences,
    _clauses,
    _words,
    _letters,
)
