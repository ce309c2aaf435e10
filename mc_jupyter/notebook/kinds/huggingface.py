"""``%%huggingface MODEL``: pictures and sound from a prompt."""

from __future__ import annotations

import argparse
from typing import Any

from ...clients.huggingface import AUDIO_OPTIONS, IMAGE_OPTIONS, LOAD_OPTIONS, makes_audio
from ...clients.lines import magic
from ...errors import ArgumentError
from ..arguments import Parser
from ..results import Result, Table, Text
from ..verbs import Verbs
from .base import Desk, KindMagic
from .options import add_common, add_options, check_save, given_options
from .traces import text_input
from .work import Work

_ABOUT = """The lines below are the prompt of a picture; with --to audio, of a sound.
{{expression}} is filled from the notebook's names.
The result is _, Out[n], _answer and what --out names."""
_MADE_OF = {"image": IMAGE_OPTIONS, "audio": AUDIO_OPTIONS}
_FORMATS = {"image": ("png",), "audio": ("wav",)}  # what the service makes


class HuggingFaceMagic(KindMagic):
    """The magics of the Hugging Face service.

    Parameters
    ----------
    desk
        What it needs of the notebook.
    """

    name = "huggingface"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        parser = Parser("%%huggingface", _ABOUT, "the prompt goes into the lines below")
        parser.add_argument("model", metavar="MODEL_ID")
        parser.add_argument(
            "--to", choices=("image", "audio"), metavar="image|audio", help="by the model's name"
        )
        add_options(parser, IMAGE_OPTIONS)
        add_options(parser, AUDIO_OPTIONS, leave_out=tuple(IMAGE_OPTIONS))
        self.cell_parser = add_common(parser)
        self.verbs = Verbs(
            "%huggingface",
            "Pictures and sound from a prompt.\n\n%%huggingface MODEL ...   the lines below are "
            "the prompt (%%huggingface --help)\n",
            self.bare,
        )
        models = self.verbs.add("models", "Show the models that were loaded.", self._models)
        load = self.verbs.add("load", "Load a model, fetching it where it is missing.", self._load)
        load.add_argument("model", metavar="MODEL_ID")
        add_options(load, LOAD_OPTIONS)
        unload = self.verbs.add("unload", "Take a model out of memory.", self._unload)
        unload.add_argument("model", metavar="MODEL_ID")
        for verb in (models, load, unload):
            add_common(verb, save=None)

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Make what the prompt in the body asks for."""
        if not text.strip():
            raise ArgumentError(
                "%%huggingface: there is no prompt", "the prompt goes into the lines below"
            )
        to = given.to or ("audio" if makes_audio(given.model) else "image")
        other = _MADE_OF["image" if to == "audio" else "audio"]
        for name in other:
            if name not in _MADE_OF[to] and getattr(given, name) is not None:
                raise ArgumentError(
                    f"--{name.replace('_', '-')} is not for {to}",
                    f"for the other: --to {'audio' if to == 'image' else 'image'}",
                )
        formats = _FORMATS[to]
        check_save(given.save, formats, formats[0])
        return self.work(given, lambda work: self._made(work, to, given, text, used))

    def _made(
        self, work: Work, to: str, given: argparse.Namespace, text: str, used: list[object]
    ) -> Any:
        from ...lab.media import show

        options = given_options(given, _MADE_OF[to])
        if to == "image":
            product = work.client.image(given.model, text, report=work.report, **options)
        else:
            product = work.client.speak(text, model=given.model, report=work.report, **options)
        what = "picture" if to == "image" else "sound"
        return show(
            product.content,
            work.made_of(what, product, [text_input(text, used, "prompt")], given.model),
            settings=product.settings,
            facts=product.facts,
            inline_limit=self.inline_limit,
        )

    def _models(self, given: argparse.Namespace) -> Any:
        columns = {"modelId": "model", "loaded": "loaded", "capabilities": "makes"}

        def table(work: Work) -> Result:
            rows = work.client.models()
            line = magic(self.name, work.service.handle, "load MODEL_ID")
            return Table(columns, rows, () if rows else (f"no model is loaded yet: {line}",))

        return self.work(given, table)

    def _load(self, given: argparse.Namespace) -> Any:
        def load(work: Work) -> Result:
            options = given_options(given, LOAD_OPTIONS)
            work.client.load(given.model, report=work.report, **options)
            return Text(f"{given.model} is loaded")

        return self.work(given, load)

    def _unload(self, given: argparse.Namespace) -> Any:
        def unload(work: Work) -> Result:
            work.client.unload(given.model)
            return Text(f"{given.model} is unloaded")

        return self.work(given, unload)
