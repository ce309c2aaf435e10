"""Is there room for a model: what is free, and the verdict in words.

The disk is a refusal, for a pull that fills it fails after gigabytes; memory is a warning, for
what a model takes is only known when it runs. What cannot be known from here is said so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DiskFullError, EngineUnavailableError
from .meter import size_text
from .paths import expanded
from .runtimes.machine import disk_free, machine_memory, memory

if TYPE_CHECKING:
    from .runtimes.base import Runtime
    from .service import Service

MEMORY_FACTOR = 1.2
"""Memory for a byte of weights: they are held whole, and what the model remembers of the
conversation (a share that grows with the context length) and its scratch space come on top."""

_STEPS = ((10**9, 10**8), (10**6, 10**6), (10**3, 10**3), (0, 1))  # how finely sizes are shown


@dataclass(frozen=True)
class Room:
    """What is free for one service's models; None is not known.

    Attributes
    ----------
    disk_free
        Bytes.
    disk_where
        The folder that was looked at, or why none could be.
    memory_free, memory_total
        Bytes, of the machine or of this process's share of it.
    """

    disk_free: int | None = None
    disk_where: str = ""
    memory_free: int | None = None
    memory_total: int | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether there is room.

    Attributes
    ----------
    ok
        False where the disk is too small.
    words
        The verdict with its numbers: ``3.4 GB to fetch, 12.0 GB free on disk...: fits``.
    warning
        True where it may be fetched, but memory is short.
    """

    ok: bool
    words: str
    warning: bool = False


def room_for(service: Service) -> Room:
    """Look at what is free where a service keeps and runs its models.

    Parameters
    ----------
    service
        Started: before that nobody knows where it will run.
    """
    spec, runtime = service.placement.spec, service.runtime
    if runtime == "docker":
        root, why = docker_root(service.placement.runtime("docker"))
        if root is None:
            return Room(disk_where=why)
        if (service.snapshot().gpu or "").startswith("yes"):
            return Room(disk_free(root), str(root))  # it runs in the GPU's memory
        return Room(disk_free(root), str(root), *machine_memory())
    if runtime == "embedded" and spec.weights is not None:
        return Room(disk_free(spec.weights), str(spec.weights), *memory())
    if runtime == "native":
        if "not started from here" in service.snapshot().detail:
            return Room(None, "another user's Ollama may keep them anywhere", *memory())
        folder = ollama_folder(spec.environment)
        return Room(disk_free(folder), str(folder), *memory())
    return Room(disk_where=f"{service.handle} is not started" if runtime is None else "")


def verdict(room: Room, to_fetch: int | None, weights: int | None = None) -> Verdict:
    """Judge whether a model fits.

    Parameters
    ----------
    room
        What is free.
    to_fetch
        Bytes that are not here yet; None is not known.
    weights
        Bytes of the whole model, where some of it is here already; else `to_fetch` is taken.
    """
    size = f"{size_text(to_fetch)} to fetch" if to_fetch is not None else "its size is not known"
    if to_fetch is not None and room.disk_free is not None and to_fetch > room.disk_free:
        free = f"{size_text(room.disk_free)} free on disk{_at(room)}"
        missing = size_text(_rounded_up(to_fetch - room.disk_free))
        return Verdict(False, f"{size}, {free}: too little, free {missing} first")
    disk = _free(room.disk_free, "free on disk", "free disk space")
    held = _free(room.memory_free, "of memory free", "free memory")
    weights = to_fetch if weights is None else weights
    if weights is None:
        return Verdict(True, f"{size}, {disk}, {held}")
    if tight := _tight(room, int(weights * MEMORY_FACTOR)):
        return Verdict(True, f"{size}, {disk}; {tight}", warning=True)
    known = (room.disk_free is not None, room.memory_free is not None)
    fits = {(True, True): ": fits", (True, False): ": fits on disk", (False, True): ": may fit"}
    return Verdict(True, f"{size}, {disk}, {held}{fits.get(known, '')}")


def check_room(room: Room, to_fetch: int | None, what: str = "", *, handle: str = "") -> Verdict:
    """Return the verdict where it is not a refusal.

    Parameters
    ----------
    room, to_fetch
        As for :func:`verdict`.
    what
        The model's name, for the message.
    handle
        The service's, for the line that makes room.

    Raises
    ------
    DiskFullError
        When it does not fit on the disk.
    """
    judged = verdict(room, to_fetch)
    if not judged.ok:
        at = f" --host {handle}" if handle and handle != "ollama" else ""
        raise DiskFullError(
            f"{what}: {judged.words}" if what else judged.words,
            f"%ollama list{at}   shows what is there, %ollama rm MODEL{at} deletes one",
        )
    return judged


def _at(room: Room) -> str:
    return f" ({room.disk_where})" if room.disk_where else ""


def _free(size: int | None, known: str, unknown: str) -> str:
    return f"{unknown} not known" if size is None else f"{size_text(size)} {known}"


def _rounded_up(size: int) -> int:
    """So that freeing what is shown is enough."""
    step = next(step for least, step in _STEPS if size >= least)
    return -(-size // step) * step


def _tight(room: Room, needed: int) -> str:
    rule = f"weights x {MEMORY_FACTOR}, a rule of thumb"
    about = f"needs about {size_text(needed)} of memory when it runs ({rule})"
    if room.memory_total is not None and needed > room.memory_total:
        return f"{about}, more than the {size_text(room.memory_total)} there is: it may not load"
    if room.memory_free is not None and needed > room.memory_free:
        return f"{about}, {size_text(room.memory_free)} free: it may not load, or be slow"
    return ""


# looking ------------------------------------------------------------------------------------------


def docker_root(docker: Runtime) -> tuple[Path | None, str]:
    """Return the engine's folder of images and volumes; else None, and why it is not known.

    Parameters
    ----------
    docker
        This kernel's runtime of that name, which knows the engine already.
    """
    from .runtimes.compose import ComposeRuntime

    assert isinstance(docker, ComposeRuntime)
    try:
        tools = docker.tools()
    except EngineUnavailableError as error:
        return None, error.message
    return local_root(tools.root, tools.address)


def local_root(root: str, address: str) -> tuple[Path | None, str]:
    """Return the engine's folder if it lies on this machine, not in Docker Desktop's.

    Parameters
    ----------
    root, address
        What the engine says of its folder, and where it listens.
    """
    in_machine = sys.platform == "darwin" or "/.docker/" in address
    if in_machine or not root or not os.path.isdir(root):
        return None, "in Docker's virtual machine"
    return Path(root), root


def ollama_folder(environment: Mapping[str, str]) -> Path:
    """Return where an Ollama that we start keeps models (OLLAMA_MODELS, else ~/.ollama).

    Parameters
    ----------
    environment
        What is added to ours when it is started.
    """
    named = {**os.environ, **environment}.get("OLLAMA_MODELS", "").strip()
    return expanded(named or "~/.ollama/models")
