"""What a commit holds, before and after it is checked out: sizes, links, submodules.

Links are checked out as small text files, which lead nowhere. Those that lead to something of the
same repository become copies of it; the others are left out, and kept by name, so that whoever
misses such a file can say why.
"""

from __future__ import annotations

import bisect
import os
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_FILES = 100_000
"""Files of a commit."""
_MAX_LINKS = 2000
_MAX_PATH = 1000  # characters
_MAX_STEPS = 40  # links of one path, as Linux has it
_LINK, _SUBMODULE = "120000", "160000"
_ENTRY = re.compile(r"(\d{6}) (\w+) [0-9a-f]+ +(\d+|-)\t(.*)")
_QUOTED = re.compile(rb'\\([abtnvfr"\\]|[0-7]{3})')
_SIGNS = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))


class TooMuch(Exception):
    """A commit goes beyond a bound; its text says which."""


@dataclass
class Listing:
    """The files of a commit.

    Attributes
    ----------
    sizes
        Bytes of each regular file, by its path with ``/``.
    links
        Paths of symbolic links.
    submodules
        Paths of other repositories' commits.
    folders
        Paths of all folders.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    submodules: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=lambda: {""})

    def add(self, line: str) -> None:
        """Take a line of ``git ls-tree -r -l``; anything else is left.

        Raises
        ------
        TooMuch
            There are too many files, or a path is too long.
        """
        match = _ENTRY.fullmatch(line)
        if not match:
            return
        mode, size, path = match[1], match[3], _unquoted(match[4])
        if len(path) > _MAX_PATH:
            raise TooMuch(f"a path of more than {_MAX_PATH} characters")
        if len(self.sizes) + len(self.links) + len(self.submodules) >= MAX_FILES:
            raise TooMuch(f"more than {MAX_FILES:,} files")
        if mode == _LINK and len(self.links) >= _MAX_LINKS:
            raise TooMuch(f"more than {_MAX_LINKS:,} symbolic links")
        if mode == _LINK:
            self.links.append(path)
        elif mode == _SUBMODULE:
            self.submodules.append(path)
        else:
            self.sizes[path] = int(size)
        while path:
            path = posixpath.dirname(path)
            self.folders.add(path)

    @property
    def total(self) -> int:
        """Bytes of all files together."""
        return sum(self.sizes.values())


def _unquoted(path: str) -> str:
    """A path as git shows it, in quotes where it has odd characters."""
    if not path.startswith('"'):
        return path

    def sign(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 255 if len(code) == 3 else _SIGNS[code[0]]])

    raw = _QUOTED.sub(sign, path[1:-1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def follow_links(folder: Path, listing: Listing, most: int) -> dict[str, str]:
    """Make copies of what links of a checkout lead to, where that is of the same repository.

    Parameters
    ----------
    folder
        The checkout, with its links as text files.
    listing
        What is in it.
    most
        Bytes that all files may have together, the copies included.

    Returns
    -------
    dict
        The links that were left out, and what they name.

    Raises
    ------
    TooMuch
        The copies would go beyond a bound.
    """
    targets = {path: _target(folder / path) for path in listing.links}
    ends = {path: _end(path, targets, listing) for path in targets}
    for path in targets:
        (folder / path).unlink(missing_ok=True)
    copies = _Copies(listing, {path: end for path, end in ends.items() if end}, most)
    pairs = [pair for path, end in copies.ends.items() for pair in copies.of(path, end)]
    for source, copy in pairs:
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / source, folder / copy)
    for path, end in copies.ends.items():
        if end in listing.folders:
            (folder / path).mkdir(parents=True, exist_ok=True)
    return {path: targets[path] for path, end in ends.items() if not end}


def _target(file: Path) -> str:
    with open(file, "rb") as stream:
        return os.fsdecode(stream.read(4096))


def _end(path: str, targets: Mapping[str, str], listing: Listing) -> str | None:
    """The file or folder that a link leads to in the end; None where it is none of these."""
    todo = [*posixpath.dirname(path).split("/"), *targets[path].split("/")]
    if targets[path].startswith("/") or len(targets[path]) > _MAX_PATH:
        return None
    done: list[str] = []
    steps = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            if not done:
                return None
            done.pop()
        elif part not in ("", "."):
            here = "/".join([*done, part])
            if here in targets:
                steps += 1
                if steps > _MAX_STEPS or targets[here].startswith("/"):
                    return None
                todo = [*targets[here].split("/"), *todo]
            else:
                done.append(part)
    end = "/".join(done)
    is_around = not end or path == end or path.startswith(f"{end}/")
    return end if (end in listing.sizes or end in listing.folders) and not is_around else None


class _Copies:
    """Pairs of a file and the path that it is copied to, within bounds for all of them."""

    def __init__(self, listing: Listing, ends: Mapping[str, str], most: int) -> None:
        self.ends = ends
        self._sizes = listing.sizes
        self._files, self._links = sorted(listing.sizes), sorted(ends)
        self._room, self._left = most - listing.total, MAX_FILES - len(listing.sizes)

    def of(self, path: str, end: str) -> Iterator[tuple[str, str]]:
        """Yield the pairs of one link; links within a folder are followed, too."""
        todo = [(path, end)]
        while todo:
            path, end = todo.pop()
            self._take(0)
            if end in self._sizes:
                self._take(self._sizes[end])
                yield end, path
                continue
            for file in _below(self._files, end):
                self._take(self._sizes[file])
                yield file, path + file[len(end) :]
            for link in _below(self._links, end):
                todo.append((path + link[len(end) :], self.ends[link]))

    def _take(self, size: int) -> None:
        self._room, self._left = self._room - size, self._left - 1
        if self._room < 0 or self._left < 0:
            raise TooMuch("more than the bound, with what its symbolic links lead to")


def _below(paths: list[str], folder: str) -> list[str]:
    """Those of sorted paths that lie in a folder."""
    first = bisect.bisect_left(paths, f"{folder}/")
    return paths[first : bisect.bisect_left(paths, f"{folder}0")]  # 0 comes after /
