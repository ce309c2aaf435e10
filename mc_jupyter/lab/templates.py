r"""``{{expression}}`` in a prompt, filled from the caller's names.

``{{expression!r}}`` and ``{{expression:,}}`` are formatted as in an f-string.
A single brace is always literal, ``\{{`` is a literal ``{{``. What cannot be filled whole is an
error, never a shortened text: a model would answer about the part that it saw.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ..errors import TemplateError, did_you_mean
from .made import Made
from .values import raise_as

MAX_ROWS = 200
MAX_ELEMENTS = 1000
_MAX_CANDIDATES = 50
_LONGEST = 100
_MAX_FORMAT = 40
"""Characters behind the expression."""
_FORMAT = re.compile(r"(?:!(?P<conversion>[rsa]))?(?::(?!=)(?P<spec>[^{}\n]*))?\Z")
_LEFT = re.compile(r"\{\{([^{}\n]{1,80})\}\}")
_CONVERSIONS: dict[str, Callable[[object], str]] = {"r": repr, "s": str, "a": ascii}
_NO_TEXTS = {
    "Audio": "a sound",
    "Picture": "a picture",
    "Video": "a video",
    "Gallery": "several pictures",
}
_LITERAL_HINT = r"\{{ is a literal {{; in a cell, --literal takes all of them as they are"


@dataclass(frozen=True)
class Field:
    """One ``{{expression}}``.

    Attributes
    ----------
    source
        As it stands in the text, braces included.
    expression
        What stands between the braces, without its format.
    code
        The expression, compiled.
    conversion, spec
        Of its format: ``r``, ``s`` or ``a``, and what stands behind the colon; None without.
    """

    source: str
    expression: str
    code: CodeType
    conversion: str | None = None
    spec: str | None = None

    @property
    def shown(self) -> str:
        """As it stands in a message: one line, and not a long one."""
        return _shown(self.source)


def _shown(source: str) -> str:
    line = " ".join(source.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 5]}...}}}}"


def parse(text: str) -> list[str | Field]:
    r"""Split a text into literal pieces and fields; ``\{{`` becomes a literal ``{{``.

    Raises
    ------
    TemplateError
        A ``{{`` that is not closed, or that holds no Python expression.
    """
    pieces: list[str | Field] = []
    done = 0
    while (start := text.find("{{", done)) >= 0:
        if start > done and text[start - 1] == "\\":
            pieces += [text[done : start - 1], "{{"]
            done = start + 2
            continue
        field = _field(text, start)
        pieces += [text[done:start], field]
        done = start + len(field.source)
    pieces.append(text[done:])
    return [piece for piece in pieces if piece]


def _field(text: str, start: int) -> Field:
    """The field that opens at `start`: up to the first ``}}`` that ends a Python expression."""
    end, first = start, ""
    for _ in range(_MAX_CANDIDATES):
        end = text.find("}}", end + 1)
        if end < 0:
            break
        source = text[start : end + 2]
        first = first or source
        if (field := _compiled(source)) is not None:
            return field
    if not first:
        raise TemplateError(f"{text[start : start + 40]!r} has no closing }}}}", _LITERAL_HINT)
    raise TemplateError(f"{_shown(first)} is no Python expression", _LITERAL_HINT)


def _compiled(source: str) -> Field | None:
    """The field with these braces; None where no Python expression stands in them."""
    inner = source[2:-2].strip()
    if (code := _code(inner, source)) is not None:
        return Field(source, inner, code)
    for at in range(max(1, len(inner) - _MAX_FORMAT), len(inner)):
        if inner[at] not in "!:" or (match := _FORMAT.match(inner, at)) is None:
            continue
        expression = inner[:at].strip()
        if (code := _code(expression, source)) is not None:
            return Field(source, expression, code, match["conversion"], match["spec"])
    return None


def _code(expression: str, source: str) -> CodeType | None:
    try:
        return compile(expression, source, "eval")
    except Exception:  # also MemoryError and RecursionError, of what is nested too deeply
        return None


def fill(
    text: str,
    names: dict[str, Any],
    inserted: list[object] | None = None,
    *,
    missing: Mapping[str, str] | None = None,
    left: list[str] | None = None,
) -> str:
    """Return `text` with every ``{{expression}}`` replaced by its value, once.

    Parameters
    ----------
    names
        The caller's names; expressions are evaluated in them.
    inserted
        Takes the values that know how they were made (``.made``), so that the text's own result
        can tell what it comes from.
    missing
        By name, why it is not among `names`.
    left
        Takes a line for each field whose value has fields itself: they stay as they are.

    Raises
    ------
    TemplateError
        With the name that is unknown, the expression that failed, the table that is too long, or
        the result that is no text.
    """
    return "".join(
        piece
        if isinstance(piece, str)
        else _inserted(piece, names, inserted, missing or {}, [] if left is None else left)
        for piece in parse(text)
    )


def evaluate(text: str, names: dict[str, Any], missing: Mapping[str, str]) -> object:
    """Return the value of an expression, with or without braces around it.

    Parameters
    ----------
    text
        One expression, or ``{{expression}}``.
    names, missing
        As for :func:`fill`.

    Raises
    ------
    TemplateError
        It is no expression, or it fails.
    """
    inner = text.strip()
    source = inner if inner.startswith("{{") and inner.endswith("}}") else f"{{{{{inner}}}}}"
    code = _code(source[2:-2].strip(), source)
    if code is None:
        raise TemplateError(f"{_shown(source)} is no Python expression")
    field = Field(source, source[2:-2].strip(), code)
    _refuse_exit(field, names)
    return _evaluated(field, names, missing)


def _inserted(
    field: Field,
    names: dict[str, Any],
    inserted: list[object] | None,
    missing: Mapping[str, str],
    left: list[str],
) -> str:
    _refuse_exit(field, names)
    value = _evaluated(field, names, missing)
    with _as_template_error(field, "looking at its .made"):
        is_made = isinstance(getattr(value, "made", None), Made)
        name, wrong = _first_without_text(field.expression, value)
    if wrong is not None:  # its description would be read aloud
        raise _no_text(name, wrong)
    text = _text(field, value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        raise TemplateError(
            f"{field.shown} holds {half}, half of a character, which cannot be sent",
            f"leave it out: {{{{{field.expression}.encode(errors='replace').decode()}}}}",
        ) from error
    if inserted is not None and is_made:
        inserted.append(value)
    if (inner := _first_field(text)) is not None:
        left.append(
            f"{field.shown} holds {inner}, which stays as it is: "
            "mc_jupyter.fill(TEMPLATE, NAME=...) fills a template"
        )
    return text


def _first_field(text: str) -> str | None:
    """The first ``{{expression}}`` in a value, on one line."""
    for match in _LEFT.finditer(text):
        if _compiled(match[0]) is not None:
            return match[0]
    return None


def _evaluated(field: Field, names: dict[str, Any], missing: Mapping[str, str]) -> object:
    is_builtin = field.expression not in names and hasattr(builtins, field.expression)
    if is_builtin and field.expression not in ("True", "False", "None"):
        # {{input}} and {{id}} are forgotten variables
        raise TemplateError(
            f"{field.shown}: there is no name {field.expression!r} here, but Python's own",
            _LITERAL_HINT,
        )
    with _as_template_error(field):
        try:
            return eval(field.code, names)
        except NameError as error:
            unknown = error
    reason = missing.get(str(unknown.name))
    if reason is not None:
        raise TemplateError(
            f"{field.shown}: {unknown.name!r} {reason}",
            f"give it to the function that asks: lambda {unknown.name}={unknown.name}: ...",
        ) from unknown
    raise TemplateError(_unknown(field, unknown, names), _LITERAL_HINT) from unknown


def _as_template_error(field: Field, what: str = "") -> AbstractContextManager[None]:
    """Whatever a value raises becomes an error that names its field."""
    failed = f": {what} failed" if what else " failed"
    return raise_as(
        lambda problem: TemplateError(f"{field.shown}{failed}: {problem}", _LITERAL_HINT)
    )


def _refuse_exit(field: Field, names: Mapping[str, Any]) -> None:
    """IPython's ``exit`` and ``quit`` raise nothing: the kernel would end after the cell."""
    for name in ("exit", "quit"):
        if name in _names_in(field.code) and type(names.get(name)).__module__.startswith(
            "IPython."
        ):
            raise TemplateError(f"{field.shown}: {name} would end the kernel", _LITERAL_HINT)


def _names_in(code: CodeType) -> set[str]:
    """The names that an expression uses, in its lambdas and comprehensions, too."""
    inner = (_names_in(one) for one in code.co_consts if isinstance(one, CodeType))
    return set(code.co_names).union(*inner)


def _first_without_text(name: str, value: object) -> tuple[str, object]:
    """The value, or the first in it, that has no text to insert, and its name; None if all have."""
    if _is_no_text(value):
        return name, value
    if isinstance(value, list | tuple):
        for at, one in enumerate(value):
            if _is_no_text(one):
                return f"{name}[{at}]", one
    return name, None


def _is_no_text(value: object) -> bool:
    return isinstance(getattr(value, "made", None), Made) and not hasattr(value, "text")


def _no_text(name: str, value: object) -> TemplateError:
    what = _NO_TEXTS.get(type(value).__name__, "a file")
    hint = f"as a file, without braces: {name}"
    if what == "a sound":
        hint = f"%whisper {name}   makes a text of it; {hint}"
    return TemplateError(f"{name} is {what}, not a text", hint)


def _unknown(field: Field, error: NameError, names: Mapping[str, Any]) -> str:
    name = error.name if isinstance(error.name, str) else field.expression
    known = [one for one in names if isinstance(one, str) and not one.startswith("_")]
    guess = did_you_mean(name, known)
    tail = f": {guess}" if guess.startswith("did") else ""
    return f"{field.shown}: there is no name {name!r} here{tail}"


def _text(field: Field, value: object) -> str:
    """A value as the model shall read it: tables whole as CSV, everything else by ``str``."""
    for writer in ("to_csv", "write_csv"):  # pandas, polars
        with _as_template_error(field, f"looking for its .{writer}"):
            is_table = hasattr(value, writer) and hasattr(value, "head")
        if is_table:
            if field.conversion or field.spec:
                raise TemplateError(f"{field.shown}: a table takes no format", _LITERAL_HINT)
            return _csv(field, value, writer)
    with _as_template_error(field, "asking how large it is"):
        count = _elements(value)
    if count > MAX_ELEMENTS:
        raise TemplateError(
            f"{field.shown} has {count:,} elements, and its text would be shortened",
            f"write {{{{{field.expression}.tolist()}}}}",
        )
    if field.conversion is None and field.spec is None:
        with _as_template_error(field, "str() of it"):
            return "".join([str(value)])  # of a subclass of str a plain one
    with _as_template_error(field, "its format"):
        shown = _CONVERSIONS[field.conversion](value) if field.conversion else value
        return "".join([format(shown, field.spec or "")])


def _elements(value: Any) -> int:
    """How many elements an array has; 0 for what is none."""
    if not hasattr(value, "ndim"):
        return 0
    count = value.numel() if hasattr(value, "numel") else getattr(value, "size", 0)  # torch, numpy
    return int(count) if isinstance(count, int) else 0


def _csv(field: Field, table: Any, writer: str) -> str:
    with _as_template_error(field, "len() of it"):
        rows = len(table)
    if rows > MAX_ROWS:
        raise TemplateError(
            f"{field.shown} has {rows:,} rows; up to {MAX_ROWS} are inserted whole",
            f"write {{{{{field.expression}.head({MAX_ROWS})}}}}",
        )
    with _as_template_error(field, f"its .{writer}()"):
        if writer == "write_csv":
            return str(table.write_csv())
        numbered = type(table.index).__name__ == "RangeIndex"
        return str(table.to_csv(index=not numbered))
