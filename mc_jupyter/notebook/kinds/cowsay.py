"""``%%cowsay``: a cow says it."""

from __future__ import annotations

import argparse
from typing import Any

from ..arguments import Parser
from ..verbs import Verbs
from .base import Desk, KindMagic
from .options import add_common
from .traces import text_input
from .work import Work


class CowsayMagic(KindMagic):
    """The magics of the cowsay service: the smallest service that there is.

    Parameters
    ----------
    desk
        What it needs of the notebook.
    """

    name = "cowsay"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.cell_parser = add_common(
            Parser("%%cowsay", "A cow says the lines below; without any, Moo!")
        )
        self.verbs = Verbs("%cowsay", "A cow says a text.\n", self.bare)
        say = self.verbs.add("say", "A cow says this line.", self._say, is_text=True)
        add_common(say).add_argument("text", metavar="TEXT", nargs="?")

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Let the cow say the body."""
        return self.work(given, lambda work: self._said(work, text, used))

    def _say(self, given: argparse.Namespace) -> Any:
        used: list[object] = []
        text = given.rest if given.literal else self._desk.fill(given.rest, used)
        return self.work(given, lambda work: self._said(work, text, used))

    def _said(self, work: Work, text: str, used: list[object]) -> Any:
        from ...lab.media import Said

        said = work.client.say(text)
        return Said(said, work.made("text", inputs=[text_input(text, used)]))
