"""What all results made of bytes have in common."""

from __future__ import annotations

import base64
import builtins
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...clients.content import Content, content_type_of, file_named, suffix_of
from ...clients.signatures import HEAD, signature
from ...control_characters import make_visible
from ...errors import ArgumentError, InputError
from ...html import Html, attribute, lines
from ...meter import size_text
from ..made import Made
from ..shown import Shown as Shown
from .beside import put_beside
from .chain import Chain, plain, public

INLINE_LIMIT = 1_000_000
"""Bytes up to which media is saved in the notebook."""
_UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_ALIASES = {  # of the part behind the slash; what is one format has one word
    "mp3": "mpeg",
    "x-mp3": "mpeg",
    "x-wav": "wav",
    "wave": "wav",
    "vnd.wave": "wav",
    "x-flac": "flac",
    "x-m4a": "mp4",
    "m4a": "mp4",
    "x-m4v": "mp4",
    "opus": "ogg",
    "jpg": "jpeg",
    "pjpeg": "jpeg",
}


class Media(Shown):
    """Bytes that a service made. ``str(media)`` is one line on them.

    Parameters
    ----------
    content
        The bytes.
    made
        How they were made.
    settings
        Every option that was used, defaults of ours included; by default those of `made`.
    facts
        What the service said of it (a seed that it drew, a size in pixels).
    notes
        What the reader must know besides (a fall-back, a model that was pulled).
    inline_limit
        Bytes; what is larger is written to a file beside the notebook when it is shown.

    Attributes
    ----------
    made, settings, told, notes
        As above; `told` are the facts.
    """

    def __init__(
        self,
        content: Content,
        made: Made,
        *,
        settings: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
        inline_limit: int = INLINE_LIMIT,
    ) -> None:
        self.content, self.made = content, made
        self.settings = dict(made.options if settings is None else settings)
        self.told = dict(facts or {})
        self.notes: tuple[str, ...] = tuple(notes)
        self.inline_limit = inline_limit

    _link = Html()  # further attributes of the link to a file beside

    @staticmethod
    def type_of(content: Content) -> str:
        """Return the content type; where the service named none, what name or first bytes say."""
        kind = content.content_type
        if kind in ("", _UNKNOWN) and content.name:
            kind = content_type_of(content.name)
        if kind in ("", _UNKNOWN):
            kind = _type_by_bytes(content)
        return kind if _TYPE.fullmatch(kind) else _UNKNOWN

    @property
    def bytes(self) -> builtins.bytes:
        """All of them, in memory."""
        return self.content.bytes

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.content.size

    @property
    def content_type(self) -> str:
        """What they are: ``audio/wav``, ``image/png``."""
        return self.type_of(self.content)

    @property
    def suffix(self) -> str:
        """The usual ending of a file of them, dot included."""
        usual = suffix_of(self.content_type)
        return self.content.suffix if usual == ".bin" else usual

    @property
    def usual_type(self) -> str:
        """The type by the name that browsers know: ``audio/ogg`` for ``audio/opus``."""
        usual = content_type_of(f"x{self.suffix}")
        return self.content_type if usual == _UNKNOWN else usual

    @property
    def chain(self) -> Chain:
        """All steps that led here, each with its service, commit, model, options and inputs."""
        return Chain(self.made)

    @property
    def summary(self) -> str:
        """One line in words, the same whenever the same bytes come again."""
        return ", ".join([self.made.what, *self._details(), self._format, size_text(self.size)])

    @property
    def _format(self) -> str:
        return self.suffix.removeprefix(".")

    def _details(self) -> list[str]:
        """What is known of them between the word for them and their format."""
        return []

    def __str__(self) -> str:
        return self.summary

    def __repr__(self) -> str:
        return make_visible(f"<{type(self).__name__}: {self.summary}>")

    def save(self, path: str | Path) -> Path:
        """Write the bytes to a file, whole or not at all, and return its path.

        Parameters
        ----------
        path
            Where; without a suffix it gets the one that fits.

        Raises
        ------
        ArgumentError, DiskFullError
            The suffix is one of another format; it is a folder; the file cannot be written; there
            is no room.
        """
        target = file_named(path, self.suffix)
        self._refuse_other_format(target)
        return self.content.save(target)

    def _refuse_other_format(self, target: Path) -> None:
        have = self.content_type
        is_media = have.startswith(("audio/", "video/", "image/"))
        if is_media and is_other_format(target.name, have):
            raise ArgumentError(
                f"{target.name}: this is {self._format}, and saving does not convert it",
                self._conversion(target),
            )

    def _conversion(self, target: Path) -> str:
        return f"save it as {target.with_suffix(self.suffix).name}"

    def facts(self) -> dict[str, Any]:
        """What goes into the output's metadata: no address, no folder, no time.

        What the service told is left out: much of it is how long it took.
        """
        return {
            "kind": type(self).__name__.lower(),
            "content_type": self.content_type,
            "size": self.size,
            "sha256": self.content.sha256,
            "settings": plain(self.settings),
            "made": public(self.made),
        }

    def html(self) -> Html:
        """The result as HTML that needs no style sheet and no script."""
        return self._lines(self._source()[1])

    def _plain(self) -> str:
        return "\n".join((self.summary, *self.notes))

    def _metadata(self) -> dict[str, Any]:
        return {"mc_jupyter": self.facts()}

    def _source(self, limit: int | None = None) -> tuple[Html, str]:
        """An address for ``src`` (empty where there is none), and what to say of it."""
        if self.size <= (self.inline_limit if limit is None else limit):
            data = base64.b64encode(self.bytes).decode()
            return attribute(f"data:{self.usual_type};base64,{data}"), ""
        place = put_beside(self.content, self.made.what, self.suffix)
        if place.path is None:
            said = f"not saved with the notebook: {place.problem}; .save(path) writes it elsewhere"
            return Html(), said
        address = attribute(str(place.path))
        link = Html('<a{} href="{}">{}</a>').format(self._link, address, str(place.path))
        return address, link

    def _lines(self, *also: str) -> Html:
        """What is said below: the summary, what `also` says, the notes."""
        return Html("<small>{}</small>").format(lines((self.summary, *also, *self.notes)))


def _type_by_bytes(content: Content) -> str:
    known = None
    with suppress(InputError), content.open() as file:  # a temporary file may be gone
        known = signature(file.read(HEAD))
    is_media = known is not None and known.kind in ("picture", "sound", "video")
    return content_type_of(f"x{known.suffix}") if known and is_media else _UNKNOWN


def is_other_format(name: str, content_type: str) -> bool:
    """Whether a file's name says a format that is another than this one.

    Parameters
    ----------
    name
        Of the file; a suffix that nobody knows says nothing.
    content_type
        What is to go into it.
    """
    wanted = content_type_of(name)
    return wanted != _UNKNOWN and _word(wanted) != _word(content_type)


def _word(content_type: str) -> str:
    """A format in a word, whichever of its names the type has."""
    main, _, name = content_type.partition("/")
    return _ALIASES.get(name, name) if main != "text" else content_type
