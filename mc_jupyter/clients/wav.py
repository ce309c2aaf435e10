"""The head of a WAV file: mended, or put before bare samples."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from .content import Content, Readable, gather
from .joined import Joined

_HEAD = 4096  # bytes in which the samples begin
_MOST = (1 << 32) - 1  # that a head can tell


def mend_wav(content: Content) -> Content:
    """Return a WAV whose head tells its length; the same object where it did.

    Servers that stream send the head before they know the length and fill in a number that
    stands for "unknown": Python's own reader then sees hours of sound. The samples stay.
    """
    with content.open() as file:
        head = _mended_head(file)
    if head is None:
        return content
    return gather(_replaced(head, content), content.content_type, name=content.name)


def with_length(file: Readable) -> Joined | None:
    """Return a WAV whose head tells no length as a stream whose head does; None where it did."""
    head = _mended_head(file)
    return None if head is None else Joined(head, file, len(head))


def _mended_head(file: Readable) -> bytes | None:
    """The first bytes of a WAV with the lengths that are there; None where they were right."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = bytearray(file.read(_HEAD))
    at = head.find(b"data", 12) + 4
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE" or at < 16 or at + 4 > len(head):
        return None
    there = size - at - 4
    told = struct.unpack_from("<I", head, at)[0]
    if (0 < told <= there) or there <= 0 or size >= 1 << 32:
        return None
    struct.pack_into("<I", head, 4, size - 8)
    struct.pack_into("<I", head, at, there)
    return bytes(head)


def with_head(samples: Content, rate: int, channels: int = 1) -> Content:
    """Return bare samples of 16 bit, little end first, as a WAV.

    Parameters
    ----------
    samples
        The bytes; what is large goes piece by piece through a temporary file.
    rate
        Hz.
    channels
        1 is mono.
    """
    width = 2 * channels
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        min(samples.size + 36, _MOST),
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        rate,
        rate * width,
        width,
        16,
        b"data",
        min(samples.size, _MOST),
    )
    return gather(_replaced(head, samples, 0), "audio/wav", name=samples.name)


def _replaced(head: bytes, content: Content, skipped: int | None = None) -> Iterator[bytes]:
    yield head
    with content.open() as file:
        file.seek(len(head) if skipped is None else skipped)
        yield from iter(lambda: file.read(1 << 18), b"")
