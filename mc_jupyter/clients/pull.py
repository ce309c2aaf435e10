"""Pulling a model: the progress that the server sends, and the watch over size and stalls.

The server sends a line every 60 ms for each layer, whether or not it grew, so a stall shows only
in the numbers. Closing the connection cancels the pull where nobody else waits for it; what was
fetched stays on the server, and the next pull goes on there.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DownloadLimitError, ResponseError
from ..events import Event, Report, ticking
from ..meter import Meter, size_text
from .faults import one_line
from .http import Http
from .loads import count
from .names import at, told

_EVERY = 0.25  # seconds between two reports
_MOST_LAYERS = 10_000

Check = Callable[[int], None]
"""Told of the bytes that are to be fetched; what it raises cancels the pull."""


def no_check(size: int) -> None:
    """Let any size pass."""


@dataclass(frozen=True)
class Progress:
    """One line of a pull.

    Attributes
    ----------
    status
        As the server words it (``pulling manifest``, ``verifying sha256 digest``, ``success``).
    digest
        The layer that is fetched; None between layers.
    completed, total
        Its bytes; None where the line has none.
    """

    status: str
    digest: str | None = None
    completed: int | None = None
    total: int | None = None


def pull(http: Http, model: str) -> Generator[Progress, None, None]:
    """Have the server fetch `model`; yield what it says, ``success`` last.

    While a layer is fetched, the limit `silence` holds for its bytes to grow; between layers
    (manifest, checking gigabytes) the limit `first_byte` holds for the next line.

    Raises
    ------
    ModelNotFoundError, DiskFullError, ResponseError
        What the server said.
    TimeLimitError
        No byte more within `silence` seconds.
    StreamCutError
        The stream ended without ``success``.
    """
    body = {"model": model, "stream": True}
    patience = http.peer.limits.silence
    with http.open("POST", "/api/pull", body) as reply:
        last, grew = None, time.monotonic()
        # the lines of a long pull are many, and none is kept
        for line in reply.objects(("status", "success"), most="max_reply"):
            step = _progress(line)
            total = step.total
            reply.limit("silence" if total else "first_byte")
            now = time.monotonic()
            if step != last or not total or step.completed == total:
                last, grew = step, now
            elif patience is not None and now - grew > patience:
                raise http.peer.too_long("silence", f"the pull of {model} did not move")
            yield step
            grew += time.monotonic() - now  # the caller's own time is no stall


def _progress(line: Mapping[str, Any]) -> Progress:
    """One line of a pull; what is no figure in it is passed over."""
    digest, total = line.get("digest"), count(line.get("total"))
    completed = count(line.get("completed", 0 if total else None))
    return Progress(
        status=one_line(str(line.get("status", ""))),
        digest=digest if isinstance(digest, str) else None,
        completed=completed if completed is None or total is None else min(completed, total),
        total=total,
    )


def watched(
    http: Http,
    model: str,
    report: Report,
    check: Check = no_check,
) -> tuple[int, int]:
    """Pull `model` with reports four times a second, once a second while nothing comes.

    Parameters
    ----------
    check
        Told of the bytes that are to be fetched, each time that they become more; what it raises
        cancels the pull.

    Returns
    -------
    tuple of int
        The bytes that were not on the server, and those of the whole model.
    """
    layers = _Layers(model)
    with closing(pull(http, model)) as steps, ticking(layers.while_silent, report):
        for step in steps:
            if layers.add(step):
                check(layers.to_fetch)
            if layers.count > _MOST_LAYERS:
                text = f"the pull of {model} names more than {_MOST_LAYERS:,} layers"
                raise ResponseError(told(http.peer.name, http.url, text))
            event = layers.event(step)
            if event:
                report(event)
    return layers.to_fetch, layers.total


def ensure(
    http: Http,
    model: str,
    max_download: int | None,
    report: Report,
    store: Path | None,
    check: Check = no_check,
) -> None:
    """Pull `model` with reports, unless it is larger than `max_download` bytes (None: no limit).

    Raises
    ------
    DownloadLimitError
        As soon as the sizes that the server named are over the limit; the pull is cancelled.
    """
    if max_download == 0:
        raise DownloadLimitError(
            f"{model} is not here, and the download limit is 0",
            f"to fetch it: %ollama pull {model}{at(http.peer.name)}",
        )

    def within_limit(size: int) -> None:
        if max_download is not None and size > max_download:
            raise _over(http.peer.name, model, size, max_download, store)
        check(size)

    size, _ = watched(http, model, report, within_limit)
    report(Event("model", pulled_text(model, size), settled=True))


def pulled_text(model: str, size: int) -> str:
    """Return the line that a pull leaves, with a number of bytes."""
    return f"pulled {model} ({size_text(size)})" if size else f"pulled {model}"


def _over(name: str, model: str, size: int, limit: int, store: Path | None) -> DownloadLimitError:
    free = ""
    if store is not None and os.path.isdir(store):
        free = f", {size_text(shutil.disk_usage(store).free)} are free"
    return DownloadLimitError(
        f"{model} has at least {size_text(size)} to fetch; the download limit is "
        f"{size_text(limit)}{free}",
        f"to fetch it: %ollama pull {model}{at(name)}",
    )


class _Layers:
    """Adds up the layers of one pull, and words them a few times a second."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.to_fetch = 0  # bytes that the server did not have
        self._layers: dict[str, tuple[int, int]] = {}
        self._meter = Meter()
        self._step = Progress("asking the server")
        self._said, self._said_at = "", time.monotonic()

    def add(self, step: Progress) -> bool:
        """Take a step; return whether there is more to fetch than before."""
        self._step, before = step, self.to_fetch
        if step.total:
            layer, done = step.digest or step.status, step.completed or 0
            if layer not in self._layers and done < step.total:
                self.to_fetch += step.total - done
            self._layers[layer] = (done, step.total)
            self._meter.add(*self._sums())
        return self.to_fetch > before

    @property
    def count(self) -> int:
        """How many layers the server named."""
        return len(self._layers)

    @property
    def total(self) -> int:
        """Bytes of all layers that the server named."""
        return self._sums()[1]

    def _sums(self) -> tuple[int, int]:
        parts = list(self._layers.values())
        return sum(done for done, _ in parts), sum(size for _, size in parts)

    def event(self, step: Progress) -> Event | None:
        """The event for a step; None when it says nothing new or too soon."""
        now = time.monotonic()
        said = "bytes" if step.total else step.status
        if said == self._said and now - self._said_at < _EVERY:
            return None
        self._said, self._said_at = said, now
        return self._event()

    def while_silent(self, seconds: float) -> Event | None:
        """The event for a moment in which no line comes; None where one just came."""
        still = time.monotonic() - self._said_at
        if still < 1.0:
            return None
        return self._event("" if self._step.total else f" ({still:.0f} s)")

    def _event(self, note: str = "") -> Event:
        if not self._step.total:
            return Event("model", f"pulling {self.model}: {self._step.status}{note}")
        return Event("model", f"pulling {self.model}: {self._meter.words()}", *self._sums())
