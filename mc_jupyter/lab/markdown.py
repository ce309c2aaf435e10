r"""A model's answer as Markdown that reads the same in Jupyter, in nbconvert and on GitHub.

What models write is nearly that, but ``\(x\)`` is no maths there, ``$5 and $6`` is, ``List<int>``
vanishes as an unknown tag, and a remote image would be fetched by whoever opens the notebook.
Code is never touched, except that a picture or a tag in it is broken up by a space where it is
doubtful whether every renderer takes it for code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .blocks import Block, blocks
from .spans import Code, code_spans

# Tags that only shape text within a line; without attributes they can do nothing else.
_TAGS = "b|strong|i|em|u|s|del|ins|sub|sup|kbd|code|mark|small|q|br"
_SPECIAL = re.compile(
    rf"""
    (?P<block>\\\[)
  | (?P<inline>\\\()
  | (?P<escape>\\[\\$!<`])
  | (?P<display>\$\$)
  | (?P<maths>\$(?=\S)(?P<formula>[^$`\n]*[^\s$`\\])\$(?!\d))
  | (?P<dollar>\$)
  | (?P<image>!\[(?P<empty>\])?)
  | (?P<link><(?:https?://|mailto:)(?:(?!!\[)[^\s<>`\x00-\x20\x7f])*>)
  | (?P<tag></?(?:{_TAGS})\s*/?>)
  | (?P<angle><(?=[A-Za-z/!?]))
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "$5 for", "$1,200 million", "$5.": an amount, where "$2 x" and "$5x + 1" are formulas.
_PRICE = re.compile(r"\d[\d,.]*(?:[.,;:!?)]?\s*$|[.,;:!?)]?\s+[A-Za-z]{2,}|[-–/]\s*$)")
_BLANK = re.compile(r"\n[ \t>]*(?:\r?\n|\Z)")
# What fetches something or runs, if this is no code after all.
_ACTIVE = re.compile(
    r"!(?=\[)|(?<=[\n \t>])<(?=[A-Za-z/])"
    r"|<(?=[A-Za-z][\w:-]{0,40}[\s/]|[!?]|(?:script|style|svg|math|textarea|title)\b)",
    re.IGNORECASE,
)
_ACTIVE_IN_MATHS = re.compile(r"!(?=\[)|<(?=[A-Za-z][\w:-]{0,40}[\s/>]|[/!?])")
_CLOSINGS = {"block": "\\]", "inline": "\\)", "display": "$$"}
_MARKS = re.compile(r"[\s>*+\d.)-]*\Z")


def safe(text: str) -> str:
    """Return a model's text as Markdown that is safe to save and right everywhere.

    Outside code, maths gets dollar signs, a price is escaped, unknown tags are escaped and images
    become links. A fence that was never closed is closed. The cost grows with the text.
    """
    leaves = list(blocks(text))
    code = [piece for leaf in leaves for piece in _code_of(text, leaf)]
    doubtful = _may_be_swallowed(text, code)
    done, out = 0, list[str]()
    for piece in code:
        out += _mended(text[done : piece.start])
        shown = text[piece.start : piece.end]
        out.append(_broken(shown) if doubtful or not piece.is_sure else shown)
        done = piece.end
    out += _mended(text[done:])
    last = leaves[-1] if leaves else None
    if last and last.kind == "fence" and not last.is_closed and not text[last.end :].strip():
        out.append(("" if text.endswith(("\n", "\r")) else "\n") + _closing(last))
    return "".join(out)


def _code_of(text: str, leaf: Block) -> Iterator[Code]:
    if leaf.kind in ("fence", "indented"):
        first = text[leaf.start : leaf.end].partition("\n")
        last = first[2].rstrip("\n").rpartition("\n")[2]
        is_plain = leaf.kind == "fence" and not leaf.prefix and last == leaf.fence
        yield Code(leaf.start, leaf.end, leaf.is_sure, is_plain)
    elif leaf.kind == "text":
        yield from code_spans(text, leaf.start, leaf.end, leaf.is_sure)


def _may_be_swallowed(text: str, code: list[Code]) -> bool:
    r"""Whether Jupyter may take the bounds of code for a part of a formula.

    It looks for ``$`` and ``\begin{}`` before it looks for code, of which it spares only what is in
    one line, and fences that are not indented.
    """
    if "\\begin{" in text:
        return True
    loose = sum("$" in text[c.start : c.end] for c in code if not c.is_plain)
    if not loose:
        return False
    return loose > 1 or text.count("$") > sum(text.count("$", c.start, c.end) for c in code)


def _broken(code: str) -> str:
    return _ACTIVE.sub(r"\g<0> ", code)


def _closing(fence: Block) -> str:
    """The line that closes a fence, inside the same list item or quotation."""
    return re.sub(r"[^\s>]", " ", fence.prefix) + fence.fence


def _mended(text: str) -> Iterator[str]:
    """What stands between two pieces of code; a formula ends with its paragraph."""
    done = 0
    for blank in _BLANK.finditer(text):
        yield from _mend(text[done : blank.end()])
        done = blank.end()
    yield from _mend(text[done:])


def _mend(text: str) -> Iterator[str]:
    done, absent = 0, set[str]()
    while match := _SPECIAL.search(text, done):
        yield text[done : match.start()]
        kind, done = match.lastgroup or "", match.end()
        if kind in _CLOSINGS and kind not in absent:
            end = text.find(_CLOSINGS[kind], done + 1)
            inner = text[done:end]
            if end < 0:
                absent.add(kind)
            elif "`" not in inner and _is_balanced(inner):
                yield _formula(kind, inner)
                done = end + 2
                continue
        kind = "maths" if match["formula"] is not None else kind
        if kind == "display":
            yield "\\$\\$"
        elif kind == "maths" and (_PRICE.match(match["formula"]) or not _is_balanced(match[0])):
            # The second dollar sign may open a formula of its own.
            yield "\\$"
            done = match.start() + 1
        else:
            yield _replaced(kind, match)
    yield text[done:]


def _replaced(kind: str, match: re.Match[str]) -> str:
    found = match[0]
    if match["image"] is not None:
        if match["empty"]:
            return "[image]"
        return r"!\[" if _is_definition(match) else "["
    if kind == "maths":
        return _formula(kind, match["formula"])
    if kind == "dollar":
        return "\\$"
    if kind == "tag" and _is_alone(match):  # it would begin a block of HTML
        return f"{found}&#32;"
    if kind == "escape" and found[1] == "<":  # an address before it takes in the backslash
        return "&lt;"
    return "&lt;" if kind == "angle" else found


def _formula(kind: str, inner: str) -> str:
    """A formula in dollar signs; a space in it means nothing, and breaks what might be HTML."""
    mark = "$" if kind in ("inline", "maths") else "$$"
    if kind == "inline" and "\n" not in inner:
        inner = inner.strip()
    return mark + _ACTIVE_IN_MATHS.sub(r"\g<0> ", inner) + mark


def _is_balanced(formula: str) -> bool:
    """Whether Jupyter sees its end, too, which it does outside braces only."""
    return formula.count("{") == formula.count("}")


def _is_alone(tag: re.Match[str]) -> bool:
    """Whether nothing else is in its line."""
    text, end = tag.string, tag.end()
    behind = text[end : end + 200].partition("\n")[0]
    return not behind.strip() and _begins_line(text, tag.start())


def _is_definition(image: re.Match[str]) -> bool:
    """Whether ``[label]: address`` would be left, which is no link but defines one."""
    start = image.start()
    return "]:" in image.string[start : start + 1100] and _begins_line(image.string, start)


def _begins_line(text: str, at: int) -> bool:
    """Whether only marks of lists and quotations stand before."""
    return bool(_MARKS.match(text[max(text.rfind("\n", 0, at) + 1, at - 200) : at]))
