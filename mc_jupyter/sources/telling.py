"""What is told of one fetch: each step that git names, and the seconds while it says nothing."""

from __future__ import annotations

import re
import time

from ..events import Event, Report
from ..meter import size_text

_AMOUNT = re.compile(r"([\d.]+) (bytes|[KMG]iB)(/s)?")
_BINARY = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SILENT_S = 1.0


class Telling:
    """Words one fetch.

    Parameters
    ----------
    typed
        The identifier as it was typed.
    report
        Gets the events.
    """

    def __init__(self, typed: str, report: Report) -> None:
        self._typed, self._report = typed, report
        self._words, self._at = "", time.monotonic()
        report(Event("fetch", f"fetching {typed}"))

    def step(self, word: str, done: float, total: float, message: str) -> None:
        """Tell how far a step is; `message` is git's ``1.14 MiB | 2.86 MiB/s``."""
        what = "files" if word == "checking out" else "objects"
        self._words = f": {word} {done:.0f} of {total:.0f} {what}{_amount(message)}"
        self._at = time.monotonic()
        self._report(Event("fetch", f"fetching {self._typed}{self._words}"))

    def while_silent(self, seconds: float) -> Event | None:
        """The event for a moment in which git says nothing; None where it just did."""
        still = time.monotonic() - self._at
        if still < _SILENT_S:
            return None
        words = f"{self._words}, nothing came for" if self._words else ": no answer for"
        return Event("fetch", f"fetching {self._typed}{words} {still:.0f} s")

    def end(self) -> None:
        """Tell that it is here."""
        self._report(Event("fetch", f"fetched {self._typed}", settled=True))


def _amount(message: str) -> str:
    parts = []
    for number, unit, each in _AMOUNT.findall(message):
        parts.append(f", {size_text(int(float(number) * _BINARY[unit]))}{each}")
    return "".join(parts)
