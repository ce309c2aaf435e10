"""What services need of the machine: the way to GitHub, disk, memory; settings and versions."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..errors import ArgumentError, GitMissingError, SourceError, SourceUnreachableError
from ..meter import size_text
from ..runtimes.machine import disk_free, machine_memory, memory
from ..settings import Settings
from .check import Check

_GIT_CLOCK_S = 4.0
_LITTLE_DISK = 10**9
_LITTLE_MEMORY = 10**9
_PACKAGES = {"mc-jupyter": "mc_jupyter", "ipython": "IPython", "docker": "docker-py"}
_NAMES = re.compile(
    r"(?:MC_JUPYTER|OLLAMA|DOCKER|COMPOSE)_\w+|GIT_(?!PAGER|CONFIG_(?:KEY|VALUE)_)\w+|(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_\w+",
    re.I,
)


def github() -> list[Check]:
    """Ask GitHub for the repository that a prompt would load, with git and all its settings."""
    from ..prompting import DEFAULT_OLLAMA
    from ..sources import parse_identifier
    from ..sources.git import reach
    from ..sources.guard import Clock

    began = time.monotonic()
    try:
        reach(parse_identifier(DEFAULT_OLLAMA), clock=Clock(_GIT_CLOCK_S, _GIT_CLOCK_S))
    except GitMissingError as error:
        return [Check("GitHub", "problem", error.message, error.hint or "")]
    except SourceError as error:
        fact = error.message.removeprefix(f"{DEFAULT_OLLAMA}: ")
        step = error.hint or ""
        if isinstance(error, SourceUnreachableError):
            step = "without it: %mc load ollama, or %mc load ./FOLDER"
        return [Check("GitHub", "problem", fact, step)]
    took = time.monotonic() - began
    return [Check("GitHub", "ok", f"git reads {DEFAULT_OLLAMA} ({took:.1f} s)")]


def disk(settings: Settings) -> list[Check]:
    """Look at the free space of our two folders."""
    free = {"cache": disk_free(settings.cache), "data": disk_free(settings.data)}
    known = [size for size in free.values() if size is not None]
    if len(set(free.values())) == 1 and known:
        fact = f"{size_text(known[0])} free for cache and data, at {settings.cache.parent}"
        if settings.data.parent != settings.cache.parent:
            fact = f"{size_text(known[0])} free, at {settings.cache} and {settings.data}"
    else:
        parts = [
            f"{name}: {'not known' if size is None else f'{size_text(size)} free'} at {folder}"
            for (name, size), folder in zip(
                free.items(), (settings.cache, settings.data), strict=True
            )
        ]
        fact = ", ".join(parts)
    if known and min(known) < _LITTLE_DISK:
        return [Check("disk", "warning", fact, "%ollama list   and %ollama rm MODEL")]
    return [Check("disk", "ok", fact)]


def memory_and_cores() -> list[Check]:
    """Look at memory and processors, as far as this process may have them."""
    free, total = memory()
    affinity: Callable[[int], Any] | None = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    share = ", this container's or session's share" if total < machine_memory()[1] else ""
    fact = f"{size_text(free)} of {size_text(total)} free{share}; {cores} cores"
    if free < _LITTLE_MEMORY:
        return [Check("memory", "warning", fact, "%ollama ps   and %ollama stop MODEL")]
    return [Check("memory", "ok", fact)]


def settings_in_force(settings: Settings) -> list[Check]:
    """Say what is set, and where; of the environment names only."""
    wanted: dict[str, Callable[[], str]] = {
        "runtime": lambda: settings.runtime,
        "render": lambda: settings.render,
        "max_download": lambda: size_text(settings.max_download),
        "max_inline": lambda: size_text(settings.max_inline),
    }
    try:
        values = [f"{name} {read()} ({settings.origin(name)})" for name, read in wanted.items()]
        values += _other_bounds(settings)
    except ArgumentError as error:
        return [Check("settings", "problem", error.message, error.hint or "")]
    names = sorted(name for name in os.environ if _NAMES.fullmatch(name))
    also = f"; set here: {', '.join(names)}" if names else ""
    return [Check("settings", "ok", ", ".join(values) + also)]


def _other_bounds(settings: Settings) -> list[str]:
    """What is set of the bounds on what comes in; nothing where all are the defaults."""
    set_ones = [(name, settings.origin(name)) for name in vars(settings.bounds)]
    return [
        f"{name} {getattr(settings.bounds, name):,} ({origin})"
        for name, origin in set_ones
        if origin != "default"
    ]


def versions() -> list[Check]:
    """Say what is installed, and on what it runs."""
    parts = [f"{label} {package_version(name) or 'absent'}" for name, label in _PACKAGES.items()]
    parts.insert(1, f"Python {platform.python_version()}")
    return [
        Check("versions", "ok", ", ".join([*parts, f"git {_git_version() or 'absent'}"])),
        Check("system", "ok", platform.platform()),
    ]


def package_version(name: str) -> str | None:
    """Return the version of a package of this environment; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_version() -> str | None:
    from ..runtimes.compose.child import LimitReached, environment, run
    from ..sources.git import program

    try:
        answer = run((program(), "--version"), environment(), 2.0)
    except (LimitReached, OSError, GitMissingError):
        return None
    return answer.out.strip().removeprefix("git version ") or None
