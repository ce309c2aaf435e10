"""The repository's compose file, as Compose itself understands it.

Everything is read once, into memory: the compose file, the ``.env`` beside it and the files that
it names. Compose then reads only copies of them, in a folder of ours that is gone afterwards: the
compose file written anew from the tree that was checked, without the services that are not needed.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ... import paths
from ...errors import ManifestError, MediaConduitError, PolicyError, StartError
from ...manifest import left_out_link
from ..base import Spec
from . import tree
from .configuration import Values, configure, environment_of, interpolated, required_variable
from .detect import Tools
from .refusals import Refusal

MAX_FILE = 1_000_000
"""Bytes of the compose file, and of each file that it names."""
_MOST_FILES = 50
_TEMPLATES = (".env.example", ".env.sample", ".env.template", "env.example")
_OUTSIDE = "it lies outside the repository"
_READS_OTHERS = "it reads another compose file, which is not looked at"


@dataclass(frozen=True)
class Source:
    """Where the compose file lies.

    Attributes
    ----------
    file
        The compose file, links resolved.
    root
        The repository's folder, links resolved; nothing outside of it may be read.
    """

    file: Path
    root: Path

    @property
    def name(self) -> str:
        """The file's path within the repository, for messages."""
        return str(self.file.relative_to(self.root))


@dataclass(frozen=True)
class Reading:
    """What Compose makes of the repository's compose file.

    Attributes
    ----------
    document
        The interpolated model (the shape of ``docker compose config --format json``).
    refusals
        What the file asks for and was taken out before Compose read it.
    unset
        The variables that have neither a value nor a default, in the order of their names.
    """

    document: dict[str, Any]
    refusals: tuple[Refusal, ...] = ()
    unset: tuple[str, ...] = ()


def locate(spec: Spec) -> Source:
    """Find the compose file that the manifest names.

    Raises
    ------
    ManifestError
        There is no such file.
    PolicyError
        It lies outside the repository.
    """
    assert spec.folder is not None, "a service without a folder is not for the docker runtime"
    root = paths.real(spec.folder) or spec.folder
    file = paths.real(root / spec.manifest.compose_file)
    if file is None:
        raise ManifestError(
            f"{spec.manifest.file}: docker.composeFile is {spec.manifest.compose_file!r:.80}, and "
            "where it leads cannot be found out"
        )
    if not file.is_relative_to(root):
        raise PolicyError(
            f"{spec.manifest.file}: docker.composeFile is {spec.manifest.compose_file!r}, "
            "which lies outside the repository and is not allowed"
        )
    if not os.path.isfile(file):
        for path in (wanted := PurePosixPath(spec.manifest.compose_file), *wanted.parents):
            if link := spec.links.get(str(path)):
                raise ManifestError(f"{path} is {left_out_link(link)}")
        raise ManifestError(
            f"{spec.manifest.file}: docker.composeFile names {spec.manifest.compose_file!r}, "
            "which the repository does not contain"
        )
    return Source(file, root)


def read(spec: Spec, source: Source, tools: Tools) -> Reading:
    """Read the compose file and let Compose fill it in.

    ``${NAME}`` is what ``--env`` gives, else the ``.env`` beside the file, else the manifest's
    ``docker.environment``; nothing of the kernel's own environment.

    Raises
    ------
    PolicyError
        Something that is not allowed keeps Compose from reading the rest.
    ManifestError
        The manifest's service is not in the file.
    StartError
        The file cannot be read, or Compose does not accept it.
    """
    document = tree.parse(_bytes_of(source), source.name)
    wanted = spec.manifest.compose_service
    services = document.get("services")
    if not isinstance(services, dict) or wanted not in services:
        there = sorted(services) if isinstance(services, dict) else []
        raise ManifestError(
            f"{spec.manifest.file}: docker.serviceName is {wanted!r}",
            f"{source.name} has: {', '.join(there) or 'no services'}",
        )
    reader = _Reader(spec, source, tools)
    reader.read_dotenv()
    document = reader.checked(tree.needed(document, wanted))
    profiles = tree.strings(document["services"][wanted].get("profiles"))
    try:
        made = configure(
            tools, spec.project, source.file, document, reader.values, reader.copies, profiles
        )
    except MediaConduitError as error:
        if reader.refusals:  # what was taken out may be what is missing now
            return Reading({}, tuple(reader.refusals))
        raise reader.with_next_step(error) from None
    _drop_unused(made.document)
    unset = made.blank | _without_value(made.document, document, reader.values)
    return Reading(_with_home(made.document, source), tuple(reader.refusals), tuple(sorted(unset)))


