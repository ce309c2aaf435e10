"""Copies of a repository's files, laid down where containers write.

A container can put a link, a pipe or a folder wherever it may write. So nothing here follows a
link: each part of a path is opened from the folder before it. ``repo.json`` says what was laid
down, which tells what containers changed since.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shlex
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from ...errors import MediaConduitError, StartError
from ...meter import size_text
from ...paths import real
from ..base import Spec
from .read import refuse_pointer

MAX_COPY = 1_000_000_000
"""Bytes of a repository that are copied."""
_RECORD = "repo.json"
_PART = "repo.part"
_OTHER = ""
_UNREADABLE = "unreadable"
_READ = os.O_RDONLY | os.O_NOFOLLOW
_OPEN_FOLDER = _READ | os.O_DIRECTORY
_MOST_BYTES = 200
"""Of a name that something is added to; file systems take 255."""
_MOST_NAMES = 5
_MOVED = (errno.ELOOP, errno.ENOTDIR, errno.ENOENT, errno.ENXIO)


def is_git(name: str) -> bool:
    """Whether a name is that of a git repository, also where the case of letters is ignored."""
    return name.casefold() == ".git"


def resolve(path: Path) -> Path:
    """Return a path in the service's data, links of a container resolved, for the policy."""
    return real(path) or path


def copied_paths(spec: Spec) -> set[str]:
    """Return the paths of the repository that were copied, at this commit or before."""
    return set(_record(spec)["paths"])


def lay_down(spec: Spec, folders: Sequence[Path], copies: Sequence[Path]) -> list[str]:
    """Make the folders that must be there, and copy what is bound of the repository.

    See :func:`copy` for what stays and what else is raised.

    Parameters
    ----------
    spec
        The service.
    folders
        Folders of its data that must exist.
    copies
        Paths of the repository, relative to its root.

    Returns
    -------
    list
        Notes that name what was put aside.

    Raises
    ------
    MediaConduitError
        A container made files or folders that this user may not change.
    """
    spec.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = resolve(spec.data)
    try:
        notes = copy(spec, copies)
        writer = _Writer(data, data, ".before")
        for folder in folders:  # the copy may have taken away an empty one
            with writer.folder(folder.relative_to(data).parts):
                pass
        return [*notes, *writer.notes()]
    except PermissionError as error:
        raise MediaConduitError(
            f"{spec.handle}: {error.filename} in {data} cannot be written: {error.strerror}; it "
            "may belong to a container's user",
            f'sudo chown -Rh "$(id -u)" {shlex.quote(str(data))}',
        ) from error


def copy(spec: Spec, copies: Sequence[Path]) -> list[str]:
    """Copy what is bound of a repository into the service's data, once for each commit.

    What containers wrote stays. A file of the repository that they changed stays, too, until the
    repository itself has another one: then theirs is kept as ``NAME.before-COMMIT``. What the new
    commit no longer has goes, unless it was changed.

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
        More than 1 GB would be copied, or the repository's folder changes meanwhile.
    OSError
        The folder cannot be written.
    """
    before = _record(spec)
    paths = sorted({str(path) for path in copies} | set(before["paths"]))
    if not paths or spec.folder is None:
        return []
    root = real(spec.folder) or spec.folder
    version = spec.commit or spec.content or ""
    target = spec.data / "repo"
    is_there = all(os.path.lexists(target / path) for path in copies)
    if is_there and before["version"] == version and before["paths"] == paths:
        return []
    names = _names(spec, root, [Path(path) for path in paths])
    target.mkdir(parents=True, exist_ok=True)
    writer = _Writer(spec.data, target, f".before-{version[:8]}")
    for name in set(before["files"]) - set(names):  # first: a folder may have become a file
        writer.remove(name, before["files"][name])
    for path in copies:
        if (root / path).is_dir():
            with writer.folder(path.parts):
                pass  # an empty one must be there, too
    laid = {}
    for name in names:
        with _open_source(spec, root, name) as stream:
            refuse_pointer(stream.read(1024), name)
            stream.seek(0)
            laid[name] = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            writer.put(name, stream, before["files"].get(name), laid[name])
    _write_record(spec, {"version": version, "paths": paths, "files": laid})
    return writer.notes()


def _record(spec: Spec) -> dict[str, Any]:
    try:
        found = json.loads((spec.data / _RECORD).read_text())
        paths, files = list(found["paths"]), dict(found["files"])
        return {"version": found["version"], "paths": paths, "files": files}
    except (OSError, ValueError, KeyError, TypeError):
        return {"version": None, "paths": [], "files": {}}


def _write_record(spec: Spec, record: Mapping[str, Any]) -> None:
    part = spec.data / _PART
    part.write_text(json.dumps(record))
    part.replace(spec.data / _RECORD)


def _names(spec: Spec, root: Path, paths: list[Path]) -> list[str]:
    """The names of the files to copy; StartError where they are too large together."""
    sizes = dict(_files(root, paths))
    if (total := sum(sizes.values())) > MAX_COPY:
        raise StartError(
            f"{spec.handle}: what it binds of its repository has {size_text(total)}, and at most "
            f"{size_text(MAX_COPY)} are copied",
            "clone the repository, then %mc load ./FOLDER",
        )
    return list(sizes)


