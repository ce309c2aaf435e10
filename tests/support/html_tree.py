"""What a browser makes of HTML, read by another parser than the one that cleaned it.

Sources: HTML Living Standard, parsing (Lexbor reads as it says); MathJax 3.2, HTMLDomStrings
(which text is searched) and FindTeX (where a formula begins and ends). MathJax 2.7's tex2jax does
the same with other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser

TEXT = "-text"
_SKIPPED = {
    *("script", "noscript", "style", "textarea", "pre", "code"),
    *("annotation", "annotation-xml"),
}
_PASSED = {"br": "\n", "wbr": "", "-comment": ""}  # these do not divide a text
_START = re.compile(
    r"\$\$|\$|\\\(|\\\[|\\begin\s*\{([^}]*)\}|(\\[\\$])|(\\(?:eq)?ref\s*\{[^}]*\})", re.DOTALL
)
_ENDS = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}


class Node(NamedTuple):
    """An element, or a text (whose tag is TEXT and whose value the text is)."""

    depth: int
    tag: str
    attributes: tuple[tuple[str, str | None], ...]
    value: str


class Formula(NamedTuple):
    """What MathJax would typeset, or replace."""

    run: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """The formula with what delimits it."""
        return self.run[self.start : self.end]


def parse(html: str) -> list[Node]:
    """Return all nodes of a body with this content, in order."""
    nodes = []
    body = LexborHTMLParser(f"<!DOCTYPE html><body>{html}").body
    at, depth = (body.child if body else None), 0
    while at is not None:
        tag = at.tag or ""
        is_text = tag == TEXT
        attributes = () if tag.startswith("-") else tuple(sorted(at.attributes.items()))
        nodes.append(Node(depth, tag, attributes, (at.text_content or "") if is_text else ""))
        if at.child is not None:
            at, depth = at.child, depth + 1
            continue
        while at is not None and depth >= 0 and at.next is None:
            at, depth = at.parent, depth - 1
        at = at.next if at is not None and depth >= 0 else None
    return nodes


def serialize(html: str) -> str:
    """Return the HTML that is made of the nodes again."""
    body = LexborHTMLParser(f"<!DOCTYPE html><body>{html}").body
    return (body.inner_html or "") if body else ""


def runs(nodes: list[Node]) -> Iterator[str]:
    """The texts that MathJax searches, each on its own."""
    run: list[str] = []
    skipping: int | None = None
    depth = 0
    for node in nodes:
        if skipping is not None and node.depth > skipping:
            continue
        skipping = None
        if node.depth != depth:
            yield from _joined(run)
        depth = node.depth
        if node.tag == TEXT:
            run.append(node.value)
        elif node.tag in _PASSED:
            run.append(_PASSED[node.tag])
        else:
            yield from _joined(run)
            skipping = node.depth if node.tag in _SKIPPED else None
    yield from _joined(run)


def _joined(run: list[str]) -> Iterator[str]:
    if run:
        yield "".join(run)
        run.clear()


def formulas(run: str) -> Iterator[Formula]:
    """What MathJax finds in one text: formulas, references, escapes."""
    at = 0
    while start := _START.search(run, at):
        end = start.end() if start[2] or start[3] else _end(run, start)
        if end:
            yield Formula(run, start.start(), end)
        at = end or start.end()


def _end(run: str, start: re.Match[str]) -> int:
    """Where a formula that begins here ends; 0 where it does not."""
    if start[1] is not None:
        close = r"\\end\s*\{" + re.escape(start[1]) + r"\}"
    else:
        close = re.escape(_ENDS[start[0]])
    braces = 0
    for match in re.compile(rf"({close})|\\.|[{{}}]", re.DOTALL).finditer(run, start.end()):
        if match[1] is not None:
            if not braces:
                return match.end()
        elif match[0] == "{":
            braces += 1
        elif match[0] == "}" and braces:
            braces -= 1
    return 0
