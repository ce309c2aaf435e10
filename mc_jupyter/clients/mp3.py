"""The frames of an mp3, counted from their heads, and a stream that tells how many there are.

Of a file without a Xing header libsndfile takes the length from the first frame's bit rate and
stops reading there; one whose header tells too few (two files in one) it does not read on, either.
"""

from __future__ import annotations

from dataclasses import dataclass

from .content import Readable
from .joined import Joined

_BLOCK = 1 << 20
_HEAD = 4
_SEARCHED = 1 << 16  # bytes in which the first frame begins
_LONGEST = 8192  # bytes; above any frame's
_MOST_TAGS = 16
_KBPS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


@dataclass(frozen=True)
class Frame:
    """The head of a frame of MPEG audio, layer III."""

    raw: bytes
    version: int
    rate: int
    kbps: int
    padding: int
    side: int

    @property
    def size(self) -> int:
        """Bytes; 0 where the head does not tell (the free format)."""
        if not self.kbps:
            return 0
        return (144_000 if self.version == 3 else 72_000) * self.kbps // self.rate + self.padding


def frame(head: bytes) -> Frame | None:
    """Return what the four bytes of a frame's head say; None where they are none of layer III."""
    if len(head) < _HEAD or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bits, place = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bits == 15 or place == 3:
        return None
    is_mono, is_first = head[3] >> 6 == 3, version == 3
    side = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
    rate, kbps = _RATES[version][place], _KBPS[is_first][bits]
    return Frame(head[:_HEAD], version, rate, kbps, head[2] >> 1 & 1, side)


def with_length(file: Readable) -> Joined | None:
    """Return an mp3 as a stream with a header that tells how many frames there are.

    None where the file's own header does that rightly, for the free format (which has no place for
    a header, and one bit rate), and for what is no mp3. The length that it
    tells is good for reading to the end: how many samples come is known when they are decoded.
    """
    start = _after_tags(file)
    first_at = _first(file, start)
    if first_at is None:
        return None
    file.seek(first_at)
    head = file.read(_LONGEST)
    first = frame(head)
    assert first is not None
    reported = _reported_count(head[: first.size or None], first)
    begin = first_at if reported is None else first_at + first.size
    count = _count(file, begin, first)
    if reported is not None and reported + 1 >= count and reported <= count * 1.01 + 1:
        return None
    return Joined(_header(first, count + 1), file, begin)


def _after_tags(file: Readable) -> int:
    """Where the ID3v2 tags at the beginning end."""
    at = 0
    for _ in range(_MOST_TAGS):
        file.seek(at)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10 or any(byte & 0x80 for byte in head[6:]):
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    return at


def _first(file: Readable, start: int) -> int | None:
    """Where the first frame is that another follows; None where there is none."""
    file.seek(start)
    head = file.read(_SEARCHED + 2 * _LONGEST)
    if not start and frame(head) is None:  # libsndfile takes it for something else, too
        return None
    at = 0
    while 0 <= (at := head.find(b"\xff", at)) < _SEARCHED:
        one = frame(head[at : at + _HEAD])
        if one and one.size and _goes_on(one, frame(head[at + one.size : at + one.size + _HEAD])):
            return start + at
        at += 1
    return None


def _goes_on(one: Frame, other: Frame | None) -> bool:
    return other is not None and (one.version, one.rate) == (other.version, other.rate)


def _reported_count(head: bytes, first: Frame) -> int | None:
    """How many frames a Xing header says; None where there is none, or it does not say."""
    for at in (_HEAD + first.side, _HEAD + first.side + 2):  # the latter behind a checksum
        if head[at : at + 4] in (b"Xing", b"Info") and len(head) >= at + 12:
            has_count = head[at + 7] & 1
            return int.from_bytes(head[at + 8 : at + 12], "big") if has_count else 0
    return None


def _count(file: Readable, start: int, first: Frame) -> int:
    """How many frames there are from a place on; what is none of them is stepped over."""
    file.seek(start)
    data, at, count = b"", 0, 0
    is_aligned, is_end = True, False
    while True:
        if len(data) - at < 2 * _LONGEST and not is_end:
            more = file.read(_BLOCK)
            data, at, is_end = data[at:] + more, 0, not more
        if at + _HEAD > len(data):
            return count
        one = frame(data[at : at + _HEAD])
        size = one.size if one and _goes_on(first, one) else 0
        after = frame(data[at + size : at + size + _HEAD]) if size else None
        if size and (is_aligned or _goes_on(first, after)):
            count, at, is_aligned = count + 1, at + size, True
            continue
        at, is_aligned = data.find(b"\xff", at + 1), False
        if at < 0:
            at = len(data)


def _header(first: Frame, count: int) -> bytes:
    """A frame of silence with a Xing header, of the kind of the frames that follow."""
    bits = _KBPS[first.version == 3].index(64)
    raw = bytearray(first.raw)
    raw[1] |= 1  # no checksum
    raw[2] = bits << 4 | raw[2] & 0x0C
    one = frame(bytes(raw))
    assert one is not None
    body = (
        bytes(one.side) + b"Xing" + bytes((0, 0, 0, 1)) + min(count, 2**31 - 1).to_bytes(4, "big")
    )
    return (bytes(raw) + body).ljust(one.size, b"\0")
