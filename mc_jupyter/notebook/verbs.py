"""A magic with verbs: ``%mc start ollama``, ``%ollama list``."""

from __future__ import annotations

import argparse
import re
import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import ArgumentError, Interrupted, did_you_mean
from ..lab.answer import Answer
from .arguments import Parser, as_is, expand_think, split_line, wants_help
from .results import Result, Text

Run = Callable[[argparse.Namespace], Result | Answer]
Fill = Callable[[str], str]


@dataclass(frozen=True)
class Verb:
    """One verb: how it is typed, and what it does with its arguments.

    Attributes
    ----------
    is_raw
        Whether what follows the first word that is no option, and the options behind it, stays
        as it was typed, in `rest`.
    is_text
        Whether that first word does, too.
    """

    parser: Parser
    run: Run
    is_raw: bool = False
    is_text: bool = False

    def call(self, line: str, fill: Fill) -> Result | Answer:
        """Run it with the rest of the line."""
        parser = self.parser if self.is_raw or self.is_text else None
        words, rest, literal = split_line(line, parser, is_text=self.is_text, is_behind=self.is_raw)
        if wants_help(words) or (self.is_text and rest == "?"):
            return Text(self.parser.format_help())
        given = self.parser.read(expand_think(words), as_is if literal else fill)
        if self.is_text:
            self._refuse_options_in(words, rest)
        given.rest = rest
        return self.run(given)

    def _refuse_options_in(self, words: list[str], text: str) -> None:
        """An option behind the text would be spoken, and not done."""
        for word in text.split():
            name = word.partition("=")[0]
            if word.startswith("--") and self.parser.option(name) is not None:
                raise ArgumentError(
                    f"{self.parser.prog}: {name} stands behind the text, and options come first",
                    f"{self._put_right(words, text)}   or, to be spoken as it is, in a cell",
                )

    def _put_right(self, words: list[str], text: str) -> str:
        """The line with the options that stand in the text before it."""
        first, said = [shlex.quote(word) for word in words], []
        pieces = iter(re.findall(r'"[^"]*"|\S+', text))
        for piece in pieces:
            option = self.parser.option(piece) if piece.startswith("--") else None
            if option is None:
                said.append(piece)
                continue
            first.append(piece)
            if self.parser.takes_value(piece):
                first.append(next(pieces, str(option.metavar)))
        return " ".join([self.parser.prog, *first, " ".join(said) or "TEXT"])


class Verbs:
    """The verbs of one magic.

    Parameters
    ----------
    prog
        The magic as it is typed.
    about
        What stands above the list of verbs in its help.
    bare
        Called when nothing but the magic was typed.
    default
        The verb that is meant where none is typed (``%ollama llama3 Hello``).
    """

    def __init__(
        self, prog: str, about: str, bare: Callable[[], Result], default: str | None = None
    ) -> None:
        self.prog, self.about, self._bare, self._default = prog, about, bare, default
        self._verbs: dict[str, Verb] = {}

    def add(
        self,
        name: str,
        description: str,
        run: Run,
        *,
        is_raw: bool = False,
        is_text: bool = False,
    ) -> Parser:
        """Add a verb; return its parser, for its arguments."""
        verb = Verb(Parser(f"{self.prog} {name}", description), run, is_raw, is_text)
        self._verbs[name] = verb
        return verb.parser

    def __contains__(self, name: str) -> bool:
        return name in self._verbs

    def __iter__(self) -> Iterator[str]:
        return iter(self._verbs)

    def verb(self, name: str) -> Verb | None:
        """The verb of that name, ``-`` and ``_`` alike; None where there is none."""
        return self._verbs.get(name.replace("_", "-"))

    def parser(self, name: str) -> Parser:
        """The parser of a verb."""
        return self._verbs[name].parser

    def call(self, line: str, fill: Fill) -> Result | Answer:
        """Do what a line says.

        Raises
        ------
        ArgumentError
            There is no such verb, or it was given what it does not take.
        """
        name, rest = (*line.split(None, 1), "", "")[:2]
        if not name:
            return self._bare()
        if name in ("-h", "--help", "help", "?"):
            return Text(self.help())
        if name.endswith("?"):
            name, rest = name[:-1], "?"
        verb = self.verb(name)
        if verb is None:
            guess = did_you_mean(name, self._verbs)
            is_other = rest and self._default and not guess.startswith("did")
            raise ArgumentError(
                f"{self.prog} has no verb {name!r}: {guess}",
                f"{self.prog} {self._default} {line}" if is_other else f"{self.prog} --help",
            )
        return verb.call(rest, fill)

    def help(self) -> str:
        """The verbs, and how each is typed."""
        lines = [self.about]
        for verb in self._verbs.values():
            usage = verb.parser.format_usage().replace("usage: ", "").rstrip()
            usage = usage.replace("\n" + " " * len("usage: "), "\n")
            lines += [usage, f"    {verb.parser.description}", ""]
        return "\n".join([*lines, f"More on a verb: {self.prog} VERB --help"])


@contextmanager
def interruptible(what: str) -> Iterator[None]:
    """Let the interrupt button end what runs here, with our one-line error.

    In a cell that awaits, ipykernel's handler only cancels the task, which code that blocks would
    never notice; so Python's own handler is put in its place meanwhile.
    """
    before = None
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGINT)
        if before is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(f"{what} was interrupted") from None
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
