"""``%config McJupyter``, and the functions behind ``%mc`` and ``%ollama``, lines and cells."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from traitlets import Enum, TraitError, Unicode, observe, validate
from traitlets.config import Configurable

from ..errors import ArgumentError
from ..lab.answer import Answer
from ..lab.templates import fill
from ..registry import ServiceRegistry
from ..settings import RENDERS, RUNTIMES, parse_size
from .complete import TabCompletion
from .display import Screen, mode_of
from .jobs import Jobs
from .ollama import OllamaVerbs
from .once import ShownOnce
from .panel import Panel
from .prompts import Prompts
from .results import Result
from .services import ServiceVerbs
from .verbs import interruptible

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class McJupyter(Configurable):
    """The settings of mc_jupyter; an empty one leaves it to the environment.

    Parameters
    ----------
    registry
        Whose settings these are.
    """

    runtime = Enum(
        ("", *RUNTIMES), "", help="how services run: auto, docker, native, embedded, url"
    ).tag(config=True)
    render = Enum(("", *RENDERS), "", help="live: answers as they come; settled: once, whole").tag(
        config=True
    )
    max_download = Unicode(
        "", help="what an image or model may have to be fetched unasked: 6GB, 0"
    ).tag(config=True)

    def __init__(self, registry: ServiceRegistry, **kwargs: Any) -> None:
        self._overrides = registry.settings.overrides
        super().__init__(**{**self._overrides, **kwargs})

    @observe("runtime", "render", "max_download")
    def _override(self, change: dict[str, Any]) -> None:
        self._overrides.pop(change["name"], None)
        if change["new"]:
            self._overrides[change["name"]] = change["new"]

    @validate("max_download")
    def _a_size(self, proposal: dict[str, Any]) -> str:
        text = str(proposal["value"])
        try:
            if text:
                parse_size(text)
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
        self._prompts = Prompts(registry, self._screen, self._fill, self._keep)
        self._jobs = Jobs()
        self.panel = Panel(shell, registry, self._prompts, self._jobs)
        self._ollama = OllamaVerbs(registry, self._screen, self._prompts, self._jobs).verbs
        self._mc = ServiceVerbs(registry, self._screen, self.panel, self._jobs).verbs

    def mc(self, line: str, cell: str | None = None) -> Result | Answer:
        """``%mc VERB ...`` and ``%%mc HANDLE ...``."""
        name, rest = (*line.split(None, 1), "", "")[:2]
        if cell is None:
            if name == "ollama":
                return self.ollama(rest)
            with interruptible(f"%mc {name}"):
                return self._mc.call(line, self._fill)
        if name in ("", "?", "-h", "--help"):
            return self._mc.call("--help", self._fill)
        if name in self._mc:
            raise ArgumentError(f"%%mc takes the handle of a service, not {name!r}", f"%mc {line}")
        if name.endswith("?"):
            name, rest = name[:-1], "--help"
        handle = None if name == "ollama" else self._registry.find(name).handle
        return self._prompt("%%mc", rest, cell, handle)

    def ollama(self, line: str, cell: str | None = None) -> Result | Answer:
        """``%ollama VERB ...`` and ``%%ollama [MODEL] ...``."""
        if cell is not None:
            return self._prompt("%%ollama", line, cell)
        with interruptible("%ollama"):
            return self._ollama.call(line, self._fill)

    def close(self) -> None:
        """End what goes on beside the cells."""
        self.panel.close()
        self._jobs.cancel()

    def help(self) -> dict[str, str]:
        """What ``%mc?`` and ``%ollama?`` show."""
        prompting = f"{self._prompts.parser.format_help()}\n{self._ollama.help()}"
        return {"mc": self._mc.help(), "ollama": prompting}

    def completion(self, ours: Collection[tuple[str, str]]) -> TabCompletion:
        """What Tab offers behind those of our magics (``line`` or ``cell``, and the name)."""
        return TabCompletion(self._registry, self._mc, self._ollama, self._prompts.parser, ours)

    def _prompt(self, magic: str, line: str, cell: str, host: str | None = None) -> Result | Answer:
        with interruptible(magic):
            return self._prompts.prompt(line, cell, host)

    def _screen(self, quiet: bool = False) -> Screen:
        mode = mode_of(self._shell, self._registry.settings.render, quiet)
        return Screen(self._shell, mode, self.once.mark)

    def _fill(self, text: str) -> str:
        return fill(text, self._shell.user_ns)

    def _keep(self, answer: Answer, name: str | None) -> None:
        self._shell.user_ns["_answer"] = answer
        if name:
            self._shell.user_ns[name] = answer
