"""Zonos, as the Gradio page of github.com/Zyphra/Zonos serves it, given a URL.

The page's one function takes 29 inputs by their order; they are checked against the server's own
description first. It speaks at most 30 s at once, and has no voices: it clones, or draws one.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError, VoiceNotFoundError
from ..events import Event, Report, silent
from . import gradio, sound
from .base import ServiceClient, at_work
from .content import Product
from .loads import count
from .option import check
from .refusals import fits, one_of, refused
from .speech import Voice
from .upload import Upload
from .zonos_options import INPUTS, OPTIONS, check_inputs, values

_FUNCTION = "generate_audio"
_CUT_OFF = 29.8  # s; the server's end is at 86 * 30 steps, 86.13 to the second


class ZonosClient(ServiceClient):
    """A client of one Zonos server; threads may share it.

    Parameters
    ----------
    url, token, limits, name, changed
        As for :class:`~mc_jupyter.clients.base.ServiceClient`.
    """

    formats = ("wav",)  # 44.1 kHz, mono
    # it stops after 30 s of sound; its page reckons with 30 s for 400 characters (and takes 500),
    # so this leaves room for pauses and a slow voice
    longest = 300
    clones = True
    options = OPTIONS
    _kind = "zonos"
    _refine = staticmethod(refused)

    def health(self) -> dict[str, Any]:
        """Return the status that its page answers with; that says nothing of the model."""
        with self._http.open("GET", "/", limit="silence") as reply:
            return {"status": reply.status}

    def models(self) -> list[str]:
        """Return the models that ``model`` takes; one is loaded when it is first used."""
        return list(self._inputs()["model"].choices)

    def languages(self) -> list[str]:
        """Return the codes that ``language`` takes."""
        return list(self._inputs()["language"].choices)

    def voices(self) -> list[Voice]:
        """Return nothing: it has no voices of its own."""
        return []

    def _inputs(self) -> dict[str, gradio.Input]:
        known = gradio.functions(self._http)
        if _FUNCTION not in known:
            names = ", ".join(known) or "none"
            raise self._wrong(f"it is no Zonos: it has no function {_FUNCTION}, but {names}")
        return check_inputs(known[_FUNCTION], self.name)

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
            It has none; give a `reference`.
        speed
            From 1/3 to 2: that many times 15 phonemes a second.
        reference
            A recording whose voice is taken. Without one the model draws a voice for each call,
            and never uses that of an earlier reference, which the server keeps.
        options
            See :data:`~mc_jupyter.clients.zonos_options.OPTIONS`; ``prefix`` is a file's path or
            an upload. An emotion takes ``emotion`` off the list of what the model ignores, where
            the server's page has it.
        text, format, report
            As for :meth:`~mc_jupyter.clients.speech.SpeechClient.speak`.

        Returns
        -------
        Product
            Its ``facts`` have the ``seed``, and ``cut_off`` where the end of the text is missing;
            then `report` is told so, too.

        Raises
        ------
        OptionError, InputError, VoiceNotFoundError
            Before anything is spoken.
        ResponseError
            The server failed, or has other inputs than these.
        """
        fits(self.name, self.longest, text)
        one_of(self.formats, format)
        if voice is not None:
            raise VoiceNotFoundError(
                f"{self.name} has no voice {voice!r}: it has none of its own",
                "it takes the voice of a recording: --reference FILE",
            )
        own = dict(options)
        recordings = {"reference": reference, "prefix": _prefix(own.pop("prefix", None))}
        check(OPTIONS, own, self.name)
        for recording in recordings.values():
            if recording is not None and sound.describe(recording) is None:
                raise InputError(
                    f"{recording.called} cannot be read as sound",
                    "readable here: wav, flac, mp3, ogg, opus",
                )
        known = self._inputs()
        settings = values(own, speed, known, reference is not None)
        sent = {**settings, "text": text}
        for name, recording in recordings.items():
            sent[name], settings[name] = self._file(recording, known[name].default, report)
        with at_work(f"{self.name} is speaking", report) as told_of:
            outputs = gradio.call(self._http, _FUNCTION, [sent[name] for name in INPUTS])
            content = gradio.fetch(self._http, self._path(outputs), told_of)
        del settings["text"]
        if settings["randomize_seed"]:
            del settings["seed"]  # it counts for nothing; `facts` has the one that was drawn
        settings = {name: value for name, value in settings.items() if value is not None}
        seed = count(outputs[1]) if len(outputs) > 1 else None
        facts: dict[str, Any] = {} if seed is None else {"seed": seed}
        if (heard := sound.describe(content)) and heard.duration > _CUT_OFF:
            facts["cut_off"] = True
            missing = f"{self.name} stops after 30 s of sound: the end of this text is missing"
            report(Event("note", missing, keep=True))
        model = settings.get("model")
        return Product(content, model if isinstance(model, str) else None, settings, facts)

    def _file(
        self, recording: Upload | None, default: Any, report: Report
    ) -> tuple[dict[str, Any] | None, str | None]:
        """What stands for a recording, and its name; else the one that the page itself has."""
        if recording is not None:
            return gradio.upload(self._http, recording, report), recording.name
        if isinstance(default, dict) and isinstance(path := default.get("path"), str):
            name = PurePosixPath(path).name
            return gradio.file_data(path, name), name
        return None, None

    def _path(self, outputs: list[Any]) -> str:
        """Where the server keeps the sound."""
        first = outputs[0] if outputs else None
        path = first.get("path") if isinstance(first, dict) else None
        if not isinstance(path, str) or not path:
            raise self._wrong(f"{_FUNCTION} answered without a file")
        return path


def _prefix(given: Any) -> Upload | None:
    if given is None or isinstance(given, Upload):
        return given
    if isinstance(given, str | Path):
        return Upload.of(given)
    raise InputError(f"prefix is {given!r}", "accepted: a file's path")
