"""The content types that the FFMPEG service takes: ten, spelt its own way, found out by us.

It goes by the type of the part alone and refuses the registered names (``video/quicktime``,
``audio/mpeg``), so each file is sent under the service's name for what its first bytes are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..meter import size_text
from .lines import decoded, setting
from .signatures import signature
from .upload import Upload

ACCEPTED = {
    ".mp4": "video/mp4",
    ".avi": "video/avi",
    ".mov": "video/mov",
    ".mkv": "video/mkv",
    ".webm": "video/webm",
    ".mp3": "audio/mp3",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".m4a": "audio/m4a",
    ".aac": "audio/aac",
}
"""The service's content types, by suffix."""

_ALSO = {".m4v": ".mp4", ".qt": ".mov", ".wave": ".wav", ".adts": ".aac", ".m4b": ".m4a"}
READ = (*ACCEPTED, *_ALSO, ".weba")
"""Suffixes of files that can be sent as one of these."""
_KIN = ({".mp4", ".mov", ".m4a"}, {".mkv", ".webm"})  # of one container format: the suffix decides
_BRANDS = {b"qt  ": ".mov", b"M4A ": ".m4a", b"M4B ": ".m4a"}
_OTHERS = {
    b"OggS": "Ogg (.ogg, .opus)",
    b"caff": "Core Audio (.caf)",
    b"FORM": "AIFF",
    b"FLV\x01": "Flash video",
    b"\x30\x26\xb2\x75": "Windows Media (.wma, .wmv)",
}


def as_part(upload: Upload, name: str) -> Upload:
    """Return a file under the content type that the service takes for it.

    Parameters
    ----------
    upload
        The file.
    name
        The service's, for messages.

    Raises
    ------
    InputError
        It is none of the ten.
    """
    with closing(upload.reader()) as file:
        head = file.read(4096)
    known = signature(head)
    if known and known.kind not in ("sound", "video"):
        raise InputError(
            f"{upload.called} is {known}: {name} does not take it", _instead(upload, head)
        )
    named = Path(upload.name).suffix.lower()
    named = _ALSO.get(named, named)
    seen = _sniffed(head)
    if seen is None or any({seen, named} <= kin for kin in _KIN):
        seen = named
    if seen not in ACCEPTED:
        other = next((words for start, words in _OTHERS.items() if head.startswith(start)), "")
        what = other or (named if named else "of a kind that its first bytes do not tell")
        raise InputError(
            f"{name} does not take {upload.called}: it is {what}",
            _instead(upload, head),
        )
    whole = upload.name if named == seen else f"{Path(upload.name).stem}{seen}"
    return replace(upload, name=whole, content_type=ACCEPTED[seen])


def _instead(upload: Upload, head: bytes) -> str:
    takes = f"it takes {' '.join(suffix[1:] for suffix in ACCEPTED)}"
    if head.startswith((b"OggS", b"FORM")):  # libsndfile reads them
        return f"{takes}, and samples: {decoded(upload)}, then part in its place"
    return f"{takes}: save it as one of these"


def _sniffed(head: bytes) -> str | None:
    """The suffix that a file's first bytes say; empty for what is known to be none of the ten."""
    if head[:4] == b"RIFF":
        return {b"WAVE": ".wav", b"AVI ": ".avi"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], ".mp4")
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):  # QuickTime from before brands
        return ".mov"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return ".webm" if b"webm" in head[:64] else ".mkv"
    if head[:4] == b"fLaC":
        return ".flac"
    if head[:3] == b"ID3":
        return ".mp3"
    if head[:1] == b"\xff" and len(head) > 1:
        if head[1] & 0xF6 == 0xF0:
            return ".aac"
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x06 == 0x02:  # layer III
            return ".mp3"
    return "" if any(head.startswith(start) for start in _OTHERS) else None


def check_sizes(uploads: Sequence[Upload], most: int, count: int, name: str) -> None:
    """Refuse what the service would refuse only when all of it was sent.

    Parameters
    ----------
    uploads
        The files of one request.
    most, count
        Bytes of a file, and files, that the service takes.
    name
        The service's, for messages.

    Raises
    ------
    InputError
        None, too many, or one too large.
    """
    if not uploads:
        raise InputError(f"{name}: there is no file", "name one or more files")
    if len(uploads) > count:
        raise InputError(
            f"{name} takes {count} files at once, these are {len(uploads)}",
            "some of them first, then the rest with what that made",
        )
    for upload in uploads:
        if upload.size > most:
            needed = upload.size // (1024 * 1024) + 1
            raise InputError(
                f"{upload.called} has {size_text(upload.size)}: {name} takes files up to "
                f"{size_text(most)}",
                f"a smaller file, or: {setting(name, 'ffmpeg', f'MAX_FILE_SIZE={needed}')}",
            )
