"""What the magics of all services share: the way to a service, what becomes of a result."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...capable import usage
from ...errors import ArgumentError, MediaConduitError, ServiceNotFoundError
from ...handles import pick
from ...prompting import live_client
from ...registry import ServiceRegistry
from ..arguments import Parser, as_is, split_line, wants_help
from ..display import Screen
from ..request import variable
from ..results import Text
from ..verbs import Verb, Verbs, interruptible
from .options import check_save, saved
from .work import Work

if TYPE_CHECKING:
    from ...service import Service


@dataclass(frozen=True)
class Desk:
    """What a magic needs of the notebook.

    Attributes
    ----------
    registry
        The kernel's services.
    screen
        Makes the display of the running cell; its argument says whether to show nothing.
    fill
        Fills ``{{...}}``; appends what was inserted to the list, if one is given.
    keep
        Keeps a result under ``_answer`` and the name that it is given.
    names
        Returns the caller's names.
    store
        Sets a variable of the notebook.
    cell_magics
        The names of the cell magics that there are, anybody's.
    own_magics
        The names of our magics.
    """

    registry: ServiceRegistry
    screen: Callable[[bool], Screen]
    fill: Callable[[str, list[object] | None], str]
    keep: Callable[[object, str | None], None]
    names: Callable[[], dict[str, Any]]
    store: Callable[[str, object], None]
    cell_magics: Callable[[], Collection[str]]
    own_magics: Callable[[], Collection[str]]

    def refuse_second(self, magic: str, line: str, body: str) -> None:
        """Raise ArgumentError where a line of a cell's body begins another magic.

        It would be taken as text, and the service asked for it.

        Parameters
        ----------
        magic, line, body
            The cell: its magic (``%%ollama``), what stands behind it, and the lines below.
        """
        ours, cells = self.own_magics(), self.cell_magics()
        for match in re.finditer(r"(?m)^(%%?)(\w+)", body):
            typed, name = match[0], match[2]
            if name not in ours and (match[1] == "%" or name not in cells):
                continue
            what = f"a second {typed}" if typed == magic.split()[0] else f"{typed} below {magic}"
            raise ArgumentError(
                f"{what} in the cell: one cell magic a cell"
                if match[1] == "%%"
                else f"{what} in the cell: the lines below a cell magic are its text",
                "in two cells (with --literal it is text):\n\n"
                + _brief_cell(f"{magic} {line}".strip() + f"\n{body[: match.start()].strip()}")
                + "\n\n"
                + _brief_cell(body[match.start() :]),
            )


class KindMagic:
    """The magics of one kind of service: a line, a cell, or both.

    Parameters
    ----------
    desk
        What it needs of the notebook.

    Attributes
    ----------
    name, typed
        Of the kind, and so of the magic; and what is typed where that is more.
    verbs
        The verbs of the line magic; None where it has none.
    line_parser, cell_parser
        What a line without verbs, and the first line of a cell, may hold; None where there is none.
    """

    name = ""
    typed = ""
    verbs: Verbs | None = None
    line_parser: Parser | None = None
    cell_parser: Parser | None = None

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.typed = self.typed or self.name
        self._host: str | None = None

    # what is typed ----------------------------------------------------------------------------

    def line(self, line: str, host: str | None = None) -> Any:
        """Do what a line says; `host` is the service, where the line does not say (``%mc X``)."""
        with self._to(host), interruptible(f"%{self.typed}"):
            if not line.strip():
                return self.bare()
            if self.verbs is not None:
                return self.verbs.call(line, self._fill)
            assert self.line_parser is not None
            return Verb(self.line_parser, self.run_line).call(line, self._fill)

    def cell(self, line: str, body: str, host: str | None = None) -> Any:
        """Do what a cell says; `host` as for :meth:`line`."""
        words, _, literal = split_line(line)
        with self._to(host), interruptible(f"%%{self.typed}"):
            if wants_help(words) or self.cell_parser is None:
                return Text(self.help())
            given = self.cell_parser.read(words, as_is if literal else self._fill)
            used: list[object] = []
            text = body.strip("\n").rstrip()
            if not literal:
                self._desk.refuse_second(f"%%{self.typed}", line, text)
                text = self._desk.fill(text, used)
            return self.run_cell(given, text, used)

    def run_line(self, given: argparse.Namespace) -> Any:
        """Do what the arguments of a line without verbs say."""
        raise NotImplementedError

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Do what a cell says: its first line's arguments, its filled body, what filled it."""
        raise NotImplementedError

    def bare(self) -> Text:
        """What to type next: each way to use it, in a line."""
        verbs = self.verbs
        parsers = [self.line_parser]
        if verbs is not None:
            parsers = [self.cell_parser, *(verbs.parser(verb) for verb in verbs)]
        lines = [_brief(parser) for parser in parsers if parser is not None]
        lines.append((f"%{self.typed} --help", "all of it, with the options"))
        width = max(len(typed) for typed, _ in lines)
        return Text(
            "\n".join(["What to type next:", *(f"{a.ljust(width)}   {b}" for a, b in lines)])
        )

    def help(self) -> str:
        """What ``%NAME?`` shows."""
        parts = [p.format_help() for p in (self.cell_parser, self.line_parser) if p is not None]
        if self.verbs is not None:
            parts.append(self.verbs.help())
        return "\n".join(parts)

    @contextmanager
    def _to(self, host: str | None) -> Iterator[None]:
        before, self._host = self._host, host
        try:
            yield
        finally:
            self._host = before

    def _fill(self, text: str) -> str:
        return self._desk.fill(text, None)

    # what is done -----------------------------------------------------------------------------

    def service(self, host: str | None) -> Service:
        """Return the service that is meant: named, of the kind's own name, or the only one.

        Raises
        ------
        ServiceNotFoundError, ArgumentError
            There is none, or there are several; the named one is of another kind.
        """
        registry = self._desk.registry
        if wanted := host or self._host:
            return self._of_kind(registry.find(wanted))
        mine = [s for s in registry.services() if s.kind and s.kind.name == self.name]
        named = pick(mine, self.name) or (mine[0] if len(mine) == 1 else None)
        if named is not None:
            return named
        if mine:
            names = ", ".join(service.handle for service in mine)
            raise ServiceNotFoundError(
                f"several services of the kind {self.name} are loaded: {names}",
                "say which: --host NAME",
            )
        return registry.find(self.name)

    def _of_kind(self, service: Service) -> Service:
        kind = service.kind
        if kind is None or kind.name != self.name:
            raise ArgumentError(
                f"{service.handle} is no {self.name}" + (f": it is {kind.name}" if kind else ""),
                usage(kind, service.handle),
            )
        return service

    def work(self, given: argparse.Namespace, do: Callable[[Work], Any]) -> Any:
        """Find the service, start it where it is stopped, do the work, show and keep the result.

        Parameters
        ----------
        given
            The arguments, with those of :func:`~.options.add_common`.
        do
            Does the work.

        Raises
        ------
        MediaConduitError
            What `do` raises; where only saving failed, the result is shown and kept, as is what
            there is of one that broke off.
        """
        out, path = variable(given.out), getattr(given, "save", None)
        check_save(path)  # wrong ones now, not after minutes
        screen = self._desk.screen(given.quiet)
        service = self.service(getattr(given, "host", None))
        work = Work(service, live_client(service, screen.report), screen.report)
        try:
            shown = do(work)
            said, problem = saved(shown, path) if path else (None, None)
        except (KeyboardInterrupt, MediaConduitError) as error:
            for part in work.kept:
                part.notes = (*part.notes, *screen.notes)
                self._desk.keep(part, out)
                screen.leave(part)
            if not work.kept and isinstance(error, KeyboardInterrupt):
                screen.stop("stopped: nothing was kept" if hasattr(given, "save") else "stopped")
            raise
        notes = [*shown.notes, *screen.notes, *filter(None, [said])]
        shown.notes = tuple(dict.fromkeys(notes))
        if hasattr(shown, "made"):
            self._desk.keep(shown, out)
        elif out:  # what was only looked at does not displace the last result
            self._desk.store(out, shown)
        screen.settle(shown)
        if problem is not None:
            raise problem
        return shown

    @property
    def inline_limit(self) -> int:
        """Bytes of media up to which they are held in the notebook itself."""
        return self._desk.registry.settings.max_inline


def _brief_cell(text: str) -> str:
    """The first lines of a cell, for a message."""
    rows = [row if len(row) <= 80 else f"{row[:77]}..." for row in text.strip().splitlines()]
    return "\n".join(rows if len(rows) <= 3 else [*rows[:2], "..."])


def _brief(parser: Parser) -> tuple[str, str]:
    """How it is typed without options, and the first line of what it does."""
    places = [str(a.metavar or a.dest) for a in parser._actions if not a.option_strings]
    return " ".join([parser.prog, *places]), (parser.description or "").partition("\n")[0]