def _without_value(
    model: Mapping[str, Any], document: Mapping[str, Any], values: Values
) -> set[str]:
    """Names that stand alone: Compose would give them what the process has, later on."""
    found: set[str] = set()
    for service in model["services"].values():
        found |= {n for n, v in (service.get("environment") or {}).items() if v is None}
    for service in document["services"].values():
        build = service.get("build")
        given = build.get("args") if isinstance(build, dict) else None
        found |= {*_names_alone(service.get("environment")), *_names_alone(given)}
    return found - set(values)


def _names_alone(given: Any) -> set[str]:
    """Names in a map or list of values that have none."""
    if isinstance(given, dict):
        scalars = {name: value for name, value in given.items() if isinstance(value, tree.Scalar)}
        return {name for name, value in scalars.items() if value.is_null}
    return {text for text in tree.strings(given) if "=" not in text}


def _drop_unused(model: dict[str, Any]) -> None:
    """Take out what no service uses, as newer versions of Compose do by themselves."""
    services = list((model.get("services") or {}).values())
    mounts = [mount for service in services for mount in service.get("volumes") or ()]
    used = {
        "volumes": {mount.get("source") for mount in mounts if isinstance(mount, dict)},
        "networks": {name for service in services for name in service.get("networks") or ()},
    }
    for kind in ("configs", "secrets"):
        items = [item for service in services for item in service.get(kind) or ()]
        used[kind] = {item.get("source") for item in items if isinstance(item, dict)}
    for kind, names in used.items():
        for name in [name for name in model.get(kind) or () if name not in names]:
            del model[kind][name]


def _with_home(model: dict[str, Any], source: Source) -> dict[str, Any]:
    """Compose had no home folder to put in for ``~``: a bind of it is of the user's."""
    for service in model["services"].values():
        for mount in service.get("volumes") or ():
            if mount.get("type") == "bind":
                inner = os.path.relpath(mount.get("source") or ".", source.file.parent)
                if inner.startswith("~"):
                    mount["source"] = os.path.expanduser(inner)
    return model


def _bytes_of(source: Source) -> bytes:
    try:
        data = paths.read_inside(source.root, source.file, MAX_FILE)
    except OSError as error:
        raise StartError(f"{source.name} cannot be read: {error.strerror or error}") from None
    refuse_pointer(data, source.name)
    return data


def refuse_pointer(data: bytes, name: str) -> None:
    """Raise StartError where a file has no content, but says where Git LFS keeps it."""
    if paths.is_lfs_pointer(data):
        raise StartError(
            f"{name} is kept in Git LFS, which is not fetched",
            "clone it with git lfs, then %mc load ./FOLDER",
        )


