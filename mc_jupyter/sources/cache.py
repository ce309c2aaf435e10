"""Fetched repositories on disk.

::

    <cache>/services/<identifier>/<ref>/lock
                                        0001-05129ae1c2d3/fetched.json    commit, url, ref, when
                                                          checkout/       the files, without .git
                                        tmp-8f2c.../                      a fetch that is going on

One slot per canonical identifier and ref. A fetch fills a ``tmp-`` folder and takes its place by
one rename, so whatever has a number is whole. The highest number is the one in force; older ones
stay for the services that run from them, until the cache is cleared.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .. import cancel
from ..errors import DiskFullError, SourceError
from ..events import Event, Report
from ..settings import Settings
from .base import Fetched, Identifier

if TYPE_CHECKING:
    from filelock import AcquireReturnProxy, BaseFileLock

_VERSION = re.compile(r"(\d{4,})-[0-9a-f]+")
_TEMPORARY = "tmp-"
_PATIENCE_S = 1.0


@dataclass(frozen=True)
class Stored:
    """One fetched version: the folder of its files, and what the fetch left."""

    folder: Path
    fetched: Fetched


class Slot:
    """The place of one identifier and ref.

    Parameters
    ----------
    settings
        Where the cache lies.
    identifier
        Of kind ``git``.
    """

    def __init__(self, settings: Settings, identifier: Identifier) -> None:
        self.identifier = identifier
        self.folder = (
            _services(settings) / _slug(identifier.canonical) / _slug(identifier.ref or "HEAD")
        )

    def newest(self) -> Stored | None:
        """Return what is on disk; needs no lock, because versions appear whole."""
        for version in reversed(_versions(self.folder)):
            try:
                facts = json.loads((version / "fetched.json").read_text(encoding="utf-8"))
                links = {str(k): str(v) for k, v in facts.get("links", {}).items()}
                submodules = tuple(map(str, facts.get("submodules", ())))
                fetched = Fetched(str(facts["commit"]), links, submodules)
                stored = Stored(version / "checkout", fetched)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
            if os.path.isdir(stored.folder):
                return stored
        return None

    def tidy(self) -> None:
        """Remove what killed processes left here, if anything."""
        if any(self.folder.glob(_TEMPORARY + "*")):
            _sweep_if_idle(self.folder)

    def fill(
        self, fetch: Callable[[Path], Fetched], *, refresh: bool, report: Report
    ) -> tuple[Stored, bool]:
        """Fetch into this slot, unless another kernel just did.

        Parameters
        ----------
        fetch
            Fills the folder that it is given (it is to create it) and returns what it left.
        refresh
            Fetch even if there is a version on disk.
        report
            Told when another kernel is being waited for.

        Returns
        -------
        tuple
            What is on disk now, and whether this call fetched it.

        Raises
        ------
        DiskFullError, SourceError
            When the cache cannot be written, and whatever `fetch` raises; nothing is left half.
        """
        with disk_errors(self.folder, self.identifier.typed):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked(report):
                _sweep(self.folder)
                found = None if refresh else self.newest()
                if found:
                    return found, False
                return self._add(fetch), True

    def _add(self, fetch: Callable[[Path], Fetched]) -> Stored:
        work = self.folder / (_TEMPORARY + secrets.token_hex(8))
        try:
            work.mkdir()
            fetched = fetch(work / "checkout")
            facts = {
                "commit": fetched.commit,
                "url": self.identifier.location,
                "ref": self.identifier.ref or "HEAD",
                "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "links": dict(fetched.links),
                "submodules": list(fetched.submodules),
            }
            (work / "fetched.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
            numbers = [int(version.name.partition("-")[0]) for version in _versions(self.folder)]
            final = self.folder / f"{max(numbers, default=0) + 1:04d}-{fetched.commit[:12]}"
            work.rename(final)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        return Stored(final / "checkout", fetched)

    @contextmanager
    def _locked(self, report: Report) -> Iterator[None]:
        import filelock

        lock = _lock(self.folder)
        try:
            held = lock.acquire(timeout=_PATIENCE_S)
        except filelock.Timeout:
            report(Event("fetch", f"another kernel is fetching {self.identifier.typed}: waiting"))
            held = _acquired(lock)
        with held:
            yield


def _acquired(lock: BaseFileLock) -> AcquireReturnProxy[BaseFileLock]:
    import filelock

    while True:
        cancel.check()
        with suppress(filelock.Timeout):
            return lock.acquire(timeout=_PATIENCE_S / 2)


def clear(settings: Settings, keep: Collection[Path] = ()) -> int:
    """Remove fetched versions and what killed processes left.

    Parameters
    ----------
    settings
        Where the cache lies.
    keep
        Folders of checkouts in use: their versions stay.

    Returns
    -------
    int
        How many versions were removed.
    """
    kept = {os.path.realpath(path) for path in keep}
    removed = 0
    for slot in sorted(_services(settings).glob("*/*/")):
        for version in _versions(slot):
            if os.path.realpath(version / "checkout") in kept:
                continue
            # out of sight first: a version that is half removed must not be found
            doomed = slot / (_TEMPORARY + secrets.token_hex(8))
            with disk_errors(version, str(version)):
                version.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
            removed += 1
        _sweep_if_idle(slot)
    return removed


@contextmanager
def disk_errors(where: Path, typed: str) -> Iterator[None]:
    """Turn an OSError into ours: DiskFullError where no room is left, else SourceError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(where, typed) from error
        raise SourceError(
            f"{typed}: the cache cannot be written: {error}",
            "another place for it: %env MC_JUPYTER_HOME=/a/folder",
        ) from error


def disk_full(where: Path, typed: str) -> DiskFullError:
    """Return the error for a disk without room."""
    return DiskFullError(
        f"{typed}: no room left on the disk of {where}",
        "make room, or use another disk: %env MC_JUPYTER_HOME=/a/folder",
    )


def _services(settings: Settings) -> Path:
    return settings.cache / "services"


def _lock(slot: Path) -> BaseFileLock:
    import filelock

    return filelock.FileLock(slot / "lock")


def _versions(slot: Path) -> list[Path]:
    """The whole versions in a slot, oldest first."""
    try:
        names = [name for name in os.listdir(slot) if _VERSION.fullmatch(name)]
    except OSError:
        return []
    return [slot / name for name in sorted(names, key=lambda name: int(name.partition("-")[0]))]


def _sweep_if_idle(slot: Path) -> None:
    # a Timeout is an OSError: whoever is fetching there has swept already
    with suppress(OSError), _lock(slot).acquire(timeout=0):
        _sweep(slot)


def _sweep(slot: Path) -> None:
    """Remove what killed processes left; the lock is held, so nobody is at work there."""
    for leftover in slot.glob(_TEMPORARY + "*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _slug(text: str) -> str:
    """A folder name that says what it is and is never shared (not even by letter case alone)."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip(".-")[:60]
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
