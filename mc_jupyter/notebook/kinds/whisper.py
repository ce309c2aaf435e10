"""``%whisper FILE``: what is said in a recording, as text, segments and subtitles."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...clients.lines import magic
from ...clients.whisper import OPTIONS, OUTPUTS
from ...errors import ArgumentError, Interrupted
from ...lab.media.inputs import resolve
from ...lab.media.transcript import output_for
from ...lab.media.words import duration_text
from ..arguments import Parser
from ..results import Facts
from .base import Desk, KindMagic
from .options import add_common, add_options, given_options
from .traces import sent
from .work import Work

if TYPE_CHECKING:
    from ...clients.upload import Upload
    from ...lab.made import Input
    from ...lab.media import Transcript

_ABOUT = """What is said in a recording: a file, or a result or bytes in a variable.
The result is _, Out[n], _answer and what --out names: .text .segments .frame .srt .vtt"""


class WhisperMagic(KindMagic):
    """The magics of a transcription service.

    Parameters
    ----------
    desk
        What it needs of the notebook.
    """

    name = "whisper"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.line_parser = self._parser("%whisper")
        self.cell_parser = self._parser("%%whisper")

    def _parser(self, magic: str) -> Parser:
        parser = Parser(magic, _ABOUT, f"{magic} FILE")
        parser.add_argument("file", metavar="FILE|VARIABLE")
        parser.add_argument(
            "--output",
            choices=OUTPUTS,
            default="text",
            metavar="|".join(OUTPUTS),
            help="what is shown (text); the result has them all",
        )
        parser.add_argument(
            "--detect-language", action="store_true", help="only tell which language is spoken"
        )
        add_options(parser, OPTIONS)
        return add_common(parser, save="write it to this file: .txt .srt .vtt .tsv .json")

    def cell(self, line: str, body: str, host: str | None = None) -> Any:
        """Do what a cell says: all that it has is its first line."""
        below = body.strip().partition("\n")[0]
        try:
            return super().cell(line, body, host)
        except ArgumentError as error:
            if not below or "are required: FILE" not in error.message:
                raise
            file = f'"{below}"' if " " in below else below
            raise ArgumentError(
                "%%whisper: the recording is named in the line, not below it",
                magic(self.name, host or self.name, f"{line.strip()} {file}".strip()),
            ) from error

    def run_line(self, given: argparse.Namespace) -> Any:
        """Transcribe what the line names."""
        if given.detect_language and given.save:
            raise ArgumentError("--save: a language is not saved", "leave out one of the two")
        if given.save:
            output_for(Path(given.save))
        upload, recording = resolve(given.file, self._desk.names())
        try:
            return self.work(given, lambda work: self._transcribed(work, given, upload, recording))
        except Interrupted:
            raise
        except KeyboardInterrupt:
            service = self.service(given.host)
            short = f"\n%mc restart {service.handle}   cuts that short"
            raise Interrupted(
                "%whisper was interrupted; a recording that the service has begun it goes on with"
                + (short if service.runtime == "docker" else "")
            ) from None

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Transcribe what the first line names."""
        if text.strip():
            raise ArgumentError("%%whisper takes no text below", "%whisper FILE")
        return self.run_line(given)

    def _transcribed(
        self, work: Work, given: argparse.Namespace, upload: Upload, recording: Input
    ) -> Transcript | Facts:
        from ...lab.media import Transcript

        if given.detect_language:
            return Facts(work.client.detect_language(upload, report=work.report))
        options = given_options(given, OPTIONS)
        heard = work.client.transcribe(upload, report=work.report, **options)
        made = work.made("transcript", options=heard.settings, inputs=[sent(upload, recording)])
        notes = () if heard.text.strip() else (_nothing(upload),)
        return Transcript(heard, made, output=given.output, notes=notes)


def _nothing(upload: Upload) -> str:
    """What to say of a recording in which the service found no words."""
    from ...clients import sound

    known = sound.describe(upload)
    where = f"{duration_text(known.duration)} of sound" if known else upload.called
    return f"nothing was heard: no speech in {where}, or a file that the service could not read"
