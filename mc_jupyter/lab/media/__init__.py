"""Results that show themselves: sound, pictures, videos, texts, transcripts, any other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...clients.content import Content
from ..made import Made
from .audio import Audio
from .base import INLINE_LIMIT, Media, Shown
from .file import File
from .picture import Gallery, Picture
from .said import Said, is_text
from .transcript import Transcript
from .video import Video

__all__ = [
    "Audio",
    "File",
    "Gallery",
    "Media",
    "Picture",
    "Said",
    "Shown",
    "Transcript",
    "Video",
    "show",
]

_KINDS: dict[str, type[Media]] = {"audio": Audio, "image": Picture, "video": Video}
_LONGEST_TEXT = 16_000_000  # bytes; a larger one is a file


def show(
    content: Content,
    made: Made,
    *,
    settings: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    inline_limit: int = INLINE_LIMIT,
) -> Media:
    """Return the result that fits the type of what came; a :class:`File` for most types.

    Parameters
    ----------
    content, made, settings, facts, notes, inline_limit
        See :class:`Media`.
    """
    content_type = Media.type_of(content)
    kind = _KINDS.get(content_type.partition("/")[0], File)
    if kind is File and is_text(content_type) and content.size <= _LONGEST_TEXT:
        kind = Said
    return kind(
        content, made, settings=settings, facts=facts, notes=notes, inline_limit=inline_limit
    )
