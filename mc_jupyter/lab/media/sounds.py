"""Samples in an array, with their rate, as a WAV file."""

from __future__ import annotations

import io
import operator
import wave
from typing import Any

from ...errors import ArgumentError, InputError

_RATES = range(1000, 768_001)  # Hz
_LARGEST = 32767


def wav_of(value: Any, typed: str = "samples") -> bytes | None:
    """Return samples as a WAV file of 16 bits; None for what holds no samples.

    Parameters
    ----------
    value
        ``(samples, rate)`` or ``(rate, samples)``: an array of (frames,) or (frames, channels),
        from -1 to 1 or whole numbers of 16 bits, or a list of numbers; and its rate in hertz.
    typed
        What was typed for it, for the line that gives an array its rate.

    Raises
    ------
    ArgumentError
        An array without a rate, or of another shape.
    InputError
        A sample is no number (NaN).
    """
    if _is_array(value):
        raise ArgumentError(
            f"{typed} is an array, which does not tell its sample rate",
            f"with its rate in Hz: pair = ({typed}, 16000), then pair in its place",
        )
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    samples, rate = (_array(one) for one in value)
    if not _is_array(samples):
        samples, rate = rate, samples
    try:
        hertz = operator.index(rate)
    except TypeError:
        return None
    return _wav(samples, hertz) if _is_array(samples) and hertz in _RATES else None


def _is_array(value: object) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "astype") and hasattr(value, "ndim")


def _array(value: Any) -> Any:
    """A list of numbers as an array; anything else as it is."""
    if not isinstance(value, list) or not value:
        return value
    if not all(isinstance(one, float | int) and not isinstance(one, bool) for one in value):
        return value
    from ...clients.sound import as_array

    return as_array(value)


def _wav(samples: Any, rate: int) -> bytes:
    is_many = samples.ndim == 2 and samples.shape[1] > 8
    if samples.ndim not in (1, 2) or is_many or not samples.size:
        raise ArgumentError(
            f"samples of the shape {tuple(samples.shape)}", "accepted: (frames,) (frames, channels)"
        )
    kind = samples.dtype.kind
    if kind == "f":
        if holes := int((samples != samples).sum()):
            raise InputError(
                f"{holes} of {samples.size} samples are no numbers (NaN)",
                "silence in their place: numpy.nan_to_num(samples)",
            )
        samples = samples.clip(-1, 1).astype("f4")
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
