"""Folders and files that a container is given.

A fetched repository is never given itself: what a compose file binds of it is copied into the
service's own data (``repo/``), laid down anew for each commit, with what containers wrote left in
place. What the repository does not contain lies in ``binds/``. A folder of the user's own is
given as it is, read-only where it holds a git repository, whose configuration can run programs.
:mod:`.copies` makes what must be there.
"""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import StartError
from ...paths import real
from ..base import Spec
from .copies import copied_paths, is_git, resolve
from .read import Source
from .refusals import Refusal

MAX_BINDS = 100
"""Folders that are bound and built from, together."""
_MOST_LOOKS = 50_000
"""Entries of a folder of the user's own that are looked through for a git repository."""


@dataclass
class Binds:
    """Where the binds of a model lead.

    Attributes
    ----------
    folders
        Folders of the service's data that must exist.
    copies
        Paths of the repository, relative to its root, that must be copied.
    notes
        What the user should know.
    refusals
        Binds that are not allowed.
    """

    folders: list[Path] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def place(services: Mapping[str, dict[str, Any]], spec: Spec, source: Source) -> Binds:
    """Point each bind of the services at what may be given, in place.

    Parameters
    ----------
    services
        The services of the model.
    spec, source
        The service, and its compose file.
    """
    binds = Binds()
    if (count := len(sources(services))) > MAX_BINDS:
        binds.refusals.append(Refusal("volumes", count, f"at most {MAX_BINDS} folders are bound"))
        return binds
    writable = []
    laid = copied_paths(spec)
    for name, service in services.items():
        for number, mount in enumerate(service.get("volumes") or ()):
            if mount.get("type") != "bind":
                continue
            where = f"services.{name}.volumes[{number}].source"
            found = real(mount["source"]) if mount.get("source") else None
            if found is None or not found.is_relative_to(source.root):
                continue  # the policy says of it that it lies outside
            inner = found.relative_to(source.root)
            if any(is_git(part) for part in inner.parts):
                binds.refusals.append(Refusal(where, str(found), "it is part of a git repository"))
            elif not os.path.exists(found):
                mount["source"] = str(_place_of_missing(spec, inner, laid))
                binds.folders.append(Path(mount["source"]))
            elif spec.is_own_folder:
                mount["source"] = str(found)
                writable += _guard(mount, found, source.root, binds)
            else:
                mount["source"] = str(resolve(spec.data / "repo" / inner))
                binds.copies.append(inner)
                binds.notes += _left_behind(spec, inner)
    binds.refusals += _nested(services)
    if writable:
        shown = ", ".join(dict.fromkeys(map(str, writable)))
        binds.notes.append(f"{spec.handle} can write to {shown}")
    return binds


def _nested(services: Mapping[str, dict[str, Any]]) -> Iterator[Refusal]:
    """What can write into a folder could put a link to anywhere where another bind points."""
    mounts = [
        (f"services.{name}.volumes", str(mount.get("source")), bool(mount.get("read_only")))
        for name, service in services.items()
        for mount in service.get("volumes") or ()
        if mount.get("type") == "bind"
    ]
    for where, inner, _ in mounts:
        for _, outer, read_only in mounts:
            if not read_only and is_below(inner, outer):
                yield Refusal(where, inner, f"{outer} can be written to from a container")


def _place_of_missing(spec: Spec, inner: Path, laid: set[str]) -> Path:
    """Where a path lies that the repository lacks: in the copy, if an earlier commit had it."""
    kept = spec.data / "repo" / inner
    was_laid = str(inner) in laid and kept.is_dir()
    return resolve(kept if was_laid else spec.data / "binds" / inner)


def _left_behind(spec: Spec, inner: Path) -> list[str]:
    """A note where containers wrote to a path before the repository had it."""
    before = spec.data / "binds" / inner
    with contextlib.suppress(OSError):
        if inner.parts and os.listdir(before):
            return [
                f"the repository has {inner} by now; what containers wrote there before "
                f"lies in {before}"
            ]
    return []


def _guard(mount: dict[str, Any], folder: Path, root: Path, binds: Binds) -> list[Path]:
    """Make a bind read-only that holds a git repository; return the folder if it stays writable."""
    if mount.get("read_only"):
        return []
    held = _git_around(folder, root) or _git_inside(folder)
    if held is None:
        return [folder]
    mount["read_only"] = True
    binds.notes.append(f"{mount['target']} is read-only in the container: {folder} {held}")
    return []


def _git_around(folder: Path, root: Path) -> str | None:
    """The same as :func:`_git_inside`, of the folders that it lies in."""
    for around in folder.parents:
        if not around.is_relative_to(root):
            break
        with contextlib.suppress(OSError):
            if _is_bare(os.listdir(around)):
                return f"is part of a bare git repository ({around})"
    return None


def _git_inside(folder: Path) -> str | None:
    """What speaks against letting a container write there, in words; None for nothing."""
    looks = 0
    closed: list[OSError] = []  # a container may be root, and look where this user cannot
    for place, folders, names in os.walk(folder, onerror=closed.append):
        looks += len(folders) + len(names)
        if any(map(is_git, (*folders, *names))) or _is_bare((*folders, *names)):
            return f"holds a git repository ({place})"
        if looks > _MOST_LOOKS:
            return f"has more than {_MOST_LOOKS:,} files, too many to look for a git repository"
    harmless = (NotADirectoryError, FileNotFoundError)  # a file is bound, or something went
    if closed := [error for error in closed if not isinstance(error, harmless)]:
        return f"may hold a git repository ({closed[0].filename} cannot be read)"
    return None


def _is_bare(names: Sequence[str]) -> bool:
    return {"HEAD", "objects", "refs"} <= set(names)


def sources(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what the services bind and build from, in the order of the services."""
    found = []
    for service in services.values():
        mounts = service.get("volumes") or ()
        found += [str(mount.get("source")) for mount in mounts if mount.get("type") == "bind"]
        if build := service.get("build"):
            found.append(str(build.get("context", "")))
    return found


def is_below(place: str, folder: str) -> bool:
    """Whether a path lies within a folder, and is not the folder.

    Where the file system may ignore the case of letters, two spellings are one folder.
    """
    place, folder = (unicodedata.normalize("NFC", text).casefold() for text in (place, folder))
    return place != folder and Path(place).is_relative_to(folder)


def check(services: Mapping[str, Mapping[str, Any]]) -> None:
    """Look at the folders once more, right before they are given.

    Raises
    ------
    StartError
        One of them leads elsewhere by now.
    """
    for place in sources(services):
        if str(real(place)) != place:
            raise StartError(f"{place} leads elsewhere by now")
