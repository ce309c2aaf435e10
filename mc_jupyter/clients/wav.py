"""The head of a WAV file."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .content import Content, gather

_HEAD = 4096  # bytes in which the samples begin


def mend_wav(content: Content) -> Content:
    """Return a WAV whose head tells its length; the same object where it did.

    Servers that stream send the head before they know the length and fill in a number that
    stands for "unknown": Python's own reader then sees hours of sound. The samples stay.
    """
    with content.open() as file:
        head = bytearray(file.read(_HEAD))
    at = head.find(b"data", 12) + 4
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE" or at < 16 or at + 4 > len(head):
        return content
    there = content.size - at - 4
    told = struct.unpack_from("<I", head, at)[0]
    if (0 < told <= there) or there <= 0 or content.size >= 1 << 32:
        return content
    struct.pack_into("<I", head, 4, content.size - 8)
    struct.pack_into("<I", head, at, there)
    return gather(_replaced(bytes(head), content), content.content_type, name=content.name)


def _replaced(head: bytes, content: Content) -> Iterator[bytes]:
    yield head
    with content.open() as file:
        file.seek(len(head))
        yield from iter(lambda: file.read(1 << 18), b"")
