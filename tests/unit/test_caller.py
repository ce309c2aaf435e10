"""The caller's names: functions, methods, comprehensions, lambdas, threads, closures."""

from __future__ import annotations

import gc
import textwrap
import weakref
from typing import Any

import pytest

import mc_jupyter
from mc_jupyter.errors import TemplateError
from mc_jupyter.lab.templates import fill
from mc_jupyter.notebook.caller import add_note, magic_call, scope, take_notes

_MAGIC = """
def ask(text):
    with magic_call():
        caller = scope(notebook)
        return fill(text, caller.names, missing=caller.missing)
"""


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run a cell whose function `ask` stands for a magic; return the notebook's names."""
    notebook: dict[str, Any] = {"__name__": "__main__", "text": "global", **names}
    ours = {
        "__name__": "mc_jupyter.magic",
        "magic_call": magic_call,
        "scope": scope,
        "fill": fill,
        "notebook": notebook,
    }
    exec(_MAGIC, ours)
    notebook["ask"] = ours["ask"]
    exec(compile(textwrap.dedent(code), "<cell>", "exec"), notebook)
    return notebook


@pytest.mark.parametrize(
    ("code", "got"),
    [
        ("got = ask('{{text}}')", "global"),
        ("def f(text): return ask('{{text}}')\ngot = f('mine')", "mine"),
        ("def f(other): return ask('{{text}} {{other}}')\ngot = f('mine')", "global mine"),
        ("got = [ask('{{text}}') for text in ['a', 'b']]", ["a", "b"]),
        ("got = list(map(lambda text: ask('{{text}}'), ['a', 'b']))", ["a", "b"]),
        ("got = {ask('{{k}}{{v}}') for k, v in [(1, 2)]}", {"12"}),
        ("got = [ask('{{a}}{{b}}') for a in 'xy' for b in 'z']", ["xz", "yz"]),
        ("def f(k): return [ask('{{text}}{{k}}') for text in 'ab']\ngot = f(1)", ["a1", "b1"]),
        (
            "def f(k): return list(map(lambda text: ask('{{text}}{{k}}'), 'ab'))\ngot = f(1)",
            ["a1", "b1"],
        ),
        (
            "class C:\n x = 2\n def m(self, text): return ask('{{text}}{{self.x}}')\n"
            "got = C().m(1)",
            "12",
        ),
        ("class C:\n text = 'body'\n got = ask('{{text}}')\ngot = C.got", "body"),
        (
            "def f(text):\n class C:\n  def m(self): return ask('{{text}}')\n return C().m()\n"
            "got = f('mine')",
            "mine",
        ),
        (
            "def f(text):\n global other\n other = 5\n return ask('{{text}}{{other}}')\ngot = f(1)",
            "15",
        ),
        ("def f(text):\n def g(): return ask('{{text}}')\n return g()\ngot = f('mine')", "mine"),
        (
            "def f(text):\n def g(): return text, ask('{{text}}')\n return g\ngot = f('mine')()[1]",
            "mine",
        ),
        (
            "def f(n, text):\n return ask('{{text}}') if not n else f(n - 1, n)\ngot = f(2, 'a')",
            "1",
        ),
        (  # of two calls the one whose variable the function has
            "def f(text, other, g=None):\n def h(): return text, ask('{{other}}')\n"
            " return g() if g else f('b', 'second', h)\ngot = f('a', 'first')[1]",
            "first",
        ),
        ("def f(text): yield ask('{{text}}')\ngot = next(f('mine'))", "mine"),
        (
            "async def f(text): return ask('{{text}}')\n"
            "try: f('mine').send(None)\nexcept StopIteration as e: got = e.value",
            "mine",
        ),
        ("got = eval(\"ask('{{text}}')\", globals(), {'text': 'mine'})", "mine"),
        (
            "def f(xs, k): return ask('{{[x for x in xs if x > k]}} {{(lambda: k)()}}')\n"
            "got = f([1, 2, 3], 1)",
            "[2, 3] 1",
        ),
        (
            "import threading\ngot = []\ndef f(text): got.append(ask('{{text}}'))\n"
            "for n in range(3):\n t = threading.Thread(target=f, args=(n,)); t.start(); t.join()",
            ["0", "1", "2"],
        ),
    ],
)
def test_name_is_the_callers(code: str, got: object) -> None:
    assert run(code)["got"] == got


