"""The recordings that a Chatterbox server takes, and under which name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError
from . import sound
from .upload import Upload

LONGEST_REFERENCE = 30.0
"""Seconds that a recording for cloning may have."""
SUFFIXES = {"wav": ".wav", "mp3": ".mp3"}
"""Of the formats that it takes."""


def reference_name(recording: Upload, service: str) -> str:
    """Return the name for a recording on the server: its hash, so that it is sent once.

    Raises
    ------
    InputError
        It is neither wav nor mp3, or longer than 30 s.
    """
    known = sound.describe(recording)
    suffix = SUFFIXES.get(known.format if known else "")
    if known is None or suffix is None:
        what = known.format if known else recording.kind
        raise InputError(
            f"{service} clones from wav and mp3, {recording.name} is {what}",
            f"make a wav of it: %ffmpeg convert {recording.name} --format wav",
        )
    if known.duration > LONGEST_REFERENCE:
        raise InputError(
            f"{recording.name} is {known.duration:.1f} s long; {service} clones from at most "
            f"{LONGEST_REFERENCE:g} s",
            "cut it: 10 s of clear speech are enough",
        )
    return f"mcj-{recording.sha256[:16]}{suffix}"


def not_taken(service: str, refusal: Any) -> InputError:
    """Return the error for one of the ``errors`` in the answer to an upload."""
    file, why = "the file", refusal
    if isinstance(refusal, Mapping):
        file, why = refusal.get("filename", file), refusal.get("error", refusal)
    return InputError(f"{service} does not take {file}: {why}")
