r"""The one way from foreign text to HTML.

What a model, a server, a repository or a file says is never markup: :class:`Html` is the type of
text that is markup, and whatever else goes into a template of that type is escaped. A model's
Markdown is rendered by :func:`markdown`: markdown-it-py (CommonMark, tables, strikethrough; no raw
HTML; pictures as links; links by http, https and mailto only) makes it, and nh3 lets pass what is
on a list of elements and attributes.

MathJax reads the finished page. Formulas (``$..$``, ``$$..$$``, ``\(..\)``, ``\[..\]``,
``\begin..\end``) are taken out of the text before Markdown's escapes and emphasis, stand in an
element of their own, and hold commands of a list only (:mod:`.formulas`); one with another command
is shown as code. All other text is divided by elements wherever MathJax would begin.

Sources: CommonMark 0.31; GitHub Flavored Markdown, tables and strikethrough; MathJax 3.2,
input/tex/FindTeX (a formula lies within text that no element divides).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape as escape_markup
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from ..control_characters import make_visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from nh3 import Cleaner

LONGEST_MARKDOWN = 200_000
"""Characters of a text that are read as Markdown; the rest is shown as it is."""

# Where MathJax begins a formula, a reference or an escape of its own; at a text's end, the next
# one may hold what is missing.
_MATHS = re.compile(r"\$|\\(?=[\\$(\[A-Za-z]|\Z)")
_BLANK = re.compile(r"(?<=\n)([ \t\r\f\v]*)\n")
_STYLES = {f"text-align: {side}" for side in ("left", "right", "center")}
_TAGS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "hr", "br"),
    *("table", "thead", "tbody", "tr", "th", "td", "em", "strong", "s", "a", "code", "pre", "span"),
}
_CODE_STYLE = (  # without it, JupyterLab shows several blocks of code as one
    "margin: 0.6em 0; padding: 0.2em 0.6em; border-left: 3px solid rgba(128, 128, 128, 0.4)"
)
_PRE_STYLE = (  # JupyterLab would indent it, with gaps around it, and cut lines within words
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; "
    "font-family: var(--jp-code-font-family, monospace); "
    "margin: 4px 0; padding: 0"
)


class Html(Markup):
    """Text that is markup. ``Html("<b>{}</b>").format(x)`` escapes what is no :class:`Html`.

    The same holds for ``%``, ``+`` and ``join``. An f-string makes a plain text of it again.
    """

    __slots__ = ()

    @classmethod
    def escape(cls, value: Any, /) -> Html:
        """Return a value as HTML: markup as it is; text escaped, kept from MathJax, and with its
        control characters made visible (a terminal may print a file that this is exported to)."""
        if hasattr(value, "__html__"):
            return cls(value.__html__())
        escaped = escape_markup(make_visible(str(value)))
        return cls(_MATHS.sub(r"<span>\g<0></span>", escaped))


escape = Html.escape


def attribute(text: str) -> Html:
    """Return a text as the value of an attribute, to stand between quotation marks."""
    return Html(escape_markup(make_visible(text)))


def code(text: str) -> Html:
    """Return a text for the inside of ``<code>``: all of it as it is, to be copied out again.

    MathJax leaves alone what is in ``<code>`` and ``<pre>``.
    """
    return Html(escape_markup(_encodable(text).replace("\0", "\ufffd")))


def code_block(text: str) -> Html:
    """Return a text as a block of code."""
    return Html('<pre style="{}"><code>{}</code></pre>').format(_CODE_STYLE, code(text))


def lines(texts: Sequence[str]) -> Html:
    """Return texts with line breaks between them; empty ones are left out."""
    return Html("<br>").join(text for text in texts if text)


def preformatted(text: str, *footer: str) -> Html:
    """Return a text as HTML that keeps its lines, with small lines below."""
    small = Html("<small>{}</small>").format(lines(footer)) if footer else Html()
    first = "\n" if text.startswith("\n") else ""  # which a parser of HTML leaves out
    inner = attribute(text)  # not for MathJax to read
    return Html('<pre style="{}">{}{}</pre>{}').format(_PRE_STYLE, first, inner, small)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table: titles of its columns, and the cells of each row."""
    left = Html('style="text-align: left"')
    head = Html().join(Html('<th scope="col" {}>{}</th>').format(left, one) for one in titles)
    body = Html().join(
        Html("<tr>{}</tr>").format(
            Html().join(Html("<td {}>{}</td>").format(left, cell) for cell in row)
        )
        for row in rows
    )
    whole = Html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>")
    return whole.format(head, body)


def block(*parts: Html) -> Html:
    """Return parts as one block of HTML, also where it is put into a Markdown text.

    There a blank line would end it, and what follows would be read as Markdown (CommonMark 0.31,
    4.6, start condition 6).
    """
    whole = str(Html("<div>{}</div>").format(Html().join(parts)))
    return Html(_BLANK.sub(r"\1&#10;", whole))


class Rendered(NamedTuple):
    """A text as HTML.

    Attributes
    ----------
    html
        The HTML.
    unread
        How many characters at its end were not read as Markdown, and are shown as they are.
    """

    html: Html
    unread: int

    @property
    def remark(self) -> str:
        """What is said of the unread ones; empty where there are none."""
        return f"the last {self.unread:,} characters are shown as they are" if self.unread else ""


def markdown(text: str) -> Html:
    """Return foreign Markdown as HTML; see :func:`render`."""
    return render(text).html


def render(text: str) -> Rendered:
    """Render foreign Markdown.

    A text over :data:`LONGEST_MARKDOWN`, or one that takes too many steps to read, is read as
    Markdown up to there only. Steps are counted, not timed: the same text always gives the same
    HTML.

    Returns
    -------
    Rendered
        Its `html` holds no script, style sheet, form or picture, fetches nothing, and has no
        attributes but ``href``, ``rel`` and ``target`` of links, ``start`` of lists, the
        alignment of a table's cells and one constant style of code.
    """
    from .reader import read

    source = _normalized(text)
    cut = _cut(source)
    tokens, used = read(_parser(), source[:cut])
    html = _cleaner().clean(_parser().renderer.render(tokens, _parser().options, {}))
    rest = source[used:]
    tail = preformatted(rest) if rest.strip() else Html()
    return Rendered(Html(html.rstrip("\n")) + tail, len(rest) if rest.strip() else 0)


def _cut(source: str) -> int:
    """Where the part that is read as Markdown ends: behind a line, if there is one."""
    if len(source) <= LONGEST_MARKDOWN:
        return len(source)
    return source.rfind("\n", 0, LONGEST_MARKDOWN) + 1 or LONGEST_MARKDOWN


def _normalized(text: str) -> str:
    """The text with its lines as markdown-it-py divides them, and no NUL."""
    text = _encodable(text).replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", "\ufffd")


def _encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which UTF-8 does not have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


@cache
def _parser() -> MarkdownIt:
    from .reader import parser

    return parser()


@cache
def _cleaner() -> Cleaner:
    import nh3

    cells = {"style": _STYLES}
    return nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags=set(),
        attributes={"a": {"href"}, "ol": {"start"}},
        tag_attribute_values={"td": cells, "th": cells},
        set_tag_attribute_values={"a": {"target": "_blank"}, "pre": {"style": _CODE_STYLE}},
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer",
    )
