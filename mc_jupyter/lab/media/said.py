"""Text or JSON that a service answered with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...clients.content import Content
from ...clients.loads import TooDeepError, TooManyError, loads
from ...html import Html, preformatted
from ..made import Made
from .base import INLINE_LIMIT, Media
from .words import shortened

_ENCODINGS = ("utf-8-sig", "cp1252")


class Said(Media):
    """A text as a service said it. ``str(said)`` is the text.

    Parameters
    ----------
    source
        The text, or the bytes that it came in.
    made, settings, facts, notes, inline_limit
        See :class:`Media`.

    Attributes
    ----------
    text
        The text.
    data
        What it says as JSON; None where it is none, or more than is read (a note says so).
    """

    def __init__(
        self,
        source: str | Content,
        made: Made,
        *,
        settings: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
        inline_limit: int = INLINE_LIMIT,
    ) -> None:
        content = Content(source.encode(), "text/plain") if isinstance(source, str) else source
        super().__init__(
            content, made, settings=settings, facts=facts, notes=notes, inline_limit=inline_limit
        )
        self.text = _decoded(content.bytes)
        problem = ""
        self.data: Any = None
        if is_json(self.content_type):
            self.data, problem = _parsed(self.text)
        self.notes += (problem,) if problem else ()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Said: {self.text[:60]!r}>"

    @property
    def _shown(self) -> str:
        text = self.text
        if self.data is not None:
            text = json.dumps(self.data, indent=2, ensure_ascii=False)
        return shortened(text)

    def html(self) -> Html:
        """The text as it stands, JSON with its lines; notes below."""
        return preformatted(self._shown, *self.notes)

    def _plain(self) -> str:
        return "\n".join((self._shown, *self.notes))


def is_json(content_type: str) -> bool:
    """Whether a content type is one of JSON."""
    return content_type == "application/json" or content_type.endswith("+json")


def is_text(content_type: str) -> bool:
    """Whether bytes of a content type are for people to read."""
    others = ("application/xml", "application/yaml", "application/x-ndjson", "application/jsonl")
    return content_type.startswith("text/") or content_type in others or is_json(content_type)


def _decoded(raw: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _parsed(text: str) -> tuple[Any, str]:
    """What a text says as JSON, and what to say where it is more than is read."""
    try:
        return loads(text), ""
    except (TooDeepError, TooManyError) as error:
        return None, f"not read as JSON: {error}; .text has all of it"
    except ValueError:
        return None, ""
