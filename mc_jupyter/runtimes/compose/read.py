"""The repository's compose file, as Compose itself understands it.

Two passes, because each hides what the other shows: the first, without interpolation, lists
``env_file`` and ``label_file`` and reads neither; the second is what would run. ``include`` and
``extends`` show in neither, so the file's text is searched for them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ManifestError, PolicyError, StartError
from ...paths import real
from ..base import Spec
from . import detect, failures
from .child import Finished, LimitReached, environment, run

_LIMIT = 20.0
_COMMENT = re.compile(r"(^|[ \t])#[^\"'\n]*$", re.MULTILINE)
_ESCAPE = re.compile(
    r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|%([0-9a-f]{2})|\\\r?\n[ \t]*",
    re.IGNORECASE,
)
_READS_OTHERS = re.compile(
    r"(?<![\w-])(include|extends)(?![\w-])|^%TAG|![^\s\"']*binary", re.MULTILINE
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS = re.compile(
    r"(DOCKER|COMPOSE|BUILDKIT|BUILDX|XDG|SSH|LD|DYLD)(_.*)?|PATH|HOME|TMPDIR|"
    r"GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK|COVERDIR)"
)

NOT_YET = "a later version can allow more; until then, load a changed copy: %mc load ./FOLDER"


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
    root = real(spec.folder) or spec.folder
    file = real(root / spec.manifest.compose_file)
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
        raise ManifestError(
            f"{spec.manifest.file}: docker.composeFile names {spec.manifest.compose_file!r}, "
            "which the repository does not contain"
        )
    return Source(file, root)


def read(spec: Spec, source: Source, tools: detect.Tools) -> dict[str, Any]:
    """Return the interpolated model (the shape of ``docker compose config --format json``).

    Raises
    ------
    PolicyError
        The file reads files outside the repository, or asks for ``include`` or ``extends``.
    ManifestError
        The manifest's service is not in the file.
    StartError
        Compose does not accept the file.
    """
    _refuse_other_files(source)
    plain = _config(spec, source, tools, "--no-interpolate")
    _refuse_outside_files(plain, source)
    wanted = spec.manifest.compose_service
    services = plain.get("services") or {}
    if wanted not in services:
        raise ManifestError(
            f"{spec.manifest.file}: docker.serviceName is {wanted!r}",
            f"{source.name} has: {', '.join(sorted(services)) or 'no services'}",
        )
    return _config(spec, source, tools, profiles=services[wanted].get("profiles") or ())


def _refuse_other_files(source: Source) -> None:
    """Refuse the words wherever YAML could make a key of them, however it is written.

    A comment counts only up to the first quote, since it might be a part of a quoted text that
    ends there.
    """
    try:
        text = source.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{source.name} cannot be read: {error}") from error
    decoded = _ESCAPE.sub(_unescaped, _COMMENT.sub("", text))
    if match := _READS_OTHERS.search(decoded):
        raise PolicyError(f"{source.name}: {match[0]} is not allowed", NOT_YET)


def _unescaped(match: re.Match[str]) -> str:
    digits = next((group for group in match.groups() if group), None)
    return chr(int(digits, 16) % 0x110000) if digits else ""


def _refuse_outside_files(model: Mapping[str, Any], source: Source) -> None:
    for key, path in _named_files(model):
        place = real(path)
        inside = place is not None and place.is_relative_to(source.root)
        if "$" in path or not inside or (os.path.exists(path) and not os.path.isfile(path)):
            raise PolicyError(
                f"{source.name}: {key} is {path!r}, which is not a file of the repository "
                "and not allowed",
                NOT_YET,
            )


def _named_files(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, service in (model.get("services") or {}).items():
        for key in ("env_file", "label_file"):
            entries = service.get(key) or []
            for entry in entries if isinstance(entries, list) else [entries]:
                path = entry.get("path", "") if isinstance(entry, dict) else entry
                yield f"services.{name}.{key}", str(path)


def _config(
    spec: Spec,
    source: Source,
    tools: detect.Tools,
    *options: str,
    profiles: tuple[str, ...] | list[str] = (),
) -> dict[str, Any]:
    arguments = [*tools.compose, "-p", spec.project, "--env-file", os.devnull]
    arguments += ["-f", str(source.file), "--project-directory", str(source.file.parent)]
    for profile in profiles:
        arguments += ["--profile", profile]
    arguments += ["config", "--format", "json", *options]
    try:
        answer = run(arguments, _environment(spec), _LIMIT)
    except LimitReached:
        raise StartError(f"{source.name}: reading it took more than {_LIMIT:g} s") from None
    except OSError as error:
        raise StartError(f"Compose cannot be run: {error}") from error
    model = _parsed(answer)
    if model is None:
        raise failures.invalid_file(answer.err, source.name)
    return model


def _parsed(answer: Finished) -> dict[str, Any] | None:
    if answer.code:
        return None
    try:
        model = json.loads(answer.out)
    except (ValueError, RecursionError):
        return None
    return model if isinstance(model, dict) else None


def _environment(spec: Spec) -> dict[str, str]:
    """What ``${...}`` may see: the service's own variables, and what docker itself needs."""
    own = environment()
    needed = {name: own[name] for name in own if _OURS.fullmatch(name)}
    values = {**spec.manifest.environment, **spec.environment}
    wanted = {n: v for n, v in values.items() if _NAME.fullmatch(n) and not _OURS.fullmatch(n)}
    return needed | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"} | wanted
