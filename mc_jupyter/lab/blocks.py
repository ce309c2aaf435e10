"""Where the blocks of a Markdown text are: CommonMark's rules, as far as code depends on them.

One pass over the lines, whose cost grows with the text; a full parser needs the square of it for
some texts, and a model's text may be any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_FENCE = re.compile(r"(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})")
_HEADING = re.compile(r"#{1,6}(?: |\Z)")
_UNDERLINE = re.compile(r"(?:=+|-+) *\Z")
_RULE = re.compile(r"(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})\Z")
_ITEM = re.compile(r"(?:[-*+]|(?P<number>\d{1,9})[.)])(?= |\Z)")
_DEEPEST = 16
# A tab before or behind a container's mark: renderers count its columns differently.
_TAB = re.compile(r" *[>*+\d-][ >*+\d.)-]*\t")

Kind = Literal["text", "fence", "indented", "unclear"]


@dataclass
class Block:
    """A leaf of the text: whole lines that hold one paragraph, or one block of code.

    Attributes
    ----------
    kind
        ``unclear`` is everything behind nesting that is too deep to follow.
    start, end
        Offsets in the text.
    fence, prefix
        Of a fence: its characters, and what stands before them.
    is_closed
        Whether a fence has its closing line.
    is_nested
        Whether it is in a list item or a quotation.
    is_sure
        Whether renderers agree on it, as far as is known.
    """

    kind: Kind
    start: int
    end: int
    fence: str = ""
    prefix: str = ""
    is_closed: bool = False
    is_nested: bool = False
    is_sure: bool = True


@dataclass
class _Reader:
    """The containers and the leaf that are open: 0 for a quotation, an item's indent otherwise."""

    open: list[int] = field(default_factory=list)
    leaf: Block | None = None
    is_bare_item: bool = False  # the last item has had no text yet
    is_sure: bool = True
    line: str = ""
    at: int = 0

    def indent(self) -> int:
        rest = self.line[self.at :]
        return len(rest) - len(rest.lstrip(" "))

    def is_blank(self) -> bool:
        return not self.line[self.at :].strip(" ")

    def enter(self) -> int:
        """How many of the open containers go on in this line; steps behind their marks."""
        for count, width in enumerate(self.open):
            indent = self.indent()
            if not width:
                if indent > 3 or self.line[self.at + indent : self.at + indent + 1] != ">":
                    return count
                self._quote(indent)
            elif self.is_blank():
                if self.is_bare_item and count == len(self.open) - 1:
                    return count
            elif indent < width:
                return count
            else:
                self.at += width
        return len(self.open)

    def _quote(self, indent: int) -> None:
        self.at += indent + 1
        self.at += self.line[self.at : self.at + 1] == " "

    def container(self, interrupts: bool) -> int | None:
        """Step behind the mark of a new container; return it, None where there is none."""
        indent = self.indent()
        rest = self.line[self.at + indent :]
        if rest.startswith(">"):
            self._quote(indent)
            return 0
        item = _ITEM.match(rest)
        if item is None or _RULE.match(rest):
            return None
        mark, behind = item.end(), rest[item.end() :]
        gap = len(behind) - len(behind.lstrip(" "))
        is_bare = gap == len(behind)
        if interrupts and (is_bare or (item["number"] and int(item["number"]) != 1)):
            return None
        width = indent + mark + (gap if 1 <= gap <= 4 and not is_bare else 1)
        self.at = min(self.at + width, len(self.line))
        self.is_bare_item = is_bare
        return width

    def read(self, start: int, end: int) -> Iterator[Block]:
        """Take one line; yield the leaf that it ends, if it does."""
        went_on = self.enter()
        leaf = self.leaf
        is_inside = went_on == len(self.open)
        # renderers differ on text so far to the right that leaves a container
        self.is_sure &= is_inside or self.indent() < 4 or self.is_blank()
        if leaf is not None and is_inside and self._goes_on(leaf):
            leaf.end = end
            if leaf.is_closed:
                self.leaf = None
                yield leaf
            return
        is_text = leaf is not None and leaf.kind == "text"
        found = False
        while self.indent() < 4 and not self.is_blank() and len(self.open) <= _DEEPEST:
            entered = self.container(is_text and is_inside and not found)
            if entered is None:
                break
            if not found:
                del self.open[went_on:]
            found = True
            self.open.append(entered)
        fresh = self._leaf(start, end, is_text and not found, is_inside)
        if fresh is None and is_text and not found and not self.is_blank():
            assert leaf is not None
            leaf.end = end  # a paragraph goes on, if need be without its container's mark
            leaf.is_sure &= self.is_sure
            is_near = is_inside and self.indent() < 4
            if is_near and _UNDERLINE.match(self.line[self.at :].lstrip(" ")):
                self.leaf = None
                yield leaf
            return
        if not found:
            del self.open[went_on:]
        if leaf is not None:
            yield leaf
        self.leaf = fresh
        if not self.is_blank():
            self.is_bare_item = False
            self.leaf = fresh or Block(
                "text", start, end, is_nested=bool(self.open), is_sure=self.is_sure
            )
            if fresh is not None and fresh.kind == "text":  # a heading, a rule
                self.leaf = None
                yield fresh

    def _goes_on(self, leaf: Block) -> bool:
        """Whether this line is more of a block of code."""
        if leaf.kind == "indented":
            return self.is_blank() or self.indent() >= 4
        if leaf.kind != "fence":
            return False
        bare = self.line[self.at :].strip(" ")
        long_enough = len(bare) >= len(leaf.fence) and set(bare) == {leaf.fence[0]}
        leaf.is_closed = long_enough and self.indent() < 4
        if bare.startswith(leaf.fence) and set(bare) == set("`~"):  # marked takes that for its end
            leaf.is_sure = self.is_sure = False
        return True

    def _leaf(self, start: int, end: int, is_text: bool, is_inside: bool) -> Block | None:
        """The leaf that begins here; None for a paragraph, or where one goes on."""
        rest = self.line[self.at :].lstrip(" ")
        nested = bool(self.open)
        if not rest:
            return None
        if self.indent() >= 4:
            return (
                None
                if is_text
                else Block("indented", start, end, is_nested=nested, is_sure=self.is_sure)
            )
        fence = _FENCE.match(rest)
        if fence:
            self.is_sure &= not re.search(r"[<\[]", rest)  # what is no name of a language
            prefix = self.line[: len(self.line) - len(rest)]
            return Block(
                "fence", start, end, fence["fence"], prefix, is_nested=nested, is_sure=self.is_sure
            )
        is_underline = is_text and is_inside and _UNDERLINE.match(rest)
        if _HEADING.match(rest) or (_RULE.match(rest) and not is_underline):
            return Block("text", start, end, is_nested=nested, is_sure=self.is_sure)
        return None


def blocks(text: str) -> Iterator[Block]:
    """Find the leaves of a text, in order; blank lines between them belong to none."""
    reader = _Reader()
    for match in _LINE.finditer(text):
        if match.start() == match.end():
            break
        if reader.leaf and reader.leaf.kind == "text" and "\t" in match[0] and not match[0].strip():
            reader.is_sure = False  # marked does not take it for a blank line
        if _TAB.match(match[0]) or (reader.open and match[0].lstrip(" ")[:1] == "\t"):
            reader.is_sure = False
        reader.line, reader.at = match[0].rstrip("\r\n").expandtabs(4), 0
        yield from reader.read(match.start(), match.end())
        if len(reader.open) > _DEEPEST:
            start = reader.leaf.start if reader.leaf else match.end()
            yield Block("unclear", start, len(text))
            return
    if reader.leaf is not None:
        yield reader.leaf
