"""The folders of voices that the stand-in for chatterbox keeps."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from fastapi import UploadFile
from support.standin.servers import sound

_SUFFIXES = (".wav", ".mp3")


class Folder:
    """A folder of sound files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """The files' names."""
        return sorted(p.name for p in self.path.iterdir() if p.suffix.lower() in _SUFFIXES)

    def shown(self) -> list[dict[str, str]]:
        """The files as voices."""
        return [{"display_name": Path(n).stem, "filename": n} for n in self.names()]

    def find(self, name: str) -> Path | None:
        """Return the file of this name; None if there is none, or it lies outside."""
        path = (self.path / name).resolve()
        return path if path.is_file() and self.path.resolve() in path.parents else None

    async def take(
        self, files: list[UploadFile], limit: float | None
    ) -> tuple[dict[str, Any], int]:
        """Keep uploaded files that are new, of a right kind and no longer than `limit` s.

        Returns
        -------
        tuple
            The answer and its status.
        """
        kept: list[str] = []
        errors: list[dict[str, str]] = []
        for file in files:
            name = sanitised(file.filename or "")
            try:
                self._take(file, name, limit)
                kept.append(name)
            except ValueError as error:
                errors.append({"filename": name, "error": str(error)})
        content = {
            "message": f"Processed {len(files)} file(s).",
            "uploaded_files": list(dict.fromkeys(kept)),
            "errors": errors,
        }
        return content, 200 if kept or not errors else 400

    def _take(self, file: UploadFile, name: str, limit: float | None) -> None:
        if Path(name).suffix.lower() not in _SUFFIXES:
            raise ValueError("Invalid file type. Only .wav and .mp3 are allowed.")
        target = self.path / name
        if target.exists():
            return
        with target.open("wb") as copy:
            shutil.copyfileobj(file.file, copy)
        try:
            samples, rate = sound.decode(str(target))
            seconds = len(samples) / rate
            if limit is not None and seconds > limit:
                raise ValueError(
                    f"Audio duration ({seconds:.2f}s) exceeds maximum allowed ({limit:.0f}s)."
                )
        except RuntimeError as error:
            target.unlink()
            raise ValueError(f"Invalid or corrupted audio file: {error}") from None
        except ValueError:
            target.unlink()
            raise


def sanitised(name: str) -> str:
    """Return a name of letters, digits, dot, dash and underscore only."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return re.sub(r"_+", "_", re.sub(r"[^\w.-]", "_", last)).strip("_.") or "unnamed"
