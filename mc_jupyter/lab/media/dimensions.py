"""Width and height of a picture as it is seen, from the first bytes of its file.

A camera stores what its sensor read and says beside it how to turn that: EXIF's orientation, or
``irot`` in HEIC and AVIF. Every viewer turns it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ...clients.signatures import signature

_PNG = b"\x89PNG\r\n\x1a\n"
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # of the JPEG markers C0 to CF, those that begin no picture
_EXIF = b"Exif\0\0"
_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274  # tags of TIFF, and so of EXIF
_MOST = 1000  # tags, chunks or boxes that are looked at

Size = tuple[int, int]


def dimensions(head: bytes) -> Size | None:
    """Return width and height in pixels of a picture as it is seen; None where it is not known.

    Parameters
    ----------
    head
        The beginning of a PNG, JPEG, WebP, GIF, HEIC, AVIF or TIFF; of a JPEG it has to reach
        behind its thumbnail.
    """
    try:
        found = _dimensions(head)
    except (struct.error, IndexError, ValueError):
        return None
    return found if found and all(found) else None


def _dimensions(head: bytes) -> Size | None:
    if head.startswith(_PNG):
        return _png(head)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    if head[:2] == b"\xff\xd8":
        return _jpeg(head)
    if head[:4] in (b"II*\0", b"MM\0*"):
        tags = _tags(head)
        return _turned((tags[_WIDTH], tags[_HEIGHT]), tags.get(_ORIENTATION, 1))
    known = signature(head[:64]) if head[4:8] == b"ftyp" else None
    return _heif(head) if known and known.kind == "picture" else None


def _turned(size: Size, orientation: int) -> Size:
    """What is seen of a stored size: from 5 to 8 the picture lies on its side."""
    return size[::-1] if 5 <= orientation <= 8 else size


def _orientation(exif: bytes) -> int:
    """The orientation that EXIF says; 1 (upright) where it is broken or says none."""
    try:
        return _tags(exif.removeprefix(_EXIF)).get(_ORIENTATION, 1)
    except (struct.error, IndexError, ValueError):
        return 1


def _tags(data: bytes) -> dict[int, int]:
    """The whole numbers of a TIFF's first directory, by tag."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise ValueError("no TIFF")
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    found: dict[int, int] = {}
    for place in range(at + 2, at + 2 + 12 * min(count, _MOST), 12):
        tag, kind, many = struct.unpack_from(f"{order}HHI", data, place)
        if many == 1 and kind in (3, 4):  # 16 or 32 bits
            (found[tag],) = struct.unpack_from(order + "HI"[kind - 3], data, place + 8)
    return found


def _png(head: bytes) -> Size:
    width, height = struct.unpack(">II", head[16:24])
    at = 8
    for _ in range(_MOST):
        if at + 8 > len(head):
            break
        length, kind = struct.unpack_from(">I4s", head, at)
        if kind == b"eXIf":
            return _turned((width, height), _orientation(head[at + 8 : at + 8 + length]))
        at += 12 + length
    return width, height


def _jpeg(head: bytes) -> Size:
    at, orientation = 2, 1
    while True:
        while head[at + 1] == 0xFF:  # markers may be filled up
            at += 1
        marker = head[at + 1]
        if head[at] != 0xFF:
            raise ValueError("no marker where one must be")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return _turned((width, height), orientation)
        (length,) = struct.unpack(">H", head[at + 2 : at + 4])
        segment = head[at + 4 : at + 2 + length]
        if marker == 0xE1 and segment.startswith(_EXIF):
            orientation = _orientation(segment)
        at += 2 + length


def _webp(head: bytes) -> Size:
    kind = head[12:16]
    if kind == b"VP8X":
        return _three(head[24:27]) + 1, _three(head[27:30]) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind != b"VP8 ":
        raise ValueError("no picture in this WebP")
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _three(part: bytes) -> int:
    return part[0] | part[1] << 8 | part[2] << 16


def _heif(head: bytes) -> Size:
    """The largest of the sizes: the others are tiles of it and its thumbnail."""
    meta = _box(head, b"meta")[4:]
    properties = _box(_box(meta, b"iprp"), b"ipco")
    boxes = list(_boxes(properties))
    sizes = [struct.unpack(">II", body[4:12]) for kind, body in boxes if kind == b"ispe"]
    turns = [body[0] & 3 for kind, body in boxes if kind == b"irot"]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return (height, width) if any(turn % 2 for turn in turns) else (width, height)


def _box(data: bytes, name: bytes) -> bytes:
    return next((body for kind, body in _boxes(data) if kind == name), b"")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(_MOST):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size] if size else data[at + 8 :]
        if size < 8:
            return
        at += size
