"""What the clients of speech services share: one wording, whatever the service calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import VoiceNotFoundError, did_you_mean
from ..events import Report, silent
from .content import Product, Upload
from .option import Options


@dataclass(frozen=True)
class Voice:
    """A voice of a service.

    Attributes
    ----------
    id
        What ``voice=`` takes.
    about
        A name or kind for people; may be empty.
    """

    id: str
    about: str = ""


class SpeechClient(Protocol):
    """A client that makes speech of text.

    Attributes
    ----------
    name
        The service's name, for messages.
    formats
        The audio formats that it can answer with, the one that it takes unasked first.
    longest
        Characters that one request may have; longer texts are split at sentences.
    options
        What it takes beside voice, speed and format.
    clones
        Whether it can speak with the voice of a recording (``reference``).
    """

    name: str
    formats: tuple[str, ...]
    longest: int
    options: Options
    clones: bool

    def voices(self) -> list[Voice]:
        """Return the voices that there are now."""

    def speak(
        self,
        text: str,
        *,
        voice: str | None = None,
        speed: float | None = None,
        format: str | None = None,
        reference: Upload | None = None,
        report: Report = silent,
        **options: Any,
    ) -> Product:
        """Return the speech of one text, not longer than :attr:`longest`.

        Parameters
        ----------
        text
            What is spoken.
        voice
            The id of a voice; None takes the service's own choice.
        speed
            1 is the voice's own; 2 is twice as fast.
        format
            One of :attr:`formats`.
        reference
            A recording whose voice is taken.
        report
            Told of progress.
        options
            See :attr:`options`.

        Raises
        ------
        OptionError, InputError, VoiceNotFoundError, ResponseError, ConnectionFailedError
            As each says.
        """


def no_such_voice(name: str, voice: str, known: Sequence[Voice], hint: str = "") -> Exception:
    """Return the error for a voice that is not there.

    Parameters
    ----------
    name
        The service's name.
    voice
        What was asked for.
    known
        What there is.
    hint
        The next step; by default the line that lists the voices.
    """
    ids = [one.id for one in known]
    guess = did_you_mean(voice, ids) if ids else "it has no voices"
    return VoiceNotFoundError(
        f"{name} has no voice {voice!r}: {guess}", hint or f"to see all: %{name} voices"
    )
