"""An image that is not here: its size first, then the pull with progress and a limit."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Mapping
from typing import Any

from ...errors import (
    DiskFullError,
    DownloadLimitError,
    ImageUnavailableError,
    MediaConduitError,
    StartError,
)
from ...events import Event, Report
from . import detect
from .child import LimitReached, run
from .engine import Engine

_SIZE_LIMIT = 10.0
_EVERY = 0.2
"""Seconds between two progress events."""
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
    size = _size_of(image, platform, tools)
    if size is not None and size > max_download:
        raise _too_large(image, size, max_download, tools)
    layers = _Layers(image, size)
    shown = 0.0
    try:
        with contextlib.closing(engine.pull(image, platform)) as lines:
            for line in lines:
                if "error" in line:
                    raise _unavailable(image, str(line["error"]))
                layers.take(line)
                if layers.total > max_download:
                    raise _too_large(image, layers.total, max_download, tools)
                if time.monotonic() - shown > _EVERY:
                    shown = time.monotonic()
                    report(layers.event())
    except StartError as error:  # the engine's answer before the first line
        raise _unavailable(image, error.message) from error
    fetched = f" ({readable(layers.done)})" if layers.done else ""
    report(Event("image", f"pulled {image}{fetched}", keep=True))


def readable(size: int) -> str:
    """Return a size in words, in decimal units (``1.2 GB``)."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


class _Layers:
    """What the lines of ``POST /images/create`` add up to."""

    def __init__(self, image: str, size: int | None) -> None:
        self._image, self._size = image, size
        self._known: dict[str, tuple[int, int]] = {}
        self._finished: dict[str, bool] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        layer, status = str(line.get("id", "")), str(line.get("status", ""))
        if not layer or status.startswith("Pulling from"):
            return
        self._finished.setdefault(layer, False)
        if status in ("Pull complete", "Already exists"):
            self._finished[layer] = True
        current, total = (
            (line.get("progressDetail") or {}).get(key) for key in ("current", "total")
        )
        if status == "Downloading" and current and total:
            self._known[layer] = (current, total)
        elif status == "Download complete" and layer in self._known:
            self._known[layer] = (self._known[layer][1],) * 2

    @property
    def total(self) -> int:
        """Bytes of the layers whose size is known so far."""
        return sum(total for _, total in self._known.values())

    @property
    def done(self) -> int:
        return sum(current for current, _ in self._known.values())

    def event(self) -> Event:
        count, ready = len(self._finished), sum(self._finished.values())
        text = f"pulling {self._image}"
        if count:
            text += f": layer {min(ready + 1, count)} of {count}"
        if self._size:
            text += f", {readable(self.done)} of {readable(self._size)}"
        elif self.done:
            text += f", {readable(self.done)}"
        return Event("image", text, self.done if self._size else None, self._size)


def _size_of(image: str, platform: str | None, tools: detect.Tools) -> int | None:
    """The compressed layers' bytes as the registry says, None where it does not say."""
    manifest = _manifest(image, tools)
    if "manifests" in manifest:
        wanted = (platform or f"linux/{_ARCHITECTURES.get(tools.architecture, '')}").split("/")
        for entry in manifest["manifests"]:
            offered = entry.get("platform") or {}
            if [offered.get("os"), offered.get("architecture")] == wanted[:2]:
                manifest = _manifest(f"{_repository(image)}@{entry['digest']}", tools)
                break
    layers = manifest.get("layers")
    return sum(int(layer.get("size", 0)) for layer in layers) if layers else None


def _manifest(image: str, tools: detect.Tools) -> dict[str, Any]:
    arguments = [tools.docker, "manifest", "inspect"]
    if image.startswith(("127.", "localhost:")):
        arguments.append("--insecure")  # as the engine itself treats a registry on loopback
    try:
        answer = run([*arguments, image], detect.environment(), _SIZE_LIMIT)
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
        fact = f"image {image} is {readable(size)}, more than the limit of {readable(limit)}"
    with contextlib.suppress(OSError):  # Docker Desktop's folder is in its virtual machine
        fact += f"; {readable(shutil.disk_usage(tools.root).free)} free"
    return DownloadLimitError(fact, f"fetch it yourself: docker pull {image}")


def _unavailable(image: str, reason: str) -> MediaConduitError:
    if "no space left on device" in reason:
        return DiskFullError(f"the disk is full: pulling {image}: {reason}", "docker system df")
    return ImageUnavailableError(
        f"image {image} cannot be pulled: {reason}", f"try it yourself: docker pull {image}"
    )
