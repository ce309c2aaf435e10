"""Pulling a model: the progress that the server sends, and the watch over size and stalls.

The server sends a line every 60 ms for each layer, whether or not it grew, so a stall shows only
in the numbers. Closing the connection cancels the pull where nobody else waits for it; what was
fetched stays on the server, and the next pull goes on there.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DownloadLimitError
from ..events import Event, Report
from .http import Http
from .names import at, is_cloud

_EVERY = 0.25  # seconds between two reports
_WINDOW = 5.0  # seconds over which the rate is taken


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
    with closing(http.open("POST", "/api/pull", body)) as reply:
        last, grew = None, time.monotonic()
        for line in reply.objects(("status", "success")):
            total = line.get("total")
            step = Progress(
                status=str(line.get("status", "")),
                digest=line.get("digest"),
                completed=line.get("completed", 0 if total else None),
                total=total,
            )
            reply.limit("silence" if total else "first_byte")
            now = time.monotonic()
            if step != last or not total or step.completed == total:
                last, grew = step, now
            elif patience is not None and now - grew > patience:
                raise http.peer.too_long("silence", f"the pull of {model} did not move")
            yield step
            grew += time.monotonic() - now  # the caller's own time is no stall


def warn_of_cloud(model: str, entry: Mapping[str, Any], report: Report) -> None:
    """Report, to be kept, that a model runs elsewhere: by its name or its `/api/tags` entry."""
    host = entry.get("remote_host")
    if host or is_cloud(model):
        where = f" to {host}" if host else ""
        text = f"{model} runs in the cloud: prompts leave the server's machine{where}"
        report(Event("note", text, keep=True))


def ensure(
    http: Http, model: str, max_download: int | None, report: Report, store: Path | None
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
    meter = _Meter(model)
    with closing(pull(http, model)) as steps:
        for step in steps:
            meter.add(step)
            if max_download is not None and meter.to_fetch > max_download:
                raise _over(http.peer.name, model, meter.to_fetch, max_download, store)
            event = meter.event(step)
            if event:
                report(event)
    size = f" ({size_text(meter.to_fetch)})" if meter.to_fetch else ""
    report(Event("model", f"pulled {model}{size}", meter.total, meter.total, keep=True))


def _over(name: str, model: str, size: int, limit: int, store: Path | None) -> DownloadLimitError:
    free = ""
    if store is not None and store.is_dir():
        free = f", {size_text(shutil.disk_usage(store).free)} are free"
    return DownloadLimitError(
        f"{model} has at least {size_text(size)} to fetch; the download limit is "
        f"{size_text(limit)}{free}",
        f"to fetch it: %ollama pull {model}{at(name)}",
    )


class _Meter:
    """Adds up the layers of one pull, and words them a few times a second."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.to_fetch = 0  # bytes of the layers that the server did not have whole
        self._layers: dict[str, tuple[int, int]] = {}
        self._samples: deque[tuple[float, int]] = deque()
        self._said, self._said_at = "", 0.0

    @property
    def completed(self) -> int:
        return sum(done for done, _ in self._layers.values())

    @property
    def total(self) -> int:
        return sum(size for _, size in self._layers.values())

    def add(self, step: Progress) -> None:
        if not step.total:
            return
        layer, done = step.digest or step.status, step.completed or 0
        if layer not in self._layers and done < step.total:
            self.to_fetch += step.total
        self._layers[layer] = (done, step.total)

    def event(self, step: Progress) -> Event | None:
        """The event for a step; None when it says nothing new or too soon."""
        now = time.monotonic()
        said = "bytes" if step.total else step.status
        if said == self._said and now - self._said_at < _EVERY:
            return None
        self._said, self._said_at = said, now
        if not step.total:
            return Event("model", f"pulling {self.model}: {step.status}")
        done, total = self.completed, self.total
        text = f"pulling {self.model}: {_part_text(done, total)}{self._rate(now, done)}"
        return Event("model", text, done, total)

    def _rate(self, now: float, done: int) -> str:
        samples = self._samples
        samples.append((now, done))
        while len(samples) > 2 and now - samples[0][0] > _WINDOW:
            samples.popleft()
        since, before = samples[0]
        if now == since or done <= before:
            return ""
        return f", {size_text(int((done - before) / (now - since)))}/s"


_UNITS = ("B", "kB", "MB", "GB", "TB")


def _unit(size: int) -> int:
    power = 0
    while size >= 1000 ** (power + 1) and power < len(_UNITS) - 1:
        power += 1
    return power


def _figure(size: int, power: int) -> str:
    value = size / 1000**power
    return f"{value:.1f}" if power >= 3 else f"{value:.0f}"


def size_text(size: int) -> str:
    """Return a number of bytes for people: ``3.4 GB``, ``92 MB``."""
    power = _unit(size)
    return f"{_figure(size, power)} {_UNITS[power]}"


def _part_text(done: int, total: int) -> str:
    power = _unit(total)
    return f"{_figure(done, power)} of {_figure(total, power)} {_UNITS[power]}"
