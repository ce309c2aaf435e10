"""Pictures that show themselves: one, or several beside each other."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...clients.content import file_named
from ...control_characters import make_visible
from ...html import Html, attribute, lines
from ...meter import size_text
from ..made import Made
from ..shown import Shown
from .base import INLINE_LIMIT, Media
from .chain import Chain
from .dimensions import dimensions
from .words import duration_text, is_time

_NATIVE = ("image/png", "image/jpeg")  # what every front end and every converter shows
_STYLE = "display: block; max-width: 100%; height: auto"
_HEADER = 1 << 20  # bytes; a JPEG's size stands behind its thumbnail
_SHOWN = ("png", "jpg", "jpeg", "gif", "webp", "svg", "avif", "bmp", "ico", "apng")


class Picture(Media):
    """A picture. ``width`` and ``height`` are pixels, as it is seen; None where not known."""

    @cached_property
    def _size(self) -> tuple[int, int] | None:
        with self.content.open() as file:
            return dimensions(file.read(_HEADER))

    @property
    def width(self) -> int | None:
        """Pixels."""
        return self._size[0] if self._size else None

    @property
    def height(self) -> int | None:
        """Pixels."""
        return self._size[1] if self._size else None

    def _details(self) -> list[str]:
        at = self.told.get("time")  # of a frame, in its video
        moment = f"at {duration_text(at)}" if is_time(at) else ""
        size = f"{self.width} × {self.height}" if self._size else ""
        return [part for part in (moment, size) if part]

    def facts(self) -> dict[str, Any]:
        """The common facts, width and height (pixels)."""
        return super().facts() | {"width": self.width, "height": self.height}

    def html(self) -> Html:
        """The picture, and a line on it."""
        image, said = self.image()
        return Html("{}{}").format(image, self._lines(said))

    def image(self, limit: int | None = None, style: str = _STYLE) -> tuple[Html, str]:
        """Return the picture as an HTML element, and what to say of its file.

        Parameters
        ----------
        limit
            Bytes; what is larger goes to a file. By default the picture's own limit.
        style
            CSS of the element.
        """
        source, said = self._source(limit)
        if self._format not in _SHOWN:
            words = f"browsers do not show {self._format}: save it as x{self.suffix}"
            return Html(), lines((said, words)) if said else words
        if not source:
            return Html(), said
        size = size_attributes(self.width, self.height)
        element = Html('<img alt="{}"{} src="{}" style="{}">')
        return element.format(attribute(self.summary), size, source, style), said

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As a picture of its own type where that is enough: it is saved once, and shows on GitHub
        and in a PDF. HTML would hold it a second time."""
        if self.usual_type not in _NATIVE or self.notes or self.size > self.inline_limit:
            return super()._repr_mimebundle_()
        data = {
            "text/plain": make_visible(self.summary),
            self.usual_type: base64.b64encode(self.bytes).decode(),
        }
        return data, {"mc_jupyter": self.facts(), self.usual_type: {"alt": self.summary}}

    def _conversion(self, target: Path) -> str:
        ending = target.suffix.removeprefix(".")
        return f"save it as {target.with_suffix(self.suffix).name}; Pillow converts it to {ending}"


class Gallery(Shown, Sequence[Media]):
    """Several pictures of one making, shown beside each other; ``gallery[0]`` is the first.

    Parameters
    ----------
    pictures
        At least one.
    notes
        What the reader must know besides.

    Attributes
    ----------
    notes
        As above.
    """

    def __init__(self, pictures: Sequence[Media], notes: Sequence[str] = ()) -> None:
        self._pictures = tuple(pictures)
        self.notes: tuple[str, ...] = tuple(notes)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: Any) -> Any:
        return self._pictures[index]

    def __iter__(self) -> Iterator[Media]:
        return iter(self._pictures)

    @property
    def made(self) -> Made:
        """How they were made."""
        return self._pictures[0].made

    @property
    def chain(self) -> Chain:
        """All steps that led here."""
        return Chain(self.made)

    @property
    def size(self) -> int:
        """Bytes of all together."""
        return sum(picture.size for picture in self)

    @property
    def summary(self) -> str:
        """One line in words."""
        return f"{len(self)} × {self.made.what}, {size_text(self.size)}"

    def __str__(self) -> str:
        return self.summary

    def __repr__(self) -> str:
        return make_visible(f"<Gallery: {self.summary}>")

    def save(self, path: str | Path) -> list[Path]:
        """Write each to a file of its own (``x-1.png``, ``x-2.png``); return their paths.

        Raises
        ------
        ArgumentError, DiskFullError
            As :meth:`Media.save`.
        """
        target = file_named(path, self._pictures[0].suffix)
        return [
            picture.save(target.with_name(f"{target.stem}-{number}{target.suffix}"))
            for number, picture in enumerate(self, 1)
        ]

    def html(self) -> Html:
        """The pictures in rows, a line below each."""
        limits = [getattr(picture, "inline_limit", INLINE_LIMIT) for picture in self]
        limit = min(limits) if self.size <= min(limits) else 0
        cells = Html().join(_cell(number, one, limit) for number, one in enumerate(self, 1))
        rows = Html('<div style="display: flex; flex-wrap: wrap; gap: 8px">{}</div>').format(cells)
        return rows + Html("<small>{}</small>").format(lines((self.summary, *self.notes)))

    def _plain(self) -> str:
        each = (f"{number}: {one.summary}" for number, one in enumerate(self, 1))
        return "\n".join((self.summary, *each, *self.notes))

    def _metadata(self) -> dict[str, Any]:
        return {"mc_jupyter": {"kind": "gallery", "items": [one.facts() for one in self]}}


def size_attributes(width: object, height: object) -> Html:
    """Return the attributes of an element's size in pixels; none where it is not known."""
    if not (width and height):
        return Html()
    return Html(' width="{}" height="{}"').format(attribute(str(width)), attribute(str(height)))


def _cell(number: int, one: Media, limit: int) -> Html:
    image, said = Html(), ""
    if isinstance(one, Picture):
        image, said = one.image(limit, "display: block; height: 160px; width: auto")
    line = lines((f"{number}: {one.summary}", said))
    return Html("<div>{}<small>{}</small></div>").format(image, line)
