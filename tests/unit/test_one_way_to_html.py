"""Foreign text becomes HTML in one way: no other is written anywhere in the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mc_jupyter

ROOT = Path(mc_jupyter.__file__).parent
_APART = ("html/", "bundled/")  # the way itself; servers that run elsewhere
_TAG = re.compile(
    r"</?(?:a|abbr|article|audio|b|blockquote|br|button|caption|code|dd|details|div|dl|dt|em|embed|"
    r"figure|form|h[1-6]|hr|i|iframe|img|input|label|li|link|mark|math|meta|object|ol|option|p|path|"
    r"picture|pre|progress|s|script|section|select|small|source|span|strong|style|sub|summary|sup|"
    r"svg|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|u|ul|video|wbr)\b[^<]*>",
    re.IGNORECASE,
)
_OTHER_WAYS = ("html", "markdown_it", "nh3", "markupsafe", "mistune", "markdown", "bleach", "cgi")
_DISPLAYS = ("HTML", "Markdown", "Javascript", "SVG", "display_html", "display_markdown")


def complaints(source: str) -> list[str]:
    """What a module does that is another way from text to HTML."""
    tree = ast.parse(source)
    return [
        *_imports(tree),
        *_markup(tree),
        *(
            f"{node.lineno}: an output of {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in ("text/markdown", "text/latex")
        ),
    ]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
            if (node.module or "").startswith("IPython"):
                names += [alias.name for alias in node.names if alias.name in _DISPLAYS]
        for name in names:
            if name.partition(".")[0] in (*_OTHER_WAYS, *_DISPLAYS):
                yield f"{node.lineno}: imports {name}"


def _markup(tree: ast.Module) -> Iterator[str]:
    """Tags outside of ``Html("...")``, and ``Html`` of what is not written there."""
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # docstrings, those of attributes too
    templates: set[int] = set()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id != "Html":
            continue
        for argument in node.args:
            parts = (
                [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
            )
            templates.update(id(part) for part in parts if isinstance(part, ast.Constant))
            if not all(isinstance(part, ast.Constant) for part in parts):
                yield f"{node.lineno}: Html of {ast.unparse(argument)[:60]}"
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and not {id(node)} & (documentation | templates) and _TAG.search(node.value):
            yield f"{node.lineno}: markup that is no template: {node.value[:60]!r}"


def test_no_module_has_another_way() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): complaints(path.read_text())
        for path in sorted(ROOT.rglob("*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(_APART)
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from html import escape",
        "import markdown_it",
        "from IPython.display import HTML, display",
        'data = {"text/markdown": text}',
        'x = f"<b>{name}</b>"',
        'x = "<td>" + name + "</td>"',
        'x = Html(f"<b>{name}</b>")',
        "x = Html(name)",
        'x = Html("<b>" + name)',
    ],
)
def test_the_check_notices_another_way(source: str) -> None:
    assert complaints(source)


@pytest.mark.parametrize(
    "source",
    [
        'x = Html("<b>{}</b>").format(name)',
        'x = Html(" class=a" if is_chosen else "")',
        'def f():\n    """A <b>word</b>."""',
        'x = f"<Answer of {model}>"',
    ],
)
def test_the_check_lets_templates_pass(source: str) -> None:
    assert complaints(source) == []
