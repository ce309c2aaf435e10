"""``MediaConduit.service.yml``: its text to a frozen :class:`Manifest`, in every published dialect.

The format was written down from the published services; it has no formal schema. Two spellings
of the same thing are one thing here: ``id`` or ``name``, ``healthCheck.url`` or ``.endpoint``,
absent ports, ``[0]``, a host or a container port. Keys that we do not know are kept in
:attr:`Manifest.extra`, so that ``%mc info`` can show them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from .errors import ManifestError

FILE_NAMES = ("MediaConduit.service.yml", "mediaconduit.service.yml", "prizm.service.yml")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_DURATION_UNITS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)


@dataclass(frozen=True)
class HealthCheck:
    """How to ask whether the service answers.

    Attributes
    ----------
    path
        The path to GET, with its query if it has one. Host and port of a published URL are
        ignored: they are wrong whenever the port is dynamic.
    interval_s, timeout_s
        Seconds; None where the file does not say.
    retries
        Times; None where the file does not say.
    """

    path: str = "/"
    interval_s: float | None = None
    timeout_s: float | None = None
    retries: int | None = None


@dataclass(frozen=True)
class Requirements:
    """What the service wishes for.

    Attributes
    ----------
    gpu
        A wish, not a need: whether one is used is decided by the compose file and the machine.
    memory_bytes, disk_bytes
        Bytes; None where the file does not say.
    cpu
        Cores; None where the file does not say.
    """

    gpu: bool = False
    memory_bytes: int | None = None
    cpu: float | None = None
    disk_bytes: int | None = None


@dataclass(frozen=True)
class Manifest:
    """One service's description.

    Attributes
    ----------
    name
        As the file has it (``id`` where there is no ``name``); may hold spaces.
    version, description
        As the file has them; empty where absent.
    compose_file
        Relative to the repository's root.
    compose_service
        The Compose service that answers requests.
    image
        Informational: what the compose file says is what runs.
    ports
        As the file has them, 0 left out. Their meaning differs from file to file (host or
        container port), so they only break ties between several published ports.
    health
        See :class:`HealthCheck`.
    environment
        Added to the compose service's environment.
    volumes
        Short-form volumes added to the compose service where their target is not mounted yet.
    capabilities
        As the file spells them.
    requirements
        See :class:`Requirements`.
    metadata
        Author, repository, documentation, license: as the file has them.
    extra
        Unknown keys by their path (``docker.gpus``) and their values.
    file
        Where it was read, for messages.
    """

    name: str
    version: str = ""
    description: str = ""
    compose_file: str = "docker-compose.yml"
    compose_service: str = ""
    image: str | None = None
    ports: tuple[int, ...] = ()
    health: HealthCheck = field(default_factory=HealthCheck)
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    requirements: Requirements = field(default_factory=Requirements)
    metadata: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    file: str = FILE_NAMES[0]

    @property
    def is_ollama(self) -> bool:
        """Whether the service is an Ollama server (by its image or its compose service)."""
        repository = (self.image or "").rsplit("@", 1)[0]
        if ":" in repository.rsplit("/", 1)[-1]:
            repository = repository.rsplit(":", 1)[0]
        official = repository.removeprefix("docker.io/") == "ollama/ollama"
        return official or self.compose_service == "ollama"


def find_manifest(folder: Path) -> Path:
    """Return the manifest's path in `folder`.

    Raises
    ------
    ManifestError
        When none of the accepted names is there.
    """
    for name in FILE_NAMES:
        if (folder / name).is_file():
            return folder / name
    raise ManifestError(
        f"{folder} has no {FILE_NAMES[0]}",
        f"a service's root holds one of: {', '.join(FILE_NAMES)}",
    )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the service in `folder`.

    Raises
    ------
    ManifestError
        When it is missing or cannot be understood.
    """
    path = find_manifest(folder)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error
    return parse_manifest(text, str(path))


def parse_manifest(text: str, file: str = FILE_NAMES[0]) -> Manifest:
    """Understand a manifest's text.

    Parameters
    ----------
    text
        The YAML.
    file
        Its name, for messages.

    Raises
    ------
    ManifestError
        Naming the file, the key's path, what was found and what is accepted.
    """
    import yaml

    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ManifestError(f"{file} is not valid YAML: {problem}") from error
    if tree is None:
        raise ManifestError(f"{file} is empty", "a service needs name and docker.serviceName")
    root = _Node(tree, "", file)
    docker = root.child("docker", required=True)
    manifest = Manifest(
        name=root.text("name") or root.text("id") or root.missing("name (or id)"),
        version=root.text("version"),
        description=root.text("description"),
        compose_file=docker.text("composeFile") or "docker-compose.yml",
        compose_service=docker.text("serviceName") or docker.missing("serviceName"),
        image=docker.text("image") or None,
        ports=docker.ports(),
        health=_health(docker.child("healthCheck")),
        environment=docker.child("environment").strings(),
        volumes=docker.texts("volumes"),
        capabilities=root.texts("capabilities"),
        requirements=_requirements(root.child("requirements")),
        metadata=root.child("metadata").strings(),
        extra=MappingProxyType(root.extra),
        file=file,
    )
    root.take("id")
    root.leftovers()
    return manifest


