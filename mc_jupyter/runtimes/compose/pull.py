"""An image that is not here: its size first, then the pull with progress and a limit."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Generator, Mapping
from typing import Any

from ...errors import (
    DiskFullError,
    DownloadLimitError,
    ImageUnavailableError,
    MediaConduitError,
    StartError,
)
from ...events import Event, Report, ticking
from ...meter import Meter, size_text
from . import detect
from .child import LimitReached, environment, run
from .engine import Engine

_SIZE_LIMIT = 10.0
_EVERY = 0.2
"""Seconds between two progress events."""
_LAYER = re.compile(r"[0-9a-f]{12}")
_FETCHED = ("Download complete", "Extracting", "Pull complete", "Already exists")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def pull(
    engine: Engine,
    tools: detect.Tools,
    image: str,
    platform: str | None,
    max_download: int,
    report: Report,
) -> None:
    """Pull an image, or say why not.

    Parameters
    ----------
    engine, tools
        Where to.
    image, platform
        What; the platform is None for the engine's own.
    max_download
        Bytes that may be fetched unasked; 0 fetches nothing and asks no registry.
    report
        Gets the progress, and one line to keep with the size.

    Raises
    ------
    DownloadLimitError
        It is larger, as the registry or the running pull says.
    ImageUnavailableError
        It cannot be had, with the engine's reason.
    DiskFullError
        No room left.
    """
    if max_download == 0:
        raise _too_large(image, None, 0, tools)
    report(Event("image", f"pulling {image}"))
    sizes = _sizes_of(image, platform, tools)
    if sum(sizes.values()) > max_download:
        raise _too_large(image, sum(sizes.values()), max_download, tools)
    layers = _Layers(image, sizes)
    shown = 0.0
    pulling = contextlib.closing(_lines(engine, image, platform))
    with pulling as lines, ticking(layers.while_silent, report):
        for line in lines:
            layers.take(line)
            if layers.total > max_download:
                raise _too_large(image, layers.total, max_download, tools)
            if time.monotonic() - shown > _EVERY and (event := layers.event()):
                shown = time.monotonic()
                report(event)
    if engine.image(image) is None:  # docker-py takes a connection that breaks for the end
        raise _unavailable(image, "the engine broke off")
    fetched = f" ({size_text(layers.done)})" if layers.done else ""
    report(Event("image", f"pulled {image}{fetched}", settled=True))


def _lines(
    engine: Engine, image: str, platform: str | None
) -> Generator[Mapping[str, Any], None, None]:
    """The engine's lines; an error in them, or before them, is raised."""
    try:
        for line in engine.pull(image, platform):
            if "error" in line:
                raise ImageUnavailableError(str(line["error"]))
            yield line
    except (StartError, ImageUnavailableError) as error:
        raise _unavailable(image, error.message) from error


