"""Service definitions that we wrote ourselves, for when their repository cannot be reached."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .base import Identifier

ROOT = Path(__file__).resolve().parents[1] / "bundled"

_STANDS_FOR = {
    "github:mediaconduit/ollama-service": "ollama",
    "github:mediaconduit/whisper-service": "whisper",
    "github:mediaconduit/kokoro-service": "kokoro",
    "github:mediaconduit/ffmpeg-service": "ffmpeg",
    "github:mediaconduit/cowsay-service": "cowsay",
    "github:mediaconduit/cosway-service": "cowsay",  # its name until it was renamed
}


def names() -> tuple[str, ...]:
    """Return the short names, which are the folders under ``mc_jupyter/bundled``."""
    return tuple(sorted(name for name in os.listdir(ROOT) if not name.startswith(("_", "."))))


def folder(name: str) -> Path:
    """Return the folder of a bundled definition."""
    return ROOT / name


def content(folder: Path) -> str:
    """Return a hash of a definition's files: what a commit is to a repository."""
    seen = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            seen.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()[:16]


def stand_in(identifier: Identifier) -> str | None:
    """Return the name of the definition that may serve in place of a repository.

    Only for an identifier without a ref: who names a version wants that version.
    """
    return None if identifier.ref else _STANDS_FOR.get(identifier.canonical)
