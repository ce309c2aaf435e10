"""``%config McJupyter``, and the functions behind ``%mc`` and ``%ollama``, lines and cells."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from traitlets import CUnicode, Enum, TraitError, observe, validate
from traitlets.config import Configurable

from ..clients.kinds import KINDS
from ..errors import ArgumentError
from ..events import Event
from ..handles import pick
from ..lab.answer import Answer
from ..lab.templates import fill
from ..registry import ServiceRegistry
from ..settings import SETTINGS, parse, setting
from .caller import add_note, scope, take_notes
from .complete import TabCompletion
from .display import Screen, mode_of
from .jobs import Jobs
from .kinds import Desk, KindMagic
from .kinds.loaded import LoadedKinds
from .ollama import OllamaVerbs
from .once import ShownOnce
from .panel import Panel
from .prompts import Prompts
from .results import Result
from .services import ServiceVerbs
from .verbs import interruptible

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..service import Service


_NAMES = tuple(each.name for each in SETTINGS if each.is_config)
_AMOUNTS = tuple(name for name in _NAMES if setting(name).kind != "word")


def _trait(name: str) -> Any:
    """A setting of the table, as ``%config`` has it."""
    known = setting(name)
    words = f"{known.text} Default {known.default}; {known.variable} sets it, too."
    if known.choices:
        return Enum(("", *known.choices), "", help=words).tag(config=True)
    return CUnicode("", help=words).tag(config=True)


class McJupyter(Configurable):
    """The settings of mc_jupyter; an empty one leaves it to the environment.

    Parameters
    ----------
    registry
        Whose settings these are.
    """

    runtime = _trait("runtime")
    render = _trait("render")
    max_download = _trait("max_download")
    max_fetch = _trait("max_fetch")
    max_inline = _trait("max_inline")
    max_line = _trait("max_line")
    max_answer = _trait("max_answer")
    max_reply = _trait("max_reply")
    max_headers = _trait("max_headers")
    max_depth = _trait("max_depth")
    max_values = _trait("max_values")

    def __init__(self, registry: ServiceRegistry, **kwargs: Any) -> None:
        self._overrides = registry.settings.overrides
        super().__init__(**{**self._overrides, **kwargs})

    @observe(*_NAMES)
    def _override(self, change: dict[str, Any]) -> None:
        self._overrides.pop(change["name"], None)
        if change["new"]:
            self._overrides[change["name"]] = change["new"]

    @validate(*_AMOUNTS)
    def _an_amount(self, proposal: dict[str, Any]) -> str:
        text = str(proposal["value"])
        try:
            if text:
                parse(proposal["trait"].name, text)
        except ArgumentError as error:
            raise TraitError(str(error)) from error
        return text


class Magics:
    """The magics of one shell.

    Parameters
    ----------
    shell
        Where they are typed.
    registry
        The kernel's services.
    """

    def __init__(self, shell: InteractiveShell, registry: ServiceRegistry) -> None:
        self._shell, self._registry = shell, registry
        self.once = ShownOnce(shell)
        self._last_screen: Screen | None = None
        self._desk = Desk(
            registry,
            self._screen,
            self._fill,
            self._keep,
            lambda: scope(shell.user_ns).names,
            self._store,
            lambda: shell.magics_manager.magics["cell"],
            self._own_names,
        )
        self.kinds = LoadedKinds(self._desk)
        self._prompts = Prompts(self._desk, lambda: scope(shell.user_ns))
        self._jobs = Jobs()
        self.panel = Panel(shell, registry, self._prompts, self._jobs)
        self._ollama = OllamaVerbs(registry, self._screen, self._prompts, self._jobs).verbs
        self._mc = ServiceVerbs(registry, self._screen, self.panel, self._jobs).verbs

    def mc(self, line: str, cell: str | None = None) -> Any:
        """``%mc VERB ...``, ``%mc HANDLE ...`` and ``%%mc HANDLE ...``."""
        name, rest = (*line.split(None, 1), "", "")[:2]
        if name == "call":
            return self.kinds.call.line(rest) if cell is None else self.kinds.call.cell(rest, cell)
        if cell is None:
            return self._mc_line(line, name, rest)
        if name in ("", "?", "-h", "--help"):
            return self._mc.call("--help", self._fill)
        if name in self._mc:
            raise ArgumentError(f"%%mc takes the handle of a service, not {name!r}", f"%mc {line}")
        if name.endswith("?"):
            name, rest = name[:-1], "--help"
        if name == "ollama":
            return self._prompt("%%mc", rest, cell)
        service = self._registry.find(name)
        magic = self._magic_of(service)
        if magic is None:
            return self._prompt("%%mc", rest, cell, service.handle)
        return magic.cell(rest, cell, service.handle)

    def _mc_line(self, line: str, name: str, rest: str) -> Any:
        if name == "ollama":
            return self.ollama(rest)
        service = None if name in self._mc else pick(self._registry.services(), name)
        if service is None:
            if name in {kind.name for kind in KINDS}:
                self._registry.find(name)  # says how it is loaded
            with self._running(f"%mc {name}"):
                return self._mc.call(line, self._fill)
        magic = self._magic_of(service)
        if magic is None:
            raise ArgumentError(f"{name} is an Ollama", f"%ollama VERB --host {name}")
        return magic.line(rest, service.handle)

    def _magic_of(self, service: Service) -> KindMagic | None:
        """The magics of a service's kind; None for Ollama's, which are the prompts.

        Raises
        ------
        ArgumentError
            It is of no kind that is known.
        """
        if service.kind is None:
            raise ArgumentError(
                f"{service.handle} is of no kind that is known here",
                f"%mc call {service.handle} GET /   or load it with --client NAME",
            )
        return self.kinds.get(service.kind.name)

    def ollama(self, line: str, cell: str | None = None) -> Result | Answer:
        """``%ollama VERB ...`` and ``%%ollama [MODEL] ...``."""
        if cell is not None:
            return self._prompt("%%ollama", line, cell)
        with self._running("%ollama"):
            return self._ollama.call(line, self._fill)

    def close(self) -> None:
        """End what goes on beside the cells."""
        self.kinds.close()
        self.panel.close()
        self._jobs.cancel()

    def help(self) -> dict[str, str]:
        """What ``%mc?`` and ``%ollama?`` show."""
        prompting = f"{self._prompts.parser.format_help()}\n{self._ollama.help()}"
        return {"mc": self._mc.help(), "ollama": prompting}

    def completion(self, ours: Collection[tuple[str, str]]) -> TabCompletion:
        """What Tab offers behind those of our magics (``line`` or ``cell``, and the name)."""
        return TabCompletion(
            self._registry,
            self._mc,
            self._ollama,
            self._prompts.parser,
            self.kinds,
            ours,
            lambda: self._shell.user_ns,
        )

    def _prompt(self, magic: str, line: str, cell: str, host: str | None = None) -> Result | Answer:
        with self._running(magic):
            return self._prompts.prompt(line, cell, host)

    def _screen(self, quiet: bool = False) -> Screen:
        mode = mode_of(self._shell, self._registry.settings.render, quiet)
        screen = self._last_screen = Screen(self._shell, mode, self.once.mark)
        for note in take_notes():
            screen.report(Event("note", note, keep=True))
        return screen

    @contextmanager
    def _running(self, magic: str) -> Iterator[None]:
        """Run a magic: an interrupt is an error of ours, and above errors no progress is left."""
        self._last_screen = None
        with interruptible(magic):
            try:
                yield
            except BaseException:
                if self._last_screen is not None:
                    self._last_screen.stop("stopped")
                raise
            finally:
                self._last_screen = None  # it may hold an answer

    def _fill(self, text: str, used: list[object] | None = None) -> str:
        caller, left = scope(self._shell.user_ns), list[str]()
        filled = fill(text, caller.names, used, missing=caller.missing, left=left)
        for note in left:
            add_note(note)
        return filled

    def _keep(self, answer: object, name: str | None) -> None:
        self._store("_answer", answer)
        if name:
            self._store(name, answer)

    def _store(self, name: str, value: object) -> None:
        """Results go to the notebook, also from a function: its own variables cannot be set."""
        self._shell.user_ns[name] = value

    def _own_names(self) -> set[str]:
        """The names of our magics, of the kinds that are loaded, too."""
        return {"mc", "mc_service", "ollama", *self.kinds.names()}
