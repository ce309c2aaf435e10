"""What a Whisper service answers: a transcription, or a refusal that does not say why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import MediaConduitError, ResponseError
from .faults import Fault
from .lines import log
from .loads import amount
from .names import told
from .refusals import refused

_ROW = ("id", "seek", "start", "end", "text")  # of a segment that came as a list


@dataclass(frozen=True)
class Transcription:
    """What was said in a recording.

    Attributes
    ----------
    text
        All of it.
    language
        Its code, as the service has it.
    segments
        As the service gave them: ``start`` and ``end`` in seconds, ``text``, and more.
    raw
        The whole answer.
    settings
        What was sent.
    facts
        What the service said of itself (``engine``).
    """

    text: str
    language: str | None
    segments: list[dict[str, Any]]
    raw: Mapping[str, Any] = field(repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def transcription(
    raw: Mapping[str, Any], asked: Mapping[str, Any], headers: Mapping[str, str]
) -> Transcription:
    """Return the transcription that an answer holds.

    Parameters
    ----------
    raw
        The answer; it has a list ``segments``.
    asked
        The options.
    headers
        The answer's, by their lower-case names.
    """
    segments = [_segment(each) for each in raw["segments"]]
    text, language = raw.get("text"), raw.get("language")
    if not isinstance(text, str):  # the engine whisperx gives none
        text = "".join(str(each.get("text", "")) for each in segments)
    return Transcription(
        text=text.strip(),
        language=language if isinstance(language, str) else None,
        segments=segments,
        raw=raw,
        settings={name: value for name, value in asked.items() if value is not None},
        facts={"engine": headers["asr-engine"]} if "asr-engine" in headers else {},
    )


def _segment(given: Any) -> dict[str, Any]:
    """A segment as a dict; older images with faster_whisper give lists."""
    if isinstance(given, dict):
        segment = _timed(given)
        if isinstance(words := segment.get("words"), list):
            segment["words"] = [_timed(word) for word in words if isinstance(word, dict)]
        return segment
    row = given if isinstance(given, list) else [given]
    return _timed(dict(zip(_ROW, row, strict=False)))


def _timed(given: Mapping[str, Any]) -> dict[str, Any]:
    """A segment or word without a time that is none."""
    wrong = [name for name in ("start", "end") if amount(given.get(name)) is None]
    return {name: value for name, value in given.items() if name not in wrong}


def refined(fault: Fault) -> MediaConduitError | None:
    """Return the error for a refusal in words; None for one that other rules fit."""
    if fault.status == 404 and fault.path == "/detect-language":
        return ResponseError(
            told(fault.name, fault.url, "this image has no /detect-language (404)"),
            "a transcription tells the language too",
            status=404,
        )
    if fault.status != 500 or fault.data:
        return refused(fault)
    return ResponseError(
        told(
            fault.name,
            fault.url,
            "it failed (500) and does not say why: the file may hold no sound that it can read, "
            "or its model does not know the language or the prompt",
        ),
        log(fault.name, "its log says it"),
        status=500,
    )
