from __future__ import annotations

import random
import timeit
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt

from mc_jupyter.lab.markdown import safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # maths
        (r"inline \(x^2\) and \( y \)", "inline $x^2$ and $y$"),
        (r"\[ a < b \]", "$$ a < b $$"),
        ("\\[\nx\n\\]", "$$\nx\n$$"),
        ("$x$ and $5x+1$ and $2 \\pi r$ and $$a<b$$", "$x$ and $5x+1$ and $2 \\pi r$ and $$a<b$$"),
        (r"open \(x", r"open \(x"),
        # prices
        ("$5 and $6", r"\$5 and \$6"),
        ("from $5-$10, US$20.", r"from \$5-\$10, US\$20."),
        ("costs $5 million$", r"costs \$5 million\$"),
        ("$10 for 3, 20$", r"\$10 for 3, 20\$"),
        (r"already \$5", r"already \$5"),
        ("echo $HOME", r"echo \$HOME"),
        ("have $5, let $x$ be", r"have \$5, let $x$ be"),
        # tags
        ("List<int> and x < y", "List&lt;int> and x < y"),
        ("<b>bold</b><br/><SUP>2</SUP>", "<b>bold</b><br/><SUP>2</SUP>"),
        ("<script>x</script><!-- c --><?php", "&lt;script>x&lt;/script>&lt;!-- c -->&lt;?php"),
        ('<b onclick="x">', '&lt;b onclick="x">'),
        ("<img src=http://x/y.png>", "&lt;img src=http://x/y.png>"),
        ("<https://a.example> <details>", "<https://a.example> &lt;details>"),
        # images
        ("![cat](http://x/y.png)", "[cat](http://x/y.png)"),
        ("![](http://x/y.png)", "[image](http://x/y.png)"),
        ("![cat][ref]", "[cat][ref]"),
        # code
        ("`$5 <div> ![a](b)` $5", r"`$5 <div> ![a](b)` \$5"),
        ("``a`<x>``", "``a`<x>``"),
        ("a ` b\n\n<x> `", "a ` b\n\n&lt;x> `"),
        ("```\n$5 <div>\n```\n<x>", "```\n$5 <div>\n```\n&lt;x>"),
        ("~~~\n```\n~~~\n<x>", "~~~\n```\n~~~\n&lt;x>"),
        ("p\n\n    <div> $5\n\n<div>", "p\n\n    <div> $5\n\n&lt;div>"),
        ("- item\n\n    <div>", "- item\n\n    &lt;div>"),
        ("``` not `a` fence\n<x>", "``` not `a` fence\n&lt;x>"),
        # a fence that was cut off
        ("```python\nx = '<a>'", "```python\nx = '<a>'\n```"),
        ("```", "```\n```"),
        ("````\n```\nx\n", "````\n```\nx\n````"),
        ("- ```js\n  <a>\n", "- ```js\n  <a>\n  ```"),
        ("> ```\n> x", "> ```\n> x\n> ```"),
        # nothing
        ("", ""),
        ("\n\n", "\n\n"),
        ("plain *text* with [a link](https://a.example) & more", None),
        ("1. one\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", None),
    ],
)
def test_safe(text: str, shown: str | None) -> None:
    assert safe(text) == (text if shown is None else shown)


def test_safe_is_quick_enough_for_every_update_of_a_long_answer() -> None:
    """A check on growth, not on time: ten times the text is not a hundred times the work."""
    text = "word <x> `a` costs $5 and \\(x\\) and ![i](u)\n" * 200
    one, ten = (min(timeit.repeat(lambda t=text * n: safe(t), number=3)) for n in (1, 10))
    assert ten < 40 * one


