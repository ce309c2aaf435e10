"""What stands for a text or a file in how a result was made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...lab.made import Input, Made

if TYPE_CHECKING:
    from ...clients.upload import Upload


def text_input(text: str, used: Sequence[object], name: str = "text") -> Input:
    """Return what stands for a text as an input; it remembers the results that filled it.

    Parameters
    ----------
    text
        As it is sent.
    used
        What was inserted for its ``{{...}}``.
    name
        What it is called.
    """
    raw = text.encode()
    made = [found for one in used if isinstance(found := getattr(one, "made", None), Made)]
    origin = made[0] if len(made) == 1 else None
    if len(made) > 1:
        origin = Made("text", inputs=tuple(Input(name=one.what, made=one) for one in made))
    return Input(name, hashlib.sha256(raw).hexdigest(), len(raw), origin)


def sent(upload: Upload, one: Input) -> Input:
    """Return an input with the hash that was taken while it was sent."""
    return replace(one, sha256=upload.sha256, size=upload.size)
