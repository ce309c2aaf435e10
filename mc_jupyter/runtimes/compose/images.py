"""The images that a model needs: pulled, or built, where they are not here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...events import Event, Report
from ..base import Spec
from . import labels
from .cli import Compose, progress
from .detect import Tools
from .model import Model

if TYPE_CHECKING:
    from .engine import Engine


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
    """Build what is not there or not of this commit; without a commit, always.

    Raises
    ------
    StartError, DiskFullError
        With the build's last lines.
    """
    stale = []
    for name, image in model.builds.items():
        known = ((engine.image(image) or {}).get("Config") or {}).get("Labels") or {}
        wanted = model.services[name]["build"]["labels"][labels.BUILD]
        if spec.commit is None or known.get(labels.BUILD) != wanted:
            stale.append(name)
    if stale:
        report(Event("build", f"building {', '.join(stale)}"))
        compose.build(file, stale, progress(report, "build", spec.project))
