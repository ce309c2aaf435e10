"""The Chatterbox TTS server (a fork of github.com/devnen/Chatterbox-TTS-Server), given a URL.

Speech is asked for as a task: that tells how far it is and can be ended, while ``/tts`` itself
answers nothing, not even health, until the whole text is spoken. A fresh server has no voices.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import Any

from ..errors import (
    InputError,
    MediaConduitError,
    OptionError,
    ResponseError,
    VoiceNotFoundError,
)
from ..events import Report, silent
from .base import ServiceClient
from .chatterbox_files import SUFFIXES, not_taken, reference_name
from .chatterbox_task import speak_as_task
from .content import Product
from .faults import Fault
from .lines import log, magic
from .names import told
from .option import Option, Options, check
from .refusals import fits, one_of, refused
from .speech import Voice, no_such_voice
from .upload import Upload

_SPEED = Option("how fast", float, low=0.25, high=4.0)
_DEFAULT = "Emily.wav"  # the voice of the server's own settings

OPTIONS: Options = {
    "temperature": Option("how freely it speaks", float, low=0.0, high=1.5),
    "exaggeration": Option("how much feeling", float, low=0.25, high=2.0),
    "cfg_weight": Option("how close it stays to the voice", float, low=0.2, high=1.0),
    "seed": Option("the same seed gives the same speech; 0 draws one", int, low=0),
    "language": Option("of the text, as the server's model knows it", metavar="LANGUAGE"),
    "split_text": Option("cut the text into chunks (true)", bool),
    "chunk_size": Option("characters of a chunk (120)", int, low=50, high=500),
}


def _refined(fault: Fault) -> MediaConduitError | None:
    errors = fault.data.get("errors")
    if isinstance(errors, list) and errors:  # an upload of which nothing was taken
        return not_taken(fault.name, errors[0])
    if fault.status == 404 and "oice file" in fault.text:
        return VoiceNotFoundError(
            told(fault.name, fault.url, fault.text),
            f"to see all: {magic('chatterbox', fault.name, 'voices')}",
        )
    return refused(fault)


class ChatterboxClient(ServiceClient):
    """A client of one Chatterbox server; threads may share it.

    Parameters
    ----------
    url, token, limits, name, changed
        As for :class:`~mc_jupyter.clients.base.ServiceClient`.
    """

    formats = ("wav", "mp3", "opus")
    # the server cuts texts itself into chunks and tells which one it is at, so they go whole
    longest = 50_000
    clones = True
    options = OPTIONS
    _kind = "chatterbox"
    _refine = staticmethod(_refined)
    _alive = "/health"

    def health(self) -> dict[str, Any]:
        """Return what the server says of itself: ``status``, ``model_loaded``, tasks.

        Its status is ``healthy`` also where the model is not loaded.
        """
        return self._http.call("GET", "/health", limit="first_byte")

    def voices(self) -> list[Voice]:
        """Return the voices that were uploaded; a fresh server has none."""
        return [
            Voice(str(one["filename"]), str(one.get("display_name") or ""))
            for one in self._list("/get_predefined_voices")
            if isinstance(one, dict) and one.get("filename")
        ]

    def reference_files(self) -> list[str]:
        """Return the names of the recordings that can be cloned without an upload."""
        return [str(one) for one in self._list("/get_reference_files")]

    def _list(self, path: str) -> list[Any]:
        # a server that speaks for somebody by /tts answers nobody until it is done
        with self._http.open("GET", path, limit="first_byte") as reply:
            listed = reply.value()
        if not isinstance(listed, list):
            raise self._wrong(f"{path} answered with no list")
        return listed

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
            A voice's file name, the suffix may be left out; None takes the server's usual voice
            where it has that, else its first.
        reference
            A recording (wav or mp3, at most 30 s) whose voice is taken in place of `voice`. It
            stays on the server under its hash, and is sent once.
        text, speed, format, report, options
            As for :meth:`~mc_jupyter.clients.speech.SpeechClient.speak`. An interrupt, a cancel
            or an error ends the task on the server.

        Raises
        ------
        OptionError, InputError, VoiceNotFoundError
            Before anything is spoken.
        ResponseError
            The task failed, the model is not loaded, or the server takes no more tasks.
        """
        fits(self.name, self.longest, text)
        settings: dict[str, Any] = {"output_format": one_of(self.formats, format)}
        if speed is not None:
            settings["speed_factor"] = _SPEED.check("speed", speed)
        settings |= check(OPTIONS, options, self.name)
        if reference is not None:
            if voice is not None:
                raise OptionError(
                    f"voice is {voice!r} and there is a reference too", "give one of the two"
                )
            settings["voice_mode"] = "clone"
            settings["reference_audio_filename"] = self.upload_reference(reference, report)
        else:
            settings["voice_mode"] = "predefined"
            settings["predefined_voice_id"] = self._voice(voice)
        try:
            content = speak_as_task(self._http, {"text": text, **settings}, report)
        except ResponseError as error:
            if error.status == 503:
                raise self._unavailable() from error
            raise
        return Product(content, settings=settings)

    def upload_reference(self, recording: Upload, report: Report = silent) -> str:
        """Have a recording on the server for cloning; return its name there.

        It is named by its hash, so the same recording is sent once.

        Raises
        ------
        InputError
            It is neither wav nor mp3, is longer than 30 s, or the server refuses it.
        """
        name = reference_name(recording, self.name)
        if name in self.reference_files():
            return name
        return self._upload("/upload_reference", replace(recording, name=name), report)

    def upload_voice(self, recording: Upload, report: Report = silent) -> str:
        """Add a voice; return its id: the file name that the server gave it.

        Parameters
        ----------
        recording
            A wav or mp3 file; its name becomes the voice's.
        report
            Told how much of a large file is sent.

        Raises
        ------
        InputError
            It is neither wav nor mp3, there is a voice of that name, or the server refuses it.
        """
        if PurePath(recording.name).suffix.lower() not in SUFFIXES.values():
            kinds = ".wav and .mp3 files"
            raise InputError(f"{self.name} takes voices as {kinds}, not {recording.name}")
        before = {one.id for one in self.voices()}
        name = self._upload("/upload_predefined_voice", recording, report)
        if name in before:  # the server keeps the old one, and does not say so
            raise InputError(
                f"{self.name} has a voice {name} already, and keeps that one",
                "upload it under another name",
            )
        return name

    def _upload(self, path: str, recording: Upload, report: Report) -> str:
        files = [("files", recording)]
        with self._http.open("POST", path, files=files, report=report) as reply:
            answer = reply.whole()
        self._changed()
        errors = answer.get("errors")
        if isinstance(errors, list) and errors:
            raise not_taken(self.name, errors[0])
        names = answer.get("uploaded_files")
        if not isinstance(names, list) or not names:
            raise self._wrong(f"{path} does not say under which name it keeps {recording.name}")
        return str(names[0])

    def _voice(self, wanted: str | None) -> str:
        """The file name of a voice."""
        known = self.voices()
        if not known:
            asked = f" {wanted!r}" if wanted else ""
            raise VoiceNotFoundError(
                f"{self.name} has no voice{asked}: it has none at all, as every fresh server",
                "to clone one: --reference FILE; to add one: "
                + magic(self._kind, self.name, "upload FILE"),
            )
        if wanted is None:
            ids = [one.id for one in known]
            return _DEFAULT if _DEFAULT in ids else ids[0]
        for one in known:
            if wanted.lower() in (one.id.lower(), PurePath(one.id).stem.lower()):
                return one.id
        raise no_such_voice(self.name, wanted, known, self._kind)

    def _unavailable(self) -> ResponseError:
        """What a 503 means: the server's health tells it apart."""
        health = self.health()
        if health.get("model_loaded") is False:
            text, hint = "its model is not loaded (503)", log(self.name, "why")
        else:
            running, most = health.get("running_tasks"), health.get("max_concurrent_tasks")
            text = f"it takes no more tasks (503): {running} of at most {most} run"
            hint = "wait for one to end, then run this again"
        return ResponseError(told(self.name, self.url, text), hint, status=503)