@pytest.mark.parametrize(
    ("code", "got"),
    [
        ("got = [(lambda: ask('{{text}}'))() for text in 'ab']", ["a", "b"]),
        ("got = list((lambda: ask('{{text}}'))() for text in 'ab')", ["a", "b"]),
        ("got = [[ask('{{text}}{{other}}') for other in 'x'] for text in 'ab']", [["ax"], ["bx"]]),
        (
            "class C:\n text = 'body'\n def m(): return ask('{{text}}')\n got = m()\ngot = C.got",
            "global",
        ),
        (
            "def f(text):\n class C:\n  text = 'body'\n  def m(): return ask('{{text}}')\n"
            "  got = m()\n return C.got\ngot = f('mine')",
            "mine",
        ),
    ],
)
def test_name_is_that_of_what_stands_around(code: str, got: object) -> None:
    """A lambda in a comprehension outside a function; a class, whose names methods do not see."""
    assert run(code)["got"] == got


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("fs = [lambda: ask('{{text}}') for text in 'ab']\n[f() for f in fs]", "text"),
        ("fs = list((lambda: ask('{{text}}')) for text in 'ab')\nfs[0]()", "text"),
        (
            "def f(text):\n def g(): return ask('{{text}}')\n return g\nf('mine')()",
            "{{text}}: 'text' may be the notebook's or a variable of f, whose call",
        ),
        (
            "def f(text): return lambda: ask('{{text}}')\nf('mine')()",
            "a variable of f, whose call cannot be found here",
        ),
        ("def f():\n if 0: text = 1\n return ask('{{text}}')\nf()", "has no value now in f"),
        ("def f():\n got = ask('{{text}}')\n text = 1\nf()", "has no value now in f"),
        # two calls of the function run, and the variable does not tell which
        (
            "def f(text, g=None):\n def h(): return ask('{{text}}')\n"
            " return g() if g else f('other', h)\nf('mine')",
            "a variable of f, whose call cannot be found here",
        ),
        ("def f(): return ask('{{nope}}')\nf()", "there is no name 'nope' here"),
        ("ask('{{input}}')", "there is no name 'input' here, but Python's own"),
    ],
)
def test_name_that_cannot_be_told_is_an_error(code: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        run(code)
    assert message in str(caught.value)


def test_global_is_taken_where_every_function_around_is_seen() -> None:
    code = "def f():\n def g(): return ask('{{text}} {{len(text)}}')\n return g()\ngot = f()"
    assert run(code)["got"] == "global 6"


def test_values_are_not_kept() -> None:
    notebook = run(
        "class Big: pass\nimport weakref\ndef f():\n big = Big()\n ask('{{type(big).__name__}}')\n"
        " return weakref.ref(big)\nseen = f()"
    )
    gc.collect()
    seen: weakref.ref[object] = notebook["seen"]
    assert seen() is None


def test_filled_in_value_is_not_filled_again() -> None:
    left: list[str] = []
    names = {"p": "{{case}} and \\{{x}}", "case": "secret", "d": {"{{case}}": 1}}
    assert fill("{{p}} {{d}}", names, left=left) == "{{case}} and \\{{x}} {'{{case}}': 1}"
    assert left[0].startswith("{{p}} holds {{case}}, which stays as it is")
    assert len(left) == 2


def test_literal_braces_are_no_field_that_is_left() -> None:
    left: list[str] = []
    assert fill(r"\{{x}} {{p}}", {"p": "{{}} {{1 2}} {x}"}, left=left) == "{{x}} {{}} {{1 2}} {x}"
    assert left == []


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{n:,}}", "1,234,567"),
        ("{{ n : >12 }}", "     1234567"),
        ("{{len(rows):,}}", "3"),
        ("{{s!r}}", "'a:b'"),
        ("{{s!r:>8}}", "   'a:b'"),
        ("{{u!a}}", "'\\xe9'"),
        ("{{x:.2f}}", "0.33"),
        ("{{s[0:1]}}", "a"),
        ("{{ {'a': 1}['a']:03d }}", "001"),
        ("{{n != 3}}", "True"),
        ("{{n if n > 3 else s:,}}", "1,234,567"),
        ("{{(lambda: 7)()}}", "7"),
        ("{{d:%Y-%m}}", "2026-11"),
    ],
)
def test_formats_are_those_of_an_f_string(text: str, filled: str) -> None:
    import datetime

    names = {
        "n": 1234567,
        "s": "a:b",
        "u": "é",
        "x": 1 / 3,
        "rows": [1, 2, 3],
        "d": datetime.date(2026, 11, 27),
    }
    assert fill(text, names) == filled


@pytest.mark.parametrize("text", ["{{n:q}}", "{{n!x}}", "{{:,}}", "{{n:{w}}}"])
def test_wrong_format_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError):
        fill(text, {"n": 1, "w": 3})


def test_fill_takes_the_given_names_alone() -> None:
    assert mc_jupyter.fill("{{template}} {{n:,}}", template="t", n=1000) == "t 1,000"
    with pytest.raises(TemplateError):
        mc_jupyter.fill("{{n}}")


def test_notes_are_taken_once() -> None:
    add_note("outside a magic nothing is kept")
    with magic_call():
        add_note("one")
        add_note("one")
        assert take_notes() == ["one"]
        assert take_notes() == []
    assert take_notes() == []
