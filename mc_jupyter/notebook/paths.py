"""Files and folders, for Tab."""

from __future__ import annotations

import os


def paths(typed: str, *, only_folders: bool = False) -> list[str]:
    """Return the files (and folders, with a slash behind them) that begin as typed."""
    folder, name = os.path.split(typed)
    before = typed.removesuffix(name) if name else typed
    found = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            for entry in entries:
                is_hidden = entry.name.startswith(".") and not name.startswith(".")
                if is_hidden or not entry.name.lower().startswith(name.lower()):
                    continue
                if entry.is_dir():
                    found.append(f"{before}{entry.name}/")
                elif not only_folders:
                    found.append(f"{before}{entry.name}")
    except OSError:
        return []
    return sorted(found)
