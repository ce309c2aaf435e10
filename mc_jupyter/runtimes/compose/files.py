"""What the docker runtime keeps in a service's data folder.

``compose.json`` is what runs, ``stopped.json`` when we stopped it, ``repo/`` what the compose file
binds of the repository (``repo.json``: as it was copied), ``binds/`` the folders that it binds and
the repository does not contain.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import DiskFullError, MediaConduitError
from ..base import Spec
from . import tree

_GENERATED = "compose.json"
_STOPPED = "stopped.json"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def prepare(spec: Spec, document: Mapping[str, Any]) -> Path:
    """Write what runs, readable by its owner only: values may be secret.

    Returns
    -------
    Path
        The generated file.

    Raises
    ------
    DiskFullError
        No room left.
    MediaConduitError
        The folder cannot be written to.
    """
    target = spec.data / _GENERATED
    part = target.with_suffix(".part")
    with writable(spec.data):
        spec.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(tree.json_text(document).encode("utf-8", "replace"))
        part.replace(target)
    return target


@contextlib.contextmanager
def writable(folder: Path | str) -> Iterator[None]:
    """Turn what the file system refuses into our errors.

    Raises
    ------
    DiskFullError
        No room left.
    MediaConduitError
        Anything else.
    """
    try:
        yield
    except OSError as error:
        kind = DiskFullError if error.errno in _NO_ROOM else MediaConduitError
        raise kind(f"{folder} cannot be written: {error.strerror or error}") from error


def note_stop(spec: Spec, containers: Iterable[Mapping[str, Any]]) -> Mapping[str, str | None]:
    """Remember when each container ended by our stop, to tell it from an end of its own.

    Returns
    -------
    Mapping
        The same by the containers' ids, for a kernel that finds the disk full.
    """
    ended = {str(item["Id"]): item["State"].get("FinishedAt") for item in containers}
    with contextlib.suppress(OSError):
        spec.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (spec.data / _STOPPED).write_text(json.dumps(ended))
    return ended


def stopped_at(spec: Spec, container: str) -> str | None:
    """Return the engine's time of our own last stop of a container; None if we did not."""
    try:
        ended = json.loads((spec.data / _STOPPED).read_text())
    except (OSError, ValueError):
        return None
    return ended.get(container) if isinstance(ended, dict) else None


def remove_data(spec: Spec) -> None:
    """Remove the service's data folder.

    Raises
    ------
    MediaConduitError
        A container wrote files that this user may not delete.
    """
    if not os.path.exists(spec.data):
        return
    try:
        shutil.rmtree(spec.data)
    except OSError as error:
        raise MediaConduitError(
            f"{spec.handle} is removed, but not its folder {spec.data}: {error.strerror} "
            f"({error.filename})",
            f"sudo rm -r {spec.data}",
        ) from error
