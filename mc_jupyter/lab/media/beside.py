"""A file beside the notebook: what is too large for its output is written once, and linked.

The name comes from the bytes, so that a second run finds the file there and changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...clients.content import Content, not_written
from ...errors import MediaConduitError

FOLDER = "mc-media"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


@dataclass(frozen=True)
class Place:
    """Where a result was put.

    Attributes
    ----------
    path
        Relative to the current folder, which is the notebook's unless a cell has changed it; None
        where it could not be written.
    problem
        Why not, in words.
    """

    path: PurePosixPath | None
    problem: str = ""


def put_beside(content: Content, what: str, suffix: str) -> Place:
    """Write content to a file in the folder :data:`FOLDER`, unless it is there, and say where.

    Parameters
    ----------
    what
        What it is in a word (``speech``): the beginning of the name.
    suffix
        The end of the name, dot included.
    """
    word = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-") or "media"
    ending = suffix.lower() if _SUFFIX.fullmatch(suffix.lower()) else ".bin"
    path = PurePosixPath(FOLDER, f"{word}-{content.sha256[:12]}{ending}")
    try:
        _write(content, Path(path))
    except MediaConduitError as error:
        return Place(None, error.message)
    return Place(path)


def _write(content: Content, file: Path) -> None:
    try:
        if file.is_file() and file.stat().st_size == content.size:
            return
        file.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise not_written(file.parent, error) from error
    content.save(file)
