"""Subtitles of segments: to the letter what Whisper's own writers make."""

from __future__ import annotations

from typing import Any

import pytest

from mc_jupyter.clients.subtitles import srt, tsv, vtt
from mc_jupyter.errors import InputError

SEGMENTS: list[dict[str, Any]] = [
    {"id": 0, "start": 0.0, "end": 2.5, "text": " Hello there."},
    {"id": 1, "start": 2.5004, "end": 3725.9996, "text": " a --> b\tc\n\nd "},
]


def test_srt() -> None:
    assert srt(SEGMENTS) == (
        "1\n00:00:00,000 --> 00:00:02,500\nHello there.\n\n"
        "2\n00:00:02,500 --> 01:02:06,000\na -> b c d\n\n"
    )


def test_vtt() -> None:
    assert vtt(SEGMENTS) == (
        "WEBVTT\n\n"
        "00:00.000 --> 00:02.500\nHello there.\n\n"
        "00:02.500 --> 01:02:06.000\na -> b c d\n\n"
    )


def test_tsv() -> None:
    assert tsv(SEGMENTS) == (
        "start\tend\ttext\n0\t2500\tHello there.\n2500\t3726000\ta --> b c d\n"
    )


def test_nothing_was_said() -> None:
    assert (srt([]), vtt([]), tsv([])) == ("", "WEBVTT\n\n", "start\tend\ttext\n")


@pytest.mark.parametrize("broken", [{}, {"start": 1.0}, {"start": None, "end": 2.0}])
def test_a_segment_without_times(broken: dict[str, Any]) -> None:
    for write in (srt, vtt, tsv):
        with pytest.raises(InputError, match="segment 2 of 2 has no start and end"):
            write([SEGMENTS[0], {**broken, "text": "x"}])