def _files(root: Path, paths: list[Path]) -> Iterator[tuple[str, int]]:
    """The regular files below the paths: names relative to the root, and bytes."""
    for path in paths:
        place = root / path
        if real(place) != place:
            continue  # bound at an earlier commit, and a link in this one
        if place.is_file():
            yield str(path), place.lstat().st_size
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if not is_git(name)]
            for name in names:
                file = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                    status = file.lstat()
                    if not is_git(name) and stat.S_ISREG(status.st_mode):
                        yield str(file.relative_to(root)), status.st_size


@contextlib.contextmanager
def _folder_of(top: Path, name: str) -> Iterator[tuple[int, str]]:
    """The folder that a file below `top` lies in, opened without following a link; its name."""
    *folders, last = Path(name).parts
    at = os.open(top, _OPEN_FOLDER)
    try:
        for part in folders:
            below = os.open(part, _OPEN_FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at, last
    finally:
        os.close(at)


def _open_source(spec: Spec, root: Path, name: str) -> BufferedReader:
    """A file of the repository, and never what a link leads to that took its place meanwhile."""
    why = "it changed meanwhile"
    try:
        with _folder_of(root, name) as (at, last):
            file = os.open(last, _READ | os.O_NONBLOCK, dir_fd=at)  # a pipe would be waited for
        if stat.S_ISREG(os.fstat(file).st_mode):
            return open(file, "rb")
        os.close(file)
    except PermissionError as error:
        why = str(error.strerror)
    except OSError as error:
        if error.errno not in _MOVED:
            raise
    raise StartError(
        f"{spec.handle}: {name} of its repository cannot be copied: {why}",
        f"%mc start {spec.handle}",
    )


def _state(at: int, name: str) -> str | None:
    """What is there: the hash of a regular file, else what it is; None for nothing."""
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
            return _OTHER
        file = os.open(name, _READ | os.O_NONBLOCK, dir_fd=at)
    except FileNotFoundError:
        return None
    except PermissionError:
        return _UNREADABLE
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass
class _Writer:
    """Files being laid down where containers write; no link of theirs is followed.

    Attributes
    ----------
    data
        A folder that no container sees, on the same disk.
    top
        The folder that the files lie in.
    suffix
        What the name gets of something else that is where a file or folder must be.
    kept
        What got it.
    """

    data: Path
    top: Path
    suffix: str
    kept: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        if not self.kept:
            return []
        more = ", ..." if self.kept[_MOST_NAMES:] else ""
        return [f"changed files are kept in {self.top}: {', '.join(self.kept[:_MOST_NAMES])}{more}"]

    @contextlib.contextmanager
    def folder(self, parts: Sequence[str]) -> Iterator[int]:
        """A folder below the top, made where it is missing; what else is there is put aside."""
        at = os.open(self.top, _OPEN_FOLDER)
        try:
            for number, part in enumerate(parts):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=at)
                try:
                    below = os.open(part, _OPEN_FOLDER, dir_fd=at)
                except OSError as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    self._set_aside(at, parts[:number], part)
                    os.mkdir(part, 0o755, dir_fd=at)
                    below = os.open(part, _OPEN_FOLDER, dir_fd=at)
                os.close(at)
                at = below
            yield at
        finally:
            os.close(at)

    def put(self, name: str, stream: BufferedReader, old: str | None, new: str) -> None:
        """Lay down one file, of which the hash in the last commit and in this one is known."""
        *folders, last = Path(name).parts
        with self.folder(folders) as at:
            there = _state(at, last)
            if there == new or (old == new and there not in (None, _OTHER)):
                return
            if there not in (None, old):
                self._set_aside(at, folders, last)
            part = self.data / _PART
            part.unlink(missing_ok=True)
            mode = 0o755 if os.fstat(stream.fileno()).st_mode & stat.S_IXUSR else 0o644
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(part, flags, mode), "wb") as file:
                shutil.copyfileobj(stream, file)
            os.rename(part, last, dst_dir_fd=at)

    def remove(self, name: str, laid: str) -> None:
        """Remove a file that is as it was laid down, and the folders that it leaves empty."""
        with contextlib.suppress(OSError):  # it went before, or is no longer where it was
            with _folder_of(self.top, name) as (at, last):
                if _state(at, last) == laid:
                    os.unlink(last, dir_fd=at)
            for folder in list(Path(name).parents)[:-1]:
                with _folder_of(self.top, str(folder)) as (at, last):
                    os.rmdir(last, dir_fd=at)

    def _set_aside(self, at: int, folders: Sequence[str], name: str) -> None:
        """Give it another name, which nothing has yet: what was kept earlier stays."""
        short = name if len(os.fsencode(name)) <= _MOST_BYTES else name[: _MOST_BYTES // 4]
        kept = short + self.suffix
        with contextlib.suppress(FileNotFoundError):
            os.stat(kept, dir_fd=at, follow_symlinks=False)
            kept += f"-{secrets.token_hex(4)}"
        os.rename(name, kept, src_dir_fd=at, dst_dir_fd=at)
        self.kept.append("/".join((*folders, kept)))
