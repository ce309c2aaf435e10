"""A file, or bytes, on their way to a service: read as they are sent, and hashed on the way."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from ..paths import expanded
from .content import Content, Readable, content_type_of, suffix_of


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
    typed
        What the user typed for it, for messages and lines to type; may be empty.
    """

    name: str
    source: Path | bytes | Content
    content_type: str = ""
    typed: str = field(default="", compare=False)
    _hashes: list[str] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def of(cls, source: str | Path | bytes | Content, name: str = "", typed: str = "") -> Upload:
        """Return an upload of a path, bytes or content.

        Raises
        ------
        InputError
            There is no such file, it cannot be read, it is empty, or it is a pipe or a device,
            of which nobody knows the end.
        """
        if isinstance(source, str | Path):
            path = expanded(source)
            upload = cls(name or path.name, path, typed=typed)
            if not stat.S_ISREG(upload._stat().st_mode):
                what = "a folder" if os.path.isdir(path) else "no file of bytes"
                raise InputError(f"{path} is {what}", "name a file")
            upload.open().close()
        else:
            kind = source.content_type if isinstance(source, Content) else ""
            name = name or f"input{suffix_of(kind) if kind else ''}"
            upload = cls(name, source, kind, typed)
        if not upload.size:
            raise InputError(f"{upload.called} is empty")
        return upload

    @property
    def kind(self) -> str:
        """The content type of the part."""
        return self.content_type or content_type_of(self.name)

    @property
    def called(self) -> str:
        """What messages call it: a file by its name, a value by what was typed for it."""
        return self.name if isinstance(self.source, Path) else self.typed or self.name

    @property
    def line(self) -> str:
        """What stands for it in a line to type; a placeholder where nobody typed it."""
        if not self.typed:
            return "FILE" if isinstance(self.source, Path) else "VARIABLE"
        return shlex.quote(self.typed) if re.search(r"\s", self.typed) else self.typed

    @property
    def size(self) -> int:
        """How many bytes."""
        if isinstance(self.source, Path):
            return self._stat().st_size
        return len(self.source) if isinstance(self.source, bytes) else self.source.size

    @property
    def sha256(self) -> str:
        """The hash in hexadecimal: of what was sent where it was, else of what would be."""
        if not self._hashes:
            with self.open() as file:
                self._hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
        return self._hashes[-1]

    def _stat(self) -> os.stat_result:
        assert isinstance(self.source, Path)
        try:
            return os.stat(self.source)
        except (OSError, ValueError) as error:
            raise InputError(_unread(self.source, error)) from error

    def open(self) -> Readable:
        """Open it for reading, from the beginning.

        Raises
        ------
        InputError
            It cannot be read.
        """
        if isinstance(self.source, Path):
            try:
                return open(self.source, "rb")
            except OSError as error:
                raise InputError(_unread(self.source, error)) from error
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open()

    def reader(self, told: Callable[[int], None] = lambda done: None) -> Reader:
        """Return what httpx sends: it reads piece by piece and hashes on the way."""
        return Reader(self.name, self.open(), self._hashes.append, told)


class Reader:
    """A file that is hashed while it is read; it gives as many bytes as it has at the start.

    Parameters
    ----------
    name
        Of the file, for messages.
    file
        The file.
    hashed
        Given the hash when all was read.
    told
        Called with the number of bytes read so far.
    """

    def __init__(
        self,
        name: str,
        file: Readable,
        hashed: Callable[[str], None],
        told: Callable[[int], None],
    ) -> None:
        self._name, self._file, self._hashed, self._told = name, file, hashed, told
        self._digest, self._done = hashlib.sha256(), 0
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)

    def read(self, count: int = -1) -> bytes:
        """Read, as a file.

        Raises
        ------
        InputError
            It has become shorter.
        """
        left = self._size - self._done  # what is added meanwhile was not announced
        piece = self._file.read(left if count < 0 else min(count, left))
        if left and count and not piece:
            raise InputError(f"{self._name} became shorter while it was sent", "run it again")
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
        if whence == os.SEEK_END:
            offset, whence = self._size + offset, os.SEEK_SET
        place = self._file.seek(offset, whence)
        self._digest, self._done = hashlib.sha256(), place
        return place

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _unread(path: str | Path, error: OSError | ValueError) -> str:
    return f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
