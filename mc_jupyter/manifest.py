"""``MediaConduit.service.yml``: its text to a frozen :class:`Manifest`, in every published dialect.

The format was written down from the published services; it has no formal schema. Two spellings
of the same thing are one thing here: ``id`` or ``name``, ``healthCheck.url`` or ``.endpoint``,
absent ports, ``[0]``, a host or a container port. Keys that we do not know are kept in
:attr:`Manifest.extra`, so that ``%mc info`` can show them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .errors import ManifestError
from .manifest_node import Node, refuse_bombs, yaml_problem
from .paths import is_lfs_pointer, read_inside, real

MAX_FILE = 1_000_000
"""Bytes of a manifest."""
FILE_NAMES = ("MediaConduit.service.yml", "mediaconduit.service.yml", "prizm.service.yml")


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
    id
        As the file has it; empty where absent.
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
    id: str = field(default="", compare=False)

    @property
    def image_repository(self) -> str:
        """The image without its tag, its digest and Docker Hub's host; empty where absent."""
        repository = (self.image or "").rsplit("@", 1)[0]
        if ":" in repository.rsplit("/", 1)[-1]:
            repository = repository.rsplit(":", 1)[0]
        return repository.removeprefix("docker.io/").removeprefix("library/")

    @property
    def is_ollama(self) -> bool:
        """Whether Ollama programs of other runtimes may serve in its place (by image or service).

        What a service is taken for in a kernel is :attr:`~mc_jupyter.service.Service.kind`.
        """
        return self.image_repository == "ollama/ollama" or self.compose_service == "ollama"


def wanted_size(size: int | None) -> str | None:
    """Return a requirement's bytes as the manifests write them: ``8 GB`` in 1024-based units.

    Parameters
    ----------
    size
        Bytes; None stays None.
    """
    if size is None:
        return None
    if size < 1024**3:
        return f"{size / 1024**2:.0f} MB"
    return f"{size / 1024**3:.1f}".removesuffix(".0") + " GB"


def find_manifest(folder: Path, source: str = "", links: Mapping[str, str] | None = None) -> Path:
    """Return the manifest's path in `folder`; messages call the folder `source`.

    Raises
    ------
    ManifestError
        When none of the accepted names is there; `links` are those that were left out.
    """
    for name in FILE_NAMES:
        if os.path.isfile(folder / name):
            return folder / name
    for name in FILE_NAMES:
        if links and name in links:
            raise ManifestError(f"{name} of {source or folder} is {left_out_link(links[name])}")
    raise ManifestError(
        f"{source or folder} has no {FILE_NAMES[0]}",
        f"a service's root holds one of: {', '.join(FILE_NAMES)}",
    )


def left_out_link(target: str) -> str:
    """Return what a symbolic link is that no file of the repository stands behind."""
    return f"a symbolic link to {target:.120}, which is no file of the repository"


def read_manifest(
    folder: Path, source: str = "", links: Mapping[str, str] | None = None
) -> Manifest:
    """Read the manifest of the service in `folder`.

    Parameters
    ----------
    folder
        The service's root.
    source
        What the user calls it (``github:OWNER/REPO``), for messages; a folder in a cache means
        nothing to anybody.
    links
        Symbolic links that were left out of the folder, and what they name.

    Raises
    ------
    ManifestError
        When it is missing or cannot be understood.
    """
    path = find_manifest(folder, source, links)
    file = f"{path.name} of {source}" if source else str(path)
    try:
        data = read_inside(real(folder) or folder, path, MAX_FILE)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ManifestError(f"{file} cannot be read: {reason}") from error
    if is_lfs_pointer(data):
        raise ManifestError(
            f"{file} is kept in Git LFS, which is not fetched",
            "clone it with git lfs, then %mc load ./FOLDER",
        )
    return parse_manifest(text, file)


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
        refuse_bombs(text, file)
        tree = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a date or number that looks like one and is none
        raise ManifestError(f"{file} is not valid YAML: {yaml_problem(error)}") from error
    if tree is None:
        raise ManifestError(f"{file} is empty", "a service needs name and docker.serviceName")
    try:
        return _understood(tree, file)
    except (ValueError, OverflowError) as error:  # of thousands of digits, or infinite
        raise ManifestError(f"{file} holds a number that is too large to be one") from error


def _understood(tree: object, file: str) -> Manifest:
    root = Node(tree, "", file)
    docker = root.child("docker", required=True)
    own_id = root.text("id")
    manifest = Manifest(
        name=root.text("name") or own_id or root.missing("name (or id)"),
        version=root.text("version"),
        description=root.text("description"),
        compose_file=docker.inner_path("composeFile") or "docker-compose.yml",
        compose_service=docker.text("serviceName") or docker.missing("serviceName"),
        image=docker.text("image") or None,
        ports=docker.ports(),
        health=_health(docker.child("healthCheck")),
        environment=docker.child("environment").strings(),
        volumes=docker.texts("volumes"),
        capabilities=root.texts("capabilities"),
        requirements=_requirements(root.child("requirements")),
        metadata=root.child("metadata").strings(keep_others=True),
        extra=MappingProxyType(root.extra),
        file=file,
        id=own_id,
    )
    root.leftovers()
    return manifest


def _health(node: Node) -> HealthCheck:
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
    """Only the path of a health URL means anything: placeholders and wrong ports are dropped."""
    has_host = "://" in text or re.match(r"[\w.-]+:(?:\d|__PORT__)", text)
    rest = text.partition("://")[2] or text
    path = re.sub(r"^[^/?#]*", "", rest) if has_host else rest
    path = path.partition("#")[0]
    return path if path.startswith("/") else f"/{path}"


def _requirements(node: Node) -> Requirements:
    requirements = Requirements(
        gpu=node.flag("gpu"),
        memory_bytes=node.size("memory"),
        cpu=node.number("cpu"),
        disk_bytes=node.size("disk"),
    )
    node.leftovers()
    return requirements
