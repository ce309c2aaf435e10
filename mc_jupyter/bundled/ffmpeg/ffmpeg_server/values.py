"""Reading options: a form field's text to a value, or a refusal that says what is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .faults import Refused

Read = Callable[[str], Any]
Options = dict[str, Read]
"""The options of a route, by the form field's name."""

_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_CLOCK = re.compile(r"(?:([0-9]{1,3}):)?([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,9})?)")


class Unaccepted(ValueError):
    """A value that an option does not take; the text says what it takes."""


def read(name: str, text: str, options: Options) -> Any:
    """Return the value of one option.

    Raises
    ------
    Refused
        Naming the option; where it is unknown, with the ones that there are.
    """
    if name not in options:
        raise Refused(f"unknown option {name!r}: accepted: {', '.join(sorted(options))}")
    try:
        return options[name](text.strip())
    except Unaccepted as accepted:
        short = text if len(text) <= 60 else text[:57] + "..."
        raise Refused(f"{name} is {short!r}: accepted: {accepted}") from None


def number(low: float, high: float) -> Read:
    """A number between two others, both included."""

    def from_text(text: str) -> float:
        if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
            raise Unaccepted(f"a number from {low:g} to {high:g}")
        return float(text)

    return from_text


def whole(low: int, high: int) -> Read:
    """A whole number between two others, both included."""

    def from_text(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise Unaccepted(f"a whole number from {low} to {high}")
        return int(text)

    return from_text


def one_of(*words: str) -> Read:
    """One of some words, letter case aside."""

    def from_text(text: str) -> str:
        if text.lower() not in words:
            raise Unaccepted(", ".join(words))
        return text.lower()

    return from_text


def flag(text: str) -> bool:
    """Read true or false."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise Unaccepted("true or false")
    return text.lower() in ("true", "1")


def seconds(text: str) -> float:
    """Read seconds, or a time as HH:MM:SS."""
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, rest = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest)
    if not _NUMBER.fullmatch(text) or text.startswith("-"):
        raise Unaccepted("seconds (12.5) or a time (00:01:02.5)")
    return float(text)


def bitrate(text: str) -> str:
    """Read bits per second: ``128k``, ``2M``, ``128000``."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}(\.[0-9]{1,3})?[kKmM]?", text):
        raise Unaccepted("bits per second: 128k, 2M, 128000")
    return text


def resolution(text: str) -> str:
    """Read a size: ``1280x720``."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}[xX:][1-9][0-9]{0,4}", text):
        raise Unaccepted("WIDTHxHEIGHT in pixels, as 1280x720")
    return re.sub("[X:]", "x", text)


def label(text: str) -> str:
    """Read a label of a filter graph, with or without its brackets."""
    bare = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", bare):
        raise Unaccepted("letters, digits and _")
    return bare