class _Layers:
    """What the lines of ``POST /images/create`` add up to.

    A layer is named by the first 12 digits of its digest, both here and in the manifest.
    """

    def __init__(self, image: str, sizes: Mapping[str, int]) -> None:
        self._image = image
        self._are_told, self._totals = bool(sizes), dict(sizes)
        self._fetched: dict[str, int] = {}
        self._is_fetched: dict[str, bool] = {}
        self._finished: dict[str, bool] = {}
        self._meter = Meter()
        self._at = time.monotonic()

    def take(self, line: Mapping[str, Any]) -> None:
        layer, status = str(line.get("id", "")), str(line.get("status", ""))
        self._at = time.monotonic()
        if not _LAYER.fullmatch(layer):  # the tag, or a warning
            return
        self._finished[layer] = status in ("Pull complete", "Already exists")
        self._is_fetched[layer] = status in _FETCHED
        if status == "Already exists":
            self._totals[layer] = 0
        detail = line.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self._totals[layer] = int(detail["total"])
            self._fetched[layer] = int(detail.get("current", 0))
        elif self._is_fetched[layer]:
            self._fetched[layer] = self._totals.setdefault(layer, 0)
        self._meter.add(self.done, self.total if self._is_total_known else None)

    @property
    def _is_total_known(self) -> bool:
        """Whether the registry told the sizes, or the engine has by now: it names all at once."""
        return self._are_told or all(layer in self._totals for layer in list(self._is_fetched))

    @property
    def total(self) -> int:
        """Bytes to be fetched, of the layers whose size is known so far."""
        return sum(list(self._totals.values()))

    @property
    def done(self) -> int:
        """Bytes fetched."""
        return sum(list(self._fetched.values()))

    def event(self, since: str = "") -> Event | None:
        """The line to show, with how long nothing came; None before anything is known."""
        count = len(self._finished)
        ready, fetched = (sum(list(d.values())) for d in (self._finished, self._is_fetched))
        head, sums = f"pulling {self._image}", (self.done, self.total)
        if not count:
            return Event("image", f"{head}: asking the registry{since}") if since else None
        if fetched < count:
            text = f"{head}: layer {fetched + 1} of {count}, {self._meter.words()}"
            return Event("image", text, *sums) if self._is_total_known else Event("image", text)
        if ready == count:  # of the layers that it named so far
            return Event("image", f"{head}: finishing{since}") if since else None
        return Event("image", f"{head}: unpacking layer {ready + 1} of {count}{since}")

    def while_silent(self, seconds: float) -> Event | None:
        """The line for a moment in which the engine says nothing; None where it just did."""
        still = time.monotonic() - self._at
        return self.event(f" ({still:.0f} s)") if still >= 1.0 else None


def _sizes_of(image: str, platform: str | None, tools: detect.Tools) -> dict[str, int]:
    """Bytes of the compressed layers as the registry says; empty where it does not say."""
    manifest = _manifest(image, tools)
    if "manifests" in manifest:
        wanted = (platform or f"linux/{_ARCHITECTURES.get(tools.architecture, '')}").split("/")
        for entry in manifest["manifests"]:
            offered = entry.get("platform") or {}
            if [offered.get("os"), offered.get("architecture")] == wanted[:2]:
                manifest = _manifest(f"{_repository(image)}@{entry['digest']}", tools)
                break
    layers = manifest.get("layers") or ()
    return {str(layer["digest"]).partition(":")[2][:12]: int(layer["size"]) for layer in layers}


def _manifest(image: str, tools: detect.Tools) -> dict[str, Any]:
    arguments = [tools.docker, "manifest", "inspect"]
    if image.startswith(("127.", "localhost:")):
        arguments.append("--insecure")  # as the engine itself treats a registry on loopback
    try:
        answer = run([*arguments, image], environment(), _SIZE_LIMIT)
        found = json.loads(answer.out)
    except (LimitReached, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _repository(image: str) -> str:
    name = image.partition("@")[0]
    head, _, last = name.rpartition("/")
    bare = last.partition(":")[0]
    return f"{head}/{bare}" if head else bare


def _too_large(image: str, size: int | None, limit: int, tools: detect.Tools) -> MediaConduitError:
    """Where nothing may be fetched, nobody was asked for the size."""
    if size is None:
        fact = f"image {image} is not here, and nothing may be fetched (MC_JUPYTER_MAX_DOWNLOAD=0)"
    else:
        fact = f"image {image} is {size_text(size)}, more than the limit of {size_text(limit)}"
    with contextlib.suppress(OSError):  # Docker Desktop's folder is in its virtual machine
        fact += f"; {size_text(shutil.disk_usage(tools.root).free)} free"
    return DownloadLimitError(fact, f"fetch it yourself: docker pull {image}")


def _unavailable(image: str, reason: str) -> MediaConduitError:
    if "no space left on device" in reason:
        return DiskFullError(f"the disk is full: pulling {image}: {reason}", "docker system df")
    return ImageUnavailableError(
        f"image {image} cannot be pulled: {reason}", f"try it yourself: docker pull {image}"
    )
