"""Folders and files that a container is given.

A fetched repository is never given itself: what a compose file binds of it is copied into the
service's own data (``repo/``), laid down anew for each commit, with what containers wrote left in
place. What the repository does not contain lies in ``binds/``. A folder of the user's own is
given as it is, read-only where it holds a git repository, whose configuration can run programs.

Containers write where the copies lie, so a copy is laid down without following any link.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import StartError
from ...meter import size_text
from ...paths import real
from ..base import Spec
from .read import Source, refuse_pointer
from .refusals import Refusal

MAX_COPY = 1_000_000_000
"""Bytes of a repository that are copied."""
MAX_BINDS = 100
"""Folders that are bound and built from, together."""
_MOST_LOOKS = 50_000
"""Entries of a folder of the user's own that are looked through for a git repository."""
_RECORD = "repo.json"
_GIT = ".git"


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
    for name, service in services.items():
        for number, mount in enumerate(service.get("volumes") or ()):
            if mount.get("type") != "bind":
                continue
            where = f"services.{name}.volumes[{number}].source"
            found = real(mount["source"]) if mount.get("source") else None
            if found is None or not found.is_relative_to(source.root):
                continue  # the policy says of it that it lies outside
            inner = found.relative_to(source.root)
            if _GIT in inner.parts:
                binds.refusals.append(Refusal(where, str(found), "it is part of a git repository"))
            elif not os.path.exists(found):
                mount["source"] = str(_own(spec.data / "binds" / inner))
                binds.folders.append(Path(mount["source"]))
            elif spec.is_own_folder:
                mount["source"] = str(found)
                writable += _guard(mount, found, binds)
            else:
                mount["source"] = str(_own(spec.data / "repo" / inner))
                binds.copies.append(inner)
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


def _own(path: Path) -> Path:
    """A path in the service's data, links of a container resolved: the policy looks at it."""
    return real(path) or path


def _guard(mount: dict[str, Any], folder: Path, binds: Binds) -> list[Path]:
    """Make a bind read-only that holds a git repository; return the folder if it stays writable."""
    if mount.get("read_only"):
        return []
    held = _git_inside(folder)
    if held is None:
        return [folder]
    mount["read_only"] = True
    binds.notes.append(f"{mount['target']} is read-only in the container: {folder} {held}")
    return []


def _git_inside(folder: Path) -> str | None:
    """What speaks against letting a container write there, in words; None for nothing."""
    looks = 0
    for place, folders, names in os.walk(folder):
        looks += len(folders) + len(names)
        if _GIT in folders or _GIT in names:
            return f"holds a git repository ({place})"
        if "HEAD" in names and {"objects", "refs"} <= set(folders):
            return f"holds a git repository ({place})"
        if looks > _MOST_LOOKS:
            return f"has more than {_MOST_LOOKS:,} files, too many to look for a git repository"
    return None


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
    """Whether a path lies within a folder, and is not the folder."""
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


def lay_down(spec: Spec, found: Binds) -> list[str]:
    """Make the folders that must be there, and copy what is bound of the repository.

    See :func:`copy` for what stays.
    """
    spec.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = _own(spec.data)
    for folder in found.folders:
        with _folder(data, folder.relative_to(data).parts, ".before"):
            pass
    return copy(spec, found.copies)


