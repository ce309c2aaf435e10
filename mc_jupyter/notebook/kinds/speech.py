"""``%%kokoro``, ``%%chatterbox``, ``%%zonos``: a text is spoken, in one wording for all three."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...clients.lines import magic
from ...clients.option import Options
from ...errors import ArgumentError
from ...lab.media.inputs import resolve
from ..arguments import Parser
from ..results import Result, Table, Text
from ..verbs import Verbs
from .base import Desk, KindMagic
from .options import add_common, add_options, check_save, given_options
from .traces import sent, text_input
from .work import Work

if TYPE_CHECKING:
    from ...clients.content import Product
    from ...clients.speech import SpeechClient
    from ...clients.upload import Upload
    from ...lab.made import Input
    from ...lab.media import Audio

_ABOUT = """The lines below are what is spoken; a long text is split at its sentences and joined.
{{expression}} is filled from the notebook's names.
The result is _, Out[n], _answer and what --out names. The voices: %NAME voices"""


def formats_of(client: type[SpeechClient]) -> tuple[str, ...]:
    """Return the formats that its speech can be had in: its own, then those that we make of wav."""
    from ...clients.sound import ENCODINGS

    return tuple(dict.fromkeys((*client.formats, *ENCODINGS)))


def add_speech_options(parser: Parser, client: type[SpeechClient], own: Options) -> Parser:
    """Add the options of a text that is spoken, the same for each service; return the parser."""
    add = parser.add_argument
    add("--voice", metavar="VOICE", help="who speaks")
    add("--speed", type=float, metavar="X", help="1 is the voice's own, 2 twice as fast")
    formats = formats_of(client)
    text = f"of the sound ({formats[0]})"
    add("--format", choices=formats, metavar="|".join(formats), help=text)
    if client.clones:
        add("--reference", metavar="FILE|VARIABLE", help="a recording whose voice is taken")
    add_options(parser, own, leave_out=("voice", "speed", "format", "reference"))
    if "happiness" in own:
        parser.instead["emotion"] = "each has its own: --happiness 0.8, --sadness, --anger, ..."
    return add_common(parser, save="write the sound to this file")


class SpeechMagic(KindMagic):
    """The magics of one speech service.

    Parameters
    ----------
    desk
        What it needs of the notebook.
    name
        ``kokoro``, ``chatterbox`` or ``zonos``.
    client
        The class of its client, for its options.
    """

    def __init__(self, desk: Desk, name: str, client: type[SpeechClient]) -> None:
        self.name = name
        super().__init__(desk)
        self._client: Any = client
        self._files = [n for n, o in client.options.items() if o.metavar == "FILE|VARIABLE"]
        cell = Parser(
            f"%%{name}",
            _ABOUT.replace("NAME", name),
            f"the text goes into the lines below: %%{name} --help",
        )
        self.cell_parser = add_speech_options(cell, client, client.options)
        about = (
            f"Speak with {name}.\n\n%%{name} ...   the lines below are spoken (%%{name} --help)\n"
        )
        self.verbs = Verbs(f"%{name}", about, self.bare)
        say = self.verbs.add("say", "Speak one line.", self._say, is_text=True)
        add_speech_options(say, client, client.options)
        say.add_argument("text", metavar="TEXT", nargs="?")
        add_common(self.verbs.add("voices", "Show its voices.", self._voices), save=None)
        if hasattr(client, "upload_voice"):
            upload = self.verbs.add(
                "upload", "Give it a recording to keep as a voice.", self._upload
            )
            upload.add_argument("file", metavar="FILE|VARIABLE")
            add_common(upload, save=None)

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Speak the body."""
        if not text.strip():
            raise ArgumentError(
                f"%%{self.name}: there is no text", "the text goes into the lines below"
            )
        return self._speak(given, text, used)

    def _say(self, given: argparse.Namespace) -> Any:
        used: list[object] = []
        text = given.rest if given.literal else self._desk.fill(given.rest, used)
        if not text:
            raise ArgumentError(f"%{self.name} say: there is no text", f"%{self.name} say Hello")
        return self._speak(given, text, used)

    def _speak(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        formats = formats_of(self._client)
        check_save(given.save, formats, given.format or formats[0])
        # looked up first: a wrong name is known at once
        named = {name: getattr(given, name, None) for name in ("reference", *self._files)}
        names = self._desk.names()
        files = {name: resolve(value, names) for name, value in named.items() if value}
        return self.work(given, lambda work: self._spoken(work, given, text, used, files))

    def _spoken(
        self,
        work: Work,
        given: argparse.Namespace,
        text: str,
        used: list[object],
        files: Mapping[str, tuple[Upload, Input]],
    ) -> Audio:
        from ...clients.speech import speak_all
        from ...lab.media import Audio

        options = given_options(given, self._client.options)
        options |= {name: upload for name, (upload, _) in files.items()}

        def audio(product: Product, *notes: str) -> Audio:
            # now: the files were hashed as they went
            inputs = [text_input(text, used), *(sent(*file) for file in files.values())]
            return Audio(
                product.content,
                work.made_of("speech", product, inputs),
                settings=product.settings,
                facts=product.facts,
                notes=notes,
                inline_limit=self.inline_limit,
            )

        product = speak_all(
            work.client,
            text,
            voice=given.voice,
            speed=given.speed,
            format=given.format,
            report=work.report,
            partly=lambda product: work.kept.append(audio(product, _kept(product))),
            **options,
        )
        return audio(product)

    def _voices(self, given: argparse.Namespace) -> Any:
        return self.work(given, self._voice_table)

    def _voice_table(self, work: Work) -> Result:
        rows = [{"id": voice.id, "about": voice.about} for voice in work.client.voices()]
        columns = {"id": "voice"} | ({"about": "about"} if any(r["about"] for r in rows) else {})
        notes = () if rows else (no_voices(work.service.handle, self._client.clones),)
        return Table(columns, rows, notes)

    def _upload(self, given: argparse.Namespace) -> Any:
        upload, _ = resolve(given.file, self._desk.names())

        def uploaded(work: Work) -> Result:
            name = work.client.upload_voice(upload, work.report)
            handle = work.service.handle
            cell = "%" + magic(self.name, handle, f"--voice {shlex.quote(name)}")
            return Text(f"{name} is a voice of {handle} now; next: {cell}")

        return self.work(given, uploaded)


def _kept(product: Product) -> str:
    """Say what is there of a speech that broke off."""
    there = "what was spoken is in _answer as wav"
    if not (missing := product.settings.get("pieces_missing")):
        return there
    spoken = product.settings["pieces"]
    whole = spoken + missing
    rest = "the rest to speak: {{_answer.told['rest']}}"
    return f"broken off after {spoken} of {whole} pieces: {there}, {rest}"


def no_voices(handle: str, clones: bool) -> str:
    """Say that a service has no voices of its own, and how one speaks with it."""
    if clones:
        return f"{handle} has no voices of its own: --reference FILE speaks with a recording's"
    return f"{handle} does not say which voices it has"
