"""Samples in an array, with their rate, as a WAV file."""

from __future__ import annotations

import io
import operator
import wave
from typing import Any

from ...errors import ArgumentError

_RATES = range(1000, 768_001)  # Hz
_LARGEST = 32767


def wav_of(value: Any) -> bytes | None:
    """Return samples as a WAV file of 16 bits; None for what holds no samples.

    Parameters
    ----------
    value
        ``(samples, rate)`` or ``(rate, samples)``: an array of (frames,) or (frames, channels),
        from -1 to 1 or whole numbers of 16 bits, and its rate in hertz.

    Raises
    ------
    ArgumentError
        An array without a rate, or of another shape.
    """
    if _is_array(value):
        raise ArgumentError("an array does not tell its sample rate", "make it (samples, 16000)")
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    samples, rate = value if _is_array(value[0]) else reversed(value)
    try:
        hertz = operator.index(rate)
    except TypeError:
        return None
    return _wav(samples, hertz) if _is_array(samples) and hertz in _RATES else None


def _is_array(value: object) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "astype") and hasattr(value, "ndim")


def _wav(samples: Any, rate: int) -> bytes:
    is_many = samples.ndim == 2 and samples.shape[1] > 8
    if samples.ndim not in (1, 2) or is_many or not samples.size:
        raise ArgumentError(
            f"samples of the shape {tuple(samples.shape)}", "accepted: (frames,) (frames, channels)"
        )
    kind = samples.dtype.kind
    if kind == "f":
        samples = samples.clip(-1, 1).astype("f4")
        samples[samples != samples] = 0  # what is no number is silence
        samples = (samples * _LARGEST).round()
    elif samples.dtype.name != "int16":
        raise ArgumentError(f"samples of the type {samples.dtype}", "accepted: float, int16")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
