"""The Hugging Face service: images and sound by models that it loads when they are asked for.

It answers nothing, its health included, while it loads or generates.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..errors import InputError, OptionError
from ..events import Event, Report, silent
from .base import ServiceClient
from .content import Content, Product
from .huggingface_options import (
    ALIASES,
    AUDIO_OPTIONS,
    IGNORED,
    IMAGE_OPTIONS,
    LOAD_OPTIONS,
    SPEECH_OPTIONS,
    TONES,
    ignored,
    makes_audio,
    not_loaded,
    refined,
)
from .lines import log
from .loads import amount, count
from .option import Options, check, refuse_unknown
from .refusals import fits
from .speech import Voice
from .upload import Upload

__all__ = ["AUDIO_OPTIONS", "IMAGE_OPTIONS", "LOAD_OPTIONS", "HuggingFaceClient", "makes_audio"]


class HuggingFaceClient(ServiceClient):
    """A client of one Hugging Face service; its speech is worded as every speech client's.

    Parameters
    ----------
    url, token, limits, name, changed
        As for every client (:class:`~mc_jupyter.clients.base.ServiceClient`). Loading fetches
        gigabytes: its first byte is waited for without a limit.
    """

    _alive = "/health"
    formats: tuple[str, ...] = ("wav",)
    longest = 500
    options: Options = SPEECH_OPTIONS
    clones = False

    _kind = "huggingface"
    _refine = staticmethod(refined)

    def health(self) -> dict[str, Any]:
        """Return what the service says of itself: status, loadedModels, memoryUsage, gpuInfo.

        Raises
        ------
        TimeLimitError
            It is busy: it answers nothing while it loads or generates.
        ResponseError
            It is no Hugging Face service.
        """
        said = self._http.get("/health")
        if not isinstance(said, dict) or "loadedModels" not in said:
            raise self._wrong("this is no Hugging Face service: /health has no loadedModels")
        return said

    def models(self) -> list[dict[str, Any]]:
        """Return the models that are loaded, as the service describes them (at most three)."""
        said = self._http.get("/models")
        if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
            raise self._wrong("/models answered with something that is no list of models")
        return said

    def load(self, model: str, *, report: Report = silent, **options: Any) -> dict[str, Any]:
        """Load a model, fetching it where it is not there; a fourth one displaces the oldest.

        Parameters
        ----------
        model
            Its id (``OWNER/NAME``) or a short name of :data:`ALIASES`.
        options
            See :data:`LOAD_OPTIONS`.
        report
            Told each second for how long it has taken.

        Returns
        -------
        dict
            As the service says it: modelId, loadTime (milliseconds), memoryUsage (MB).
        """
        sent = self._checked(LOAD_OPTIONS, options, "load")
        body = {"modelId": self._model(model), **sent}
        return self._asked("/models/load", body, f"loading {model}", report)

    def unload(self, model: str) -> None:
        """Take a model out of memory.

        Raises
        ------
        ModelNotFoundError
            It is not loaded.
        ResponseError
            Its id holds a ``/`` and it has no short name: the service has no address for it.
        """
        full = ALIASES.get(model, model)
        short = next((alias for alias, name in ALIASES.items() if name == full), full)
        if "/" in short:
            raise self._wrong(
                f"{model} cannot be unloaded: the service has no address for an id with a /",
                "it goes when three others are loaded, or with %mc restart " + self.name,
            )
        said = self._http.call("DELETE", f"/models/{quote(short, safe='')}")
        self._changed()
        if said.get("success") is False:
            raise not_loaded(self.name, self.url, model, str(said.get("message") or ""))

    def image(self, model: str, prompt: str, *, report: Report = silent, **options: Any) -> Product:
        """Return a picture (PNG) of what the prompt says.

        Parameters
        ----------
        model
            Its id or short name; loaded first where it is not, which may fetch gigabytes.
        prompt
            What is to be seen.
        options
            See :data:`IMAGE_OPTIONS`.
        report
            Told each second for how long it has taken.

        Raises
        ------
        OptionError
            An option is unknown or wrong, or the service would ignore it.
        ModelNotFoundError, ResponseError
            The model cannot be loaded, or it failed.
        """
        sent = self._checked(IMAGE_OPTIONS, options, "images")
        for name in ("width", "height"):
            if sent.get(name, 8) % 8:
                raise OptionError(f"{name} is {sent[name]}", "accepted: a multiple of 8")
        body = {"modelId": self._model(model), "prompt": self._prompt(prompt), **sent}
        said = self._asked("/generate/image", body, f"painting with {model}", report)
        content, facts = self._made(said, "imageBase64", "image/png")
        return Product(content, model, _given(options), facts)

    def voices(self) -> list[Voice]:
        """Return nothing: the service does not say what voices a model has."""
        return []

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
        """Return the sound (wav) that a model makes of a text.

        Parameters
        ----------
        text
            What is spoken, or for a music model what is to be heard.
        voice, speed, format, options
            See :data:`AUDIO_OPTIONS`, and the `model`, which must be named.
        reference
            Not taken: its models do not clone.
        report
            Told each second for how long it has taken.

        Raises
        ------
        OptionError, InputError, ModelNotFoundError, ResponseError
            As for :meth:`image`.
        """
        if reference is not None:
            raise InputError(
                f"{self.name} does not take a recording's voice", "chatterbox and zonos do"
            )
        model = options.pop("model", None)
        if not model:
            raise OptionError(f"{self.name}: which model?", "model facebook/mms-tts-eng")
        given = {"voice": voice, "speed": speed, "format": format, **options}
        sent = self._checked(AUDIO_OPTIONS, given, "sound")
        body = {
            "modelId": self._model(model),
            "prompt": fits(self.name, self.longest, text),
            **sent,
        }
        if any(word in model.lower() for word in TONES):
            report(Event("note", f"{self.name} makes tones, no speech, with {model}", keep=True))
        said = self._asked("/generate/audio", body, f"making sound with {model}", report)
        content, facts = self._made(said, "audioBase64", "audio/wav")
        return Product(content, model, _given(given), facts)

    def _checked(self, known: Options, given: Mapping[str, Any], what: str) -> dict[str, Any]:
        for name in given:
            if name in IGNORED and name not in known:
                raise ignored(self.name, name)
        refuse_unknown(known, given, f"{self.name} for {what}")
        return check(known, given, self.name)

    def _model(self, model: str) -> str:
        if not isinstance(model, str) or not model.strip():
            raise OptionError(
                f"model is {model!r}", "accepted: OWNER/NAME, or " + ", ".join(ALIASES)
            )
        return model.strip()

    def _prompt(self, text: str) -> str:
        if not text.strip():
            raise InputError(f"{self.name}: the prompt is empty")
        return text

    def _asked(
        self, path: str, body: Mapping[str, Any], doing: str, report: Report
    ) -> dict[str, Any]:
        try:
            with self._one_at_a_time(doing, report):
                said = self._http.call("POST", path, body, limit="first_byte")
        finally:
            self._changed()  # generating loads, and may displace another model
        if said.get("success") is not True:
            raise self._wrong(f"{path} did not succeed and does not say why", self._log)
        return said

    def _made(
        self, said: dict[str, Any], key: str, content_type: str
    ) -> tuple[Content, dict[str, Any]]:
        text = said.pop(key, None)
        try:
            made = base64.b64decode(text or "", validate=True)
        except (TypeError, ValueError, binascii.Error):
            made = b""
        if not made:
            raise self._wrong(f"the answer holds no {key}", self._log)
        about = said.get("metadata")
        about = about if isinstance(about, dict) else {}
        names = {"generationTime": "seconds", "seed": "seed", "modelId": "model"}
        names |= {"sampleRate": "sample_rate", "duration": "duration", "format": "format"}
        said_of = {ours: _fact(theirs, about.get(theirs)) for theirs, ours in names.items()}
        facts = {name: value for name, value in said_of.items() if value is not None}
        return Content(made, content_type), facts

    @property
    def _log(self) -> str:
        return log(self.name, "its log says more")


def _fact(name: str, value: Any) -> Any:
    """What the service says of its work; None for what is no figure, or no text."""
    if name in ("modelId", "format"):
        return value if isinstance(value, str) else None
    return count(value) if name in ("seed", "sampleRate") else amount(value)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