PICTURE = "![x](http://h/u)"
HOSTILE = [
    f"> ```\n{PICTURE}",
    f"> ```\n> a\n{PICTURE}\n> ```",
    f"- ```\n{PICTURE}\n",
    f"1. ```\n  {PICTURE}\n",
    f"> - ~~~\n> {PICTURE}\n",
    f"- a `\n- {PICTURE} `",
    f"# a `\n{PICTURE} `",
    f"a `\n> {PICTURE} `",
    f"${PICTURE}$",
    f"\\({PICTURE}\\) \\[{PICTURE}\\] $${PICTURE}$$",
    "$<img src=http://h/u>$ $$<img src=http://h/u>$$",
    f"$a ` b$ ` {PICTURE} `",
    f"\\`` a ` {PICTURE} `",
    f"[a](`) {PICTURE} `",
    f"[a](u '`') {PICTURE} `",
    f"[a][`] {PICTURE} `\n\n[`]: /u",
    f"[a]: /u\n'`'\n{PICTURE} `",
    f"![a]: /u\n'`'\n{PICTURE} `",
    f"| a | b |\n|---|---|\n| ` | {PICTURE} ` |",
    "<b>\n`<img src=http://h/u>`",
    "<hr>\n`<img src=http://h/u>`",
    "`a\n<!--\n`<img src=http://h/u>",
    f"<http://\x01{PICTURE}>",
    f"`a\n    ```\n{PICTURE}`",
]
# What Jupyter or GitHub would show though CommonMark would not: broken up, in code as well.
DOUBTFUL = [
    f"http://h/` {PICTURE} `",
    f"$a ` $ \n{PICTURE} `",
    f"- ```\n  $A\n  ```\n- $x$\n  ```\n  {PICTURE}\n  ```",
    f"\\begin{{a}}\n```\n\\end{{a}}\n{PICTURE}\n```",
    f"~~~\n~~~``\n{PICTURE}\n",
    f"` x\n\t\na `{PICTURE}`",
]
PREFIXES = ("", "", "", "> ", ">", "- ", "  ", "    ", "1. ", "   ", "\t", "* ")
PARTS = (
    *("```", "~~~", "````", "```py", "x", "a `b` c", "", "# h", "---", "===", "`", "``", "\\`"),
    *(PICTURE, f"` {PICTURE} `", "<img src=http://h/u>", "`<img src=http://h/u>`", "<b>", "<!--"),
    *("$", "$a$", "\\(", "\\)", "\\[", "\\]", "$$", "\\\\", "[a](", "[a]: /u", "'", "[", "]", ")"),
    *("|", "|a|b|", "|-|-|", "<", "![", "{", "}", "<http://h/`", "&lt;"),
)


def rendered(text: str) -> str:
    return str(MarkdownIt("commonmark").enable("table").render(text))


def hostile(seed: int, count: int) -> Iterator[str]:
    """Lines of list and quotation marks, fences, pictures and parts of everything else."""
    chance = random.Random(seed)
    for _ in range(count):
        lines = []
        for _ in range(chance.randint(1, 7)):
            prefix = "".join(chance.choice(PREFIXES) for _ in range(chance.choice((0, 1, 1, 2))))
            parts = [chance.choice(PARTS) for _ in range(chance.choice((1, 1, 2, 4)))]
            lines.append(prefix + chance.choice(("", " ")).join(parts))
        yield "\n".join(lines)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_picture_comes_out(text: str) -> None:
    assert "<img" not in rendered(safe(text))


@pytest.mark.parametrize("text", DOUBTFUL)
def test_where_renderers_differ_a_picture_is_broken_up(text: str) -> None:
    assert PICTURE in text
    assert PICTURE not in safe(text)


def test_no_picture_comes_out_of_any_mixture() -> None:
    texts = list(hostile(7, 3000))
    assert sum("<img" in rendered(text) for text in texts) > 500
    assert [text for text in texts if "<img" in rendered(safe(text))] == []


def test_code_blocks_stay_in_any_order() -> None:
    """Fences in quotations and list items, between paragraphs: nothing in them is changed."""
    chance = random.Random(3)
    for _ in range(500):
        lines: list[str] = []
        for _ in range(chance.randint(1, 5)):
            first, more = chance.choice((("", ""), ("> ", "> "), ("- ", "  "), ("1. ", "   ")))
            fence = chance.choice(("```", "~~~", "````"))
            code = [chance.choice(("vec![1]", "<div class=x>", PICTURE, "x")) for _ in range(3)]
            inside = [f"{fence}rust", *code, fence]
            lines += [(more if n else first) + line for n, line in enumerate(inside)]
            lines += ["", "word", ""]
        text = "\n".join(lines)
        assert safe(text) == text


def test_a_list_item_s_code_ends_with_it() -> None:
    assert safe("- ```\n  ![a](u)\n\n![a](u)") == "- ```\n  ![a](u)\n\n[a](u)"


@pytest.mark.parametrize(
    "piece",
    [
        *("\\[", "\\(", "\\( ` ", "$$", "$", "` ", "`", "<a", "![", "> ", "> > >\n", "> ```\nx\n"),
        *(
            "- ",
            "x",
            " ",
            "\n",
            "[a](",
            "\\`",
            "<b>",
            "`` ` ",
            "$a{$ ",
            "|-|\n",
            "[a]: ` ",
            "![x]:\n",
        ),
    ],
)
def test_the_cost_grows_with_the_text(piece: str) -> None:
    one, ten = (piece * (size // len(piece)) for size in (10_000, 100_000))
    short, long = (min(timeit.repeat(lambda t=t: safe(t), number=1, repeat=5)) for t in (one, ten))
    assert long < 25 * short


def test_runs_of_every_length_cost_no_square() -> None:
    texts = ["".join("`" * n + " " for n in range(count)) for count in (140, 450)]  # 10 times
    short, long = (min(timeit.repeat(lambda t=t: safe(t), number=5, repeat=5)) for t in texts)
    assert long < 25 * short
