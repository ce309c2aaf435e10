"""Width and height of a picture, from the first bytes of its file."""

from __future__ import annotations

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # of the JPEG markers C0 to CF, those that begin no picture


def dimensions(head: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels of a PNG, JPEG, WebP or GIF; None for anything else.

    Parameters
    ----------
    head
        The beginning of the file; of a JPEG it has to reach behind its thumbnail.
    """
    try:
        if head.startswith(_PNG):
            width, height = struct.unpack(">II", head[16:24])
        elif head[:6] in (b"GIF87a", b"GIF89a"):
            width, height = struct.unpack("<HH", head[6:10])
        elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            width, height = _webp(head)
        elif head[:2] == b"\xff\xd8":
            width, height = _jpeg(head)
        else:
            return None
    except (struct.error, IndexError, ValueError):
        return None
    return (width, height) if width and height else None


def _jpeg(head: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while head[at + 1] == 0xFF:  # markers may be filled up
            at += 1
        marker = head[at + 1]
        if head[at] != 0xFF:
            raise ValueError("no marker where one must be")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", head[at + 2 : at + 4])[0]


def _webp(head: bytes) -> tuple[int, int]:
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
