"""The images that a model needs: pulled, or built, where they are not here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...events import Event, Report
from ..base import Spec
from . import labels
from .cli import Compose, OnLine
from .detect import Tools
from .model import Model

if TYPE_CHECKING:
    from .engine import Engine

_LONGEST = 120
"""Characters of a line."""
_STEP = re.compile(r"#(\d+) \[([^\]]+)\] (.+)")
_OUTPUT = re.compile(r"#(\d+) \d+\.\d+ (.*\S.*)")
_CLASSIC = re.compile(r"Step (\d+/\d+) : (.+)")


def fetch(engine: Engine, tools: Tools, spec: Spec, model: Model, report: Report) -> None:
    """Pull what is not here; the project's lock is not needed, the engine joins equal pulls.

    Raises
    ------
    DownloadLimitError, ImageUnavailableError, DiskFullError
        As :func:`~mc_jupyter.runtimes.compose.pull.pull`.
    """
    from .pull import pull

    wanted = {
        service["image"]: service.get("platform")
        for name, service in model.services.items()
        if name not in model.builds
    }
    for image, platform in wanted.items():
        if engine.image(image) is None:
            pull(engine, tools, image, platform, spec.max_download, report)


def build(
    engine: Engine, compose: Compose, spec: Spec, model: Model, file: Path, report: Report
) -> None:
    """Build what is not there or not of this commit or content; where neither is known, always.

    Raises
    ------
    StartError, DiskFullError
        With the build's last lines.
    """
    stale = []
    for name, image in model.builds.items():
        known = ((engine.image(image) or {}).get("Config") or {}).get("Labels") or {}
        wanted = model.services[name]["build"]["labels"][labels.BUILD]
        if not (spec.commit or spec.content) or known.get(labels.BUILD) != wanted:
            stale.append(name)
    if stale:
        names = ", ".join(stale)
        report(Event("build", f"building {names}"))
        compose.build(file, stale, told(report, names))
        report(Event("build", f"built {names}", settled=True))


def told(report: Report, names: str) -> OnLine:
    """Return what hands BuildKit's plain lines on: which step of what, and what it writes.

    Parameters
    ----------
    names
        The services that are built, for lines that name none.
    """
    steps: dict[str, str] = {}

    def line(text: str) -> None:
        if begun := _STEP.fullmatch(text):
            number, where, what = begun.groups()
            service, _, count = where.partition(" ")
            step = f"step {count.split()[-1]} " if "/" in count else ""
            steps[number] = f"building {service}: {step}{what}"
            report(Event("build", steps[number][:_LONGEST]))
        elif (wrote := _OUTPUT.fullmatch(text)) and (said := steps.get(wrote[1])):
            report(Event("build", f"{said[: _LONGEST // 2]}: {wrote[2]}"[:_LONGEST]))
        elif old := _CLASSIC.fullmatch(text):
            report(Event("build", f"building {names}: step {old[1]} {old[2]}"[:_LONGEST]))

    return line
