"""What may stand where a parser says MODEL, NAME or PATH: looked up, never fetched or started."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..handles import pick
from ..prompting import ollama_client
from ..registry import ServiceRegistry
from .arguments import THINK_LEVELS
from .find import find_words
from .installed import Installed, held_models, voices
from .kinds.call import METHODS
from .paths import paths
from .prompts import MODEL, running_ollamas

if TYPE_CHECKING:
    from ..clients import Limits, OllamaClient
    from ..service import Service

_LIMIT_S = 5.0


@dataclass(frozen=True)
class Asked:
    """What is looked for.

    Attributes
    ----------
    typed
        What stands there already.
    host
        The service that the line names.
    kind
        The kind of services that the magic is of; None for any.
    """

    typed: str
    host: str | None = None
    kind: str | None = None


class Candidates:
    """The values that this kernel knows.

    Parameters
    ----------
    registry
        The kernel's services.
    names
        Returns the notebook's names.
    """

    def __init__(
        self,
        registry: ServiceRegistry,
        names: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._registry, self._names = registry, names
        self._installed, self._speakers = Installed(), Installed(voices)
        self._held = Installed(held_models)
        # by the word that stands for the value in the help, so that a new verb needs nothing here
        self._kinds: dict[str, tuple[str, Callable[[Asked], Collection[str]]]] = {
            "NAME": ("service", self.handles),
            "HANDLE": ("service", self._hosts),
            "HANDLE|URL": ("service", self.ollamas),
            "MODEL": ("model", self._models),
            "IDENTIFIER": ("identifier", self._identifiers),
            "PATH": ("path", lambda asked: paths(asked.typed)),
            "FILE|VARIABLE": ("path", self._inputs),
            "FIELD=FILE": ("path", self._fields),
            "VOICE": ("voice", self._voices),
            "VARIABLE": ("variable", lambda _: _variables()),
            "MODEL_ID": ("model", self._model_ids),
            "METHOD": ("value", lambda _: METHODS),
            "WORD": ("value", lambda _: find_words(self._registry)),
            "json|SCHEMA": ("value", lambda _: ("json",)),
            "KEY=VALUE": ("option", _keys),
            "LEVEL": ("value", lambda _: THINK_LEVELS),
        }

    def of(self, action: argparse.Action, asked: Asked) -> tuple[str, list[str]] | None:
        """Return the kind of an argument's values and those that fit; None where any may be.

        Parameters
        ----------
        action
            The argument.
        asked
            What was typed of its value.
        """
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        is_option = bool(action.option_strings)
        if is_option and asked.typed.startswith("@") and action.metavar != "PATH":
            if asked.typed.startswith("@@"):
                return None
            return "path", [f"@{path}" for path in paths(asked.typed[1:])]
        if action.choices is not None:
            kind, found = "value", [str(choice) for choice in action.choices]
        elif metavar in self._kinds and not (is_option and metavar == "NAME"):  # a name to give
            kind, look = self._kinds[metavar]
            found = list(look(asked))
        elif metavar in ("N", "X"):  # a number
            return "value", []
        else:
            return None
        start = asked.typed.lower()
        return kind, [value for value in found if value.lower().startswith(start)]

    def handles(self, _: Asked) -> list[str]:
        """The names of all services: handles, then aliases."""
        return _names(self._registry.services())

    def _hosts(self, asked: Asked) -> list[str]:
        """The names of the services that the magic can go to."""
        return _names([s for s in self._registry.services() if _is_of(s, asked.kind)])

    def ollamas(self, _: Asked) -> list[str]:
        """The names of Ollama services."""
        return _names([s for s in self._registry.services() if s.is_ollama])

    def _models(self, asked: Asked) -> list[str]:
        """The models that a prompt could use now; where nothing runs, the one of the examples."""
        names, is_known = self._installed.of(self._servers(asked.host))
        if not names:
            return [MODEL] if is_known else []
        # the tag that may be left out
        short = {name: name.removesuffix(":latest") for name in names}
        return list(dict.fromkeys(spelled for name in names for spelled in (short[name], name)))

    def _voices(self, asked: Asked) -> list[str]:
        return self._speakers.of(self._running(asked))[0]

    def _model_ids(self, asked: Asked) -> list[str]:
        return self._held.of(self._running(asked))[0]

    def _running(self, asked: Asked) -> dict[str, Callable[[], Any]]:
        """By address, the running services that the magic can go to; only the one it names."""
        services = self._registry.services()
        if asked.host:
            services = [one for one in [pick(services, asked.host)] if one is not None]
        there = {service.url or _address(service): service for service in services}
        return {
            url: partial(_client_of, service, url)
            for url, service in there.items()
            if url and asked.kind and _is_of(service, asked.kind)
        }

    def _inputs(self, asked: Asked) -> list[str]:
        """Results and bytes in the notebook's names, then files."""
        from ..lab.media import Media

        kinds = (Media, bytes, bytearray, Path)
        names = [
            name
            for name, value in self._names().items()
            if isinstance(value, kinds) and not name.startswith("_")
        ]
        return [*sorted(names), *paths(asked.typed)]

    def _fields(self, asked: Asked) -> list[str]:
        field, equals, typed = asked.typed.partition("=")
        return [f"{field}={one}" for one in self._inputs(Asked(typed))] if equals else []

    def _servers(self, host: str | None) -> dict[str, Callable[[], OllamaClient]]:
        """By address, the Ollamas that a prompt could go to without anything being started."""
        services = self._registry.services()
        if host and (named := pick(services, host)):
            running = [s for s in running_ollamas(self._registry) if s is named]
        elif host:
            return {host: partial(_client_at, host)} if "://" in host else {}
        else:
            running = running_ollamas(self._registry)
            if not any(service.is_ollama for service in services):
                address = self._there_already()
                return {address: partial(_client_at, address)} if address else {}
        return {s.url: partial(ollama_client, s, _limits()) for s in running if s.url}

    def _there_already(self) -> str | None:
        """What a first prompt would find; as in :mod:`mc_jupyter.prompting`."""
        from ..placement import LOCAL_OLLAMA

        settings = self._registry.settings
        if settings.ollama_service_url:
            is_address = settings.ollama_service_url.lower().startswith(("http://", "https://"))
            return settings.ollama_service_url if is_address else None
        if settings.runtime == "embedded":
            return None
        if settings.ollama_host:
            from ..clients import connectable

            return connectable(settings.ollama_host)
        return LOCAL_OLLAMA if settings.runtime == "auto" else None

    def _identifiers(self, asked: Asked) -> list[str]:
        """What can be loaded: bundled names, what is loaded or was fetched before, folders."""
        from ..prompting import DEFAULT_OLLAMA
        from ..sources import bundled
        from ..sources.known import known

        named = [
            *bundled.names(),
            *(service.identified for service in self._registry.services()),
            DEFAULT_OLLAMA,
            *known(self._registry.settings),
        ]
        once = {name.lower(): name for name in reversed(named)}
        folders = [] if ":" in asked.typed else paths(asked.typed, only_folders=True)
        return [*reversed(once.values()), *folders]


