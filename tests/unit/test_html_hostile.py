"""Hostile texts become HTML that holds nothing but what is written down here."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import urlsplit

import pytest
from support.hostile_text import CONSTRUCTS, Chance, code, texts
from support.html_tree import TEXT, Node, formulas, parse, runs, serialize

from mc_jupyter.control_characters import make_visible
from mc_jupyter.html import escape, markdown

ADDRESS = "http://127.0.0.1:9"
LONG = int(os.environ.get("MC_TEST_HOSTILE", "0"))
COUNT = LONG or 20_000
SEED = int(os.environ.get("MC_TEST_SEED", "20261126"))
SOME = 3000
MEGABYTE = 1 << 20

pytestmark = pytest.mark.timeout(max(300, COUNT // 100))

LINK = frozenset({"href", "rel", "target", "title"})
ATTRIBUTES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"), frozenset()),
    **dict.fromkeys(("ul", "li", "hr", "br", "em", "strong", "s", "code"), frozenset()),
    **dict.fromkeys(("table", "thead", "tbody", "tr", "span", "div", "small"), frozenset()),
    **dict.fromkeys(("td", "th", "pre"), frozenset({"style"})),
    "ol": frozenset({"start"}),
    "a": LINK,
}
CELLS = {f"text-align:{side}" for side in ("left", "right", "center")}
PRE = {
    *("white-space:pre-wrap", "word-break:normal", "overflow-wrap:anywhere", "margin:4px0"),
    *("font-family:var(--jp-code-font-family,monospace)", "padding:0", "margin:0.6em0"),
    *("padding:0.2em0.6em", "border-left:3pxsolidrgba(128,128,128,0.4)"),
}
SCHEMES = {"http", "https", "mailto"}
# Those of the texts that are harmless, and the letters and signs behind a backslash
COMMANDS = {
    *("frac", "sqrt", "text", "mbox", "hbox", "rm", "Bbb", "begin", "end", "(", ")", "[", "]"),
    *("\\", "&", "%", "$", "{", "}", "_", "#", ",", ";", ":", "!", " ", "\n", "|", "<", ">", "~"),
    *("in", "le", "tag"),  # what is left of a longer one
}
ENVIRONMENTS = {"array", "align", "equation*"}
# What costs the most; the rest is repeated in the long run
COSTLY = (
    *(
        "* a\n",
        "- a\n> b\n",
        "|a|b\n|-|-\n",
        "![a](",
        "|\n",
        "1) a\n",
        "*_",
        "  - a\n",
        "a*",
        "&\n",
    ),
    *("# a\n", "**~~", "-\n-\n", "$$", "*a_ ", "[](", "$", "[^a]: \n\n", "|$", "$`", "[a]: <\n"),
)
UNITS = CONSTRUCTS if LONG else {repr(unit): unit for unit in COSTLY}

_COMMAND = re.compile(r"\\(?:([a-zA-Z]+)|(.))", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\s*\{([^}]*)\}")


def complaints(html: str) -> Iterator[str]:
    """What is in the HTML and may not be."""
    nodes = parse(html)
    for node in nodes:
        if node.tag == TEXT:
            continue
        if node.tag not in ATTRIBUTES:
            yield f"element {node.tag}"
        for name, value in node.attributes:
            yield from _complaints(node.tag, name, value or "")
    for run in runs(nodes):
        yield from _formula_complaints(run)


def _complaints(tag: str, name: str, value: str) -> Iterator[str]:
    if name not in ATTRIBUTES.get(tag, ()):
        yield f"attribute {tag} {name}={value!r}"
    elif name == "href":
        if not _is_link(value):
            yield f"link {value!r}"
    elif name == "style":
        style = {part.replace(" ", "") for part in value.split(";") if part.strip()}
        if not style <= (PRE if tag == "pre" else CELLS):
            yield f"style {value!r}"
    elif name == "start" and not value.isdecimal():
        yield f"start {value!r}"
    elif name == "rel" and not {"noopener", "noreferrer"} <= set(value.split()):
        yield f"rel {value!r}"


def _is_link(value: str) -> bool:
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        return False
    return scheme in SCHEMES and not re.search(r"[\x00-\x20\x7f]", value)


def _formula_complaints(run: str) -> Iterator[str]:
    """MathJax finds formulas where we made them, as they are, and with harmless commands."""
    for found in formulas(run):
        if found.text != run.strip():
            yield f"formula {found.text!r} in {run!r}"
        commands = {word or sign for word, sign in _COMMAND.findall(found.text)}
        if bad := commands - COMMANDS:
            yield f"commands {sorted(bad)} in {run!r}"
        if bad := set(_ENVIRONMENT.findall(found.text)) - ENVIRONMENTS:
            yield f"environments {sorted(bad)} in {run!r}"


@cache
def _texts() -> list[str]:
    return list(texts(SEED, COUNT, ADDRESS))


def _told(bad: dict[str, list[str]]) -> str:
    """The shortest texts with what is wrong with them."""
    shortest = sorted(bad, key=len)[:5]
    return "\n".join(f"{text!r}\n    {bad[text]}" for text in shortest)


@pytest.mark.parametrize("render", [markdown, escape], ids=["markdown", "escape"])
def test_nothing_but_what_is_allowed(render: Callable[[str], str]) -> None:
    given = _texts() if render is markdown else _texts()[:SOME]
    bad = {text: found for text in given if (found := list(complaints(render(text))))}
    assert not bad, f"{len(bad)} of {len(given)}:\n{_told(bad)}"


def test_the_texts_are_hostile_and_the_complaints_are_heard() -> None:
    """The same without our care: most texts do harm."""
    from markdown_it import MarkdownIt

    careless = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    heard = Counter(
        kind
        for text in _texts()[:SOME]
        for kind in {found.split()[0] for found in complaints(careless.render(text))}
    )
    shares = {kind: count / SOME for kind, count in heard.items()}
    assert shares["element"] > 0.3
    assert shares["attribute"] > 0.3
    assert shares["link"] > 0.05
    assert shares["formula"] > 0.03
    assert shares["commands"] > 0.05


def test_a_second_parse_finds_the_same() -> None:
    """What is parsed, written and parsed again stays what it was: nothing in it mutates."""
    given = _texts()[:SOME]
    changed = [t for t in given if parse(html := markdown(t)) != parse(serialize(html))]
    assert changed == []


def test_nothing_reaches_out_of_it() -> None:
    """What stands around the HTML stands there still: every element is closed, none of ours."""
    for text in _texts()[:SOME]:
        html = markdown(text)
        around = parse(f"<table><td><div>{html}</div></table><hr>")
        assert around[-1] == Node(0, "hr", (), ""), text
        assert around[5:-1] == [node._replace(depth=node.depth + 5) for node in parse(html)], text


def test_code_comes_back_byte_for_byte() -> None:
    chance = Chance(SEED)
    for _ in range(SOME // 3):
        inside = code(chance, ADDRESS)
        fence = "`" * (1 + max((len(run) for run in re.findall("`+", inside)), default=2))
        fence = fence.ljust(3, "`")
        nodes = parse(markdown(f"{fence}\n{inside}\n{fence}\n\nafter\n"))
        assert [node.tag for node in nodes] == ["pre", "code", TEXT, TEXT, "p", TEXT]
        assert nodes[2].value == f"{inside}\n"


def test_escaped_text_reads_as_it_was_but_for_control_characters() -> None:
    for text in _texts()[:SOME]:
        got = "".join(node.value for node in parse(f"<p>{escape(text)}</p>") if node.tag == TEXT)
        assert got == make_visible(text)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_a_megabyte_of_anything(unit: str) -> None:
    text = unit * (MEGABYTE // len(unit.encode()))
    spent = 2.0
    for _ in range(3):  # beside a busy program the same work takes more of the processor's time
        began = time.process_time()
        html = markdown(text)
        spent = min(spent, time.process_time() - began)
        if spent < 2:
            break
    assert spent < 2
    assert len(html.encode()) <= 12 * MEGABYTE + 4096
