r"""``{{expression}}`` in a prompt, filled from the notebook's names.

A single brace is always literal, ``\{{`` is a literal ``{{``. What cannot be filled whole is an
error, never a shortened text: a model would answer about the part that it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ..errors import TemplateError, did_you_mean
from .made import Made

MAX_ROWS = 200
MAX_ELEMENTS = 1000
_MAX_CANDIDATES = 50
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
    code
        The expression, compiled.
    """

    source: str
    code: CodeType

    @property
    def expression(self) -> str:
        """What stands between the braces."""
        return self.source[2:-2].strip()


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
        try:
            return Field(source, compile(source[2:-2].strip(), source, "eval"))
        except (SyntaxError, ValueError):
            continue
    if not first:
        raise TemplateError(f"{text[start : start + 40]!r} has no closing }}}}", _LITERAL_HINT)
    raise TemplateError(f"{first} is no Python expression", _LITERAL_HINT)


def fill(text: str, names: dict[str, Any], inserted: list[object] | None = None) -> str:
    """Return `text` with every ``{{expression}}`` replaced by its value.

    Parameters
    ----------
    names
        The notebook's names; expressions are evaluated in them.
    inserted
        Takes the values that know how they were made (``.made``), so that the text's own result
        can tell what it comes from.

    Raises
    ------
    TemplateError
        With the name that is unknown, the expression that failed, the table that is too long, or
        the result that is no text.
    """
    return "".join(
        piece if isinstance(piece, str) else _inserted(piece, names, inserted)
        for piece in parse(text)
    )


def _inserted(field: Field, names: dict[str, Any], inserted: list[object] | None) -> str:
    try:
        value = eval(field.code, names)
    except NameError as error:
        raise TemplateError(_unknown(field, error, names), _LITERAL_HINT) from error
    except Exception as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
        raise TemplateError(f"{field.source} failed: {problem}", _LITERAL_HINT) from error
    if _is_no_text(value):  # its description would be read aloud
        raise _no_text(field.expression, value)
    if isinstance(value, list | tuple) and any(_is_no_text(one) for one in value):
        at = next(at for at, one in enumerate(value) if _is_no_text(one))
        raise _no_text(f"{field.expression}[{at}]", value[at])
    if inserted is not None and isinstance(getattr(value, "made", None), Made):
        inserted.append(value)
    return _text(field, value)


def _is_no_text(value: object) -> bool:
    return isinstance(getattr(value, "made", None), Made) and not hasattr(value, "text")


def _no_text(name: str, value: object) -> TemplateError:
    what = _NO_TEXTS.get(type(value).__name__, "a file")
    hint = f"as a file, without braces: {name}"
    if what == "a sound":
        hint = f"%whisper {name}   makes a text of it; {hint}"
    return TemplateError(f"{name} is {what}, not a text", hint)


def _unknown(field: Field, error: NameError, names: Mapping[str, Any]) -> str:
    name = error.name or field.expression
    guess = did_you_mean(name, [known for known in names if not known.startswith("_")])
    tail = f": {guess}" if guess.startswith("did") else ""
    return f"{field.source}: there is no name {name!r} in this notebook{tail}"


def _text(field: Field, value: object) -> str:
    """A value as the model shall read it: tables whole as CSV, everything else by ``str``."""
    for writer in ("to_csv", "write_csv"):  # pandas, polars
        if hasattr(value, writer) and hasattr(value, "head"):
            return _csv(field, value, writer)
    count = _elements(value)
    if count > MAX_ELEMENTS:
        raise TemplateError(
            f"{field.source} has {count:,} elements, and its text would be shortened",
            f"write {{{{{field.expression}.tolist()}}}}",
        )
    return str(value)


def _elements(value: Any) -> int:
    """How many elements an array has; 0 for what is none."""
    if not hasattr(value, "ndim"):
        return 0
    count = value.numel() if hasattr(value, "numel") else getattr(value, "size", 0)  # torch, numpy
    return count if isinstance(count, int) else 0


def _csv(field: Field, table: Any, writer: str) -> str:
    rows = len(table)
    if rows > MAX_ROWS:
        raise TemplateError(
            f"{field.source} has {rows:,} rows; up to {MAX_ROWS} are inserted whole",
            f"write {{{{{field.expression}.head({MAX_ROWS})}}}}",
        )
    if writer == "write_csv":
        return str(table.write_csv())
    numbered = type(table.index).__name__ == "RangeIndex"
    return str(table.to_csv(index=not numbered))
