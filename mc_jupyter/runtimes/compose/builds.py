"""The Dockerfiles of a model: read once, checked, and put into the model that runs.

The builder fetches what a Dockerfile names from the host's own network, so a name in it could
lead to what listens on the host; :mod:`.dockerfile` says what may be named.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import paths
from ...errors import StartError
from . import dockerfile
from .read import MAX_FILE, Source
from .refusals import Refusal


def take_in(document: Mapping[str, Any], source: Source) -> tuple[list[Refusal], list[str]]:
    """Put the text of each Dockerfile into the model, in place, where it may be built.

    Parameters
    ----------
    document
        The model as Compose wrote it.
    source
        The compose file: a Dockerfile lies in its repository.

    Returns
    -------
    tuple
        What the Dockerfiles name and may not, and what the user should know.

    Raises
    ------
    StartError
        A Dockerfile is not there, or cannot be read.
    """
    refusals, notes = [], []
    for name, service in document["services"].items():
        build = service.get("build")
        if not build:
            continue
        where = f"services.{name}.build"
        text = build.get("dockerfile_inline")
        if text is None:
            file = _file(build, source)
            if file is None:
                continue  # the policy says of it that it lies outside
            text = _text(file, source)
            build["dockerfile_inline"] = text.replace("$", "$$")
            if os.path.lexists(f"{file}.dockerignore"):
                notes.append(
                    f"{_shown(file, source)}.dockerignore is not read; .dockerignore would be"
                )
        else:
            text = text.replace("$$", "$")
        build.pop("dockerfile", None)
        arguments = {key: str(value).replace("$$", "$") for key, value in _given(build).items()}
        refusals += [
            Refusal(f"{where}, line {found.line} of its Dockerfile", found.text, found.reason)
            for found in dockerfile.check(text, arguments=arguments)
        ]
    return refusals, notes


def _given(build: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (build.get("args") or {}).items() if value is not None}


def _file(build: Mapping[str, Any], source: Source) -> Path | None:
    """The Dockerfile; None where it or the context is not of the repository."""
    context = paths.real(build.get("context") or "")
    if context is None or not context.is_relative_to(source.root):
        return None
    file = context / (build.get("dockerfile") or "Dockerfile")
    found = paths.real(file)
    return file if found and found.is_relative_to(context) else None


def _shown(file: Path, source: Source) -> str:
    return os.path.relpath(file, source.root)


def _text(file: Path, source: Source) -> str:
    name = _shown(file, source)
    try:
        return paths.read_inside(source.root, file, MAX_FILE).decode()
    except UnicodeDecodeError:
        raise StartError(f"{name} is not UTF-8 text") from None
    except FileNotFoundError:
        raise StartError(f"{source.name} builds from {name}, which is not there") from None
    except OSError as error:
        raise StartError(f"{name} cannot be read: {error.strerror or error}") from None
