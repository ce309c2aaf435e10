"""``%ffmpeg``: look into sound and video, take them apart, convert them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...clients.ffmpeg import OPTIONS
from ...clients.lines import magic
from ...errors import ArgumentError
from ...lab.media.inputs import resolve
from ..arguments import Parser, wants_help
from ..results import Facts
from ..verbs import Verbs
from .base import Desk, KindMagic
from .options import add_common, add_options, check_save, given_options
from .traces import sent
from .work import Work

if TYPE_CHECKING:
    from ...clients.content import Product
    from ...clients.upload import Upload
    from ...lab.made import Input

_ABOUT = """Look into sound and video, take them apart, convert them.

%ffmpeg VERB FILE|VARIABLE ...   one of the verbs below
%%ffmpeg filter FILE...          the lines below are the filter graph
"""
_VERBS = {
    "info": "Show what is in a file.",
    "extract-audio": "Take the sound out of a video.",
    "convert": "Convert sound to another format.",
    "frame": "Take pictures out of a video.",
    "filter": "Run a filter graph over one or more files.",
}
_UNITS = {
    "duration": "s",
    "size": "bytes",
    "bitrate": "bits/s",
    "width": "pixels",
    "height": "pixels",
    "fps": "frames/s",
    "sample_rate": "Hz",
}


class FfmpegMagic(KindMagic):
    """The magics of the FFMPEG service.

    Parameters
    ----------
    desk
        What it needs of the notebook.
    """

    name = "ffmpeg"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        verbs = self.verbs = Verbs("%ffmpeg", _ABOUT, self.bare)
        for verb, about in _VERBS.items():
            parser = verbs.add(verb, about, self._runner(verb))
            _add_arguments(parser, verb)
            if verb == "filter":
                parser.add_argument("-g", "--graph", metavar="GRAPH", help="the filter graph")
        # the first line of a cell: its verb comes first there, too
        self.cell_parser = Parser("%%ffmpeg", _VERBS["filter"], "%%ffmpeg filter FILE")
        self.cell_parser.add_argument("verb", choices=("filter",), metavar="filter")
        _add_arguments(self.cell_parser, "filter")

    def cell(self, line: str, body: str, host: str | None = None) -> Any:
        """Do what a cell says; all verbs but one are lines."""
        verb, *rest = line.split() or [""]
        if verb.replace("_", "-") in _VERBS.keys() - {"filter"} and not wants_help(rest):
            below = body.strip().partition("\n")[0]
            if " " in below and not rest and "--" not in below:
                below = f'"{below}"'
            typed = " ".join([*rest, below]).strip() or "FILE"
            raise ArgumentError(
                f"%%ffmpeg {verb}: {verb} is a line, not a cell",
                magic(self.name, host or self.name, f"{verb} {typed}"),
            )
        return super().cell(line, body, host)

    def _runner(self, verb: str) -> Any:
        def run(given: argparse.Namespace) -> Any:
            if verb == "filter" and not given.graph:
                raise ArgumentError(
                    "%ffmpeg filter: there is no filter graph",
                    "--graph GRAPH, or in the lines below %%ffmpeg filter FILE",
                )
            graph = given.graph if verb == "filter" else ""
            return self._run(verb, given, graph)

        return run

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Run the filter graph in the body."""
        if not text.strip():
            raise ArgumentError(
                "%%ffmpeg filter: there is no filter graph", "it goes into the lines below"
            )
        graph = " ".join(text.split("\n")).strip()
        return self._run("filter", given, graph)

    def _run(self, verb: str, given: argparse.Namespace, graph: str) -> Any:
        """Look at what was typed, then do it."""
        if verb != "info":
            formats = OPTIONS[verb]["format"].choices
            check_save(given.save, formats, given.format or formats[0])
        files = given.file if isinstance(given.file, list) else [given.file]
        found = [resolve(name, self._desk.names()) for name in files]
        return self.work(given, lambda work: self._done(work, verb, given, graph, found))

    def _done(
        self,
        work: Work,
        verb: str,
        given: argparse.Namespace,
        graph: str,
        found: list[tuple[Upload, Input]],
    ) -> Any:
        uploads = [upload for upload, _ in found]
        options = given_options(given, OPTIONS[verb])
        if verb == "info":
            facts = work.client.info(uploads[0], report=work.report, **options)
            return Facts(facts, units=_UNITS)
        if verb == "filter":
            product = work.client.filter(uploads, graph, report=work.report, **options)
            return self._shown(work, "video", product, found)
        if verb == "frame":
            products = work.client.frame(uploads[0], report=work.report, **options)
            return self._frames(work, products, found)
        call = work.client.convert if verb == "convert" else work.client.extract_audio
        product = call(uploads[0], report=work.report, **options)
        return self._shown(work, "sound", product, found)

    def _frames(
        self, work: Work, products: list[Product], found: list[tuple[Upload, Input]]
    ) -> Any:
        from ...lab.media import Gallery

        frames = [self._shown(work, "frame", product, found) for product in products]
        return frames[0] if len(frames) == 1 else Gallery(frames)

    def _shown(
        self, work: Work, what: str, product: Product, found: list[tuple[Upload, Input]]
    ) -> Any:
        from ...lab.media import show

        inputs = [sent(upload, one) for upload, one in found]
        return show(
            product.content,
            work.made_of(what, product, inputs),
            settings=product.settings,
            facts=product.facts,
            inline_limit=self.inline_limit,
        )


def _add_arguments(parser: Parser, verb: str) -> None:
    many = "+" if verb == "filter" else None
    parser.add_argument("file", metavar="FILE|VARIABLE", nargs=many)
    add_options(parser, OPTIONS[verb])
    add_common(parser, save=None) if verb == "info" else add_common(parser)
