"""Where the code within a paragraph is, and whether every renderer will find it there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

_RUN = re.compile(r"`+")
_MARK = re.compile(r"\\[!-/:-@\[-`{-~]|(?P<run>`+)|(?P<link>\](?=[(\[]))")
# What follows a link's text, where nothing in it can hide a backtick.
_TAIL = re.compile(
    r"""\]\([^\s()<>`"']{0,2000}(?:\([^\s()<>`"']{0,500}\)[^\s()<>`"']{0,500})?"""
    r"""(?:\s{1,9}(?:"[^"`]{0,500}"|'[^'`]{0,500}'))?\)"""
    r"""|\]\[[^\[\]`]{0,999}\]"""
)
_ADDRESS = re.compile(r"://|www\.|@", re.IGNORECASE)
_DEFINITION = re.compile(r"^[ \t>*+\d.)-]*\[[^\n]*\]:", re.MULTILINE)
_TABLE = re.compile(r"^[ \t>*+\d.)-]*[|:-][|: \t-]*$", re.MULTILINE)


@dataclass(frozen=True)
class Code:
    """A piece of code: a block, or what stands between backticks, those included.

    Attributes
    ----------
    is_sure
        Whether every renderer will take it for code.
    is_plain
        Whether Jupyter spares it when it looks for formulas.
    """

    start: int
    end: int
    is_sure: bool
    is_plain: bool


def code_spans(text: str, start: int, end: int, is_sure: bool) -> Iterator[Code]:
    """Find the code in the paragraph ``text[start:end]``.

    Parameters
    ----------
    is_sure
        Whether it is known to be one paragraph.
    """
    leaf = text[start:end]
    if "`" not in leaf:
        return
    places: dict[int, list[int]] = {}
    for run in _RUN.finditer(leaf):
        places.setdefault(len(run[0]), []).append(run.start())
    is_sure &= not _DEFINITION.search(leaf) and not ("|" in leaf and _TABLE.search(leaf))
    is_simple = len(places) == 1 and "\\`" not in leaf
    at = done = 0
    while mark := _MARK.search(leaf, at):
        at = mark.end()
        if mark["link"]:
            is_sure &= _TAIL.match(leaf, mark.start()) is not None
        if not mark["run"]:
            continue
        length = len(mark["run"])
        starts = places.get(length, [])
        index = bisect_left(starts, at)
        is_sure &= not _is_behind_address(leaf, done, mark.start())
        if index == len(starts):
            done = at
            is_sure = False  # JupyterLab and GitHub need not agree that it means nothing
            continue
        at = done = starts[index] + length
        is_line = leaf.find("\n", mark.start(), at) < 0
        # renderers differ on where a paragraph ends; marked stumbles over a tilde
        is_sure &= is_line and leaf[mark.start() - 1 : mark.start()] != "~"
        yield Code(start + mark.start(), start + at, is_sure, is_line and is_simple)


def _is_behind_address(leaf: str, done: int, at: int) -> bool:
    """Whether the word before a backtick is an address, which may take it in."""
    word = max(done, *(leaf.rfind(gap, done, at) for gap in " \t\n"))
    return _ADDRESS.search(leaf, word, at) is not None
