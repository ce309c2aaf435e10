"""What the magics of all services share: the options, the way to a service, what becomes of a
result."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...clients.option import Option, Options
from ...errors import ArgumentError, ServiceNotFoundError
from ...events import Report, ticking
from ...handles import pick
from ...lab.made import Input, Made
from ...prompting import live_client
from ...registry import ServiceRegistry
from ..arguments import Parser, as_is, split_line, wants_help
from ..display import Screen
from ..request import variable
from ..results import Text
from ..verbs import Verb, Verbs, interruptible

if TYPE_CHECKING:
    from ...clients.content import Product, Upload
    from ...service import Service

COMMON = ("host", "out", "save", "quiet", "literal")


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
        The notebook's names.
    """

    registry: ServiceRegistry
    screen: Callable[[bool], Screen]
    fill: Callable[[str, list[object] | None], str]
    keep: Callable[[object, str | None], None]
    names: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Work:
    """One call of a service that goes on.

    Attributes
    ----------
    service, client
        Whom it is asked of.
    report
        Told of progress.
    """

    service: Service
    client: Any
    report: Report

    def made(
        self,
        what: str,
        *,
        model: str | None = None,
        options: Mapping[str, Any] | None = None,
        inputs: Sequence[Input] = (),
    ) -> Made:
        """Say how a result was made: by this service, at its commit, of these inputs."""
        service = self.service
        is_address = service.identifier.kind == "url"  # it holds a port, which is never saved
        kind = service.kind.name if service.kind else None
        return Made(
            what,
            service=kind if is_address else service.handle,
            identifier=None if is_address else service.identified,
            commit=service.commit,
            model=model,
            options=dict(options or {}),
            inputs=tuple(inputs),
        )

    def made_of(
        self, what: str, product: Product, inputs: Sequence[Input], model: str | None = None
    ) -> Made:
        """Say how a product was made."""
        return self.made(
            what, model=model or product.model, options=product.settings, inputs=inputs
        )


class KindMagic:
    """The magics of one kind of service: a line, a cell, or both.

    Parameters
    ----------
    desk
        What it needs of the notebook.

    Attributes
    ----------
    name
        Of the kind, and so of the magic.
    verbs
        The verbs of the line magic; None where it has none.
    line_parser, cell_parser
        What a line without verbs, and the first line of a cell, may hold; None where there is none.
    """

    name = ""
    verbs: Verbs | None = None
    line_parser: Parser | None = None
    cell_parser: Parser | None = None

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._host: str | None = None
        self._magic = f"%{self.name}"

    # what is typed ----------------------------------------------------------------------------

    def line(self, line: str, host: str | None = None) -> Any:
        """Do what a line says; `host` is the service, where the line does not say (``%mc X``)."""
        with self._to(host), interruptible(f"%{self.name}"):
            if self.verbs is not None:
                return self.verbs.call(line, self._fill)
            assert self.line_parser is not None
            if not line.strip():
                return Text(self.line_parser.format_help())
            return Verb(self.line_parser, self.run_line).call(line, self._fill)

    def cell(self, line: str, body: str, host: str | None = None) -> Any:
        """Do what a cell says; `host` as for :meth:`line`."""
        words, _, literal = split_line(line)
        with self._to(host), interruptible(f"%%{self.name}"):
            if wants_help(words) or self.cell_parser is None:
                return Text(self.help())
            given = self.cell_parser.read(words, as_is if literal else self._fill)
            used: list[object] = []
            text = body.strip("\n").rstrip()
            if not literal:
                text = self._desk.fill(text, used)
            return self.run_cell(given, text, used)

    def run_line(self, given: argparse.Namespace) -> Any:
        """Do what the arguments of a line without verbs say."""
        raise NotImplementedError

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Do what a cell says: its first line's arguments, its filled body, what filled it."""
        raise NotImplementedError

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
        ServiceNotFoundError
            There is none, or there are several.
        """
        registry = self._desk.registry
        if wanted := host or self._host:
            return registry.find(wanted)
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

    def work(self, given: argparse.Namespace, do: Callable[[Work], Any]) -> Any:
        """Find the service, start it where it is stopped, do the work, show and keep the result.

        Parameters
        ----------
        given
            The arguments, with those of :func:`add_common`.
        do
            Does the work.
        """
        out = variable(given.out)  # wrong ones now, not after minutes
        screen = self._desk.screen(given.quiet)
        service = self.service(given.host)
        work = Work(service, live_client(service, screen.report), screen.report)
        shown = do(work)
        self._desk.keep(shown, out)  # before it is saved: a path that cannot be loses nothing
        notes = list(screen.notes)
        if given.save:
            notes.append(f"saved as {_saved(shown, given.save)}")
        shown.notes = tuple(dict.fromkeys((*shown.notes, *notes)))
        screen.settle(shown)
        return shown

    @property
    def inline_limit(self) -> int:
        """Bytes of media up to which they are held in the notebook itself."""
        return self._desk.registry.settings.max_inline


def add_common(parser: Parser, *, save: str = "write the result to this file") -> Parser:
    """Add the options that every service's magics have, in the same words; return the parser."""
    add = parser.add_argument
    add("-o", "--out", metavar="VARIABLE", help="variable that the result goes to (and _answer)")
    add("--save", metavar="PATH", help=save)
    add("--host", metavar="HANDLE", help="which service, where several of the kind are loaded")
    add("--quiet", action="store_true", help="show nothing")
    add("--literal", action="store_true", help="{{...}} means nothing")
    return parser


