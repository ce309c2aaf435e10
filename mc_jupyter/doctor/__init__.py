"""What there is on this machine to run services with, and what is in the way.

It starts nothing and changes nothing. What it returns can be shown to anybody: credentials, user
names and the home folder's path are taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ArgumentError
from ..events import Report, silent
from ..settings import Settings
from . import engines, machine
from .check import Check, Grade, Probe, look_at_all
from .clean import cleaner

if TYPE_CHECKING:
    from ..registry import ServiceRegistry

__all__ = ["Check", "Grade", "Probe", "auto_words", "examine"]

_DOCKER_LIMIT_S = 7.0  # the engine itself is given 5
_GITHUB_LIMIT_S = 6.0
_RESTART = "restart it: sudo systemctl restart docker (or restart Docker Desktop)"
_ORDER = ("docker", "native", "embedded")


def examine(
    registry: ServiceRegistry, *, more: Sequence[Probe] = (), report: Report = silent
) -> list[Check]:
    """Look at everything at once; the slowest look has seven seconds.

    Parameters
    ----------
    registry
        Whose settings are looked at.
    more
        Further looks, put before those at settings and versions.
    report
        Told what is still looked at, after a second.

    Returns
    -------
    list of Check
        In the order in which they are best read.
    """
    settings = registry.settings
    probes = [
        Probe("Docker engine", engines.docker, _DOCKER_LIMIT_S, _RESTART),
        Probe("native Ollama", engines.native, 5.0),
        Probe("embedded engine", lambda: engines.embedded(settings)),
        Probe("GitHub", machine.github, _GITHUB_LIMIT_S),
        Probe("disk", lambda: machine.disk(settings)),
        Probe("memory", machine.memory_and_cores),
        *more,
        Probe("settings", lambda: machine.settings_in_force(settings)),
        Probe("versions", machine.versions, 5.0),
    ]
    clean = cleaner()
    checks = look_at_all(probes, report)
    return [replace(check, fact=clean(check.fact), next=clean(check.next)) for check in checks]


def auto_words(checks: Sequence[Check], settings: Settings) -> str:
    """Return what ``--runtime auto`` would take for an Ollama, and why nothing before it.

    Parameters
    ----------
    checks
        Of :func:`examine`.
    settings
        Those in force.
    """
    offered = {check.offers for check in checks}
    taken = next((name for name in _ORDER if name in offered), None)
    if taken is None:
        words = "auto would find nothing here that can run an Ollama"
    else:
        words = f"auto would use: {taken}"
    if taken != "docker":
        why = (c.fact for c in checks if c.what in ("Docker engine", "Compose") and _is_bad(c))
        words += f" ({next(why, 'Docker was not seen')})"
    try:
        wanted, limit = settings.runtime, settings.max_download
    except ArgumentError:
        return words
    if taken == "docker" and limit == 0:
        words += ", if the image is here: the download limit is 0"
    if wanted != "auto":
        words += f"; but the setting is {wanted}"
    return words


def _is_bad(check: Check) -> bool:
    return check.verdict in ("absent", "problem")
