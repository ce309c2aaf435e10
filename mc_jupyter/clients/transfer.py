"""What is on its way: bodies as they are, and large files with one line of progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..events import Event, Report
from ..meter import Meter
from .upload import Reader, Upload

_LARGE = 5_000_000  # bytes; less than that is there before a line could be read
_EVERY = 0.25  # seconds between two lines


@dataclass(frozen=True)
class Raw:
    """A body that is sent as it is.

    Attributes
    ----------
    data
        Its bytes.
    content_type
        What they are.
    """

    data: bytes
    content_type: str


class Sending:
    """The files of one request, counted together.

    Parameters
    ----------
    name
        The service that they go to.
    total
        Bytes of all of them.
    report
        Gets the lines.
    """

    def __init__(self, name: str, total: int, report: Report) -> None:
        self._say = _teller(f"sending to {name}", total, report)
        self._done: dict[int, int] = {}

    def reader(self, upload: Upload) -> Reader:
        """Return what reads one of them."""
        number = len(self._done)
        self._done[number] = 0

        def told(done: int) -> None:
            self._done[number] = done
            self._say(sum(self._done.values()))

        return upload.reader(told)


def receiving(name: str, total: int | None, report: Report) -> Callable[[int], None]:
    """Return what is to be told of each piece that comes.

    Parameters
    ----------
    name
        The service that it comes from.
    total
        Bytes in all; None where the service does not say.
    report
        Gets the lines.
    """
    return _teller(f"receiving from {name}", total, report)


def _teller(words: str, total: int | None, report: Report) -> Callable[[int], None]:
    meter, said = Meter(), 0.0

    def tell(done: int) -> None:
        nonlocal said
        if (total or done) < _LARGE:
            return
        meter.add(done, total)
        now = time.monotonic()
        if now - said >= _EVERY or done == total:
            said = now
            report(Event("transfer", f"{words}: {meter.words()}", done, total))

    return tell
