"""The thinking that a model writes into its text, between tags, told apart from the answer.

A server that knows the model sends the thinking by itself; one that does not leaves the tags in the
text, or only the closing one, where the model's template has opened it in the prompt.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Literal

_CLOSING = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
}
_ALONE = ("</think>", "</thinking>")  # may close what nothing in the text has opened
_WATCHED = ("<think>", "<thinking>", *_ALONE)
_TAG = re.compile("|".join(_WATCHED))
_CODE = ("```", "~~~", "{", "[", "<")  # an answer that begins so is no thinking
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_MOST_SPACE = 1000  # characters before a tag that opens
_MOST_IN_CODE = 20  # closing tags; each one costs a look at the whole text

_State = Literal["start", "inside", "gap", "watch", "plain"]


class ThinkingSplitter:
    """Takes an answer's text piece by piece, and keeps thinking and text apart.

    Attributes
    ----------
    is_open
        Whether the text ended, so far, while the model was thinking.
    """

    def __init__(self) -> None:
        self._text, self._thought = io.StringIO(newline=""), io.StringIO(newline="")
        self._state: _State = "start"
        self._held = ""  # what may be the beginning of a tag
        self._last = ""  # the character before it
        self._close = ""
        self._in_code = 0

    @property
    def text(self) -> str:
        """The answer so far, as far as it is known to be no tag."""
        return self._text.getvalue()

    @property
    def thought(self) -> str:
        """The thinking so far."""
        return self._thought.getvalue().strip()

    @property
    def is_open(self) -> bool:
        """Whether the thinking has begun and not ended."""
        return self._state == "inside"

    def skip(self) -> None:
        """Take all that comes as text: the server tells the thinking apart itself."""
        if self._state in ("start", "watch"):
            self._state = "plain"

    def feed(self, piece: str) -> str:
        """Take a piece; return what is added to the text.

        Where a closing tag shows that all before it was thinking, what is returned begins with an
        empty line: what was printed of it cannot be taken back.
        """
        self._held += piece
        added = ""
        while self._held:
            before = self._state
            added += self._step()
            if self._state == before:
                break
        return added

    def end(self) -> None:
        """Take what was held back for what it is: there is no more to come."""
        if self._state == "inside":
            self._thought.write(self._held)
        elif self._state != "gap":
            self._text.write(self._held)
        self._held = ""

    def _step(self) -> str:
        # no table of bound methods: the object would be freed late, with all its text
        step: Callable[[], str] = getattr(self, f"_{self._state}")
        return step()

    # one for each state; each changes the state, or leaves in `_held` what waits for more ---------

    def _start(self) -> str:
        begun = self._held.lstrip()
        for opening, closing in _CLOSING.items():
            if begun.startswith(opening):
                self._held, self._close, self._state = begun[len(opening) :], closing, "inside"
                return ""
        tags = (*_CLOSING, *_ALONE)
        if len(self._held) <= _MOST_SPACE and any(tag.startswith(begun) for tag in tags):
            self._state = "watch" if begun in _ALONE else "start"
            return ""
        if begun in ("`", "``", "~", "~~"):
            return ""
        is_code = begun.startswith(_CODE) and not begun.startswith(_ALONE)
        self._state = "plain" if is_code else "watch"
        return ""

    def _inside(self) -> str:
        at, size = self._held.find(self._close), len(self._close)
        while at >= 0 and (quoted := self._is_quoted(at, self._close)):
            at = self._held.find(self._close, at + size)
        if at < 0:
            self._thought.write(self._release((self._close,)))
        elif quoted is not None:
            self._thought.write(self._held[:at])
            self._held, self._state = self._held[at + size :], "gap"
        return ""

    def _gap(self) -> str:
        self._held = self._held.lstrip()
        if self._held:
            self._state = "plain"
        return ""

    def _watch(self) -> str:
        added = ""
        while found := _TAG.search(self._held):
            tag, at = found[0], found.start()
            if tag not in _ALONE:  # what is opened in the middle is text, and so is its end
                self._state = "plain"
                return added
            quoted = self._is_quoted(at, tag)
            if quoted is None:
                return added
            if not quoted and not _is_code(self.text + self._held[:at]):
                return self._move(at, tag)
            added += self._write(found.end())
            self._in_code += 1
            if self._in_code == _MOST_IN_CODE:
                self._state = "plain"
                return added
        released = self._release(_WATCHED)
        self._text.write(released)
        return added + released

    def _plain(self) -> str:
        return self._write(len(self._held))

    def _move(self, at: int, tag: str) -> str:
        """Make thinking of all text before a closing tag."""
        printed = self._text.tell()
        self._thought.write(self.text + self._held[:at])
        self._text = io.StringIO(newline="")
        self._held, self._state = self._held[at + len(tag) :], "gap"
        return "\n\n" if printed else ""

    def _write(self, end: int) -> str:
        """Move what is held, up to `end`, into the text."""
        piece, self._held = self._held[:end], self._held[end:]
        self._last = piece[-1:]
        self._text.write(piece)
        return piece

    def _release(self, tags: tuple[str, ...]) -> str:
        """Give out what is held, but for the beginning of one of these tags."""
        longest = max(map(len, tags))
        end = len(self._held)
        for at in range(max(0, end - longest), end):
            rest = self._held[at:]  # no `self` in the generator: its cell would outlive the frame
            if any(tag.startswith(rest) for tag in tags):
                end = at
                break
        piece, self._held = self._held[:end], self._held[end:]
        self._last = piece[-1:] or self._last
        return piece

    def _is_quoted(self, at: int, tag: str) -> bool | None:
        """Whether a tag stands between two equal quotes; None while that is not known."""
        mark = self._held[at - 1] if at else self._last
        if mark not in ("'", '"', "`"):
            return False
        after = self._held[at + len(tag) : at + len(tag) + 1]
        return after == mark if after else None


def _is_code(text: str) -> bool:
    """Whether what follows a text stands in a code span, or in a block of code."""
    line = text.rpartition("\n")[2]
    return len(re.findall("`+", line)) % 2 == 1 or len(_FENCE.findall(text)) % 2 == 1
