"""What the clients of speech services share: one wording, whatever the service calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .. import cancel
from ..errors import MediaConduitError, OptionError, VoiceNotFoundError, did_you_mean
from ..events import Event, Report, silent
from . import sound
from .content import Product
from .lines import magic
from .option import Options
from .refusals import some_text
from .sentences import split_text
from .upload import Upload

PAUSE = 0.3
"""Seconds of silence between the pieces of a long text."""


_LISTED = 12  # voices that an error names one by one


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


def no_such_voice(name: str, voice: str, known: Sequence[Voice], kind: str) -> VoiceNotFoundError:
    """Return the error for a voice that is not there.

    Parameters
    ----------
    name
        The service's name.
    voice
        What was asked for.
    known
        What there is.
    kind
        The service's kind, whose magic lists the voices.
    """
    ids = [one.id for one in known]
    guess = did_you_mean(voice, ids) if ids else "it has no voices"
    if not guess.startswith("did") and len(ids) > _LISTED:
        guess = f"it has {len(ids)}, like {', '.join(ids[:3])}"
    return VoiceNotFoundError(
        f"{name} has no voice {voice!r}: {guess}", f"to see all: {magic(kind, name, 'voices')}"
    )


def speak_all(
    client: SpeechClient,
    text: str,
    *,
    voice: str | None = None,
    speed: float | None = None,
    format: str | None = None,
    reference: Upload | None = None,
    pause: float = PAUSE,
    report: Report = silent,
    partly: Callable[[Product], None] = lambda product: None,
    **options: Any,
) -> Product:
    """Return the speech of a text of any length, in any format that can be had.

    A text that fits one request, in a format of the client's, gives the service's own bytes.
    Otherwise the pieces are spoken as wav one after the other, joined, and encoded here; then
    ``settings`` also has ``pieces``, ``pause`` and ``encoded_from``.

    Parameters
    ----------
    client
        Who speaks.
    pause
        Seconds of silence between two pieces.
    report
        Told of progress ("speaking 2 of 5").
    partly
        Given what was spoken, as wav, where not all of it was, or where it could not be encoded:
        before the error or the interrupt goes on. Its ``settings`` have ``pieces_missing``, its
        ``facts`` the ``rest`` of the text.
    text, voice, speed, format, reference, options
        As for :meth:`SpeechClient.speak`.

    Raises
    ------
    OptionError
        Also for a format that neither the service nor libsndfile can write; before anything is
        spoken, where the sample rate does not decide it.
    MediaConduitError
        What :meth:`SpeechClient.speak` raises. An interrupt or cancel ends the piece that is
        being spoken, and none follows.
    """
    pieces = split_text(some_text(text), client.longest)
    wanted = format or client.formats[0]
    given = {"voice": voice, "speed": speed, "reference": reference, **options}
    if len(pieces) == 1 and wanted in client.formats:
        return client.speak(pieces[0], format=format, report=report, **given)
    if wanted not in sound.ENCODINGS:
        known = dict.fromkeys((*client.formats, *sound.ENCODINGS))
        fit = [one for one in known if len(pieces) == 1 or one in sound.ENCODINGS]
        why = "" if wanted not in known else f" for a text of {len(pieces)} pieces"
        raise OptionError(f"format is {wanted!r}{why}", f"accepted: {', '.join(fit)}")
    if len(pieces) > 1 and not voice and not reference and client.clones and not client.voices():
        doubt = (
            f"{client.name} draws a voice for each of the {len(pieces)} pieces: --reference FILE"
        )
        report(Event("note", f"{doubt} keeps one", keep=True))
    spoken: list[Product] = []
    try:
        for product in _spoken(client, pieces, given, report):
            spoken.append(product)
        return _joined(spoken, pieces, wanted, pause)
    except (MediaConduitError, KeyboardInterrupt):
        if spoken:
            with suppress(MediaConduitError):  # the first one is told
                partly(_joined(spoken, pieces, "wav", pause))
        raise


def _joined(spoken: Sequence[Product], pieces: Sequence[str], format: str, pause: float) -> Product:
    content = sound.join([one.content for one in spoken], format, pause)
    first = spoken[0]
    settings = {**first.settings, "format": format, "encoded_from": "wav"}
    if len(pieces) == 1:
        return replace(first, content=content, settings=settings)
    settings |= {"pieces": len(spoken), "pause": pause}
    names = dict.fromkeys(name for one in spoken for name in one.facts)
    facts: dict[str, Any] = {name: [one.facts.get(name) for one in spoken] for name in names}
    if missing := pieces[len(spoken) :]:
        settings["pieces_missing"] = len(missing)
        facts["rest"] = "\n\n".join(missing)
    return Product(content, first.model, settings, facts)


def _spoken(
    client: SpeechClient, pieces: Sequence[str], given: Mapping[str, Any], report: Report
) -> Iterator[Product]:
    for number, piece in enumerate(pieces, 1):
        cancel.check()
        doing = f"speaking {number} of {len(pieces)}"

        def tell(event: Event, doing: str = doing) -> None:
            report(event if event.keep else replace(event, text=f"{doing}: {event.text}"))

        if len(pieces) > 1:
            report(Event("work", doing))
        told_of = tell if len(pieces) > 1 else report
        yield client.speak(piece, format="wav", report=told_of, **given)
