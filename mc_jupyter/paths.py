"""What a file system says of paths that somebody typed or wrote into a file.

Such a path may be too long, hold a NUL, lead in a circle or through what this user may not read.
For each of them some function of :mod:`os` and :mod:`pathlib` raises; these do not, or they raise
an OSError that says what is wrong.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

MAX_READ = 100_000_000
"""Bytes of a file that are read whole."""


_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024


def is_lfs_pointer(data: bytes) -> bool:
    """Whether a file's bytes only point to its content, which Git LFS keeps elsewhere.

    https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    """
    return len(data) < _LONGEST_POINTER and data.startswith(_POINTER)


def expanded(text: str | os.PathLike[str]) -> Path:
    """Return the path that was typed; ``~`` is a home folder where there is one."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # ~ of a user that is not there
        return path


def here() -> str:
    """Return the current folder, for messages; it may have been removed."""
    try:
        return os.getcwd()
    except OSError:
        return "a folder that is gone"


def real(path: str | os.PathLike[str]) -> Path | None:
    """Return a path with its symbolic links resolved; None where that cannot be found out.

    What is not there yet is resolved as far as it is. None are a circle of links, a part that is
    no folder or may not be read, a name that is too long or holds a NUL.
    """
    try:
        return Path(os.path.realpath(path, strict=True))
    except FileNotFoundError:
        with contextlib.suppress(OSError, ValueError):
            return Path(os.path.realpath(path))
        return None
    except (OSError, ValueError):
        return None


def read(path: str | os.PathLike[str], limit: int = MAX_READ) -> bytes:
    """Return what a regular file holds.

    Raises
    ------
    OSError
        It cannot be read, is a folder, or has more than `limit` bytes; it is a pipe or a device,
        of which nobody knows the end; its name is none.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:  # a NUL, or half a character
        raise OSError(errno.EINVAL, "that is no name of a file") from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(mode):  # opened, a pipe would be waited for
        raise OSError(errno.EINVAL, "it is no regular file")
    with open(path, "rb") as file:
        raw = file.read(limit + 1)  # not what it says of its size: it may grow, or lie in /proc
    if len(raw) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit // 1_000_000} MB")
    return raw


def read_inside(root: Path, path: str | os.PathLike[str], limit: int) -> bytes:
    """Return what a regular file of a folder holds, wherever a link may lead meanwhile.

    The path is resolved, and the file then opened part by part without following links: one that
    is swapped for a link between the two is an error, never what the link leads to.

    Parameters
    ----------
    root
        The folder, its links resolved.
    path
        The file; links in it may lead to anywhere within `root`.
    limit
        Bytes that it may have.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        It lies outside of `root`, or as for :func:`read`.
    """
    found = real(path)
    if found is None or not found.is_relative_to(root):
        raise OSError(errno.EXDEV, "it lies outside the repository")
    *folders, name = found.relative_to(root).parts or ("",)
    if not name:
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        # a pipe would be waited for
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)
    with open(file, "rb") as stream:
        mode = os.fstat(file).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit // 1_000_000} MB")
    return raw
