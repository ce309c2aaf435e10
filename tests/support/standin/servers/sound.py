"""Sound in the formats that the stand-ins take and give."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import numpy as np
import soundfile
from support.standin.servers.speech import Samples

TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_FORMATS = {"mp3": ("MP3", None), "opus": ("OGG", "OPUS"), "flac": ("FLAC", "PCM_16")}
_UNKNOWN = 0xFFFFFFFF


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """Return the same sound at another rate (both in Hz), by its spectrum."""
    if rate == wanted or not len(samples):
        return samples
    count = round(len(samples) * wanted / rate)
    spectrum = np.fft.rfft(samples)
    target = np.zeros(count // 2 + 1, spectrum.dtype)
    kept = min(len(spectrum), len(target))
    target[:kept] = spectrum[:kept]
    return (np.fft.irfft(target, count) * (count / len(samples))).astype(np.float32)


def encode(samples: Samples, rate: int, format: str) -> bytes:
    """Return sound as a file of one of `TYPES`."""
    if format == "pcm":
        return pcm(samples)
    container, subtype = _FORMATS.get(format, ("WAV", "PCM_16"))
    target = io.BytesIO()
    with soundfile.SoundFile(
        target, "w", rate, 1, subtype=subtype, format=container, closefd=False
    ) as file:
        for start in range(0, len(samples), rate):  # the encoders overflow on one long write
            file.write(np.clip(samples[start : start + rate], -1, 1))
    return target.getvalue()


def pcm(samples: Samples) -> bytes:
    """Return sound as signed 16 bit numbers, little end first."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def wav_head(rate: int) -> bytes:
    """Return the head of a WAV whose length is not known yet, as servers that stream send it."""
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    ) + (b"data" + struct.pack("<I", _UNKNOWN))


def decode(source: BinaryIO | str, wanted: int | None = None) -> tuple[Samples, int]:
    """Read a sound file.

    Parameters
    ----------
    source
        A file of a format that libsndfile reads: wav, flac, mp3, ogg.
    wanted
        The rate to resample it to, in Hz; None keeps its own.

    Returns
    -------
    tuple
        Mono samples, and their rate in Hz.

    Raises
    ------
    RuntimeError
        It is no such file.
    """
    raw, rate = soundfile.read(source, dtype="float32", always_2d=True)
    samples = raw.mean(axis=1)
    if wanted is None:
        return samples, rate
    return resample(samples, rate, wanted), wanted
