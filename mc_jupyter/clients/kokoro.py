"""Kokoro-FastAPI, as github.com/remsky/Kokoro-FastAPI serves it, given a URL.

Speech is asked for as a stream: only then does the server notice that nobody listens any more,
and stop. The head of a WAV that comes so does not tell its length; that is mended here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import MediaConduitError, OptionError
from ..events import Event, Report, silent
from .base import ServiceClient, at_work
from .content import Content, Product, gather
from .faults import Fault
from .kokoro_options import NEWER, OPTIONS, SPEED, about, sent_as
from .lines import log
from .refusals import fits, one_of, refused
from .sound import PCM_RATE, mend_wav
from .speech import Voice, no_such_voice
from .upload import Upload

_SPEECH = "/v1/audio/speech"
_VOICES = "/v1/audio/voices"
# voices of OpenAI, which the server takes for some of its own and does not list
_ALIASES = {"alloy", "ash", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer"}
_PART = re.compile(r"([^\s()+-]+)(?:\((\d+(?:\.\d+)?|\.\d+)\))?")
_NO_VOICE = re.compile(r"Voice '?([^']+?)'? not found\. Available voices: (.*)")


def _refined(fault: Fault) -> MediaConduitError | None:
    voice = _NO_VOICE.search(fault.text)
    if voice is not None:
        known = [Voice(id) for id in voice[2].split(", ")]
        return no_such_voice(fault.name, voice[1], known, "kokoro")
    return refused(fault)


class KokoroClient(ServiceClient):
    """A client of one Kokoro server; threads may share it.

    Parameters
    ----------
    url, token, limits, name, changed
        As for :class:`~mc_jupyter.clients.base.ServiceClient`.
    """

    formats = ("wav", "mp3", "opus", "flac", "aac", "pcm")
    # the server cuts texts itself and joins the pieces without a gap, so they go whole; an
    # hour of speech is where one broken connection loses too much
    longest = 50_000
    clones = False
    options = OPTIONS
    _kind = "kokoro"
    _refine = staticmethod(_refined)
    _alive = "/health"

    def health(self) -> dict[str, Any]:
        """Return what the server says of itself (``status``)."""
        return self._http.call("GET", "/health")

    def models(self) -> list[str]:
        """Return the names that ``model`` takes, as the server lists them."""
        data = self._http.call("GET", "/v1/models").get("data")
        if not isinstance(data, list):
            raise self._wrong("/v1/models answered with no list of models")
        return [str(one["id"]) for one in data if isinstance(one, Mapping) and "id" in one]

    def voices(self) -> list[Voice]:
        """Return the voices that there are now, in either shape that the servers have."""
        listed = self._http.call("GET", _VOICES).get("voices")
        if not isinstance(listed, list):
            raise self._wrong(f"{_VOICES} answered with no list of voices")
        ids = [one.get("id") or one.get("name") if isinstance(one, dict) else one for one in listed]
        return [Voice(str(one), about(str(one))) for one in ids if one]

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
        """Return the speech of a text.

        Parameters
        ----------
        voice
            The id of a voice, or a mix like ``af_bella(2)+af_sky(1)``; None leaves it to the
            server. OpenAI's names (``alloy``) go to the server as they are.
        text, speed, format, reference, report, options
            As for :meth:`~mc_jupyter.clients.speech.SpeechClient.speak`; it cannot clone.

        Raises
        ------
        OptionError, InputError, VoiceNotFoundError
            Before anything is spoken.
        ResponseError, ConnectionFailedError
            The server failed; where that happened in the middle, it breaks the connection.
        """
        fits(self.name, self.longest, text)
        if reference is not None:
            raise OptionError(
                f"{self.name} cannot speak in the voice of a recording", "chatterbox and zonos can"
            )
        body = {"model": "kokoro", "response_format": one_of(self.formats, format), "stream": True}
        if speed is not None:
            body["speed"] = SPEED.check("speed", speed)
        body |= sent_as(options, self.name)
        self._refuse_ignored([name for name in NEWER if name in body])
        if voice is not None:
            body["voice"] = self._voice(voice)
        content = self._spoken({**body, "input": text}, report)
        return Product(content, model=str(body["model"]), settings=body)

    def _spoken(self, body: Mapping[str, Any], report: Report) -> Content:
        format = body["response_format"]
        with (
            at_work(f"{self.name} is speaking", report) as told_of,
            self._http.open("POST", _SPEECH, body) as reply,
        ):
            kind = reply.content_type
            if not kind.startswith("audio/"):
                raise self._wrong(f"{_SPEECH} answered with {kind or 'no content type'}, no sound")
            told_bytes = _tell_seconds(self.name, told_of) if format in ("wav", "pcm") else None
            content = gather(reply.pieces(), kind, told=told_bytes or (lambda done: None))
        if not content.size:
            raise self._wrong(f"{_SPEECH} answered with no sound at all", log(self.name))
        return mend_wav(content) if format == "wav" else content

    def _voice(self, text: str) -> str:
        """A voice or mix, checked against the list."""
        parts = re.split(r"\s*[+-]\s*", text.strip())
        found = [_PART.fullmatch(part) for part in parts]
        names = [match[1] for match in found if match]
        if len(names) < len(parts):
            raise OptionError(
                f"voice is {text!r}", "accepted: a voice, or a mix like af_bella(2)+af_sky(1)"
            )
        known = self.voices()
        ids = {one.id for one in known} | _ALIASES
        for name in names:
            if name not in ids:
                raise no_such_voice(self.name, name, known, self._kind)
        return re.sub(r"\s+", "", text)

    def _refuse_ignored(self, wanted: Sequence[str]) -> None:
        """Refuse what an older server would silently ignore: its description tells."""
        if not wanted:
            return
        described = self._http.get("/openapi.json")
        try:
            body = described["paths"][_SPEECH]["post"]["requestBody"]["content"]["application/json"]
            schema = described["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
            known = schema["properties"]
        except (KeyError, TypeError, AttributeError):
            return  # it describes itself otherwise, so nothing is known
        if not isinstance(known, Mapping):
            return
        names = {option.sent: name for name, option in OPTIONS.items() if option.sent}
        for sent in wanted:
            if sent not in known:
                raise OptionError(
                    f"{self.name} would ignore {names.get(sent, 'normalize')}: this image does "
                    f"not know {sent}",
                    "leave it out, or run a newer image",
                )


def _tell_seconds(name: str, report: Report) -> Callable[[int], None]:
    said = time.monotonic()

    def tell(done: int) -> None:
        nonlocal said
        if time.monotonic() - said >= 0.25:
            said = time.monotonic()
            there = f"{name} is speaking: {done / PCM_RATE / 2:.0f} s are there"
            report(Event("transfer", there, done))

    return tell
