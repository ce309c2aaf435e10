"""JSON as it comes from a caller: read with bounds, refused where it is not what it should be."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any

_DEPTH = 200  # levels; Python's own parser gives up at about a thousand
_BARE = 2 * 2**20  # bytes beside strings: a value of two bytes takes sixty in memory
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEPS = {91: 1, 123: 1, 93: -1, 125: -1}  # [ { ] }
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))
_SHOWN = 100  # characters


def parse_json(raw: bytes) -> Any:
    """Return what a JSON text says. Of a name that comes twice the last counts, as in Go.

    Raises
    ------
    ValueError
        It is no JSON, not UTF-8, nested too deeply, has too many values, a number that is not
        finite, or half of a surrogate pair.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    bare = _STRING.sub(b"", raw)
    if len(bare) > _BARE:
        raise ValueError(f"more than {_BARE} bytes beside strings")
    brackets = bare.translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > _DEPTH:
        raise ValueError(f"nested more than {_DEPTH} levels deep")
    value = json.loads(text, parse_constant=_constant, parse_float=_finite, parse_int=_whole)
    if "\\u" in text:
        _check_surrogates(value)
    return value


def short(text: str) -> str:
    """Return what a message shows of a caller's word: its first hundred characters."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair") from None


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {short(text)} is too large")
    return number


def _whole(text: str) -> int | float:
    return int(text) if len(text) < 20 else _finite(text)
