"""Sound: what a recording holds, its picture, joining pieces, other formats.

Files are read block by block, never whole. What libsndfile cannot read (aac, m4a) has no
description, and is an InputError elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, OptionError
from .content import IN_MEMORY, Content, temporary
from .soundfiles import (
    BLOCK,
    ENCODINGS,
    PCM_RATE,
    Recording,
    Target,
    blocks,
    format_of,
    frames_of,
    reading,
)
from .wav import mend_wav

__all__ = ["ENCODINGS", "PCM_RATE", "Recording", "Sound"]
__all__ += ["check_format", "convert", "describe", "join", "mend_wav", "peaks"]


@dataclass(frozen=True)
class Sound:
    """What a recording holds.

    Attributes
    ----------
    duration
        Seconds.
    sample_rate
        Hz.
    channels
        1 is mono.
    format
        ``wav``, ``flac``, ``mp3``, ``opus``, ``ogg``, ``pcm``, or libsndfile's word for others.
    """

    duration: float
    sample_rate: int
    channels: int
    format: str


def describe(recording: Recording) -> Sound | None:
    """Return what a recording holds; None where libsndfile cannot read it (aac, m4a, no sound).

    The length of what is coded is found by decoding it, block by block.
    """
    try:
        with reading(recording) as file:
            frames = frames_of(file)
            return Sound(frames / file.samplerate, file.samplerate, file.channels, format_of(file))
    except InputError:
        return None


def peaks(recording: Recording, columns: int) -> list[float]:
    """Return the loudest of each part of a recording, for a picture of its wave.

    Parameters
    ----------
    recording
        The sound.
    columns
        How many parts; a recording with fewer frames gives fewer.

    Returns
    -------
    list
        Numbers from 0 to 1; empty for a recording without frames.

    Raises
    ------
    InputError
        libsndfile cannot read it.
    """
    import numpy as np

    with reading(recording) as file:
        total = frames_of(file)
    columns = min(columns, total)
    loudest, at = np.zeros(max(columns, 1), np.float32), 0
    with reading(recording) as file:
        for block in blocks(file):
            places = np.arange(at, at + len(block)) * columns // max(total, 1)
            np.maximum.at(loudest, np.minimum(places, columns - 1), np.abs(block).max(axis=1))
            at += len(block)
    return [float(value) for value in np.minimum(loudest, 1)][:columns]


def samples(recording: Recording) -> Any:
    """Return the samples as a numpy array of float32 from -1 to 1.

    Of one channel it has the shape (frames,), of several (frames, channels).

    Raises
    ------
    InputError
        libsndfile cannot read it.
    """
    import numpy as np

    with reading(recording) as file:
        parts = list(blocks(file))
        found = np.concatenate(parts) if parts else np.zeros((0, file.channels), np.float32)
    return found[:, 0] if found.shape[1] == 1 else found


def as_array(numbers: Sequence[float]) -> Any:
    """Return numbers as a numpy array: of floats where one of them is a float."""
    import numpy as np

    return np.asarray(numbers)


def convert(recording: Content, format: str) -> Content:
    """Return a recording in another format; the same object where it has that already.

    Parameters
    ----------
    recording, format
        The sound, and one of :data:`ENCODINGS`.

    Raises
    ------
    OptionError, InputError, DiskFullError
        As :func:`join`.
    """
    check_format(format)
    known = describe(recording)
    if known is not None and known.format == format:
        return recording
    return join([recording], format)


def check_format(format: str) -> None:
    """Raise OptionError for a format that cannot be written here."""
    if format not in ENCODINGS:
        raise OptionError(f"format is {format!r}", f"accepted: {', '.join(ENCODINGS)}")


def join(pieces: Sequence[Recording], format: str = "wav", pause: float = 0.0) -> Content:
    """Return recordings one after the other, as one.

    Parameters
    ----------
    pieces
        One or more; all of one sample rate and number of channels.
    format
        One of :data:`ENCODINGS`. Opus takes 8, 12, 16, 24 and 48 kHz, pcm 24 kHz mono only.
    pause
        Seconds of silence between two.

    Raises
    ------
    OptionError
        The format cannot be written, or not at this sample rate.
    InputError
        A piece cannot be read, or differs from the first.
    DiskFullError
        There is no room for it.
    """
    check_format(format)
    kind = ENCODINGS[format][2]
    with temporary() as path:
        _write(pieces, format, pause, str(path))
        content = Content(path, kind)
    return content if content.size > IN_MEMORY else Content(content.bytes, kind)


def _write(pieces: Sequence[Recording], format: str, pause: float, path: str) -> None:
    import numpy as np

    target: Target | None = None
    try:
        for piece in pieces:
            with reading(piece) as file:
                if target is None:
                    target = Target(path, format, file.samplerate, file.channels)
                elif (file.samplerate, file.channels) != (target.rate, target.channels):
                    raise InputError(
                        f"the pieces differ: {target.rate} Hz, {target.channels} channels, then "
                        f"{file.samplerate} Hz, {file.channels} channels",
                        "save them one by one",
                    )
                else:
                    silence = round(pause * target.rate)
                    for start in range(0, silence, BLOCK):
                        count = min(BLOCK, silence - start)
                        target.write(np.zeros((count, target.channels), np.float32))
                for block in blocks(file):
                    target.write(block)
    finally:
        if target is not None:
            target.close()
    if target is None:
        raise InputError("there is no sound to join")
