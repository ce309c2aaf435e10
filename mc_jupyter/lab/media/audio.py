"""Sound that shows itself as a player with its waveform."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...html import Html, attribute
from .base import Media
from .conversion import converted
from .waveform import COLUMNS, described, waveform
from .words import channels_text, duration_text, rate_text

if TYPE_CHECKING:
    from ...clients.sound import Sound

PLAYED = ("wav", "mp3", "flac", "ogg", "opus", "oga", "m4a", "aac", "weba", "webm", "mp4")
_STYLE = "display: block; width: 100%; max-width: 480px"


class Audio(Media):
    """Sound: a player, its waveform, and how long it is.

    ``duration`` is in seconds, ``sample_rate`` in hertz; None where the format cannot be read.
    """

    @cached_property
    def _sound(self) -> Sound | None:
        from ...clients import sound

        return sound.describe(self.content)

    @cached_property
    def _peaks(self) -> Sequence[float]:
        from ...clients import sound

        try:
            return sound.peaks(self.content, COLUMNS) if self._sound else []
        except InputError:  # it breaks off in the middle
            return []

    @property
    def duration(self) -> float | None:
        """Seconds."""
        return self._sound.duration if self._sound else None

    @property
    def sample_rate(self) -> int | None:
        """Samples a second."""
        return self._sound.sample_rate if self._sound else None

    @property
    def channels(self) -> int | None:
        """1 is mono, 2 stereo."""
        return self._sound.channels if self._sound else None

    def samples(self) -> Any:
        """Return the samples as a numpy array from -1 to 1: (frames,), or (frames, channels).

        Raises
        ------
        InputError
            The format cannot be read here.
        """
        from ...clients import sound

        return sound.samples(self.content)

    def _details(self) -> list[str]:
        sound = self._sound
        if sound is None:
            return []
        kind = f"{rate_text(sound.sample_rate)} {channels_text(sound.channels)}"
        return [duration_text(sound.duration), kind]

    def facts(self) -> dict[str, Any]:
        """The common facts, duration (s), sample rate (Hz) and channels."""
        return super().facts() | {
            "duration": None if self.duration is None else round(self.duration, 3),
            "sample_rate": self.sample_rate,
            "channels": self.channels,
        }

    def html(self) -> Html:
        """The waveform, a player, and a line on it."""
        source, said = self._source()
        picture, player, words = Html(), Html(), ""
        if self._peaks:
            alt = attribute(described(self._peaks, self.duration))
            image = Html('<img alt="{}" src="{}" style="{}">')
            picture = image.format(alt, attribute(waveform(self._peaks)), _STYLE)
        if self._format not in PLAYED:
            words = f"browsers do not play {self._format}: {self._conversion(Path('x.wav'))}"
        elif source:
            # `src` on the element itself: where a notebook is not trusted, <source> loses its own
            element = Html('<audio controls preload="metadata" src="{}" style="{}"></audio>')
            player = element.format(source, _STYLE)
        return Html("{}{}{}").format(picture, player, self._lines(said, words))

    def _conversion(self, target: Path) -> str:
        line = converted("convert", target, self.suffix)
        if not line and self._sound and (again := converted("convert", target, ".wav")):
            part = "part = (VARIABLE.samples(), VARIABLE.sample_rate)"  # sent as a wav
            line = f"{part}, then {again.replace('VARIABLE', 'part')}"
        return line or super()._conversion(target)
