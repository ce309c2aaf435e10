"""What is refused before it is sent, and what servers made with FastAPI refuse, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError, MediaConduitError, OptionError, ResponseError
from .faults import Fault, one_line
from .lines import log
from .names import told

_NO_SUCH_PATH = ("Not Found", "Method Not Allowed")  # FastAPI's own: it is another program


def some_text(text: str) -> str:
    """Return a text that can be spoken.

    Raises
    ------
    InputError
        There is nothing in it.
    """
    if not text.strip():
        raise InputError("there is no text to speak")
    return text


def one_of(formats: Sequence[str], format: str | None) -> str:
    """Return the format to ask for.

    Raises
    ------
    OptionError
        It is none of the client's.
    """
    if format is not None and format not in formats:
        raise OptionError(f"format is {format!r}", f"accepted: {', '.join(formats)}")
    return format or formats[0]


def fits(name: str, longest: int, text: str) -> str:
    """Return a text that one request can have.

    Raises
    ------
    InputError
        It is empty or too long.
    """
    if len(some_text(text)) > longest:
        raise InputError(
            f"{name} takes {longest} characters at once, this text has {len(text)}",
            "speak_all(client, text) splits it at sentences",
        )
    return text


def refused(fault: Fault, hint: str | None = None) -> MediaConduitError | None:
    """Return the error for a refusal in FastAPI's form; None for any other.

    Its ``detail`` is a text, an object with ``message``, or a list of what is wrong where.
    """
    detail = fault.data.get("detail")
    if isinstance(detail, list):
        words = "; ".join(_wrong_field(one) for one in detail)
    else:
        words = fault.text if detail else ""
    if not words or words in _NO_SUCH_PATH:
        return None
    if hint is None and fault.status >= 500:
        hint = log(fault.name)
    message = told(fault.name, fault.url, f"{one_line(words)} ({fault.status})")
    return ResponseError(message, hint, status=fault.status)


def _wrong_field(one: Any) -> str:
    if not isinstance(one, Mapping):
        return str(one)
    loc = one.get("loc")
    place = [str(part) for part in loc if part != "body"] if isinstance(loc, list) else []
    return f"{'.'.join(place)}: {one.get('msg', '')}" if place else str(one.get("msg", one))
