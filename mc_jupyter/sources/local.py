"""A service in a folder of the user's own: read in place, nothing copied."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import SourceError
from .base import Identifier


def folder(identifier: Identifier) -> Path:
    """Return the folder that a ``folder`` identifier names.

    Raises
    ------
    SourceError
        When it has gone since the identifier was read.
    """
    path = Path(identifier.location)
    if not os.path.isdir(path):
        raise SourceError(f"{identifier.typed}: there is no folder {path} any more")
    return path
