r"""Formulas in a model's text: where one ends, and whether MathJax may read it.

Source: MathJax 3.2, input/tex/FindTeX: a formula ends at the first closing delimiter outside
braces, where a backslash takes the next character along; what comes before a dollar sign and behind
it follows pandoc's extension tex_math_dollars, so that prices stay prices.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

LONGEST = 4000
"""Characters of a formula; a longer one is text."""
_LONGEST_IN_LINE = 1000
# More than these take MathJax seconds, or end the page (measured in JupyterLab 4.6, MathJax 3.2).
_DEEPEST = 40  # braces, environments and delimiters within each other
_MOST_CELLS = 1000  # rows and columns of its tables, multiplied

_BEGIN = re.compile(r"\\begin\{([A-Za-z]{1,20}\*?)\}")
_COMMAND = re.compile(r"\\([A-Za-z]+|.|\Z)", re.DOTALL)
_OPENING = ("{", "\\begin", "\\left")
_NESTING = re.compile(r"[{}]|\\(?:begin|end|left|right)(?![A-Za-z])")
_NAMED = re.compile(r"\\(?:begin|end)\{([^{}]*)\}")
# Behind a line's end (\\) as well, should a reader count backslashes in another way.
_REFUSED = re.compile(
    r"\\(?:href|url|class|cssId|style|require|unicode|html|data|(?:re)?new|provide|def|let|gdef|edef|"
    r"DeclareMath|include|mml|verb|ref|eqref|label|toggle|action|begingroup|input|bbox|color)"
)
# "$5 million", "$5-": an amount, where "$2 x" and "$5x + 1" are formulas.
_PRICE = re.compile(r"\d[\d,.]*(?:[.,;:!?)]?\s+[A-Za-z]{2,}|[-–/]\s*\Z)")
_CITATION = re.compile(r"[\d\s,;–-]*\Z")

_ENVIRONMENTS = (
    "align align* aligned alignat alignat* alignedat array Bmatrix bmatrix cases eqnarray "
    "eqnarray* equation equation* gather gather* gathered matrix multline multline* pmatrix rcases "
    "smallmatrix split subarray Vmatrix vmatrix"
)
ENVIRONMENTS = frozenset(_ENVIRONMENTS.split())
"""Environments of a formula that is typeset."""

_COMMANDS = (
    # letters
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda "
    "mu nu xi omicron pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega digamma aleph beth gimel daleth "
    "ell hbar hslash imath jmath Re Im wp partial nabla infty emptyset varnothing prime "
    # structure
    "begin end frac dfrac tfrac cfrac binom dbinom tbinom sqrt root of over atop choose overline "
    "underline overbrace underbrace overset underset stackrel overrightarrow overleftarrow "
    "xrightarrow xleftarrow substack tag notag nonumber limits nolimits left right middle boxed "
    "hline cline intertext shortintertext displaystyle textstyle scriptstyle scriptscriptstyle "
    "big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm Biggm "
    "phantom hphantom vphantom smash mathstrut strut "
    # fonts and text
    "mathrm mathbf mathit mathsf mathtt mathcal mathbb mathfrak mathscr boldsymbol bm pmb "
    "operatorname text textrm textbf textit textsf texttt mbox rm bf it sf tt cal "
    "mathop mathbin mathrel mathord mathopen mathclose mathpunct mathinner mathnormal "
    # accents
    "hat widehat tilde widetilde bar vec dot ddot dddot check breve acute grave mathring not "
    # functions
    "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan exp ln log lg lim limsup "
    "liminf max min sup inf arg argmax argmin det dim gcd hom ker deg Pr mod bmod pmod pod "
    "injlim projlim varlimsup varliminf "
    # large operators
    "sum prod coprod int iint iiint iiiint oint bigcup bigcap bigsqcup bigvee bigwedge bigoplus "
    "bigotimes bigodot biguplus intop smallint "
    # binary operators
    "pm mp times div cdot ast star circ bullet cap cup uplus sqcap sqcup vee lor wedge land "
    "setminus smallsetminus wr oplus ominus otimes oslash odot dagger ddagger amalg diamond "
    "bigcirc triangleleft triangleright ltimes rtimes boxplus boxminus boxtimes dotplus "
    "bigtriangleup bigtriangledown centerdot circledast circledcirc circleddash intercal "
    # relations
    "le leq leqslant ge geq geqslant ne neq lt gt ll gg lll ggg prec succ preceq succeq sim simeq "
    "approx approxeq cong equiv doteq propto asymp mid nmid parallel nparallel perp subset supset "
    "subseteq supseteq subsetneq supsetneq nsubseteq nsupseteq sqsubset sqsupset sqsubseteq "
    "sqsupseteq in ni notin owns vdash dashv models Vdash vDash smile frown bowtie triangleq "
    "coloneqq eqqcolon vcentcolon colon lesssim gtrsim trianglelefteq trianglerighteq nleq ngeq "
    "nless ngtr ncong nsim "
    # arrows
    "to gets rightarrow leftarrow leftrightarrow Rightarrow Leftarrow Leftrightarrow "
    "longrightarrow longleftarrow longleftrightarrow Longrightarrow Longleftarrow "
    "Longleftrightarrow uparrow downarrow updownarrow Uparrow Downarrow Updownarrow mapsto "
    "longmapsto hookrightarrow hookleftarrow rightharpoonup rightharpoondown leftharpoonup "
    "leftharpoondown rightleftharpoons leftrightharpoons nearrow searrow swarrow nwarrow iff "
    "implies impliedby leadsto rightsquigarrow rightleftarrows leftrightarrows twoheadrightarrow "
    "nrightarrow nleftarrow nRightarrow nLeftarrow "
    # logic, geometry, signs
    "forall exists nexists neg lnot top bot therefore because angle measuredangle sphericalangle "
    "triangle square blacksquare Box Diamond lozenge flat natural sharp clubsuit diamondsuit "
    "heartsuit spadesuit checkmark S P pounds degree complement backslash surd "
    # dots, spaces, delimiters
    "dots ldots cdots vdots ddots dotsb dotsc dotsi dotsm dotso quad qquad enspace thinspace "
    "medspace thickspace negthinspace space langle rangle lvert rvert vert lVert rVert Vert "
    "lfloor rfloor lceil rceil lbrace rbrace lbrack rbrack ulcorner urcorner llcorner lrcorner "
    "lgroup rgroup lmoustache rmoustache"
)
COMMANDS = frozenset(_COMMANDS.split())
"""Commands of a formula that is typeset: none that links, styles, defines or loads."""
_SIGNS = frozenset("\\,;:!>|{}%$#&_ \n")


class Formula(NamedTuple):
    """A formula in a text.

    Attributes
    ----------
    source
        With its delimiters.
    is_typeset
        Whether all commands in it are on the list.
    """

    source: str
    is_typeset: bool


def formula_at(text: str, start: int, end: int, spend: Callable[[int], None]) -> Formula | None:
    r"""Return the formula that begins at `start`; None where none does.

    Parameters
    ----------
    text, start, end
        The text, and where to look in it: at ``$`` or a backslash, no further than `end`.
    spend
        Told of the characters that were looked at.
    """
    closing = _closing(text, start)
    if closing is None:
        return None
    opening, close = closing
    begin = start + opening
    last = min(end, begin + (_LONGEST_IN_LINE if close == "$" else LONGEST))
    at = text.find(close, begin, last)
    spend((at if at >= 0 else last) - begin)
    if at < 0:
        return None
    stop = _stop(text, begin, last, close, spend)
    if stop is None or not _is_formula(text, start, begin, stop, end, close):
        return None
    source = text[start : stop + len(close)]
    return Formula(source, _is_typeset(source))


def _closing(text: str, start: int) -> tuple[int, str] | None:
    """The length of the opening delimiter at `start`, and the closing one."""
    if text.startswith("$", start):
        return (2, "$$") if text.startswith("$$", start) else (1, "$")
    if text.startswith("\\(", start):
        return 2, "\\)"
    if text.startswith("\\[", start):
        return 2, "\\]"
    if found := _BEGIN.match(text, start):
        return len(found[0]), f"\\end{{{found[1]}}}"
    return None


def _stop(text: str, begin: int, last: int, close: str, spend: Callable[[int], None]) -> int | None:
    """Where the closing delimiter is, as MathJax looks for it."""
    depth = 0
    for found in re.compile(rf"{re.escape(close)}|\\.|[{{}}]", re.DOTALL).finditer(
        text, begin, last
    ):
        spend(1)
        if found[0] == close and not depth:
            return found.start()
        if found[0] == "{":
            depth += 1
        elif found[0] == "}":
            depth = max(0, depth - 1)
    return None


def _is_formula(text: str, start: int, begin: int, stop: int, end: int, close: str) -> bool:
    """Whether what stands between the delimiters is meant as a formula."""
    inner = text[begin:stop]
    if not inner.strip():
        return False
    if close == "\\]":
        return not _CITATION.match(inner)
    if close != "$":
        return True
    before = text[start - 1] if start else ""
    after = text[stop + 1] if stop + 1 < end else ""
    return not (
        inner[0].isspace()
        or inner[-1].isspace()
        or any(sign in inner for sign in "\n`")
        or (before.isascii() and (before.isdigit() or before.isupper()))
        or (after.isascii() and (after.isdigit() or after.isupper() or after in ("_", "{", "$")))
        or _PRICE.match(inner)
    )


def _is_typeset(source: str) -> bool:
    if _REFUSED.search(source) or _depth(source) > _DEEPEST or _cells(source) > _MOST_CELLS:
        return False
    named = _NAMED.findall(source)
    words = _COMMAND.findall(source)
    # the delimiters themselves are no commands
    inner = words[1:-1] if source.startswith(("\\(", "\\[")) else words
    return (
        all(word in COMMANDS or word in _SIGNS for word in inner)
        and all(name in ENVIRONMENTS for name in named)
        and len(named) == sum(word in ("begin", "end") for word in words)
    )


def _depth(source: str) -> int:
    depth = deepest = 0
    for sign in _NESTING.findall(source):
        depth += 1 if sign in _OPENING else -1
        deepest = max(deepest, depth)
    return deepest


def _cells(source: str) -> int:
    """How many cells its tables have at most."""
    rows = source.split("\\\\")
    return len(rows) * (1 + max(row.count("&") for row in rows))
