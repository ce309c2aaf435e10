"""``%%ollama``, ``%ollama run`` and ``%ollama use``: from what was typed to an answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, ClientError, TemplateError
from ..lab.answer import Answer
from ..lab.templates import evaluate
from ..prompting import ollama_client
from ..registry import ServiceRegistry
from .arguments import Parser, as_is, expand_think, split_line, wants_help
from .caller import Scope
from .display import Screen
from .format import ACCEPTED, schema_of
from .request import Request, add_prompt_options, make_request, merged
from .results import DryRun, Result, Text
from .stream import ask

if TYPE_CHECKING:
    from ..service import Service
    from .kinds import Desk

MODEL = "smollm2:135m"
"""The model of examples: small, and the one that the embedded engine can fetch."""

_ABOUT = """The lines below are the prompt; without any, the model is loaded.
{{expression}} is filled from the caller's names, in the prompt and in every value; a value
@FILE is read from that file, as it is. The answer is _, Out[n], _answer and what --out names."""


class Prompts:
    """What prompts share in one notebook: the default that ``%ollama use`` set.

    Parameters
    ----------
    desk
        What they need of the notebook.
    scope
        Returns the caller's names, for a value that is an object.
    """

    def __init__(self, desk: Desk, scope: Callable[[], Scope]) -> None:
        self._desk, self._scope = desk, scope
        self._registry, self._screen, self._keep = desk.registry, desk.screen, desk.keep
        self.model: str | None = None
        self._default = argparse.Namespace()
        self.parser = add_prompt_options(
            Parser(
                "%%ollama",
                _ABOUT,
                "the prompt goes into the lines below; in one line: %ollama run MODEL PROMPT",
            )
        )
        self.parser.add_argument("model", metavar="MODEL", nargs="?")

    def prompt(self, line: str, body: str, host: str | None = None) -> Answer | Result:
        """Do what a ``%%ollama`` cell says.

        Parameters
        ----------
        line, body
            What stands behind the magic, and below it.
        host
            Which Ollama, where the line does not say (``%%mc HANDLE``).
        """
        words, _, literal = split_line(line)
        if wants_help(words):
            return Text(self.parser.format_help())
        fill = as_is if literal else self._fill
        given = self.parser.read(expand_think(words), fill)
        given.host = given.host or host
        if not literal:
            magic = f"%%mc {host}" if host else "%%ollama"
            self._desk.refuse_second(magic, line, body)
        return self._send(given, body.strip("\n").rstrip())

    def run(self, given: argparse.Namespace) -> Answer | Result:
        """Do what a ``%ollama run`` line says; its prompt is the raw rest of the line."""
        return self._send(given, given.rest)

    def request(self, line: str, body: str) -> Request:
        """Return the request that a ``%%ollama`` cell stands for, without sending it.

        Parameters
        ----------
        line, body
            As for :meth:`prompt`.
        """
        words, _, literal = split_line(line)
        fill = as_is if literal else self._fill
        return self._request(self.parser.read(expand_think(words), fill), body)

    def _request(self, given: argparse.Namespace, prompt: str) -> Request:
        if given.model and given.model_option:
            raise ArgumentError(
                f"two models: {given.model} and {given.model_option}", "name one of them"
            )
        model = given.model or given.model_option or self.model
        if not model:
            raise ArgumentError("which model?", _which_model(self._registry))
        given.format = self._format(given.format)
        given = merged(given, self._default)
        used: list[object] = []
        text = prompt if given.literal else self._fill(prompt, used)
        request = make_request([model], text, given, self._desk.names())
        if not used:
            return request
        from .kinds.traces import text_input

        return replace(request, inputs=(text_input(text, used, "prompt"), *request.inputs))

    def _fill(self, text: str, used: list[object] | None = None) -> str:
        return self._desk.fill(text, used)

    def _format(self, text: str | None) -> Any:
        """What ``--format`` means: ``json``, a schema's text, or an expression of the caller."""
        if text is None or text.strip().lower() == "json":
            return text and "json"
        if text.lstrip().startswith("{") and not text.lstrip().startswith("{{"):
            return schema_of(text)
        caller = self._scope()
        try:
            value = evaluate(text, caller.names, caller.missing)
        except TemplateError as error:
            raise ArgumentError(f"--format {text}: {error.message}", ACCEPTED) from error
        return schema_of(value)

    def _send(self, given: argparse.Namespace, prompt: str) -> Answer | Result:
        request = self._request(given, prompt)
        if request.dry_run:
            return DryRun(request.body())
        screen = self._screen(request.quiet)
        if not request.messages:
            return self._load(request, screen)
        return ask(self._registry, request, screen, lambda a: self._keep(a, request.out))

    def _load(self, request: Request, screen: Screen) -> Result:
        service = self._registry.for_prompt(request.host, screen.report, request.models)
        client, model = self._registry.prepare(service, request.models, screen.report)
        client.load(model, request.keep_alive, request.options, screen.report)
        return screen.say(f"{model} is loaded; a prompt goes into the lines below %%ollama")

    def use(self, given: argparse.Namespace) -> Result:
        """Do what a ``%ollama use`` line says: take the first model that is there, and say so."""
        screen = self._screen(False)
        models = [given.model, *(given.others or ())]
        names = vars(given).keys() - {"model", "others", "rest", "_given"}
        default = argparse.Namespace(**{name: getattr(given, name) for name in names})
        default.format = self._format(default.format)  # the object as it is now
        make_request(models, "", merged(self.parser.read([]), default))  # wrong options: now
        service = self._registry.for_prompt(given.host, screen.report, models)
        _, model = self._registry.prepare(service, models, screen.report)
        self.model, self._default = model, default
        passed = models[: models.index(model)]
        why = f" ({', '.join(passed)}: not installed)" if passed else ""
        return screen.say(f"%%ollama uses {model} in this notebook{why}")


def running_ollamas(registry: ServiceRegistry) -> list[Service]:
    """Return the Ollama services that run, as far as this kernel knows without looking."""
    services = registry.services()
    return [s for s in services if s.is_ollama and s.snapshot().state == "running"]


def models_of(service: Service) -> list[dict[str, Any]]:
    """Return the models of a running service; none where it does not answer."""
    try:
        return ollama_client(service).models()
    except ClientError:
        return []


def _which_model(registry: ServiceRegistry) -> str:
    services = running_ollamas(registry)
    installed = [str(model.get("name")) for service in services for model in models_of(service)]
    example = f"%%ollama {installed[0] if installed else MODEL}"
    tail = f"   installed: {', '.join(installed)}" if installed else ""
    return f"{example}   or for the whole notebook: %ollama use MODEL{tail}"
