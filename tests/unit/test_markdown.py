from __future__ import annotations

import pytest

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
    import timeit

    text = "word <x> `a` costs $5 and \\(x\\) and ![i](u)\n" * 200
    one, ten = (min(timeit.repeat(lambda t=text * n: safe(t), number=3)) for n in (1, 10))
    assert ten < 40 * one
