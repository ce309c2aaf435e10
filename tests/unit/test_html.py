"""From foreign text to HTML: what ordinary answers become, and the bounds."""

from __future__ import annotations

import html as standard
import random
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from mc_jupyter.html import (
    LONGEST_MARKDOWN,
    Html,
    attribute,
    block,
    escape,
    lines,
    markdown,
    preformatted,
    render,
    table,
)
from mc_jupyter.html.reader import parser, read

PRE = markdown("    x").partition("<code>")[0]
LINK = 'target="_blank" rel="noopener noreferrer"'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # formulas
        (r"\(x^2\) and \( y \)", r"<p><span>\(x^2\)</span> and <span>\( y \)</span></p>"),
        (r"\[ a < b \]", r"<p><span>\[ a &lt; b \]</span></p>"),
        (
            "so\n\\[\na\n= b\n- c\n\\]\nq",
            "<p>so</p>\n<p><span>\\[\na\n= b\n- c\n\\]</span></p>\n<p>q</p>",
        ),
        ("$x*y*z$ *e*", "<p><span>$x*y*z$</span> <em>e</em></p>"),
        ("$$a<b$$.", "<p><span>$$a&lt;b$$</span>.</p>"),
        ("in $$a$$ line", "<p>in <span>$$a$$</span> line</p>"),
        (
            "the $n$th of $0$ to $1$",
            "<p>the <span>$n$</span>th of <span>$0$</span> to <span>$1$</span></p>",
        ),
        ("$5x+1$, $2 \\pi r$", "<p><span>$5x+1$</span>, <span>$2 \\pi r$</span></p>"),
        (r"$\text{a $b$ c}$", r"<p><span>$\text{a $b$ c}$</span></p>"),
        (
            "\\begin{align}\na&=b\\\\\nc&=d\n\\end{align}",
            "<p><span>\\begin{align}\na&amp;=b\\\\\nc&amp;=d\n\\end{align}</span></p>",
        ),
        ("- $$\n  x\n  $$\n- y", "<ul>\n<li><span>$$\nx\n$$</span></li>\n<li>y</li>\n</ul>"),
        ("> \\[\n> x\n> \\]", "<blockquote>\n<p><span>\\[\nx\n\\]</span></p>\n</blockquote>"),
        # one with a command that is not on the list is code
        (r"$\href{javascript:x}{y}$", r"<p><code>$\href{javascript:x}{y}$</code></p>"),
        (r"\[\require{html}\]", r"<p><code>\[\require{html}\]</code></p>"),
        (r"$\text{\style{x}{y}}$", r"<p><code>$\text{\style{x}{y}}$</code></p>"),
        (r"$a\\\href{x}{y}$", r"<p><code>$a\\\href{x}{y}$</code></p>"),
        (r"$a\\href{x}{y}$", r"<p><code>$a\\href{x}{y}$</code></p>"),
        (r"$\nosuch{x}$", r"<p><code>$\nosuch{x}$</code></p>"),
        (
            "\\begin{tikzpicture}\nx\n\\end{tikzpicture}",
            "<p><code>\\begin{tikzpicture}\nx\n\\end{tikzpicture}</code></p>",
        ),
        # prices, shells and paths are no formulas
        ("$5 and $6", "<p><span>$</span>5 and <span>$</span>6</p>"),
        ("US$20, $5-$10", "<p>US<span>$</span>20, <span>$</span>5-<span>$</span>10</p>"),
        ("costs $5 million$", "<p>costs <span>$</span>5 million<span>$</span></p>"),
        ("5$, 6$", "<p>5<span>$</span>, 6<span>$</span></p>"),
        ("$HOME:$PATH", "<p><span>$</span>HOME:<span>$</span>PATH</p>"),
        (r"already \$5", "<p>already <span>$</span>5</p>"),
        (r"C:\new and \ref{a}", r"<p>C:<span>\</span>new and <span>\</span>ref{a}</p>"),
        (r"\(open and \begin{x", r"<p>(open and <span>\</span>begin{x</p>"),
        (r"see \[1\], \[2, 3\]", "<p>see [1], [2, 3]</p>"),
        ("&#36;x&#36;", "<p><span>$</span>x<span>$</span></p>"),
        # tags are text
        ("List<int> <script>x</script>", "<p>List&lt;int&gt; &lt;script&gt;x&lt;/script&gt;</p>"),
        ('<b onclick="x">', "<p>&lt;b onclick=&quot;x&quot;&gt;</p>".replace("&quot;", '"')),
        # links and pictures
        ("[a](http://b)", f'<p><a href="http://b" {LINK}>a</a></p>'),
        ("<mailto:a@b.c>", f'<p><a href="mailto:a@b.c" {LINK}>mailto:a@b.c</a></p>'),
        (
            "[a](javascript:x) [b](data:x) [c](//d) [e](f)",
            "<p>[a](javascript:x) [b](data:x) [c](//d) [e](f)</p>",
        ),
        ("![cat](http://x/y)", f'<p><a href="http://x/y" {LINK}>cat</a></p>'),
        ("!![](http://x/y)", f'<p>!<a href="http://x/y" {LINK}>image</a></p>'),
        ("[![b](http://i)](http://l)", f'<p><a href="http://l" {LINK}>b</a></p>'),
        ("![r]\n\n[r]: http://x", f'<p><a href="http://x" {LINK}>r</a></p>'),
        # code
        ("`$5 <b>`", "<p><code>$5 &lt;b&gt;</code></p>"),
        ("~~~\n$x$ \\(\n~~~", f"{PRE}<code>$x$ \\(\n</code></pre>"),
        ("```python\nunclosed", f"{PRE}<code>unclosed</code></pre>"),
        # the rest
        ("~~s~~ **b**\\\nnext", "<p><s>s</s> <strong>b</strong><br>\nnext</p>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_markdown_becomes_html(text: str, shown: str) -> None:
    assert markdown(text) == shown


def test_cells_of_a_table_are_aligned() -> None:
    shown = markdown("| a | b | c |\n|---|--:|:-:|\n| 1 | 2 | $x$ |")
    left, right, center = (f'style="text-align: {side}"' for side in ("left", "right", "center"))
    assert f"<th {left}>a</th>" in shown
    assert f"<td {right}>2</td>" in shown
    assert f"<td {center}><span>$x$</span></td>" in shown


def test_a_fence_is_the_answers_byte_for_byte() -> None:
    """CRLF and NUL apart; whatever is in it."""
    chance = random.Random(5)
    signs = "ab \t<>&\"'$\\`*_[]()!|#\n\n\n\x0b\x0c\x1b\x85\u2028é漢🙂"
    for _ in range(300):
        lines_of_code = "".join(chance.choice(signs) for _ in range(chance.randint(0, 60)))
        source = lines_of_code.replace("```", "")
        shown = str(block(markdown(f"before\n\n```x\n{source}\n```\nafter")))
        inside = shown.partition("<code>")[2].partition("</code></pre>")[0]
        assert standard.unescape(inside) == f"{source}\n"


def test_an_output_has_no_blank_line() -> None:
    r"""In a Markdown file it would end the HTML, and what follows would be read as Markdown."""
    text = "a\n\n```\nx\n\n \n\t\n![p](http://t)\n```\n\nq&#10;&#10;![p](http://t)"
    shown = block(markdown(text), preformatted("\n\n\n"), table(["a\n\nb"], [["c\n \nd"]]))
    assert all(line.strip() for line in shown.splitlines() if line != "</div>")
    assert "\n\n" not in shown
    assert standard.unescape(shown).count("![p](http://t)") == 1


def test_the_same_text_gives_the_same_html() -> None:
    text = "word *x* $y$ `z` " * 20_000
    assert render(text) == render(text)


@pytest.fixture
def _threads_take_turns_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_threads_take_turns_often")
def test_threads_that_read_at_once_read_the_same() -> None:
    """A cell and the panel show answers at once, also the first ones of a kernel."""
    text = "# a\n\n* b **c** [d](http://e)\n\n| a |\n|---|\n| `2` |\n\n> q ~~s~~ $x^2$\n"
    wanted = read(parser(), text)
    for _ in range(100):
        assert _at_once(parser(), text) == [wanted] * 4


def _at_once(made: MarkdownIt, text: str) -> list[object]:
    gate, found = threading.Barrier(4), list[object]()

    def work() -> None:
        gate.wait()
        found.append(read(made, text))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_long_text_is_read_up_to_a_line() -> None:
    text = f"a *line* of text{' and more' * 9}\n\n" * (LONGEST_MARKDOWN // 99 + 100)
    html, unread = render(text)
    assert unread == len(text) - LONGEST_MARKDOWN // 99 * 99
    assert html.endswith(" and more\n\n</pre>")
    assert "<p>a <em>line</em> of text" in html


@pytest.mark.parametrize("unit", ["![", "[a][", "$a{$ ", "\\[\n", "- a\n", "|a\n|-\n", "*_", "$${"])
def test_a_text_that_takes_too_many_steps_is_shown_as_it_is(unit: str) -> None:
    text = "Hello *you*\n\n" + unit * (150_000 // len(unit))
    began = time.process_time()
    html, unread = render(text)
    assert time.process_time() - began < 2
    assert html.startswith("<p>Hello <em>you</em></p>")
    assert standard.unescape(html).endswith(f"{text[-1000:]}</pre>")
    assert unread > 100_000


@pytest.mark.parametrize(
    "formula",
    [
        "{" * 41 + "x" + "}" * 41,
        "\\begin{matrix}" * 41 + "\\end{matrix}" * 41,
        "\\left(" * 41 + "\\right)" * 41,
        "\\begin{matrix}" + "&" * 40 + "\\\\ " * 30 + "\\end{matrix}",
    ],
)
def test_a_formula_that_mathjax_takes_long_for_is_code(formula: str) -> None:
    assert markdown(f"\\[{formula}\\]").startswith("<p><code>\\[")


def test_so_many_formulas_are_typeset() -> None:
    shown = markdown("so $a$ and\n\n" * 2000)
    assert 1000 < shown.count("<span>$a$</span>") < 1800
    assert shown.count("<code>$a$</code>") == 2000 - shown.count("<span>$a$</span>")


def test_deep_nesting_loses_no_text() -> None:
    for mark in ("> ", "- ", "1. ", "> - "):
        assert "deepest" in markdown(f"{mark * 200}deepest\n\nafter")
    assert "deepest" in markdown("*" * 500 + "deepest")
    flat, deep = (f"{'*a _b ' * depth}deepest{' c_ d*' * depth}" for depth in (15, 30))
    assert "deepest c</em> d</em>" in render(flat).html
    assert render(deep).unread == len(deep)
    assert "deepest" in markdown("[" * 500 + "deepest" + "](http://a)" * 500)


def test_a_template_escapes_what_is_no_html() -> None:
    shown = Html("<b>{}</b>{}").format("<i>$x$", Html("<br>"))
    assert shown == "<b>&lt;i&gt;<span>$</span>x<span>$</span></b><br>"
    assert type(Html() + "<b>" + Html("<i>")) is Html
    assert Html() + "<b>" + Html("<i>") == "&lt;b&gt;<i>"
    assert lines(("<", "", Html("<i>"))) == "&lt;<br><i>"
    assert Html("{}({})").format("a\\", "b\\") == "a<span>\\</span>(b<span>\\</span>)"


def test_an_attribute_ends_where_its_template_says() -> None:
    assert attribute("a\"b'c<d>$") == "a&quot;b&#x27;c&lt;d&gt;$"


def test_a_first_empty_line_is_kept() -> None:
    """A parser of HTML leaves one out behind ``<pre>``."""
    shown = LexborHTMLParser(str(block(preformatted("\n\nx")))).css_first("pre")
    assert shown is not None
    assert shown.text() == "\n\nx"


def test_what_utf8_does_not_have_is_replaced() -> None:
    assert escape("a\ud83db\0") == "a\ufffdb␀"
    assert markdown("a\ud83d `b\ud83d` \0") == "<p>a? <code>b?</code> \ufffd</p>"
    preformatted("\ud83d").encode()


def test_control_characters_are_visible_but_in_code() -> None:
    """A terminal may print a file that a notebook is exported to."""
    text = "a\x1b]8;;x\x07 \x9b2J \u202eb"
    shown = "a␛]8;;x␇ \\x9b2J \\u202eb"
    for html in (escape(text), attribute(text), preformatted(text), markdown(f"*{text}*")):
        bare = str(html).replace("<span>", "").replace("</span>", "")
        assert shown in standard.unescape(bare)
    assert f"<code>{text}</code>" in markdown(f"`{text}`")


@pytest.mark.parametrize(
    ("hostile", "clean"),
    [
        ('<a href="javascript:x">t</a>', '<a target="_blank" rel="noopener noreferrer">t</a>'),
        ('<a href="data:text/html,x">t</a>', '<a target="_blank" rel="noopener noreferrer">t</a>'),
        ('<a href="//h/x">t</a>', '<a target="_blank" rel="noopener noreferrer">t</a>'),
        ('<p style="x" class="y" id="z" onclick="q">t</p>', "<p>t</p>"),
        ('<td style="text-align: left; color: red">t</td>', "t"),
        ("<img src=x onerror=q><svg><script>q</script></svg><form><input>t", "t"),
        ("<style>@import 'x'</style><iframe srcdoc=x></iframe><!-- c -->t", "@import 'x't"),
    ],
)
def test_the_second_wall_stands_by_itself(hostile: str, clean: str) -> None:
    """Whatever Markdown's reader let through, the list of elements and attributes does not."""
    from mc_jupyter.html import _cleaner

    assert _cleaner().clean(hostile) == clean
