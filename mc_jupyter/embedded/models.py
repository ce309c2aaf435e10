"""Which models can be served, under which names, and what they are."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ModelNotFoundError, ResponseError
from .catalogue import Published
from .gguf import Header, read_header
from .strict_json import short
from .weights import Store

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_NAME = re.compile(rf"(?:[a-z]+://)?(?:[\w.:-]+/)?(?:{_PART}/)?({_PART})(?::({_PART}))?")
_DEFAULT_PREFIX = re.compile(
    r"^(?:https?://)?(?:registry\.ollama\.ai/)?(?:library/)?", re.IGNORECASE
)


def full_name(name: str) -> str:
    """Return a model's name with its tag and without Ollama's default prefixes.

    Source of the grammar: ollama, types/model/name.go.
    """
    short = _DEFAULT_PREFIX.sub("", name.strip())
    return short if ":" in short.rsplit("/", 1)[-1] else f"{short}:latest"


def valid_name(name: str) -> bool:
    """Whether `name` is a model's name by Ollama's grammar."""
    return _NAME.fullmatch(name.strip()) is not None


@dataclass(frozen=True)
class Model:
    """A model that is here and can be loaded.

    Attributes
    ----------
    name
        With its tag.
    path
        The GGUF file.
    header
        What that file says.
    fetched
        True when the store fetched it, so that it may be deleted.
    license, system, parameters
        As in :class:`.catalogue.Published`.
    """

    name: str
    path: Path
    header: Header
    fetched: bool = False
    license: str = ""
    system: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def details(self) -> dict[str, Any]:
        """Return the ``details`` of Ollama's API."""
        family = self.header.architecture
        return {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": self.header.parameter_size,
            "quantization_level": self.header.quantization,
        }

    def modified_at(self) -> str:
        """Return when the file was last changed, RFC 3339."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC).isoformat()


class Library:
    """The models of this server.

    Parameters
    ----------
    store
        The folder of fetched weights.
    catalogue
        The models that can be fetched.
    files
        Name -> GGUF file, as given by ``--gguf``.
    folders
        Folders whose GGUF files are models too, looked through at each question.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Sequence[Published],
        files: Mapping[str, Path],
        folders: Sequence[Path],
    ) -> None:
        self.store = store
        self.catalogue = tuple(catalogue)
        self._files = {full_name(name): path for name, path in files.items()}
        self._folders = tuple(folders)
        self._complained: set[Path] = set()

    def models(self) -> list[Model]:
        """Return every model that is here, by name; the first of two with one name counts."""
        found: dict[str, Model] = {}
        for name, path, fetched in self._candidates():
            if name.lower() not in found and (model := self._model(name, path, fetched)):
                found[name.lower()] = model
        return sorted(found.values(), key=lambda model: model.name)

    def find(self, name: str) -> Model:
        """Return the model of that name, letter case aside.

        Raises
        ------
        ModelNotFoundError
            With what can be served here.
        """
        wanted = full_name(name).lower()
        models = self.models()
        for model in models:
            if model.name.lower() == wanted:
                return model
        if self.entry(name) is not None:
            raise ModelNotFoundError(f"model '{name}' not found, try pulling it first")
        raise ModelNotFoundError(f"model '{short(name)}' not found: {self.offer(models)}")

    def entry(self, name: str) -> Published | None:
        """Return what the catalogue says of a name; None when it is not in it."""
        wanted = full_name(name).lower()
        return next((entry for entry in self.catalogue if entry.name == wanted), None)

    def offer(self, models: Iterable[Model] | None = None) -> str:
        """Return a line that says what this server can serve."""
        here = {model.name for model in (self.models() if models is None else models)}
        names = sorted(here | {entry.name for entry in self.catalogue})
        return (
            f"this embedded server serves {', '.join(names)}; with Docker, Ollama serves the rest"
        )

    def remove(self, name: str) -> None:
        """Delete a model that the store fetched.

        Raises
        ------
        ModelNotFoundError
            When there is none of that name.
        ResponseError
            When its file is not ours to delete.
        """
        model = self.find(name)
        entry = self.entry(name)
        if not model.fetched or entry is None:
            raise ResponseError(
                f"model '{name}' is the file {model.path.name}, which this server did not fetch "
                "and does not delete",
                status=400,
            )
        self.store.remove(entry)

    def _candidates(self) -> Iterable[tuple[str, Path, bool]]:
        for name, path in self._files.items():
            yield name, path, False
        for folder in self._folders:
            for path in sorted(folder.glob("*.gguf")):
                yield self._name_of(path), path, False
        for entry in self.catalogue:
            if self.store.path(entry).exists():
                yield entry.name, self.store.path(entry), True

    def _name_of(self, path: Path) -> str:
        for entry in self.catalogue:
            if entry.file == path.name:
                return entry.name
        return full_name(re.sub(r"[^A-Za-z0-9_.-]+", "-", path.stem).strip(".-")[:80])

    def _model(self, name: str, path: Path, fetched: bool) -> Model | None:
        try:
            header = read_header(path)
        except (OSError, ValueError) as error:
            if path not in self._complained:
                self._complained.add(path)
                print(f"left out {path}: {error}", file=sys.stderr, flush=True)
            return None
        if header.architecture == "clip":  # the eyes of another model
            return None
        entry = self.entry(name)
        if entry is None:
            stated = str(header.metadata.get("general.license", ""))
            return Model(name, path, header, fetched, license=stated)
        return Model(name, path, header, fetched, entry.license, entry.system, entry.parameters)
