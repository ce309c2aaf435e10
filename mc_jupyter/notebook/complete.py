"""Tab behind our magics, in the kernel's own completer; derived from the parsers.

What a magic takes is known from its parser, and what a value may be from the word that stands for
it in the help (``candidates.py``); so a new verb or option completes by itself.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from ..handles import pick
from ..registry import ServiceRegistry
from .arguments import THINK_LEVELS, Parser
from .candidates import Asked, Candidates
from .cursor import Fragment, scan
from .kinds import KindMagic
from .kinds.loaded import LoadedKinds
from .offer import Nothing, Offer, as_options, fitting
from .verbs import Verbs
from .walk import Walk

_CELL = re.compile(r"%%(\w+)[ \t]+")
_LINE = re.compile(r"""\s*(?:[\w.\[\]'", ]+=\s*)?%(\w+)[ \t]+""")
_HOUSE = ("mc", "mc_service")

_log = logging.getLogger(__name__)


class TabCompletion:
    """What Tab offers behind our magics.

    Parameters
    ----------
    registry
        The kernel's services.
    mc, ollama
        The verbs of ``%mc`` and ``%ollama``.
    prompt
        The parser of a prompt's first line.
    kinds
        The magics of the kinds of services that are loaded.
    ours
        The magics that are ours: ``line`` or ``cell``, and the name.
    names
        Returns the notebook's names.
    """

    def __init__(
        self,
        registry: ServiceRegistry,
        mc: Verbs,
        ollama: Verbs,
        prompt: Parser,
        kinds: LoadedKinds,
        ours: Collection[tuple[str, str]],
        names: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._mc, self._ollama, self._prompt, self._ours = mc, ollama, prompt, ours
        self._registry, self._kinds = registry, kinds
        self._call = kinds.call
        self._candidates = Candidates(registry, names)

        # first, so that jedi and the like are not asked where only we know
        @context_matcher(identifier="mc_jupyter", priority=1000)  # type: ignore[untyped-decorator]
        def matcher(context: CompletionContext) -> SimpleMatcherResult:
            return self._match(context)

        self.matcher: Any = matcher

    def _match(self, context: CompletionContext) -> SimpleMatcherResult:
        offer = None
        try:
            offer = self.offer(context.full_text, context.cursor_line, context.cursor_position)
        except (Exception, KeyboardInterrupt):  # IPython would print it into the page
            _log.debug("completing %r failed", context.full_text, exc_info=True)
        if offer is None:
            return {"completions": []}
        found = [SimpleCompletion(text, type=kind) for text, kind in offer.matches]
        return {
            "completions": found or Nothing(),
            "matched_fragment": offer.fragment,
            "suppress": True,
            "ordered": True,
        }

    def offer(self, cell: str, number: int, column: int) -> Offer | None:
        """Return what fits at the cursor; None where it is not for us to say.

        Parameters
        ----------
        cell
            The whole text; some front ends send only the line with the cursor.
        number, column
            Where in it the cursor stands; both begin at 0.
        """
        lines = cell.split("\n")
        line = lines[number]
        found = self._typed(lines, number, line[:column])
        if found is None:
            return None
        kind, name, start = found
        scanned = scan(line[start:column], line[column:])
        if scanned is None:
            return None
        words, here = scanned
        if kind == "cell":
            return self._in_cell(name, words, here, line[column:])
        return self._in_line(name, words, here, line[column:])

    def _typed(self, lines: Sequence[str], number: int, before: str) -> tuple[str, str, int] | None:
        """The magic of ours that the cursor stands behind, and where its arguments begin."""
        for at, line in enumerate(lines):  # comments may stand above our cell magics
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            whole = _CELL.match(f"{line} ")
            if whole and ("cell", whole[1]) in self._ours:
                match = _CELL.match(before) if at == number else None
                return ("cell", match[1], match.end()) if match else None
            break
        match = _LINE.match(before)
        if match and ("line", match[1]) in self._ours:
            return "line", match[1], match.end()
        return None

    def _in_cell(self, name: str, words: list[str], here: Fragment, after: str) -> Offer | None:
        host = None
        if name in _HOUSE:
            if not words:
                services = dict.fromkeys(["ollama", *self._candidates.handles(Asked(here.text))])
                return fitting(here, [*((s, "service") for s in services), ("call", "verb")])
            host = words.pop(0)
        if self._is_prompt(name, host):
            return self._arguments(self._prompt, words, here, after, host)
        magic = self._magic(name, host)
        if magic is None or magic.cell_parser is None:
            return None
        return self._arguments(magic.cell_parser, words, here, after, host, magic)

    def _in_line(self, name: str, words: list[str], here: Fragment, after: str) -> Offer | None:
        host = None
        if name in _HOUSE and words and self._mc.verb(words[0]) is None:
            host = words.pop(0)
        if name in _HOUSE and host is None:
            handles = [h for h in self._candidates.handles(Asked(here.text)) if h != "ollama"]
            more = [("ollama", "verb"), ("call", "verb"), *((h, "service") for h in handles)]
            return self._in_verbs(self._mc, words, here, after, None, more)
        if host == "ollama" or (host is None and name == "ollama"):
            return self._in_verbs(self._ollama, words, here, after, host)
        magic = self._magic(name, host)
        if magic is None:
            return None
        if magic.verbs is not None:
            return self._in_verbs(magic.verbs, words, here, after, host, magic=magic)
        parser = magic.line_parser
        return self._arguments(parser, words, here, after, host, magic) if parser else None

    def _in_verbs(
        self,
        verbs: Verbs,
        words: list[str],
        here: Fragment,
        after: str,
        host: str | None,
        more: Sequence[tuple[str, str]] = (),
        magic: KindMagic | None = None,
    ) -> Offer | None:
        """What fits behind a magic with verbs: a verb, then its arguments."""
        if not words:
            return fitting(here, [*((verb, "verb") for verb in verbs), *more])
        verb = verbs.verb(words[0])
        if verb is None:
            return None
        is_raw = verb.is_raw or verb.is_text
        return self._arguments(verb.parser, words[1:], here, after, host, magic, is_raw=is_raw)

    def _is_prompt(self, name: str, host: str | None) -> bool:
        """Whether a cell is a prompt of Ollama's."""
        if host is None or host == "ollama":
            return (host or name) == "ollama"
        service = pick(self._registry.services(), host)
        return service is not None and service.is_ollama

    def _magic(self, name: str, host: str | None) -> KindMagic | None:
        """The magics of another kind that a line or cell belongs to."""
        if host == "call":
            return self._call
        if host is None:
            return self._kinds.get(name)
        service = pick(self._registry.services(), host)
        return self._kinds.get(service.kind.name) if service and service.kind else None

    def _arguments(
        self,
        parser: Parser,
        words: Sequence[str],
        here: Fragment,
        after: str,
        host: str | None = None,
        magic: KindMagic | None = None,
        *,
        is_raw: bool = False,
    ) -> Offer | None:
        """What fits behind the words that a parser was given."""
        walk = Walk(parser)
        for word in words:
            walk.take(word)
        is_option = walk.expects is not None or here.text.startswith("-")
        if is_raw and walk.is_filled and (walk.is_text or not is_option):
            return None  # a prompt
        own = None if host in ("ollama", "call") else host  # the usual rule, as the magic has it
        host = walk.given["host"][-1] if walk.given.get("host") else own
        kind = magic.name if magic is not None and magic is not self._call else None
        asked = partial(self._values, words=words, host=host, kind=kind)
        if walk.expects is not None:
            return asked(walk.expects, here, 0)
        if here.text.startswith("-") and not here.quote:
            name, equals, _ = here.text.partition("=")
            if not equals:
                return fitting(here, as_options(walk.options(here.text, after)))
            action = parser.option(name)
            if action is None or action.nargs is not None:
                return Offer(here.since(0), [])
            return asked(action, here, len(name) + 1)
        offer = Offer(here.since(0), [])
        if walk.places:
            known = asked(walk.places[0], here, 0)
            if known is None:
                return None
            offer = known
        is_whole = not walk.places or walk.places[0].nargs == "?"
        if is_whole and not here.text and not offer.matches:
            offer.matches.extend(as_options(walk.options("--", after)))
        if walk.may_level:
            levels = fitting(here, [(level, "value") for level in THINK_LEVELS])
            offer.matches[:0] = levels.matches
        return offer

    def _values(
        self,
        action: argparse.Action,
        here: Fragment,
        at: int,
        words: Sequence[str],
        host: str | None,
        kind: str | None,
    ) -> Offer | None:
        """What fits as the value of an argument that begins at a character of the fragment."""
        found = self._candidates.of(action, Asked(here.text[at:], host, kind))
        if found is None:
            return None
        what, values = found
        fresh = [value for value in values if value not in words]
        return Offer(here.since(at), [(here.spell(value, at), what) for value in fresh])
