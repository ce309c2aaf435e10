"""Markdown as foreign texts have it: what markdown-it-py reads, formulas, and a bound on steps."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from types import SimpleNamespace
from typing import Any

from markdown_it import MarkdownIt, helpers
from markdown_it.renderer import RendererHTML
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_core.text_join import text_join
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from ..urls import split_url
from . import code, escape
from .formulas import LONGEST, Formula, formula_at

MOST_STEPS = 1_000_000
"""Steps that reading one text may take: about half a second, and 200 kB of usual text."""
_DEEPEST = 40  # containers or marks within each other
MOST_MATHS = 40_000
"""Characters of formulas in one text that are typeset; MathJax takes 2 s for 25,000."""
_FORMULA = 20  # characters that a formula counts as besides its own
# Steps, as measured: trying the rules at one place in a line, and at one line; a token; a link.
_INLINE, _BLOCK, _TOKEN, _LINK = 8, 24, 12, 60

Env = MutableMapping[str, Any]


class _TooMuch(Exception):
    """A text takes more steps than it may, or nests too deeply."""


class _Budget:
    """What is left of the steps, and where the part of the text begins that is read now."""

    def __init__(self) -> None:
        self.left, self.maths = MOST_STEPS, MOST_MATHS
        self.line, self.tokens = 0, 0

    def spend(self, steps: int) -> None:
        """Take steps away."""
        self.left -= steps
        if self.left < 0:
            raise _TooMuch


class _Parser(MarkdownIt):
    """CommonMark with links to web pages and mail addresses only."""

    def validateLink(self, url: str) -> bool:
        return _is_link(url)


def parser() -> MarkdownIt:
    """Return the parser, for :func:`read`."""
    md = _Parser(
        "commonmark", {"html": False, "maxNesting": _DEEPEST, "xhtmlOut": False}, renderer_cls=_Html
    )
    md.enable(["table", "strikethrough"])
    md.helpers = _counting()  # type: ignore[assignment]
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.before("table", "steps", _count_block, interrupts)
    md.block.ruler.before("fence", "formula", _formula_block, interrupts)
    md.inline.ruler.before("text", "steps", _count_inline)
    md.inline.ruler.before("escape", "formula", _formula_inline)
    for ruler in (md.block.ruler, md.inline.ruler, md.inline.ruler2):
        ruler.getRules("")  # collected at the first use, in which a second thread may find a part
    return md


def read(md: MarkdownIt, source: str) -> tuple[list[Token], int]:
    """Read a text.

    Parameters
    ----------
    md
        See :func:`parser`.
    source
        The text, whose lines end with newlines.

    Returns
    -------
    tuple
        Tokens to render, and how many characters of the text they stand for: all of them, or as
        many as the bound on steps allows, up to the beginning of a block.
    """
    budget = _Budget()
    env: Env = {"budget": budget}
    tokens: list[Token] = []
    state = StateBlock(source, md, env, tokens)
    try:
        md.block.tokenize(state, 0, state.lineMax)
        end = None
    except _TooMuch:
        del tokens[budget.tokens :]
        end = budget.line
        budget.left = MOST_STEPS
    begins = state.bMarks
    for index, token in enumerate(tokens):
        if token.level == 0 and token.map and token.nesting >= 0:
            budget.line, budget.tokens = token.map[0], index
        try:
            budget.spend(_TOKEN)
            _read_inline(md, token, env)
        except _TooMuch:
            return tokens[: budget.tokens], begins[budget.line]
    return tokens, len(source) if end is None else begins[end]


def _read_inline(md: MarkdownIt, token: Token, env: Env) -> None:
    if token.type in ("th_open", "td_open"):
        token.attrs.setdefault("style", "text-align:left")
        token.attrs["style"] = str(token.attrs["style"]).replace(":", ": ")
    if token.type != "inline":
        return
    if not token.children:  # a formula of its own has them
        token.children = []
        md.inline.parse(token.content, md, env, token.children)
        token.children = _without_pictures(token.children)
        text_join(StateCore("", md, env, [token]))
    _count(token.children, env["budget"])


def _count(children: Sequence[Token], budget: _Budget) -> None:
    """Bound what one line of text has become: its tokens, their depth, its formulas."""
    depth = 0
    for child in children:
        depth += child.nesting
        if depth > _DEEPEST:
            raise _TooMuch
        if child.type == "formula":
            budget.maths -= len(child.content) + _FORMULA
            child.meta["is_typeset"] &= budget.maths >= 0
        budget.spend(_TOKEN + (_LINK if child.type == "link_open" else 0))


def _without_pictures(children: Sequence[Token]) -> list[Token]:
    """Pictures become links, or text within a link; a link holds no other link."""
    out: list[Token] = []
    open_links = 0
    for token in children:
        if token.type == "image":
            words = Token("text", "", 0, content=token.content.strip() or "image")
            link = Token("link_open", "a", 1, attrs={"href": token.attrs["src"]})
            is_link = not open_links and token.attrs["src"]
            out += [link, words, Token("link_close", "a", -1)] if is_link else [words]
            continue
        if token.type == "link_open":
            open_links += 1
        is_nested = open_links > 1 and token.type in ("link_open", "link_close")
        if token.type == "link_close":
            open_links -= 1
        if not is_nested:
            out.append(token)
    return out


def _is_link(address: str) -> bool:
    parts = split_url(address)
    if parts is None:
        return False
    is_page = parts.scheme in ("http", "https") and parts.hostname
    return bool(is_page or (parts.scheme == "mailto" and parts.path))


# the bound on steps ------------------------------------------------------------------------------


def _count_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    budget: _Budget = state.env["budget"]
    if not silent and state.level == 0:
        budget.line, budget.tokens = start, len(state.tokens)
    if state.level >= _DEEPEST - 4:  # deeper, markdown-it-py leaves the text out
        raise _TooMuch
    budget.spend(_BLOCK)
    return False


def _count_inline(state: StateInline, silent: bool) -> bool:
    state.env["budget"].spend(_INLINE)
    return False


def _counting() -> SimpleNamespace:
    """The helpers that look for the parts of a link, counted by the characters they look at."""

    def label(state: StateInline, start: int, disable_nested: bool = False) -> int:
        end = helpers.parseLinkLabel(state, start, disable_nested)
        state.env["budget"].spend((end if end >= 0 else state.posMax) - start)
        return end

    return SimpleNamespace(
        parseLinkLabel=label,
        parseLinkDestination=helpers.parseLinkDestination,
        parseLinkTitle=helpers.parseLinkTitle,
    )


# formulas ----------------------------------------------------------------------------------------


def _formula_inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    found = formula_at(state.src, state.pos, state.posMax, state.env["budget"].spend)
    if found is None:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.meta = found.source, {"is_typeset": found.is_typeset}
    state.pos += len(found.source)
    return True


def _formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A formula that begins a line and ends one: no line of it begins a list or a heading."""
    first = state.bMarks[start] + state.tShift[start]
    if state.is_code_block(start) or not state.src.startswith(("$$", "\\[", "\\begin{"), first):
        return False
    last = _last_line(state, start, end)
    text = state.getLines(start, last, state.blkIndent, False).lstrip(" \t")
    found = formula_at(text, 0, len(text), state.env["budget"].spend)
    if found is None:
        return False
    count = found.source.count("\n")
    behind = text[len(found.source) :].partition("\n")[0].strip()
    if behind not in ("", ".", ",", ";"):
        return False
    if silent:
        return True
    state.line = start + count + 1
    state.push("paragraph_open", "p", 1).map = [start, state.line]
    punctuation = [Token("text", "", 0, content=behind)] if behind else []
    state.push("inline", "", 0).children = [_token(found), *punctuation]
    state.push("paragraph_close", "p", -1)
    return True


def _last_line(state: StateBlock, start: int, end: int) -> int:
    """The line behind the last one that a formula may reach: of the same container, and near."""
    line, size = start, 0
    while line < end and size <= LONGEST:
        if line > start and not state.isEmpty(line) and state.sCount[line] < state.blkIndent:
            break
        size += state.eMarks[line] - state.bMarks[line] + 1
        line += 1
    state.env["budget"].spend(line - start)
    return line


def _token(found: Formula) -> Token:
    return Token("formula", "", 0, content=found.source, meta={"is_typeset": found.is_typeset})


# HTML --------------------------------------------------------------------------------------------


class _Html(RendererHTML):
    """Text is escaped in one way, and code has no attributes."""

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        return escape(tokens[idx].content)

    def formula(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        tag = "span" if tokens[idx].meta["is_typeset"] else "code"
        return f"<{tag}>{code(tokens[idx].content)}</{tag}>"

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        return f"<code>{code(tokens[idx].content)}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        return f"<pre><code>{code(tokens[idx].content)}</code></pre>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        return f"<pre><code>{code(tokens[idx].content)}</code></pre>\n"
