"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD = 512
"""Bytes of a file's beginning that tell."""


@dataclass(frozen=True)
class Signature:
    """What a file is.

    Attributes
    ----------
    kind
        ``picture``, ``sound``, ``video``, ``text`` or ``file``.
    format
        Its name among people: ``HEIC``.
    suffix
        Its usual suffix, dot included.
    """

    kind: str
    format: str
    suffix: str

    def __str__(self) -> str:
        what = "a web page" if self.format == "HTML" else f"a {self.kind}"
        return f"{'text' if what == 'a text' else what} ({self.format})"


_TABLE: tuple[tuple[int, bytes, Signature], ...] = tuple(
    (at, mark, Signature(kind, format, suffix))
    for at, mark, kind, format, suffix in (
        (0, b"\x89PNG", "picture", "PNG", ".png"),
        (0, b"\xff\xd8\xff", "picture", "JPEG", ".jpg"),
        (0, b"GIF8", "picture", "GIF", ".gif"),
        (8, b"WEBP", "picture", "WebP", ".webp"),
        (0, b"II*\0", "picture", "TIFF", ".tiff"),
        (0, b"MM\0*", "picture", "TIFF", ".tiff"),
        (0, b"\0\0\1\0", "picture", "icon", ".ico"),
        (0, b"8BPS", "picture", "Photoshop", ".psd"),
        (0, b"\0\0\0\x0cjP  ", "picture", "JPEG 2000", ".jp2"),
        (0, b"\0\0\0\x0cJXL ", "picture", "JPEG XL", ".jxl"),
        (0, b"\xff\x0a", "picture", "JPEG XL", ".jxl"),
        (8, b"WAVE", "sound", "WAV", ".wav"),
        (8, b"AVI ", "video", "AVI", ".avi"),
        (0, b"fLaC", "sound", "FLAC", ".flac"),
        (0, b"ID3", "sound", "MP3", ".mp3"),
        (0, b"caff", "sound", "Core Audio", ".caf"),
        (0, b"#!AMR", "sound", "AMR", ".amr"),
        (0, b"FORM", "sound", "AIFF", ".aiff"),
        (0, b"FLV\x01", "video", "Flash", ".flv"),
        (0, b"\x30\x26\xb2\x75", "video", "Windows Media", ".wmv"),
        (0, b"%PDF", "file", "PDF", ".pdf"),
        (0, b"PK\x03\x04", "file", "ZIP", ".zip"),
        (0, b"\x1f\x8b\x08", "file", "gzip", ".gz"),
        (0, b"7z\xbc\xaf", "file", "7z", ".7z"),
        (0, b"Rar!", "file", "RAR", ".rar"),
    )
)
_BRANDS = {
    b"avif": Signature("picture", "AVIF", ".avif"),
    b"avis": Signature("picture", "AVIF", ".avif"),
    b"crx ": Signature("picture", "CR3", ".cr3"),
    b"M4A ": Signature("sound", "M4A", ".m4a"),
    b"M4B ": Signature("sound", "M4A", ".m4a"),
    b"qt  ": Signature("video", "MOV", ".mov"),
}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype html|html|head|body)[\s>]", re.I)
_XML = re.compile(rb"\s*<(?:\?xml|svg)[\s>]")
_JSON = re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]\d-])")
_LAYERS = {1: "MP3", 2: "MP2", 3: "MP1"}


def signature(head: bytes) -> Signature | None:
    """Return what a file is by its first bytes (:data:`HEAD` of them); None where they do not tell.

    Parameters
    ----------
    head
        The beginning of the file.
    """
    for at, mark, found in _TABLE:
        if head[at : at + len(mark)] == mark and (at != 8 or head[:4] == b"RIFF"):
            return found
    if head[4:8] == b"ftyp":
        return _of_brand(head)
    if head[:4] == b"OggS":
        is_opus = b"OpusHead" in head[:64]
        return Signature("sound", "Opus" if is_opus else "Ogg", ".opus" if is_opus else ".ogg")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        is_webm = b"webm" in head[:64]
        return Signature("video", *(("WebM", ".webm") if is_webm else ("Matroska", ".mkv")))
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return Signature("picture", "BMP", ".bmp")
    if head[:1] == b"\xff" and len(head) > 2:
        return _of_mpeg(head)
    return _of_text(head[:HEAD])


def _of_brand(head: bytes) -> Signature:
    brand = head[8:12]
    others = [head[at : at + 4] for at in range(16, min(len(head), head[3] or 64), 4)]
    if brand in (b"mif1", b"msf1") and b"avif" in others:
        brand = b"avif"
    if brand in _HEIC:
        return Signature("picture", "HEIC", ".heic")
    return _BRANDS.get(brand, Signature("video", "MP4", ".mp4"))


def _of_mpeg(head: bytes) -> Signature | None:
    """Frames of MPEG sound without anything before them."""
    if head[1] & 0xF6 == 0xF0:
        return Signature("sound", "AAC", ".aac")
    layer = head[1] >> 1 & 3
    if head[1] & 0xE0 != 0xE0 or head[1] >> 3 & 3 == 1 or not layer or head[2] >> 4 == 15:
        return None
    return Signature("sound", _LAYERS[layer], f".{_LAYERS[layer].lower()}")


def _of_text(head: bytes) -> Signature | None:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _WEB_PAGE.match(text):
        return Signature("text", "HTML", ".html")
    if _XML.match(text):
        is_svg = b"<svg" in text
        return Signature("picture", "SVG", ".svg") if is_svg else Signature("text", "XML", ".xml")
    if _JSON.match(text):
        return Signature("text", "JSON", ".json")
    return None
