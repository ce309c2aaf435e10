"""Bytes on their way to a service and back: streamed, hashed as they pass, never held twice.

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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, DiskFullError, InputError

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
    ".mkv": "video/x-matroska",
    ".webp": "image/webp",
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
    """

    def __init__(
        self,
        source: bytes | tempfile._TemporaryFileWrapper[bytes],
        content_type: str = "application/octet-stream",
        *,
        sha256: str | None = None,
        name: str = "",
    ) -> None:
        self._source = source
        self.content_type = content_type.partition(";")[0].strip().lower()
        self._sha256, self.name = sha256, name

    def __repr__(self) -> str:
        return f"<Content {self.content_type}, {self.size:,} bytes>"

    @property
    def size(self) -> int:
        """How many bytes."""
        if isinstance(self._source, bytes):
            return len(self._source)
        return os.path.getsize(self._source.name)

    @property
    def path(self) -> Path | None:
        """The temporary file that holds them; None where they are in memory."""
        return None if isinstance(self._source, bytes) else Path(self._source.name)

    @property
    def bytes(self) -> bytes:
        """All of them, in memory."""
        if isinstance(self._source, bytes):
            return self._source
        return Path(self._source.name).read_bytes()

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
        """Open them for reading, from the beginning; each call is a reader of its own."""
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        return open(self._source.name, "rb")

    def save(self, path: str | Path) -> Path:
        """Write them to a file, whole or not at all, and return its path.

        Raises
        ------
        DiskFullError, ArgumentError
            There is no room, or the file cannot be written; one that was there stays as it was.
        """
        target = Path(path).expanduser()
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with self.open() as reader, open(part, "wb") as writer:
                shutil.copyfileobj(reader, writer, _CHUNK)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise not_written(target, error) from error
        except BaseException:  # an interrupt
            part.unlink(missing_ok=True)
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
    file: tempfile._TemporaryFileWrapper[bytes] | None = None
    try:
        for piece in pieces:
            digest.update(piece)
            done += len(piece)
            if file is None and len(held) + len(piece) > IN_MEMORY:
                file = tempfile.NamedTemporaryFile(prefix="mc-jupyter-")  # noqa: SIM115 (kept)
                file.write(held)
                held.clear()
            if file is None:
                held += piece
            else:
                file.write(piece)
            told(done)
        if file is not None:
            file.flush()
    except OSError as error:
        if file is not None:
            file.close()
        raise not_written(Path(tempfile.gettempdir()), error) from error
    except BaseException:
        if file is not None:
            file.close()
        raise
    source = bytes(held) if file is None else file
    return Content(source, content_type, sha256=digest.hexdigest(), name=name)


def not_written(target: Path, error: OSError) -> DiskFullError | ArgumentError:
    """Return our error for a file that could not be written."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"{target}: {reason}", "make room, then run this again")
    return ArgumentError(f"{target} cannot be written: {reason}", "name another file or folder")


@dataclass(frozen=True)
class Upload:
    """A file, or bytes, to be sent; read as it is sent, and hashed on the way.

    Attributes
    ----------
    name
        The file name that the service sees.
    source
        A path, bytes, or :class:`Content` that came from a service.
    content_type
        Of the part; by default what the name says.
    """

    name: str
    source: Path | bytes | Content
    content_type: str = ""
    _hashes: list[str] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def of(cls, source: str | Path | bytes | Content, name: str = "") -> Upload:
        """Return an upload of a path, bytes or content.

        Raises
        ------
        InputError
            There is no such file, it cannot be read, or it is empty.
        """
        if isinstance(source, str | Path):
            path = Path(source).expanduser()
            try:
                with open(path, "rb") as file:
                    is_empty = not file.read(1)
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
            upload = cls(name or path.name, path)
        else:
            is_empty = not (len(source) if isinstance(source, bytes) else source.size)
            kind = source.content_type if isinstance(source, Content) else ""
            upload = cls(name or f"input{suffix_of(kind) if kind else ''}", source, kind)
        if is_empty:
            raise InputError(f"{upload.name} is empty")
        return upload

    @property
    def kind(self) -> str:
        """The content type of the part."""
        return self.content_type or content_type_of(self.name)

    @property
    def size(self) -> int:
        """How many bytes."""
        if isinstance(self.source, Path):
            return self.source.stat().st_size
        return len(self.source) if isinstance(self.source, bytes) else self.source.size

    @property
    def sha256(self) -> str:
        """The hash in hexadecimal: of what was sent where it was, else of what would be."""
        if not self._hashes:
            with self._open() as file:
                self._hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
        return self._hashes[-1]

    def _open(self) -> Readable:
        if isinstance(self.source, Path):
            return open(self.source, "rb")
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open()

    def reader(self, told: Callable[[int], None] = lambda done: None) -> Reader:
        """Return what httpx sends: it reads piece by piece and hashes on the way."""
        return Reader(self._open(), self.size, self._hashes.append, told)


class Reader:
    """A file that is hashed while it is read; what it holds at the start is what it will give.

    Parameters
    ----------
    file
        The file.
    size
        Its bytes.
    hashed
        Given the hash when all was read.
    told
        Called with the number of bytes read so far.
    """

    def __init__(
        self,
        file: Readable,
        size: int,
        hashed: Callable[[str], None],
        told: Callable[[int], None],
    ) -> None:
        self._file, self._size, self._hashed, self._told = file, size, hashed, told
        self._digest, self._done = hashlib.sha256(), 0

    def read(self, count: int = -1) -> bytes:
        """Read, as a file."""
        piece = self._file.read(count)
        if piece:
            self._digest.update(piece)
            self._done += len(piece)
            self._told(self._done)
        if self._done == self._size:
            self._hashed(self._digest.hexdigest())
        return piece

    def tell(self) -> int:
        """Where it is, in bytes."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; the hash begins anew, for a second sending begins at 0."""
        self._digest, self._done = hashlib.sha256(), 0
        return self._file.seek(offset, whence)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
