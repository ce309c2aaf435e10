"""Bytes over time, in words: how much of what, how fast, how long still, and when nothing comes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_WINDOW = 5.0  # seconds over which the rate is taken
_RATE_AFTER = 0.5  # seconds; a rate over less is noise
_STALLED = 5.0  # seconds without growth, after which that is said
_UNITS = ("B", "kB", "MB", "GB", "TB")


class Meter:
    """One download, however many parts it has; threads may share it.

    Parameters
    ----------
    clock
        Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._samples: deque[tuple[float, int]] = deque()
        self._done = 0
        self._total: int | None = None
        self._grew = clock()

    def add(self, done: int, total: int | None) -> None:
        """Take note of `done` bytes of `total` (None: not known)."""
        with self._lock:
            now = self._clock()
            if done != self._done:
                self._grew = now
            self._done, self._total = done, total
            self._samples.append((now, done))
            # one from before the window stays, so that a rate over all of it can be told
            while len(self._samples) > 2 and now - self._samples[1][0] >= _WINDOW:
                self._samples.popleft()

    def still(self) -> float:
        """Return for how many seconds no byte came."""
        with self._lock:
            return self._clock() - self._grew

    def words(self) -> str:
        """Return ``45 of 92 MB, 45 MB/s, about 1 s left``; the stall in place of the rate."""
        with self._lock:
            done, total = self._done, self._total
            text = size_text(done) if total is None else part_text(done, total)
            if total is not None and done >= total:
                return text
            still = self._clock() - self._grew
            if still >= _STALLED:
                return f"{text}, no byte for {still:.0f} s"
            rate = self._rate()
            if not rate:
                return text
            left = f", {left_text((total - done) / rate)}" if total is not None else ""
            return f"{text}, {size_text(int(rate))}/s{left}"

    def _rate(self) -> float:
        """Bytes a second over the last seconds; 0 where that cannot be told yet."""
        if not self._samples:
            return 0.0
        since, before = self._samples[0]
        took = self._clock() - since
        return max(0.0, (self._done - before) / took) if took >= _RATE_AFTER else 0.0


def left_text(seconds: float) -> str:
    """Return a time that is left, no finer than it can be known: ``about 50 s left``."""
    if seconds < 10:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min left"
    return f"about {round(seconds / 3600)} h left"


def size_text(size: int) -> str:
    """Return a number of bytes for people: ``3.4 GB``, ``92 MB``, ``5.4 MB``."""
    power = _unit(size)
    if power == 2 and size < 9_950_000:
        return f"{size / 1e6:.1f} MB"
    return f"{_figure(size, power)} {_UNITS[power]}"


def part_text(done: int, total: int) -> str:
    """Return a part in the unit of the whole: ``0.4 of 3.4 GB``."""
    power = _unit(total)
    return f"{_figure(done, power)} of {_figure(total, power)} {_UNITS[power]}"


def _unit(size: int) -> int:
    power = 0
    while size >= 1000 ** (power + 1) and power < len(_UNITS) - 1:
        power += 1
    return power


def _figure(size: int, power: int) -> str:
    value = size / 1000**power
    return f"{value:.1f}" if power >= 3 else f"{value:.0f}"