def _names(services: list[Service]) -> list[str]:
    aliases = [alias for service in services for alias in service.aliases]
    return [*(service.handle for service in services), *aliases]


def _is_of(service: Service, kind: str | None) -> bool:
    return kind is None or (service.kind is not None and service.kind.name == kind)


def _variables() -> list[str]:
    """The names of the environment's variables, those that seem to hold a key first."""
    is_key = re.compile("KEY|TOKEN|SECRET|PASS").search
    return sorted(os.environ, key=lambda name: (not is_key(name.upper()), name))


def _keys(asked: Asked) -> list[str]:
    """Options of the API, in the spelling that was begun."""
    from ..clients import OPTIONS

    if "-" in asked.typed:
        return [f"{name.replace('_', '-')}=" for name in sorted(OPTIONS)]
    return [f"{name}=" for name in sorted(OPTIONS)]


def _limits() -> Limits:
    from ..clients import Limits

    return Limits(_LIMIT_S, _LIMIT_S, _LIMIT_S)


def _address(service: Service) -> str | None:
    """Where one that was loaded by its address answers, though nobody looked yet."""
    return service.identifier.location if service.identifier.kind == "url" else None


def _client_of(service: Service, url: str) -> Any:
    assert service.kind is not None
    return service.kind.client_class()(url, token=service.token, limits=_limits())


def _client_at(address: str) -> OllamaClient:
    from ..clients import OllamaClient

    return OllamaClient(address, limits=_limits())
