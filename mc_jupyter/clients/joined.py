"""Bytes and a file behind them, read as one stream: a head that is put before what is there."""

from __future__ import annotations

import io

from .content import Readable


class Joined(io.RawIOBase):
    """Some bytes, and behind them a file from a place on, as one stream.

    Parameters
    ----------
    head
        The bytes.
    file
        The file; whoever opened it closes it.
    begin
        Where in it what follows begins.
    """

    def __init__(self, head: bytes, file: Readable, begin: int) -> None:
        self._head, self._file, self._begin, self._at = head, file, begin, 0
        self._size = len(head) + file.seek(0, io.SEEK_END) - begin

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether there are places to go to: yes."""
        return True

    def tell(self) -> int:
        """Where it is, in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        """Fill a buffer as far as there are bytes."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        done = 0
        if self._at < len(self._head):
            part = self._head[self._at : self._at + len(view)]
            view[: len(part)] = part
            done = len(part)
        if done < len(view):
            self._file.seek(self._begin + max(0, self._at - len(self._head)))
            rest = self._file.read(len(view) - done)
            view[done : done + len(rest)] = rest
            done += len(rest)
        self._at += done
        return done