def add_options(parser: Parser, options: Options, leave_out: Sequence[str] = ()) -> Parser:
    """Add a client's options, ``-`` for ``_``; return the parser."""
    for name, option in options.items():
        if name not in leave_out:
            _add_option(parser, name, option)
    return parser


def _add_option(parser: Parser, name: str, option: Option) -> None:
    long = "--" + name.replace("_", "-")
    text = option.help.replace("%", "%%")
    if option.type is bool:
        parser.add_argument(long, dest=name, action="store_const", const=True, help=text)
        parser.add_argument(
            f"--no-{long[2:]}", dest=name, action="store_const", const=False, help=f"not {long}"
        )
        return
    kind: Any = option.type
    shown = {int: "N", float: "X"}.get(kind, "TEXT")
    parser.add_argument(
        long,
        dest=name,
        type=kind if kind in (int, float) else str,
        choices=option.choices or None,
        metavar="|".join(option.choices) if _is_short(option.choices) else option.metavar or shown,
        help=text,
    )


def _is_short(choices: Sequence[str]) -> bool:
    return 0 < len("|".join(choices)) <= 40


def _saved(shown: Any, path: str) -> Path:
    if not hasattr(shown, "save"):
        raise ArgumentError("--save: this is nothing to save", "leave it out")
    saved: Path = shown.save(path)
    return saved


def given_options(given: argparse.Namespace, options: Options) -> dict[str, Any]:
    """Return those of a client's options that were given, by their names."""
    found = {name: getattr(given, name, None) for name in options}
    return {name: value for name, value in found.items() if value is not None}


def text_input(text: str, used: Sequence[object], name: str = "text") -> Input:
    """Return what stands for a text as an input; it remembers the result that filled it."""
    import hashlib

    raw = text.encode()
    made = [found for one in used if isinstance(found := getattr(one, "made", None), Made)]
    origin = made[0] if len(made) == 1 else None
    if len(made) > 1:
        inputs = tuple(Input(name=one.what, made=one) for one in made)
        origin = Made("text", inputs=inputs)
    return Input(name, hashlib.sha256(raw).hexdigest(), len(raw), origin)


def sent(upload: Upload, one: Input) -> Input:
    """Return an input with the hash that was taken while it was sent."""
    from dataclasses import replace

    return replace(one, sha256=upload.sha256, size=upload.size)


__all__ = [
    "COMMON",
    "Desk",
    "KindMagic",
    "Work",
    "add_common",
    "add_options",
    "given_options",
    "sent",
    "text_input",
    "ticking",
]
