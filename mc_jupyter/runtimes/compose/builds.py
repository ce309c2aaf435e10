"""The Dockerfiles of a model: read once, checked, and put into the model that runs.

The builder fetches what a Dockerfile names from the host's own network, so a name in it could
lead to what listens on the host; :mod:`.dockerfile` says what may be named.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ... import paths
from ...errors import StartError
from . import dockerfile
from .read import MAX_FILE, Source, refuse_pointer
from .refusals import Refusal


@dataclass
class Builds:
    """What was found in the Dockerfiles of a model.

    Attributes
    ----------
    refusals
        What they name and may not.
    notes
        What the user should know.
    errors
        Dockerfiles that are not there, or cannot be read.
    """

    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[StartError] = field(default_factory=list)


def take_in(document: Mapping[str, Any], source: Source) -> Builds:
    """Put the text of each Dockerfile into the model, in place, where it may be built.

    Parameters
    ----------
    document
        The model as Compose wrote it.
    source
        The compose file: a Dockerfile lies in its repository.
    """
    found = Builds()
    for name, service in document["services"].items():
        if build := service.get("build"):
            place = paths.real(build.get("context") or "")
            if place is not None and place.is_relative_to(source.root):
                build["context"] = str(place)  # it is looked at again before it is built
            try:
                text = _text(build, source, found)
            except StartError as error:
                found.errors.append(error)
                continue
            if text is None:
                continue  # the policy says of it that it lies outside
            build["dockerfile_inline"] = text.replace("$", "$$")
            build.pop("dockerfile", None)
            found.refusals += [
                Refusal(
                    f"services.{name}.build, line {one.line} of its Dockerfile",
                    one.text,
                    one.reason,
                )
                for one in dockerfile.check(text, arguments=_given(build))
            ]
    return found


def _text(build: Mapping[str, Any], source: Source, found: Builds) -> str | None:
    """The Dockerfile's text; None where it or the context is not of the repository."""
    if (inline := build.get("dockerfile_inline")) is not None:
        return str(inline).replace("$$", "$")
    context = paths.real(build.get("context") or "")
    if context is None or not context.is_relative_to(source.root):
        return None
    file = context / (build.get("dockerfile") or "Dockerfile")
    place = paths.real(file)
    if place is None or not place.is_relative_to(context):
        return None
    name = os.path.relpath(file, source.root)
    if os.path.lexists(f"{file}.dockerignore"):
        found.notes.append(f"{name}.dockerignore is not read; .dockerignore is")
    try:
        data = paths.read_inside(source.root, file, MAX_FILE)
        refuse_pointer(data, name)
        return data.decode()
    except UnicodeDecodeError:
        raise StartError(f"{name} is not UTF-8 text") from None
    except FileNotFoundError:
        raise StartError(f"{source.name} builds from {name}, which is not there") from None
    except OSError as error:
        raise StartError(f"{name} cannot be read: {error.strerror or error}") from None


def _given(build: Mapping[str, Any]) -> dict[str, str]:
    values = (build.get("args") or {}).items()
    return {key: str(value).replace("$$", "$") for key, value in values if value is not None}
