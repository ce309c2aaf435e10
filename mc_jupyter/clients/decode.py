"""Replies that come encoded although they were asked for as they are, decoded a piece at a time.

What a few bytes may become is bounded by the reader: no step makes more than a piece.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PIECE = 1 << 18
"""The most bytes that one step makes."""
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_KNOWN = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}


class NotDecodedError(ValueError):
    """A body that is not what its Content-Encoding says, or in an encoding not known here."""


def encoding_of(header: str) -> str:
    """Return what a Content-Encoding header says; empty where the body is as it is."""
    named = [name for each in header.split(",") if (name := each.strip().lower())]
    return ", ".join(name for name in named if name != "identity")


def decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield what a body's pieces hold, at most :data:`PIECE` bytes at a time.

    Parameters
    ----------
    pieces
        As they come.
    encoding
        ``gzip`` or ``deflate``.

    Raises
    ------
    NotDecodedError
        The encoding is another, or the body is not of it, or ends too early.
    """
    window = _KNOWN.get(encoding)
    if window is None:
        raise NotDecodedError(f"the reply is encoded as {encoding[:80]!r}, which was not asked for")
    step: zlib._Decompress | None = None
    for piece in pieces:
        if step is None and window == _ZLIB:
            window = _ZLIB if piece[0] & 0x0F == 8 else _RAW  # some servers leave its head out
        rest = piece
        while rest:
            if step is None or step.eof:
                rest = rest if step is None else rest.lstrip(b"\0")  # padding between members
                if not rest:
                    break
                step = zlib.decompressobj(window)
            yield from _steps(step, rest, encoding)
            rest = step.unused_data if step.eof else b""
    if step is not None and not step.eof:
        raise NotDecodedError(f"the reply ended in the middle of its {encoding}")


def _steps(step: zlib._Decompress, data: bytes, encoding: str) -> Iterator[bytes]:
    """All that one piece of a member becomes."""
    is_full = True
    while (data or is_full) and not step.eof:
        try:
            made = step.decompress(data, PIECE)
        except zlib.error as error:
            raise NotDecodedError(f"the reply says that it is {encoding}, and is not") from error
        data, is_full = step.unconsumed_tail, len(made) == PIECE
        if made:
            yield made
