"""``%%kokoro``, ``%%chatterbox``, ``%%zonos``: a text is spoken, in one wording for all three."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...clients.option import Options
from ...errors import ArgumentError
from ...lab.media.inputs import resolve
from ..arguments import Parser
from ..results import Result, Table, Text
from ..verbs import Verbs
from .base import Desk, KindMagic, Work, add_common, add_options, given_options, sent, text_input

if TYPE_CHECKING:
    from ...clients.speech import SpeechClient
    from ...lab.media import Audio

_ABOUT = """The lines below are what is spoken; a long text is split at its sentences and joined.
{{expression}} is filled from the notebook's names. The result is _, Out[n], _answer and what --out
names; {voices}"""


def add_speech_options(parser: Parser, client: type[SpeechClient], own: Options) -> Parser:
    """Add the options of a text that is spoken, the same for each service; return the parser."""
    add = parser.add_argument
    add("--voice", metavar="VOICE", help="who speaks")
    add("--speed", type=float, metavar="X", help="1 is the voice's own, 2 twice as fast")
    formats = client.formats
    add("--format", choices=formats, metavar="|".join(formats), help=f"({formats[0]})")
    if client.clones:
        add("--reference", metavar="FILE|VARIABLE", help="a recording whose voice is taken")
    add_options(parser, own, leave_out=("voice", "speed", "format", "reference"))
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
        about = _ABOUT.replace("{voices}", f"the voices: %{name} voices")
        self.cell_parser = add_speech_options(
            Parser(f"%%{name}", about, f"the text goes into the lines below: %%{name} --help"),
            client,
            client.options,
        )
        self.verbs = Verbs(
            f"%{name}",
            f"Speak with {name}.\n\n%%{name} ...   the lines below are spoken (%%{name} --help)\n",
            lambda: Text(self.help()),
        )
        say = self.verbs.add("say", "Speak one line.", self._say, is_raw=True)
        add_speech_options(say, client, client.options)
        say.add_argument("text", metavar="TEXT", nargs="?")
        voices = self.verbs.add("voices", "Show the voices that there are.", self._voices)
        voices.add_argument("--host", metavar="HANDLE", help="which service")
        if hasattr(client, "upload_voice"):
            upload = self.verbs.add("upload", "Give the service a voice to keep.", self._upload)
            upload.add_argument("file", metavar="FILE|VARIABLE")
            upload.add_argument("--host", metavar="HANDLE", help="which service")

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Speak the body."""
        if not text.strip():
            raise ArgumentError(
                f"%%{self.name}: there is no text", "the text goes into the lines below"
            )
        return self.work(given, lambda work: self._spoken(work, given, text, used))

    def _say(self, given: argparse.Namespace) -> Any:
        used: list[object] = []
        text = given.rest if given.literal else self._desk.fill(given.rest, used)
        if not text:
            raise ArgumentError(f"%{self.name} say: there is no text", f"%{self.name} say Hello")
        return self.work(given, lambda work: self._spoken(work, given, text, used))

    def _spoken(
        self, work: Work, given: argparse.Namespace, text: str, used: list[object]
    ) -> Audio:
        from ...clients.speech import speak_all
        from ...lab.media import Audio

        options = given_options(given, self._client.options)
        inputs = [text_input(text, used)]
        upload = None
        if named := getattr(given, "reference", None):
            upload, recording = resolve(named, self._desk.names())
            options["reference"] = upload
        product = speak_all(
            work.client,
            text,
            voice=given.voice,
            speed=given.speed,
            format=given.format,
            report=work.report,
            **options,
        )
        if upload is not None:
            inputs.append(sent(upload, recording))
        return Audio(
            product.content,
            work.made_of("speech", product, inputs),
            settings=product.settings,
            facts=product.facts,
            inline_limit=self.inline_limit,
        )

    def _voices(self, given: argparse.Namespace) -> Result:
        return self._looked(given, self._voice_table)

    def _voice_table(self, work: Work) -> Result:
        rows = [{"id": voice.id, "about": voice.about} for voice in work.client.voices()]
        columns = {"id": "voice"} | ({"about": "about"} if any(r["about"] for r in rows) else {})
        notes = () if rows else (no_voices(work.service.handle, self._client.clones),)
        return Table(columns, rows, notes)

    def _upload(self, given: argparse.Namespace) -> Result:
        upload, _ = resolve(given.file, self._desk.names())

        def uploaded(work: Work) -> Result:
            name = work.client.upload_voice(upload)
            return Text(f"{name} is a voice of {work.service.handle}: --voice {name}")

        return self._looked(given, uploaded)

    def _looked(self, given: argparse.Namespace, look: Callable[[Work], Result]) -> Result:
        from ...prompting import live_client

        screen = self._desk.screen(False)
        service = self.service(given.host)
        client = live_client(service, screen.report)
        return screen.hand_over(look(Work(service, client, screen.report)))


def no_voices(handle: str, clones: bool) -> str:
    """Say that a service has no voices of its own, and how one speaks with it."""
    if clones:
        return f"{handle} has no voices of its own: --reference FILE speaks with a recording's"
    return f"{handle} does not say which voices it has"
