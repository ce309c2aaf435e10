"""``%mc find``: what can do a thing, and the line to type for it."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..capable import all_capable, words_of
from ..clients.kinds import KINDS
from ..registry import ServiceRegistry
from .results import Result, Table
from .verbs import Verbs

_COLUMNS = {"name": "service", "about": "what it is", "state": "state", "line": "next"}


class FindVerb:
    """``%mc find [WORD]``.

    Parameters
    ----------
    registry
        The kernel's services.
    """

    def __init__(self, registry: ServiceRegistry) -> None:
        self._registry = registry

    def add(self, verbs: Verbs) -> None:
        """Add it to those of the magic."""
        find = verbs.add("find", "Show which services can do a thing, loaded or not.", self._find)
        find.add_argument(
            "word",
            metavar="WORD",
            nargs="*",
            help="text-to-audio, text to speech, audio, kokoro; all there are if left out",
        )

    def _find(self, given: argparse.Namespace) -> Result:
        word = " ".join(given.word)
        if not word.strip():
            return self._words()
        found = self._registry.find_capable(word)
        if not found:
            return Table(
                _COLUMNS,
                (),
                (
                    f"Nothing that is known here does {word}.",
                    "%mc find   lists what there is; any other: %mc load github:OWNER/REPO",
                ),
            )
        return Table(_COLUMNS, [asdict(one) for one in found])

    def _words(self) -> Result:
        """The vocabulary, and who has which word; a loaded service by its handle."""
        everyone = all_capable(self._registry.services())
        rows = [
            {
                "capability": word,
                "services": tuple(one.name for one in everyone if word in one.capabilities),
            }
            for word in words_of(everyone)
        ]
        columns = {"capability": "capability", "services": "services"}
        return Table(columns, rows, ("%mc find WORD   shows how to get one",))


def find_words(registry: ServiceRegistry) -> list[str]:
    """Return what may stand behind ``%mc find``, for Tab."""
    words = words_of(all_capable(registry.services()))
    return [*words, *(kind.name for kind in KINDS)]