@dataclass
class _Reader:
    """One reading: what was found on the way."""

    spec: Spec
    source: Source
    tools: Tools
    values: Values = field(init=False)
    copies: dict[str, bytes] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = {**self.spec.manifest.environment, **self.spec.environment}

    def read_dotenv(self) -> None:
        """Take what the ``.env`` beside the file gives and ``--env`` does not."""
        path = self.source.file.parent / ".env"
        if not os.path.lexists(path) or os.path.isdir(path):
            return
        try:
            data = paths.read_inside(self.source.root, path, MAX_FILE)
        except OSError as error:
            self.refusals.append(Refusal(".env", str(path), error.strerror or str(error)))
            return
        found = environment_of(self.tools, self.spec.project, data, self.values)
        self.values = {**self.spec.manifest.environment, **found, **self.spec.environment}

    def checked(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The tree without what makes Compose read another file."""
        # the project's name is ours; a version says nothing any more
        top = {k: v for k, v in document.items() if k not in ("include", "name", "version")}
        if "include" in document:
            self._refuse("include", document["include"], _READS_OTHERS)
        services = document["services"]
        top["services"] = {name: self._service(name, services[name]) for name in services}
        return top

    def _service(self, name: str, service: Any) -> Any:
        if not isinstance(service, dict):
            raise StartError(f"{self.source.name}: services.{name} is not a map of keys")
        kept = {key: item for key, item in service.items() if key != "extends"}
        if "extends" in service:
            self._refuse(f"services.{name}.extends", service["extends"], _READS_OTHERS)
        for key in ("env_file", "label_file"):
            if key in kept:
                kept[key] = self._files(f"services.{name}.{key}", kept[key])
        return kept

    def _refuse(self, where: str, value: Any, reason: str) -> None:
        self.refusals.append(Refusal(where, tree.plain(value), reason))

    def _files(self, where: str, value: Any) -> list[Any]:
        """The list that names our copies of the files instead."""
        entries = value if isinstance(value, list) else [value]
        kept = []
        for entry in entries:
            options = entry if isinstance(entry, dict) else {"path": entry}
            path = options.get("path")
            if not isinstance(path, tree.Scalar) or path.is_null:
                raise StartError(f"{self.source.name}: {where} has an entry without a path")
            required = options.get("required")
            may_miss = isinstance(required, tree.Scalar) and required.text.lower() == "false"
            if copy := self._copy(where, path.text, may_miss):
                kept.append(
                    options | {"path": tree.Scalar(copy)}
                    if isinstance(entry, dict)
                    else tree.Scalar(copy)
                )
        return kept

    def _copy(self, where: str, text: str, may_miss: bool) -> str | None:
        """Read the file; its name in our own folder, None where there is none to be read."""
        if "$" in text:
            text = interpolated(self.tools, self.spec.project, text, self.values)
        path = self.source.file.parent / text
        try:
            data = paths.read_inside(self.source.root, path, MAX_FILE)
        except FileNotFoundError:
            found = paths.real(path)
            if found is None or not found.is_relative_to(self.source.root):
                self.refusals.append(Refusal(where, text, _OUTSIDE))
            elif not may_miss:
                raise self._missing(where, text) from None
            return None
        except OSError as error:
            self.refusals.append(Refusal(where, text, error.strerror or str(error)))
            return None
        if len(self.copies) >= _MOST_FILES:
            raise StartError(f"{self.source.name}: more than {_MOST_FILES} files are named")
        refuse_pointer(data, text)
        name = f"file-{len(self.copies)}"
        self.copies[name] = data
        return name

    def _missing(self, where: str, text: str) -> StartError:
        path = self.source.file.parent / text
        message = f"{self.source.name}: {where} names {text!r:.120}, which is not there"
        found = next((name for name in _TEMPLATES if os.path.isfile(path.parent / name)), None)
        if not self.spec.is_own_folder:
            more = f"; {found} shows what belongs into it" if found else ""
            return StartError(message + more, "load a copy that has it: %mc load ./FOLDER")
        shown = self._as_typed(path.parent)
        if found is None:
            return StartError(message, f"write {shown / path.name}")
        return StartError(
            message, f"!cp {shlex.join([str(shown / found), str(shown / path.name)])}"
        )

    def _as_typed(self, folder: Path) -> Path:
        """A folder of the repository the way that the user would name it."""
        start = paths.expanded(self.spec.typed) if self.spec.typed else None
        if start is None or paths.real(start) != self.source.root:
            return folder
        return start / folder.relative_to(self.source.root)

    def with_next_step(self, error: MediaConduitError) -> MediaConduitError:
        """The error with the line that gives the value that a file must be given."""
        name = required_variable(error.message)
        if name is None:
            return error
        return StartError(
            error.message, f"%mc load {self.spec.typed or self.spec.canonical} --env {name}=..."
        )
