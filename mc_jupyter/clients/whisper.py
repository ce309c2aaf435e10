"""Whisper's web service, as github.com/ahmetoner/whisper-asr-webservice serves it, given a URL.

Its options are query parameters (form fields are ignored), its JSON comes as ``text/plain``, and
it takes one request at a time: meanwhile it answers nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError, OptionError
from ..events import Event, Report, silent
from .base import ServiceClient, as_text
from .content import Content
from .languages import LANGUAGES, language_code
from .lines import setting
from .option import Option, Options, check
from .signatures import HEAD, signature
from .subtitles import srt, tsv, vtt
from .transcription import Transcription, refined, transcription
from .upload import Upload

__all__ = ["OPTIONS", "OUTPUTS", "Transcription", "WhisperClient", "srt", "tsv", "vtt"]

OPTIONS: Options = {
    "language": Option(
        "of the speech: a code (de) or an English name (german); auto: it is found out",
        metavar="LANGUAGE",
    ),
    "task": Option(
        "transcribe: in the language spoken; translate: into English",
        choices=("transcribe", "translate"),
    ),
    "word_timestamps": Option("give each word its times", bool),
    "prompt": Option("text that comes before: names and spellings", sent="initial_prompt"),
    "vad_filter": Option("leave out what is no speech (engine faster_whisper)", bool),
    "encode": Option(
        "have the file converted (true); not for bare samples: 16 bit, one channel, 16 kHz", bool
    ),
    "diarize": Option("tell the speakers apart (engine whisperx)", bool),
    "min_speakers": Option("how many speakers at least (engine whisperx)", int, low=1),
    "max_speakers": Option("how many speakers at most (engine whisperx)", int, low=1),
}
"""The options of :meth:`WhisperClient.transcribe`."""

OUTPUTS = ("text", "srt", "vtt", "tsv", "json")
"""What :meth:`WhisperClient.render` can ask for."""

_BY_ENGINE = {
    "vad_filter": "faster_whisper",
    "diarize": "whisperx",
    "min_speakers": "whisperx",
    "max_speakers": "whisperx",
}


class WhisperClient(ServiceClient):
    """A client of one Whisper service; the model is the container's, not the call's.

    Parameters
    ----------
    url, token, limits, name, changed
        As for every client (:class:`~mc_jupyter.clients.base.ServiceClient`). A transcription
        may take long: its first byte is waited for without a limit.
    """

    _kind = "whisper"
    _refine = staticmethod(refined)

    def health(self) -> dict[str, Any]:
        """Return the title and version that the service gives itself.

        Raises
        ------
        TimeLimitError
            It is busy: it answers nothing while it transcribes.
        ResponseError
            It is no Whisper service.
        """
        about = self._http.get("/openapi.json")
        paths = about.get("paths") if isinstance(about, dict) else None
        if not isinstance(paths, dict) or "/asr" not in paths:
            raise self._wrong("this is no Whisper service: it has no path /asr")
        info = about.get("info")
        return info if isinstance(info, dict) else {}

    def transcribe(
        self,
        upload: Upload,
        *,
        language: str | None = None,
        task: str = "transcribe",
        word_timestamps: bool = False,
        prompt: str | None = None,
        vad_filter: bool | None = None,
        encode: bool = True,
        report: Report = silent,
        **options: Any,
    ) -> Transcription:
        """Return what is said in a recording (or a video), with times.

        Parameters
        ----------
        upload
            The file; whatever ffmpeg can read.
        language
            A code or an English name; None or ``auto`` has it found out.
        task, word_timestamps, prompt, vad_filter, encode, options
            See :data:`OPTIONS`.
        report
            Told of the sending, and then each second for how long it has taken.

        Raises
        ------
        OptionError
            An option is unknown or wrong, or the service's engine would ignore it.
        ResponseError
            The service could not read or transcribe it.
        """
        self._refuse_no_sound(upload)
        asked = {
            "language": language_code(language, self.name),
            "task": task,
            "word_timestamps": word_timestamps,
            "prompt": prompt,
            "vad_filter": vad_filter,
            "encode": encode,
            **options,
        }
        content, headers = self._asr(upload, asked, "json", report)
        raw = self._object(content, "/asr")
        if not isinstance(raw.get("segments"), list):
            keys = ", ".join(list(raw)[:6]) or "nothing"
            raise self._wrong(f"/asr answered with no transcription: it has {keys}, no segments")
        heard = transcription(raw, asked, headers)
        if word_timestamps and heard.segments and not any(s.get("words") for s in heard.segments):
            report(Event("note", f"{self.name} gave no times of words", keep=True))
        return heard

    def _refuse_no_sound(self, upload: Upload) -> None:
        """The server fails without a reason on what is no recording."""
        with upload.open() as file:
            known = signature(file.read(HEAD))
        if known and known.kind not in ("sound", "video"):
            raise InputError(
                f"{self.name}: {upload.called} is {known}, and no recording",
                "a sound or video file, or a result that is one",
            )
        if known is None and upload.kind.startswith(("text/", "image/")):
            raise InputError(
                f"{self.name}: {upload.called} is {upload.kind}, and no recording",
                "a sound or video file, or a result that is one",
            )

    def render(
        self,
        upload: Upload,
        output: str = "srt",
        *,
        language: str | None = None,
        report: Report = silent,
        **options: Any,
    ) -> str:
        """Return the service's own text of a recording, in one of :data:`OUTPUTS`.

        Each call transcribes anew; :func:`srt`, :func:`vtt` and :func:`tsv` make the texts of a
        :class:`Transcription` that is there.

        Parameters
        ----------
        output
            The format.
        upload, language, report, options
            As for :meth:`transcribe`.
        """
        if output not in OUTPUTS:
            raise OptionError(f"output is {output!r}", f"accepted: {', '.join(OUTPUTS)}")
        asked = {"language": language_code(language, self.name), **options}
        content, _ = self._asr(upload, asked, "txt" if output == "text" else output, report)
        return content.bytes.decode("utf-8", "replace")

    def detect_language(
        self, upload: Upload, *, encode: bool = True, report: Report = silent
    ) -> dict[str, str]:
        """Return the language of a recording's first 30 seconds.

        Parameters
        ----------
        upload, encode, report
            As for :meth:`transcribe`.

        Returns
        -------
        dict
            ``language`` (its code) and ``name``. The confidence that the service adds is left
            out: with the engine openai_whisper it is that of another language (1.9.1).
        """
        path, query = "/detect-language", {"encode": as_text(encode)}
        with self._one_at_a_time("listening", report) as told_of:
            content, _ = self._http.fetch(
                "POST", path, query=query, files=[("audio_file", upload)], report=told_of
            )
        said = self._object(content, path)
        code = said.get("language_code")
        if not isinstance(code, str):
            raise self._wrong(f"{path} answered without 'language_code'")
        name = said.get("detected_language") or LANGUAGES.get(code, code)
        return {"language": code, "name": str(name)}

    def _asr(
        self, upload: Upload, asked: Mapping[str, Any], output: str, report: Report
    ) -> tuple[Content, Mapping[str, str]]:
        sent = check(OPTIONS, asked, self.name)
        wanted = [name for name in _BY_ENGINE if asked.get(name)]
        with self._one_at_a_time("transcribing", report) as told_of:
            if wanted:
                self._refuse_ignored(wanted)
            return self._http.fetch(
                "POST",
                "/asr",
                query={**{name: as_text(value) for name, value in sent.items()}, "output": output},
                files=[("audio_file", upload)],
                report=told_of,
            )

    def _refuse_ignored(self, wanted: list[str]) -> None:
        """Refuse options that its engine does not read: only those are in its description."""
        with self._http.open("GET", "/openapi.json") as reply:
            about = reply.value()
        try:
            known = [each["name"] for each in about["paths"]["/asr"]["post"]["parameters"]]
        except (KeyError, TypeError, IndexError):
            raise self._wrong("this is no Whisper service: it has no path /asr") from None
        for name in wanted:
            if name not in known:
                engine = _BY_ENGINE[name]
                raise OptionError(
                    f"{self.name} would ignore {name}: only the engine {engine} reads it",
                    f"leave it out, or: {setting(self.name, self._kind, f'ASR_ENGINE={engine}')}",
                )
