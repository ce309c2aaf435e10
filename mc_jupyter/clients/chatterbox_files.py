"""The recordings that a Chatterbox server takes, and under which name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ..errors import InputError
from . import sound
from .content import content_type_of
from .faults import one_line
from .lines import decoded
from .parts import ACCEPTED
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
            f"{service} clones from wav and mp3, {recording.called} is {what}",
            _as_wav(recording, known),
        )
    if known.duration > LONGEST_REFERENCE:
        raise InputError(
            f"{recording.called} is {known.duration:.1f} s long; {service} clones from at most "
            f"{LONGEST_REFERENCE:g} s",
            "10 s of clear speech are enough: "
            f"%ffmpeg convert {recording.line} --duration 10 --out part, then --reference part",
        )
    return f"mcj-{recording.sha256[:16]}{suffix}"


def _as_wav(recording: Upload, known: sound.Sound | None) -> str:
    """The line that makes a wav of a recording; where nothing does, what to give instead."""
    suffix = PurePath(recording.name).suffix.lower()
    kind = content_type_of(f"x{suffix}")
    if known is not None and suffix not in ACCEPTED:
        return f"samples of it: {decoded(recording)}, then --reference part"
    if suffix in ACCEPTED and kind.startswith(("audio/", "video/")):
        verb = "convert" if kind.startswith("audio/") else "extract-audio"
        return f"a wav of it: %ffmpeg {verb} {recording.line} --out part, then --reference part"
    return "a wav or mp3 file with a voice, or a result that is speech"


def not_taken(service: str, refusal: Any) -> InputError:
    """Return the error for one of the ``errors`` in the answer to an upload."""
    file, why = "the file", refusal
    if isinstance(refusal, Mapping):
        file, why = refusal.get("filename", file), refusal.get("error", refusal)
    return InputError(f"{service} does not take {one_line(str(file))}: {one_line(str(why))}")
