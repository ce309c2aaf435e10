"""A video that shows itself as a player."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...html import Html
from .base import Media
from .conversion import converted
from .picture import size_attributes
from .words import duration_text

_PLAYED = ("mp4", "m4v", "webm", "ogv", "mov")
_STYLE = "display: block; max-width: 100%; max-height: 480px"


class Video(Media):
    """A video: a player, and what the service told of it (``facts``).

    ``width`` and ``height`` are in pixels, ``fps`` in pictures a second, ``duration`` in seconds;
    None where the service did not say.
    """

    @property
    def width(self) -> int | None:
        """Pixels."""
        return self.told.get("width")

    @property
    def height(self) -> int | None:
        """Pixels."""
        return self.told.get("height")

    @property
    def fps(self) -> float | None:
        """Pictures a second."""
        return self.told.get("fps")

    @property
    def duration(self) -> float | None:
        """Seconds."""
        return self.told.get("duration")

    def _details(self) -> list[str]:
        length = duration_text(self.duration) if self.duration else ""
        size = f"{self.width} × {self.height}" if self.width and self.height else ""
        rate = f"{round(self.fps, 2):g} fps" if self.fps else ""
        return [part for part in (length, size, rate) if part]

    def facts(self) -> dict[str, Any]:
        """The common facts, width and height (pixels), pictures a second, duration (s)."""
        names = ("width", "height", "fps", "duration")
        return super().facts() | {name: getattr(self, name) for name in names}

    def html(self) -> Html:
        """A player, and a line on it."""
        source, said = self._source()
        player, words = Html(), ""
        if self._format not in _PLAYED:
            words = f"browsers do not play {self._format}: {self._conversion(Path('x.mp4'))}"
        elif source:
            size = size_attributes(self.width, self.height)
            element = Html('<video controls preload="metadata"{} src="{}" style="{}"></video>')
            player = element.format(size, source, _STYLE)
        return Html("{}{}").format(player, self._lines(said, words))

    def _conversion(self, target: Path) -> str:
        line = converted("extract-audio", target, self.suffix)
        line = line or converted("filter", target, self.suffix)
        return line or super()._conversion(target)
