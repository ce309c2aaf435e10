r"""A model's answer as Markdown that reads the same in Jupyter, in nbconvert and on GitHub.

What models write is nearly that, but ``\(x\)`` is no maths there, ``$5 and $6`` is, ``List<int>``
vanishes as an unknown tag, and a remote image would be fetched by whoever opens the notebook.
Code is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(
    r"(?P<indent>(?:[ \t>]|[-*+] |\d{1,9}[.)] )*)(?P<fence>`{3,}|~{3,})(?P<info>.*)"
)
# Code spans and formulas end with their paragraph, closed or not.
_PARAGRAPH = re.compile(r"(?:[^\n]*\S[^\n]*\n?)+")
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
_INDENTED = re.compile(r"(?: {4}|\t)")

# Tags that only shape text within a line; without attributes they can do nothing else.
_TAGS = "b|strong|i|em|u|s|del|ins|sub|sup|kbd|code|mark|small|q|br|hr"
_SPECIAL = re.compile(
    rf"""
    (?P<code>(?<!`)(?P<ticks>`+)(?!`)(?s:.+?)(?<!`)(?P=ticks)(?!`))
  | \\\[(?P<block>(?s:.+?))\\\]
  | \\\((?P<inline>(?s:.+?))\\\)
  | (?P<escape>\\[\\$!<`])
  | (?P<display>\$\$(?s:.+?)\$\$)
  | (?P<maths>\$(?=\S)(?P<formula>[^$\n]*?[^\s$\\])\$(?!\d))
  | (?P<dollar>\$)
  | (?P<image>!\[(?P<empty>\])?)
  | (?P<link><(?:https?://|mailto:)[^\s<>]*>)
  | (?P<tag></?(?:{_TAGS})\s*/?>)
  | (?P<angle><(?=[A-Za-z/!?]))
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "$5 for", "$1,200 million", "$5.": an amount, where "$2 x" and "$5x + 1" are formulas.
_PRICE = re.compile(r"\d[\d,.]*(?:[.,;:!?)]?\s*$|[.,;:!?)]?\s+[A-Za-z]{2,}|[-–/]\s*$)")


def safe(text: str) -> str:
    """Return a model's text as Markdown that is safe to save and right everywhere.

    Outside code, maths gets dollar signs, a price is escaped, unknown tags are escaped and images
    become links. A fence that was never closed is closed.
    """
    return "".join(
        piece if is_code else _PARAGRAPH.sub(_mend_paragraph, piece)
        for is_code, piece in _blocks(text)
    )


def _blocks(text: str) -> Iterator[tuple[bool, str]]:
    """Split into code blocks and runs of everything else, in order."""
    run: list[str] = []
    fence: re.Match[str] | None = None
    in_list, after_blank = False, True
    line = ""
    for line in text.splitlines(keepends=True):
        if fence is not None:
            run.append(line)
            if _closes(line, fence):
                yield True, "".join(run)
                run, fence = [], None
            continue
        fence = _opens(line)
        if fence is not None:
            yield False, "".join(run)
            run = [line]
            continue
        is_blank = not line.strip()
        if not is_blank and (_LIST_ITEM.match(line) or not line[0].isspace()):
            in_list = bool(_LIST_ITEM.match(line))
        if after_blank and not in_list and _INDENTED.match(line) and not is_blank:
            yield False, "".join(run)
            yield True, line
            run = []
            continue
        run.append(line)
        after_blank = is_blank
    if fence is None:
        yield False, "".join(run)
    else:
        yield True, "".join(run) + ("" if line.endswith("\n") else "\n") + _closing(fence)


def _opens(line: str) -> re.Match[str] | None:
    match = _FENCE.match(line)
    if match and match["fence"][0] == "`" and "`" in match["info"]:
        return None
    return match


def _closes(line: str, fence: re.Match[str]) -> bool:
    bare = line.strip(" \t>\r\n")
    return len(bare) >= len(fence["fence"]) and set(bare) == {fence["fence"][0]}


def _closing(fence: re.Match[str]) -> str:
    """The line that closes a fence, inside the same list item or quotation."""
    return re.sub(r"[^\s>]", " ", fence["indent"]) + fence["fence"]


def _mend_paragraph(paragraph: re.Match[str]) -> str:
    return _SPECIAL.sub(_mend, paragraph[0])


def _mend(match: re.Match[str]) -> str:
    kind, found = match.lastgroup, match[0]
    if match["block"] is not None:
        return f"$${match['block']}$$"
    if match["inline"] is not None:
        return f"${match['inline'].strip()}$"
    if match["image"] is not None:
        return "[image]" if match["empty"] else "["
    if match["maths"] is not None and _PRICE.match(match["formula"]):
        # The second dollar sign may open a formula of its own.
        return "\\$" + _SPECIAL.sub(_mend, found[1:])
    if kind == "dollar":
        return "\\$"
    return "&lt;" if kind == "angle" else found
