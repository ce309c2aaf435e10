"""``docker compose config`` on a file of ours, with nothing around it that we did not give.

Compose runs with an environment of the given values alone, in a folder that holds the file that we
wrote and copies of the files that it names, under a limit of time, memory and length.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import StartError
from . import failures, files, tree
from .child import Finished, LimitReached, environment, run
from .detect import Tools

Values = Mapping[str, str]

_LIMIT = 20.0
_MOST = 50_000_000  # characters of a configuration
# Variables may name each other, and multiply: the shell ends Compose at 4 GB (on Linux)
_BOUNDED = ("/bin/sh", "-c", 'ulimit -v 4194304 2>/dev/null; exec "$@"', "sh")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS = re.compile(
    r"(DOCKER|COMPOSE|BUILDKIT|BUILDX|OTEL|GRPC|XDG|SSH|LD|DYLD)(_.*)?|PATH|HOME|TMPDIR|"
    r"GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK|COVERDIR)|LC_ALL|NO_COLOR"
)
"""Names by which Compose itself, or Go, would be told something."""
_BLANK = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_REQUIRED = re.compile(r"required variable (\w+) is missing a value")


@dataclass(frozen=True)
class Configuration:
    """What Compose made of a file.

    Attributes
    ----------
    document
        The whole model, interpolated; ``$`` is ``$$`` in it.
    blank
        Variables that have neither a value nor a default, and became an empty text.
    """

    document: dict[str, Any]
    blank: frozenset[str]


def configure(
    tools: Tools,
    project: str,
    file: Path,
    document: Mapping[str, Any],
    values: Values,
    copies: Mapping[str, bytes],
    profiles: Iterable[str] = (),
) -> Configuration:
    """Let Compose fill in a tree.

    Parameters
    ----------
    tools
        What there is to work with.
    project
        The Compose project's name.
    file
        The original file: relative paths in it are of its folder, and errors name it.
    document
        The tree (:mod:`.tree`); what it names as a file must be a name in `copies`.
    values
        The variables.
    copies
        The files that it names, by their names.
    profiles
        Compose's profiles that are active.

    Raises
    ------
    StartError
        Compose does not accept it, or takes too long.
    """
    with _folder() as place:
        here = _with_places(document, place)
        for name, data in copies.items():
            (place / name).write_bytes(data)
        written = place / "compose.yml"
        written.write_text(tree.write(here), encoding="utf-8", newline="\n")
        program = (tools.compose_program,) if tools.compose_program else tools.compose
        arguments = [*_BOUNDED, *program, "-p", project, "--env-file", os.devnull]
        arguments += ["-f", str(written), "--project-directory", str(file.parent)]
        for profile in profiles:
            arguments += ["--profile", profile]
        arguments += ["config", "--format", "json"]
        answer = _run(arguments, _variables(tools, values), file.name)
    model = _parsed(answer)
    if model is None:
        raise failures.invalid_file(_without_places(answer.err, place), file.name)
    _refuse_later_reading(model, tools, file.name)
    return Configuration(model, frozenset(_BLANK.findall(answer.err)))


def _refuse_later_reading(model: Mapping[str, Any], tools: Tools, name: str) -> None:
    """Some versions leave files to be read by ``up``, when our copies are gone."""
    for service in (model.get("services") or {}).values():
        if service.get("env_file") or service.get("label_file"):
            version = ".".join(map(str, tools.compose_version))
            raise StartError(
                f"{name}: Compose {version} does not read env_file and .env when it is asked to",
                "update Compose to 2.29 or newer: https://docs.docker.com/compose/install",
            )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for this user alone, which is gone afterwards."""
    temporary = tempfile.TemporaryDirectory
    with (
        files.writable("the folder for temporary files"),
        temporary(prefix="mc_jupyter-") as folder,
    ):
        yield Path(os.path.realpath(folder))


def environment_of(tools: Tools, project: str, data: bytes, values: Values) -> dict[str, str]:
    """Return what a ``.env`` file gives, read by Compose as it reads it.

    Raises
    ------
    StartError
        Compose does not accept it.
    """
    document = {"services": {"x": {"image": tree.Scalar("x"), "env_file": [tree.Scalar("env")]}}}
    made = configure(tools, project, Path("/.env"), document, values, {"env": data})
    found = made.document["services"]["x"].get("environment") or {}
    return {name: value.replace("$$", "$") for name, value in found.items() if value is not None}


def interpolated(tools: Tools, project: str, text: str, values: Values) -> str:
    """Return a text with its variables filled in.

    Raises
    ------
    StartError
        Compose does not accept it.
    """
    label = {"x": tree.Scalar(text)}
    document = {"services": {"x": {"image": tree.Scalar("x"), "labels": label}}}
    made = configure(tools, project, Path("/x"), document, values, {})
    return str(made.document["services"]["x"]["labels"]["x"]).replace("$$", "$")


def required_variable(message: str) -> str | None:
    """Return the variable that a file must be given, by Compose's message; None if it is none."""
    match = _REQUIRED.search(message)
    return match[1] if match else None


def _with_places(document: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """The tree with whole paths in place of our copies' names."""

    def whole(entry: Any) -> Any:
        if isinstance(entry, dict):
            return entry | {"path": tree.Scalar(str(place / entry["path"].text))}
        return tree.Scalar(str(place / entry.text))

    services = {}
    for name, service in document["services"].items():
        named = {key: service[key] for key in ("env_file", "label_file") if key in service}
        services[name] = service | {key: [whole(e) for e in item] for key, item in named.items()}
    return {**document, "services": services}


def _run(arguments: list[str], variables: Values, name: str) -> Finished:
    try:
        return run(arguments, variables, _LIMIT, most=_MOST)
    except LimitReached:
        raise StartError(
            f"{name}: Compose took more than {_LIMIT:g} s, or wrote too much"
        ) from None
    except OSError as error:
        raise StartError(f"Compose cannot be run: {error}") from error


def _without_places(text: str, place: Path) -> str:
    """What Compose wrote, with no word of our own folder."""
    return re.sub(
        rf"(?:(?:validating |failed to parse )?{place}/compose\.yml: )|{place}/", "", text
    )


def _parsed(answer: Finished) -> dict[str, Any] | None:
    if answer.code:
        return None
    try:
        model = json.loads(answer.out, object_pairs_hook=_unescaped)
    except (ValueError, RecursionError):
        return None
    return model if isinstance(model, dict) else None


def _unescaped(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Compose doubles the dollar signs of keys too, and fills in none when it reads them again."""
    return {key.replace("$$", "$"): item for key, item in pairs}


def _variables(tools: Tools, values: Values) -> dict[str, str]:
    """The whole environment; only where Compose itself could not be found, what finds it."""
    wanted = {n: v for n, v in values.items() if _NAME.fullmatch(n) and not _OURS.fullmatch(n)}
    own = {} if tools.compose_program else environment()
    needed = {name: own[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in own}
    return wanted | needed | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
