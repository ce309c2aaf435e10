"""The labels on everything of ours, and what is found by them."""

from __future__ import annotations

import getpass
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ..base import Spec, State

PREFIX = "io.mediaconduit.jupyter."
PROJECT = PREFIX + "project"
IDENTIFIER = PREFIX + "identifier"
REF = PREFIX + "ref"
COMMIT = PREFIX + "commit"
HANDLE = PREFIX + "handle"
HOME = PREFIX + "home"
USER = PREFIX + "user"
SERVICE = PREFIX + "service"
"""The compose service that answers."""
PORT = PREFIX + "port"
"""The container port that answers; absent where the service publishes none."""
GPU = PREFIX + "gpu"
"""Whether a GPU is used and why not, in words."""
MODEL = PREFIX + "model"
"""A hash of what was asked for, to tell whether the settings differ."""
BUILD = PREFIX + "build"
"""On images that we built: a hash of the build's inputs."""

COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_SERVICE = "com.docker.compose.service"


@dataclass(frozen=True)
class Found:
    """A service of ours that runs on the engine, whoever started it.

    Attributes
    ----------
    project, identifier, ref, handle
        As in :class:`~mc_jupyter.runtimes.base.Spec`; ``ref`` is ``HEAD`` where none was asked for.
    state
        As in :class:`~mc_jupyter.runtimes.base.Condition`.
    url
        Where it answers now; None if nowhere.
    owner_user
        The name of the user whose kernel started it.
    commit
        The commit that runs; None where there is none.
    home
        8 hexadecimal digits that stand for the data folder it belongs to (:func:`home_of`).
    """

    project: str
    identifier: str
    ref: str
    handle: str
    state: State
    url: str | None
    owner_user: str
    commit: str | None = None
    home: str = ""


def user() -> str:
    """Return the user's name, or the number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def home_of(data: Path) -> str:
    """Return 8 hexadecimal digits that stand for the data folder `data`."""
    return hashlib.sha256(str(data.absolute()).encode()).hexdigest()[:8]


def source_labels_of(spec: Spec) -> dict[str, str]:
    """Return the labels of what all refs of a service share, and no refresh changes."""
    return {IDENTIFIER: spec.canonical, HOME: home_of(spec.data.parent), USER: user()}


def labels_of(spec: Spec) -> dict[str, str]:
    """Return the labels that everything of this service carries."""
    labels = source_labels_of(spec) | {
        PROJECT: spec.project,
        REF: spec.ref or "HEAD",
        HANDLE: spec.handle,
        SERVICE: spec.manifest.compose_service,
    }
    if spec.commit:
        labels[COMMIT] = spec.commit
    return labels
