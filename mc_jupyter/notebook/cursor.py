"""What stands before the cursor: whole words, and the one that is being typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNSAFE = re.compile(r"([^\w@%+=:,./~-])")


@dataclass(frozen=True)
class Fragment:
    """The word that is being typed.

    Attributes
    ----------
    text
        Without quotation marks and backslashes.
    line
        All that stands before the cursor.
    starts
        Where in `line` each character of `text` was typed.
    quote
        The quotation mark that is still open, or nothing.
    closes
        Whether a completed value needs the closing mark.
    """

    text: str
    line: str
    starts: tuple[int, ...]
    quote: str = ""
    closes: bool = True

    def since(self, at: int) -> str:
        """What was typed since that character of `text`, as it stands in the line."""
        return self.line[self._start(at) :]

    def spell(self, value: str, at: int) -> str:
        """A value as it must be written in place of :meth:`since`."""
        start = self._start(at)
        if self.quote and start and self.line[start - 1] == self.quote:
            # a folder is not the end of a path
            return value + self.quote if self.closes and not value.endswith("/") else value
        return _UNSAFE.sub(r"\\\1", value)

    def _start(self, at: int) -> int:
        return self.starts[at] if at < len(self.starts) else len(self.line)


def scan(line: str, after: str = "") -> tuple[list[str], Fragment] | None:
    """Split what stands before the cursor, which need not be whole, as a shell would.

    Parameters
    ----------
    line
        From behind the magic's name to the cursor.
    after
        From the cursor to the end of the line.

    Returns
    -------
    tuple or None
        The whole words, and the fragment (empty behind a blank). None in an open ``{{`` and
        behind a closed quotation mark, where nothing of ours can be completed.
    """
    words: list[str] = []
    signs: list[tuple[str, int]] = []
    quote, is_word, is_closed, at = "", False, False, 0
    while at < len(line):
        sign, width = line[at], 1
        if line.startswith("{{", at):
            end = line.find("}}", at)
            if end < 0:
                return None
            width = end + 2 - at
            signs += [(line[i], i) for i in range(at, end + 2)]
        elif sign == "\\" and quote != "'" and line[at + 1 : at + 2] and _escapes(quote, line, at):
            signs.append((line[at + 1], at))
            width = 2
        elif sign == quote:
            quote, is_closed = "", True
        elif quote:
            signs.append((sign, at))
        elif sign in "'\"":
            quote, is_word = sign, True
        elif sign.isspace():
            if signs or is_word:
                words.append("".join(sign for sign, _ in signs))
            signs, is_word, is_closed = [], False, False
        else:
            signs.append((sign, at))
        at += width
    if is_closed:
        return None
    text = "".join(sign for sign, _ in signs)
    starts = tuple(start for _, start in signs)
    return words, Fragment(text, line, starts, quote, not after.startswith(quote or "\0"))


def _escapes(quote: str, line: str, at: int) -> bool:
    return not quote or line[at + 1] in '"\\'
