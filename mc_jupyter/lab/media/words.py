"""Durations, rates and channels in words; texts of a length that a notebook bears."""

from __future__ import annotations

from typing import TypeGuard

_SHOWN = 100_000  # characters; more would make the notebook slow
_MOST = 1e9  # seconds, of a recording that can be


def is_time(value: object) -> TypeGuard[float]:
    """Whether a value that a service gave is seconds that can be told."""
    return isinstance(value, int | float) and 0 <= value < _MOST


def duration_text(seconds: float) -> str:
    """Return a duration: ``0.35 s``, ``2.3 s``, ``1 min 23 s``, ``1 h 02 min``."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def rate_text(hertz: int) -> str:
    """Return a sample rate: ``24 kHz``, ``22.05 kHz``."""
    return f"{hertz / 1000:g} kHz"


def channels_text(count: int) -> str:
    """Return how many channels: ``mono``, ``stereo``, ``6 channels``."""
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def clock_text(seconds: float) -> str:
    """Return a place in a recording: ``0:02.4``, ``1:02:03.0``."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02d}.{rest % 10}"


def shortened(text: str) -> str:
    """Return a text as it is shown: what is very long is cut, and that is said."""
    left = len(text) - _SHOWN
    more = f"\n… {left:,} more characters: str() of this, or .save(path)"
    return text[:_SHOWN] + more if left > 0 else text
