"""JSON as services send it, read so that nothing of it breaks what shows or saves it."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..settings import Bounds

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_HUGE = re.compile(r"[eE]\+?[0-9]{3}|[0-9]{200}")  # of what may be no number that a float has
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)  # in JSON
_MOST = 2**63


class TooDeepError(ValueError):
    """A JSON text that nests deeper than is taken."""


class TooManyError(ValueError):
    """A JSON text that has more values than are taken."""


def loads(
    raw: bytes | bytearray | str,
    max_depth: int = Bounds.max_depth,
    max_values: int = Bounds.max_values,
) -> Any:
    """Return a JSON value.

    Half a surrogate pair (``\\ud83d``, a picture cut in two) becomes ``?``, for no message to the
    notebook can hold it. NaN and the infinities, which JSON has not, become None, and so does a
    whole number of more digits than Python reads (4,300).

    Parameters
    ----------
    raw
        The text.
    max_depth
        How deep it may nest.
    max_values
        How many values it may have.

    Raises
    ------
    TooManyError
        It has more values.
    TooDeepError
        It nests deeper.
    ValueError
        It is no JSON.
    """
    text = raw if isinstance(raw, str) else raw.decode("utf-8-sig", "replace")
    if _values(text) > max_values and _values(_TEXT.sub("", text)) > max_values:
        raise TooManyError(f"it has more than {max_values} values")
    try:
        if _HALF.search(text):  # whole pairs become the letter that they mean
            whole = json.dumps(_read(text), ensure_ascii=False)
            text = whole.encode("utf-8", "replace").decode()
        value = _read(text)
    except RecursionError:
        raise TooDeepError("it nests too deeply") from None
    if text.count("[") + text.count("{") > max_depth and _is_deeper(value, max_depth):
        raise TooDeepError(f"it nests more than {max_depth} deep")
    return value


def _values(text: str) -> int:
    """How many values a JSON text has, at most; commas in its texts are counted too."""
    return text.count(",") + text.count("[") + text.count("{")


def _read(text: str) -> Any:
    finite = _finite if _HUGE.search(text) else None
    try:
        return json.loads(text, parse_constant=_nothing, parse_float=finite)
    except json.JSONDecodeError:
        raise
    except ValueError:  # of a number with too many digits
        return json.loads(text, parse_constant=_nothing, parse_int=_whole, parse_float=finite)


def _nothing(_: str) -> None:
    return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:
        return None


def _is_deeper(value: Any, most: int) -> bool:
    """Whether a JSON value nests more than `most` deep; looked at level by level."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def count(value: Any) -> int | None:
    """Return a number of things that a server says; None for what is no such number.

    Parameters
    ----------
    value
        What stood in its JSON, of any type.
    """
    found = amount(value)
    return None if found is None or found != int(found) else int(found)


def amount(value: Any) -> float | None:
    """Return an amount that a server says, 0 or more; None for what is none.

    Parameters
    ----------
    value
        What stood in its JSON, of any type: a text, true, NaN, a negative or a senseless number
        (of 2**63 or more) is no amount.
    """
    if type(value) not in (int, float) or not 0 <= value < _MOST:
        return None
    return float(value) if isinstance(value, float) else int(value)
