"""``%ollama``: what the ollama command does, with the service that is loaded."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..clients.loads import count
from ..errors import Interrupted
from ..meter import size_text
from ..prompting import ollama_client, room_check
from ..registry import ServiceRegistry
from .arguments import Parser
from .display import Screen
from .jobs import Jobs, add_cancel
from .prompts import MODEL, Prompts, models_of, running_ollamas
from .request import add_default_options, add_prompt_options
from .results import Facts, Result, Table, Text
from .verbs import Verbs

if TYPE_CHECKING:
    from ..clients.ollama import OllamaClient
    from ..service import Service

_ABOUT = """Prompt a model of Ollama, and look after its models.

%%ollama [MODEL] ...  the lines below are the prompt (%%ollama --help: its options)
%ollama VERB ...      one of the verbs below
"""


class OllamaVerbs:
    """The verbs of ``%ollama``.

    Parameters
    ----------
    registry
        The kernel's services.
    screen
        Makes the display of the running cell.
    prompts
        What ``run`` and ``use`` lead to.
    jobs
        What goes on in the background.
    """

    def __init__(
        self,
        registry: ServiceRegistry,
        screen: Callable[[], Screen],
        prompts: Prompts,
        jobs: Jobs,
    ) -> None:
        self._registry, self._screen, self._prompts = registry, screen, prompts
        self.verbs = Verbs("%ollama", _ABOUT, self._bare, "run")
        self._add_model_verbs(self.verbs)
        run = self.verbs.add("run", "Prompt a model in one line.", prompts.run, is_raw=True)
        add_prompt_options(run)
        run.add_argument("model", metavar="MODEL", nargs="?")
        run.usage = "%%ollama run MODEL [options of %%%%ollama] PROMPT"
        add_cancel(self.verbs, jobs)
        use = self.verbs.add("use", "Set the model and options of %%ollama here.", prompts.use)
        use.add_argument("model", metavar="MODEL")
        use.add_argument("--or", dest="others", action="append", metavar="MODEL", help="else this")
        add_default_options(use)

    def _add_model_verbs(self, verbs: Verbs) -> None:
        def add(name: str, description: str, run: Callable[[argparse.Namespace], Result]) -> Parser:
            parser = verbs.add(name, description, run)
            parser.add_argument("--host", metavar="HANDLE|URL", help="which Ollama")
            return parser

        add("list", "Show the models that are installed.", self._list)
        add("ps", "Show the models that are in memory.", self._ps)
        show = add("show", "Show what is known of a model.", self._show)
        show.add_argument("model", metavar="MODEL")
        pull = add("pull", "Fetch models, whatever their size.", self._pull)
        pull.add_argument("model", metavar="MODEL", nargs="+")
        remove = add("rm", "Delete models from the disk.", self._remove)
        remove.add_argument("model", metavar="MODEL", nargs="+")
        stop = add("stop", "Take a model out of memory.", self._stop)
        stop.add_argument("model", metavar="MODEL")

    def _connect(self, given: argparse.Namespace, screen: Screen) -> OllamaClient:
        return ollama_client(self._started(given, screen))

    def _started(self, given: argparse.Namespace, screen: Screen) -> Service:
        service = self._registry.for_prompt(given.host, screen.report)
        if not service.status().healthy:
            service.start(report=screen.report)
        return service

    def _bare(self) -> Result:
        lines = [
            f"{s.handle}: {', '.join(m['name'] for m in models_of(s))}"
            for s in running_ollamas(self._registry)
        ]
        shown = ["Installed models:", *lines] if lines else ["No Ollama runs in this kernel yet."]
        if self._prompts.model:
            shown.append(f"%%ollama uses {self._prompts.model}")
        model = self._prompts.model or MODEL
        following = [
            f"%%ollama {model}   the prompt goes into the lines below",
            f"%ollama run {model} Why is the sky blue?",
            "%ollama list",
            "%ollama --help",
        ]
        return Text("\n".join([*shown, "", "What to type next:", *following]))

    def _list(self, given: argparse.Namespace) -> Result:
        screen = self._screen()
        rows = [_model_row(model) for model in self._connect(given, screen).models()]
        table = Table(
            {"name": "name", "id": "id", "shown_size": "size"},
            rows,
            () if rows else ("No model is installed.", f"%ollama pull {MODEL}"),
        )
        return screen.hand_over(table)

    def _ps(self, given: argparse.Namespace) -> Result:
        screen = self._screen()
        rows = [
            _model_row(m) | {"processor": processor(m)} for m in self._connect(given, screen).ps()
        ]
        columns = {
            "name": "name",
            "id": "id",
            "shown_size": "size",
            "processor": "processor",
            "context_length": "context",
        }
        return screen.hand_over(Table(columns, rows, () if rows else ("No model is loaded.",)))

    def _show(self, given: argparse.Namespace) -> Result:
        screen = self._screen()
        raw = self._connect(given, screen).show(given.model)
        details, info = raw.get("details") or {}, raw.get("model_info") or {}
        lengths = [count(v) for name, v in info.items() if name.endswith(".context_length")]
        facts = {
            "model": given.model,
            "family": details.get("family"),
            "parameters": details.get("parameter_size"),
            "quantization": details.get("quantization_level"),
            "context length": lengths[0] if lengths else None,
            "capabilities": raw.get("capabilities"),
            "options": raw.get("parameters"),
            "system": raw.get("system"),
            "license": (raw.get("license") or "").strip().partition("\n")[0],
            "raw": raw,
        }
        return screen.hand_over(Facts(facts, hidden=("raw",)))

    def _pull(self, given: argparse.Namespace) -> Result:
        screen = self._screen()
        service = self._started(given, screen)
        client, lines = ollama_client(service), list[str]()
        for model in given.model:
            check = room_check(service, model, screen.report)
            try:
                lines.append(client.fetch_model(model, report=screen.report, check=check))
            except KeyboardInterrupt:
                raise Interrupted(
                    f"the pull of {model} was interrupted; what came stays on the server, "
                    "and the same line goes on there"
                ) from None
        return screen.say("\n".join(lines))

    def _remove(self, given: argparse.Namespace) -> Result:
        screen = self._screen()
        client = self._connect(given, screen)
        for model in given.model:
            client.delete(model)
        return screen.say("\n".join(f"deleted {model}" for model in given.model))

    def _stop(self, given: argparse.Namespace) -> Result:
        screen = self._screen()
        self._connect(given, screen).unload(given.model)
        return screen.say(f"{given.model} is unloaded")


def _model_row(model: dict[str, Any]) -> dict[str, Any]:
    digest = str(model.get("digest") or "").removeprefix("sha256:")
    return model | {"id": digest[:12], "shown_size": size_text(model.get("size") or 0)}


def processor(model: dict[str, Any]) -> str:
    """Where a loaded model runs, as ``ollama ps`` words it."""
    total = model.get("size") or 0
    on_gpu = min(model.get("size_vram") or 0, total)
    if not total or on_gpu in (0, total):
        return "100% GPU" if on_gpu and total else "100% CPU"
    cpu = round(100 * (total - on_gpu) / total)
    return f"{cpu}%/{100 - cpu}% CPU/GPU"
