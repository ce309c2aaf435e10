"""Bytes that a service answered with: hashed as they pass, never held twice.

What is small stays in memory, what is large lies in a temporary file that ends with its object.
"""

from __future__ import annotations

import errno
import hashlib
import io
import mimetypes
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, DiskFullError, InputError
from ..paths import expanded

Readable = io.BufferedReader | io.BytesIO

IN_MEMORY = 16_000_000
"""Bytes up to which content is held in memory."""
_CHUNK = 1 << 18
_TYPES = {  # what mimetypes does not know, or names in a way that no server here expects
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".aac": "audio/aac",
    ".pcm": "audio/pcm",
    ".mkv": "video/x-matroska",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heif": "image/heif",
    ".heic": "image/heic",
    ".tiff": "image/tiff",
    ".vtt": "text/vtt",
}
_SUFFIXES = {
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/x-wav": ".wav",
    "audio/wave": ".wav",
    "audio/opus": ".opus",
    "audio/m4a": ".m4a",
    "audio/x-flac": ".flac",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "text/plain": ".txt",
} | {kind: suffix for suffix, kind in _TYPES.items() if suffix != ".opus"}


def content_type_of(name: str) -> str:
    """Return the content type that a file's name says; ``application/octet-stream`` if none."""
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def suffix_of(content_type: str) -> str:
    """Return the usual suffix of a content type, dot included; ``.bin`` if there is none."""
    plain = content_type.partition(";")[0].strip().lower()
    return _SUFFIXES.get(plain) or mimetypes.guess_extension(plain) or ".bin"


class Content:
    """Bytes that a service answered with.

    Parameters
    ----------
    source
        The bytes, or the temporary file that holds them (it is deleted with this object).
    content_type
        As the service named it, without parameters.
    sha256
        Their hash in hexadecimal, where it is known already.
    name
        A file name that the service gave them; may be empty.

    Attributes
    ----------
    size
        How many bytes.
    """

    def __init__(
        self,
        source: bytes | Path,
        content_type: str = "application/octet-stream",
        *,
        sha256: str | None = None,
        name: str = "",
    ) -> None:
        self._source = source
        self.size = source.stat().st_size if isinstance(source, Path) else len(source)
        if isinstance(source, Path):
            weakref.finalize(self, _remove, source)
        self.content_type = content_type.partition(";")[0].strip().lower()
        self._sha256, self.name = sha256, name

    def __repr__(self) -> str:
        return f"<Content {self.content_type}, {self.size:,} bytes>"

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the bytes: the temporary file ends with this kernel."""
        return {**vars(self), "_source": self.bytes}

    def __copy__(self) -> Content:
        """Be one's own copy: the file ends with the one object."""
        return self

    def __deepcopy__(self, _: object) -> Content:
        return self

    @property
    def path(self) -> Path | None:
        """The temporary file that holds them; None where they are in memory."""
        return self._source if isinstance(self._source, Path) else None

    @property
    def bytes(self) -> bytes:
        """All of them, in memory."""
        if isinstance(self._source, bytes):
            return self._source
        with self.open() as file:
            return file.read()

    @property
    def sha256(self) -> str:
        """Their hash in hexadecimal."""
        if self._sha256 is None:
            with self.open() as file:
                self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return self._sha256

    @property
    def suffix(self) -> str:
        """The suffix for a file of them, dot included."""
        return Path(self.name).suffix or suffix_of(self.content_type)

    def open(self) -> Readable:
        """Open them for reading, from the beginning; each call is a reader of its own.

        Raises
        ------
        InputError
            Somebody has cleaned the folder of temporary files.
        """
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        try:
            return open(self._source, "rb")
        except OSError as error:
            why = error.strerror or error  # a saved notebook names no folder
            raise InputError(f"its temporary file is gone: {why}", "make it again") from error

    def save(self, path: str | Path) -> Path:
        """Write them to a file, whole or not at all, and return its path.

        Raises
        ------
        DiskFullError, ArgumentError
            There is no room, or the file cannot be written; one that was there stays as it was.
        """
        target = expanded(path)
        # what a link leads to is written, and the link stays
        real = Path(os.path.realpath(target)) if os.path.islink(target) else target
        part = real.parent / f".{real.name}.{os.getpid()}-{threading.get_ident()}.part"
        try:
            with self.open() as reader, open(part, "wb") as writer:
                shutil.copyfileobj(reader, writer, _CHUNK)
            part.replace(real)
        except BaseException as error:  # an interrupt too
            with suppress(OSError, ValueError):
                part.unlink()
            if isinstance(error, OSError | ValueError):
                raise not_written(target, error) from error
            raise
        return target


def gather(
    pieces: Iterable[bytes],
    content_type: str = "application/octet-stream",
    *,
    name: str = "",
    told: Callable[[int], None] = lambda done: None,
) -> Content:
    """Gather what comes piece by piece: in memory, and once it is large in a temporary file.

    Parameters
    ----------
    pieces
        What comes.
    content_type, name
        See :class:`Content`.
    told
        Called with the number of bytes so far.

    Raises
    ------
    DiskFullError
        There is no room for it.
    """
    digest, held, done = hashlib.sha256(), bytearray(), 0
    path: Path | None = None
    try:
        with ExitStack() as stack:
            for piece in pieces:
                digest.update(piece)
                done += len(piece)
                if path is None and done > IN_MEMORY:
                    path = stack.enter_context(temporary())
                    file = stack.enter_context(open(path, "wb"))
                    file.write(held)
                    held.clear()
                if path is None:
                    held += piece
                else:
                    file.write(piece)
                told(done)
    except OSError as error:
        raise not_written(Path(tempfile.gettempdir()), error) from error
    except BaseException:
        held.clear()  # the frames of an interrupt are kept by who shows it
        raise
    return Content(path or bytes(held), content_type, sha256=digest.hexdigest(), name=name)


@contextmanager
def temporary() -> Iterator[Path]:
    """Make a temporary file to become a :class:`Content`; where that fails, it is removed."""
    number, name = tempfile.mkstemp(prefix="mc-jupyter-")
    os.close(number)
    try:
        yield Path(name)
    except BaseException:
        _remove(Path(name))
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def file_named(path: str | Path, suffix: str) -> Path:
    """Return the file that a result is to be written to.

    Parameters
    ----------
    path
        As it was typed.
    suffix
        Added where it has none, dot included.

    Raises
    ------
    ArgumentError
        It is a folder.
    """
    target = expanded(path)
    if os.path.isdir(target):  # the empty text is the current folder
        here = target / f"NAME{suffix}"
        raise ArgumentError(f"{str(path)!r} is a folder", f"name a file in it: {here}")
    return target if target.suffix else target.with_name(target.name + suffix)


def not_written(target: Path, error: OSError | ValueError) -> DiskFullError | ArgumentError:
    """Return our error for a file that could not be written; a ValueError is of its name."""
    reason = getattr(error, "strerror", None) or str(error)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"{target}: {reason}", "make room, then run this again")
    return ArgumentError(f"{target} cannot be written: {reason}", "name another file or folder")


@dataclass(frozen=True)
class Product:
    """What a service made.

    Attributes
    ----------
    content
        The bytes.
    model
        The model that made it, where the service has several or says so.
    settings
        What was sent: every option, defaults of ours included.
    facts
        What the service said of it (a seed that it drew, seconds that it took).
    """

    content: Content
    model: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
