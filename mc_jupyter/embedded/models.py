"""Which models can be served, under which names, and what they are."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ModelNotFoundError, ResponseError
from .catalogue import Published
from .files import ModelFile, file_with_parts, model_files, read_headers
from .gguf import Header
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
    paths
        The GGUF file, or its parts in their order.
    header
        What that file says; of parts the first, with the weights of all.
    fetched
        True when the store fetched it, so that it may be deleted.
    license, system, parameters
        As in :class:`.catalogue.Published`.
    """

    name: str
    paths: tuple[Path, ...]
    header: Header
    fetched: bool = False
    license: str = ""
    system: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file that the engine is given; it finds further parts by their names."""
        return self.paths[0]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.paths)

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
        """Return when the files were last changed, RFC 3339."""
        changed = max(path.stat().st_mtime for path in self.paths)
        return datetime.fromtimestamp(changed, UTC).isoformat()


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
        return sorted(self._look()[0].values(), key=lambda model: model.name)

    def why_left_out(self, name: str) -> str:
        """Return why what is here under a name is no model; empty where there is nothing."""
        models, left_out = self._look()
        wanted = full_name(name).lower()
        return "" if wanted in models else left_out.get(wanted, "")

    def digest(self, model: Model) -> str:
        """Return the sha256 of a model's file; of parts that of their sums."""
        sums = [self.store.digest(path) for path in model.paths]
        return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()

    def find(self, name: str) -> Model:
        """Return the model of that name, letter case aside.

        Raises
        ------
        ModelNotFoundError
            With why a file of that name was left out, or what can be served here.
        """
        wanted = full_name(name).lower()
        models, left_out = self._look()
        if wanted in models:
            return models[wanted]
        if self.entry(name) is not None:
            raise ModelNotFoundError(f"model '{name}' not found, try pulling it first")
        why = left_out.get(wanted) or self.offer(models.values())
        raise ModelNotFoundError(f"model '{short(name)}' not found: {why}")

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

    def _look(self) -> tuple[dict[str, Model], dict[str, str]]:
        """Return the models, and why other files are none, by names in lower case."""
        models: dict[str, Model] = {}
        left_out: dict[str, str] = {}
        for file, fetched in self._candidates():
            name = file.name.lower()
            if name in models:
                continue
            try:
                if file.why_not:
                    raise ValueError(file.why_not)
                models[name] = self._model(file, fetched)
            except ValueError as error:
                left_out.setdefault(name, str(error))
                self._complain(file.paths[0], str(error))
        return models, left_out

    def _complain(self, path: Path, why: str) -> None:
        if path not in self._complained:
            self._complained.add(path)
            print(f"left out {path}: {why}", file=sys.stderr, flush=True)

    def _candidates(self) -> Iterable[tuple[ModelFile, bool]]:
        for name, path in self._files.items():
            yield file_with_parts(name, path), False
        for folder in self._folders:
            for file in model_files(folder):
                yield replace(file, name=self._name_of(file)), False
        for entry in self.catalogue:
            if self.store.path(entry).exists():
                yield ModelFile(entry.name, (self.store.path(entry),)), True

    def _name_of(self, file: ModelFile) -> str:
        for entry in self.catalogue:
            if entry.file == file.paths[0].name:
                return entry.name
        return full_name(re.sub(r"[^A-Za-z0-9_.-]+", "-", file.name).strip(".-")[:80])

    def _model(self, file: ModelFile, fetched: bool) -> Model:
        name, paths = file.name, file.paths
        header = read_headers(paths)
        entry = self.entry(name)
        if entry is None:
            stated = str(header.metadata.get("general.license", ""))
            return Model(name, paths, header, fetched, license=stated)
        return Model(name, paths, header, fetched, entry.license, entry.system, entry.parameters)
