"""Segments of a transcription as subtitles, in the formats that Whisper's own writers have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import InputError

Segments = Sequence[Mapping[str, Any]]
"""Each with ``start`` and ``end`` (seconds) and ``text``."""


def srt(segments: Segments) -> str:
    """Return SubRip text: numbered, hours always, a comma before the milliseconds.

    Raises
    ------
    InputError
        A segment has no times.
    """
    return "".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_shown(text)}\n\n"
        for number, (start, end, text) in enumerate(_read(segments), 1)
    )


def vtt(segments: Segments) -> str:
    """Return WebVTT text: hours only where there are any, a point before the milliseconds.

    Raises
    ------
    InputError
        A segment has no times.
    """
    return "WEBVTT\n\n" + "".join(
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_shown(text)}\n\n"
        for start, end, text in _read(segments)
    )


def tsv(segments: Segments) -> str:
    """Return a table with tabs: start and end in whole milliseconds, and the text.

    Raises
    ------
    InputError
        A segment has no times.
    """
    rows = (f"{start}\t{end}\t{text}\n" for start, end, text in _read(segments))
    return "start\tend\ttext\n" + "".join(rows)


def _read(segments: Segments) -> Iterator[tuple[int, int, str]]:
    """Times in milliseconds, and texts in one line: a blank line would end a subtitle."""
    for number, segment in enumerate(segments, 1):
        try:
            start, end = (max(0, round(1000 * float(segment[key]))) for key in ("start", "end"))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise InputError(f"segment {number} of {len(segments)} has no start and end") from None
        yield start, end, " ".join(str(segment.get("text", "")).split())


def _shown(text: str) -> str:
    return text.replace("-->", "->")


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    above = f"{hours:02d}:" if hours or mark == "," else ""
    return f"{above}{minutes:02d}:{seconds:02d}{mark}{rest:03d}"