def copy(spec: Spec, copies: Sequence[Path]) -> list[str]:
    """Copy what is bound of a repository into the service's data, once for each commit.

    What containers wrote stays, also in files that the new commit leaves as they were. Where it has
    another one, the file that they changed is kept under ``NAME.before-COMMIT``; what the
    new commit no longer has goes, unless it was changed.

    Parameters
    ----------
    spec
        The service; its commit or content tells whether there is something to do.
    copies
        The paths to copy, relative to the repository's folder.

    Returns
    -------
    list
        A note that names the changed files that were kept, if any.

    Raises
    ------
    StartError
        More than 1 GB would be copied.
    OSError
        The folder cannot be written.
    """
    if not copies or spec.folder is None:
        return []
    root = real(spec.folder) or spec.folder
    version = spec.commit or spec.content or ""
    before = _record(spec)
    paths = sorted({str(path) for path in copies} | set(before["paths"]))
    if before["version"] == version and before["paths"] == paths:
        return []
    sources = dict(_files(root, [Path(path) for path in paths]))
    total = sum(path.stat().st_size for path in sources.values())
    if total > MAX_COPY:
        raise StartError(
            f"{spec.handle}: what it binds of its repository has {size_text(total)}, and at most "
            f"{size_text(MAX_COPY)} are copied",
            "clone the repository, then %mc load ./FOLDER",
        )
    target, suffix = spec.data / "repo", f".before-{version[:8]}"
    target.mkdir(parents=True, exist_ok=True)
    for path in copies:
        if (root / path).is_dir():
            with _folder(target, path.parts, suffix):
                pass  # an empty one must be there, too
    laid, kept = {}, []
    for name, path in sources.items():
        with open(path, "rb") as stream:
            refuse_pointer(stream.read(1024), name)
            stream.seek(0)
            laid[name] = hashlib.file_digest(stream, "sha256").hexdigest()
        if _put(target, name, path, (before["files"].get(name), laid[name]), suffix):
            kept.append(name + suffix)
    for name in set(before["files"]) - set(laid):
        _remove(target, name, before["files"][name])
    record = {"version": version, "paths": paths, "files": laid}
    (spec.data / _RECORD).write_text(json.dumps(record))
    return [f"changed files are kept in {target}: {', '.join(kept[:5])}"] if kept else []


def _record(spec: Spec) -> dict[str, Any]:
    try:
        found = json.loads((spec.data / _RECORD).read_text())
        return {"version": found["version"], "paths": list(found["paths"]), "files": found["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"version": None, "paths": [], "files": {}}


def _files(root: Path, paths: list[Path]) -> Iterator[tuple[str, Path]]:
    """The regular files below the paths, by their names relative to the root."""
    for path in paths:
        place = root / path
        if place.is_file() and not place.is_symlink():
            yield str(path), place
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if name != _GIT]
            for name in names:
                file = Path(folder, name)
                if name != _GIT and stat.S_ISREG(file.lstat().st_mode):
                    yield str(file.relative_to(root)), file


@contextlib.contextmanager
def _folder(top: Path, parts: tuple[str, ...], suffix: str) -> Iterator[int]:
    """A folder below `top`, made where it is missing; whatever else is there is put aside."""
    at = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=at)
            try:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                _set_aside(at, part, suffix)
                os.mkdir(part, 0o755, dir_fd=at)
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _set_aside(at: int, name: str, suffix: str) -> None:
    os.rename(name, name + suffix, src_dir_fd=at, dst_dir_fd=at)


def _hash(at: int, name: str) -> str | None:
    """The hash of a regular file; ``""`` for anything else, None for nothing."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    except FileNotFoundError:
        return None
    except OSError:  # a link, or not for this user
        return ""
    with open(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return ""
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _put(top: Path, name: str, source: Path, hashes: tuple[str | None, str], suffix: str) -> bool:
    """Write one file, of which the hash of old and new is known; whether another one was kept."""
    *folders, last = Path(name).parts
    with _folder(top, tuple(folders), suffix) as at:
        there = _hash(at, last)
        if there == hashes[1] or (there and hashes[0] == hashes[1]):
            return False  # as it is to be, or changed by a container and not by the new commit
        is_kept = there is not None and there != hashes[0]
        if is_kept:
            _set_aside(at, last, suffix)
        part = f".{last[:200]}.part"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=at)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        mode = 0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644
        with open(source, "rb") as old, open(os.open(part, flags, mode, dir_fd=at), "wb") as new:
            shutil.copyfileobj(old, new)
        os.rename(part, last, src_dir_fd=at, dst_dir_fd=at)
        return is_kept


def _remove(top: Path, name: str, laid: str) -> None:
    """Remove a file that is as it was laid down."""
    *folders, last = Path(name).parts
    at = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for part in folders:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        if _hash(at, last) == laid:
            os.unlink(last, dir_fd=at)
    except OSError:
        return  # it went before, or is no longer where it was
    finally:
        os.close(at)
