"""What to say of a text that is neither a file nor a name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...clients.content import content_type_of
from ...errors import InputError, did_you_mean
from ...paths import here
from ..answer import Answer
from .base import Media

_LIKELY = ("audio", "video", "image")
_FILLED = re.compile(r"\{+ *(\w+) *\}+|\$(\w+)")  # as other magics have a variable


def unknown(text: str, path: Path, names: Mapping[str, Any], is_name: bool) -> InputError:
    """Return the error for what is neither a file nor a name.

    Parameters
    ----------
    text, path
        As it was typed, and as a path.
    names
        The notebook's names.
    is_name
        Whether it may be meant as one.
    """
    bare = _FILLED.fullmatch(text)
    if bare and (bare[1] or bare[2]) in names:
        return InputError(
            f"{text}: a name stands here as it is", f"did you mean {bare[1] or bare[2]!r}?"
        )
    if os.path.isdir(path):
        return InputError(f"{text} is a folder", "name a file in it")
    folder = path.parent
    if not os.path.isdir(folder):
        return InputError(f"{text}: there is no folder {folder}", f"this kernel is in {here()}")
    prefix = text[: len(text) - len(path.name)]
    files = [f"{prefix}{one.name}" for one in _files(folder)]
    shown = [name for name in names if isinstance(name, str) and not name.startswith("_")]
    known = [name for name in shown if _may_be_meant(names[name])]
    guess = did_you_mean(text, [*files, *known])
    if not guess.startswith("did"):
        guess = _there_is(files, known)
    what = "neither a file here nor a name" if is_name else "no such file"
    return InputError(f"{text}: {what}", guess)


def _files(folder: Path) -> list[Path]:
    try:
        found = [one for one in folder.iterdir() if not one.name.startswith(".") and one.is_file()]
    except OSError:
        return []
    return sorted(one for one in found if content_type_of(one.name).partition("/")[0] in _LIKELY)


def _may_be_meant(value: object) -> bool:
    # by its type: isinstance asks the value, too, and some raise
    return issubclass(type(value), Media | Answer | bytes | Path)


def _there_is(files: list[str], names: list[str]) -> str:
    shown = [*names[:4], *files[:4]]
    more = len(names) + len(files) - len(shown)
    tail = f" and {more} more" if more > 0 else ""
    return f"there are: {', '.join(shown)}{tail}" if shown else f"this kernel is in {here()}"