def _health(node: _Node) -> HealthCheck:
    url, endpoint = node.text("url"), node.text("endpoint")
    health = HealthCheck(
        path=_health_path(url or endpoint),
        interval_s=node.seconds("interval"),
        timeout_s=node.seconds("timeout"),
        retries=node.integer("retries"),
    )
    node.leftovers()
    return health


def _health_path(text: str) -> str:
    """Only the path of a health URL means anything: `__PORT__` and wrong ports are dropped."""
    parts = urlsplit(text.replace("__PORT__", "0"))
    path = parts.path or "/"
    path = path if path.startswith("/") else f"/{path}"
    return f"{path}?{parts.query}" if parts.query else path


def _requirements(node: _Node) -> Requirements:
    requirements = Requirements(
        gpu=node.flag("gpu"),
        memory_bytes=node.size("memory"),
        cpu=node.number("cpu"),
        disk_bytes=node.size("disk"),
    )
    node.leftovers()
    return requirements


class _Node:
    """One map of the file, that knows its path and which of its keys were used."""

    def __init__(
        self, value: object, path: str, file: str, extra: dict[str, Any] | None = None
    ) -> None:
        self.path, self.file = path, file
        self.extra: dict[str, Any] = {} if extra is None else extra
        self._children: list[_Node] = []
        if not isinstance(value, dict):
            raise self._wrong(path or "the file", value, "a map of keys")
        self._left: dict[str, Any] = {str(key): item for key, item in value.items()}

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _wrong(self, where: str, value: object, accepted: str) -> ManifestError:
        found = f"{value!r:.60} ({type(value).__name__})"
        return ManifestError(f"{self.file}: {where} is {found}", f"accepted: {accepted}")

    def missing(self, key: str) -> str:
        raise ManifestError(f"{self.file}: {self._at(key)} is missing", "accepted: a text")

    def take(self, key: str) -> Any:
        return self._left.pop(key, None)

    def child(self, key: str, required: bool = False) -> _Node:
        value = self.take(key)
        if value is None:
            if required:
                raise ManifestError(f"{self.file}: {self._at(key)} is missing", "accepted: a map")
            value = {}
        node = _Node(value, self._at(key), self.file, self.extra)
        self._children.append(node)
        return node

    def leftovers(self) -> None:
        """Keep what nobody asked for."""
        for key, value in self._left.items():
            self.extra[self._at(key)] = value
        self._left = {}
        for child in self._children:
            child.leftovers()

    def text(self, key: str) -> str:
        value = self.take(key)
        if value is None:
            return ""
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return str(value).strip()
        raise self._wrong(self._at(key), value, "a text")

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise self._wrong(self._at(key), value, "a list of texts")

    def strings(self) -> Mapping[str, str]:
        """The whole map as texts (YAML's true/false become lower-case words, as Compose has it)."""
        result = {}
        for key, value in self._left.items():
            if isinstance(value, (dict, list)):
                raise self._wrong(self._at(key), value, "a text, number or true/false")
            is_bool = isinstance(value, bool)
            result[key] = "" if value is None else str(value).lower() if is_bool else str(value)
        self._left = {}
        return MappingProxyType(result)

    def ports(self) -> tuple[int, ...]:
        value = self.take("ports")
        if value is None:
            return ()
        accepted = "a list of port numbers from 0 to 65535"
        if not isinstance(value, list):
            raise self._wrong(self._at("ports"), value, accepted)
        ports = []
        for item in value:
            try:
                port = int(item)
            except (TypeError, ValueError):
                raise self._wrong(self._at("ports"), item, accepted) from None
            if isinstance(item, bool) or not 0 <= port <= 65535:
                raise self._wrong(self._at("ports"), item, accepted)
            if port:
                ports.append(port)
        return tuple(ports)

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self._wrong(self._at(key), value, "true or false")

    def integer(self, key: str) -> int | None:
        value = self.take(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._wrong(self._at(key), value, "a whole number")

    def number(self, key: str) -> float | None:
        """A number of cores: ``"4.0"``, ``4`` or ``"4 cores"``."""
        value = self.take(key)
        if value is None:
            return None
        match = re.match(r"\s*(\d+(?:\.\d+)?)\s*(cores?)?\s*$", str(value))
        if not match or isinstance(value, bool):
            raise self._wrong(self._at(key), value, 'a number of cores, like "4.0"')
        return float(match[1])

    def seconds(self, key: str) -> float | None:
        value = self.take(key)
        if value is None:
            return None
        match = _DURATION.fullmatch(str(value).strip())
        if not match or isinstance(value, bool):
            raise self._wrong(self._at(key), value, 'a duration, like "30s"')
        return float(match[1]) * _DURATION_UNITS[match[2]]

    def size(self, key: str) -> int | None:
        value = self.take(key)
        if value is None:
            return None
        match = _MEMORY.fullmatch(str(value).strip())
        if not match or isinstance(value, bool):
            raise self._wrong(self._at(key), value, 'a size, like "8GB"')
        return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))
