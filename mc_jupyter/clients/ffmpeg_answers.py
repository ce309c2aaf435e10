"""What the FFMPEG service answers: figures with real types, refusals with a next step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import InputError, MediaConduitError, ResponseError
from .base import as_number
from .faults import Fault
from .ffmpeg_options import FIELDS
from .lines import log
from .loads import amount
from .names import told

_FIELD = re.compile(rf"\b(?:{'|'.join(FIELDS)})\b")
_HEADERS = {
    "x-audio-duration": "duration",
    "x-audio-channels": "channels",
    "x-audio-sample-rate": "sample_rate",
    "x-video-duration": "duration",
    "x-video-width": "width",
    "x-video-height": "height",
    "x-video-fps": "fps",
    "x-video-count": "files",
    "x-processing-time": "seconds",  # milliseconds there
}
_NAMES = {
    "format": "format",
    "duration": "duration",
    "size": "size",
    "bitrate": "bitrate",
    "width": "width",
    "height": "height",
    "fps": "fps",
    "videoCodec": "video_codec",
    "audioCodec": "audio_codec",
    "channels": "channels",
    "sampleRate": "sample_rate",
}


def figures(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what the headers beside sound or a video say: seconds, pixels, Hz.

    Parameters
    ----------
    headers
        By their lower-case names; `seconds` is what the work took.
    """
    said = ((name, amount(as_number(headers.get(header)))) for header, name in _HEADERS.items())
    found: dict[str, Any] = {name: value for name, value in said if value is not None}
    if "seconds" in found:
        found["seconds"] /= 1000
    return found


def metadata(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``/video/metadata`` says, by our names; what is absent or no figure is left out.

    Parameters
    ----------
    data
        As it came: the published server gives some numbers as texts.
    """
    found = {ours: _known(ours, data.get(theirs)) for theirs, ours in _NAMES.items()}
    return {name: value for name, value in found.items() if value is not None}


def _known(name: str, value: Any) -> Any:
    """A text or figure of the metadata; None for what is none."""
    if name in ("format", "video_codec", "audio_codec"):
        return value if isinstance(value, str) else None
    return amount(as_number(value))


def refined(fault: Fault) -> MediaConduitError | None:
    """Return the error for a refusal whose words alone do not help; None for any other."""
    if "success" not in fault.data and "error" not in fault.data:
        return None
    if fault.path == "/health":
        return ResponseError(
            told(fault.name, fault.url, f"{fault.text} ({fault.status})"),
            log(fault.name),
            status=fault.status,
        )
    if fault.status == 500 and fault.text == "Internal Server Error":
        return ResponseError(
            told(fault.name, fault.url, "it failed (500) and keeps the reason to itself"),
            log(fault.name, "FFmpeg's own words"),
            status=500,
        )
    if fault.path == "/video/extractFrame" and (fault.status, fault.text) == (
        404,
        "File not found",
    ):
        return InputError(
            told(fault.name, fault.url, "there is no frame (404): the video may end before it"),
            "another moment: --times 0",
        )
    ours = _FIELD.sub(lambda field: FIELDS[field[0]], fault.text)
    if 400 <= fault.status < 500 and ours != fault.text:
        words = told(fault.name, fault.url, f"{ours} ({fault.status})")
        return ResponseError(words, status=fault.status)
    return None
