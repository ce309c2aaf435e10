"""One map of a manifest, that knows its path: so that an error names the key and what was found."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from .errors import ManifestError

MAX_ALIASES = 100
MAX_DEPTH = 50
MAX_VALUES = 20_000
"""Keys, items and values of a manifest, its aliases expanded."""
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_DURATION_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)


class Node:
    """One map of the file, that knows its path and which of its keys were used."""

    def __init__(
        self, value: object, path: str, file: str, extra: dict[str, Any] | None = None
    ) -> None:
        self.path, self.file = path, file
        self.extra: dict[str, Any] = {} if extra is None else extra
        self._children: list[Node] = []
        if not isinstance(value, dict):
            raise self._wrong(path or "the file", value, "a map of keys")
        self._left: dict[str, Any] = {str(key): item for key, item in value.items()}

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _wrong(self, where: str, value: object, accepted: str) -> ManifestError:
        # reprlib: a few lines of YAML aliases can stand for gigabytes
        found = f"{reprlib.repr(value):.60} ({type(value).__name__})"
        return ManifestError(f"{self.file}: {where} is {found}", f"accepted: {accepted}")

    def missing(self, key: str) -> str:
        """Raise ManifestError: the key must be there."""
        raise ManifestError(f"{self.file}: {self._at(key)} is missing", "accepted: a text")

    def take(self, key: str) -> Any:
        """Return the raw value and count the key as used; None where it is absent."""
        return self._left.pop(key, None)

    def child(self, key: str, required: bool = False) -> Node:
        """Return the map below `key`; an empty one where it is absent."""
        value = self.take(key)
        if value is None:
            if required:
                raise ManifestError(f"{self.file}: {self._at(key)} is missing", "accepted: a map")
            value = {}
        node = Node(value, self._at(key), self.file, self.extra)
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
        """Return a text or number as text; empty where it is absent."""
        value = self.take(key)
        if value is None:
            return ""
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return str(value).strip()
        raise self._wrong(self._at(key), value, "a text")

    def inner_path(self, key: str) -> str:
        """A path that stays in the repository."""
        text = self.text(key)
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts:
            raise self._wrong(self._at(key), text, "a path inside the repository")
        return text

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.take(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise self._wrong(self._at(key), value, "a list of texts")

    def strings(self, keep_others: bool = False) -> Mapping[str, str]:
        """The whole map as texts (YAML's true/false become lower-case words, as Compose has it).

        Lists and maps are an error, or with `keep_others` kept as unknown keys.
        """
        result, others = {}, {}
        for key, value in self._left.items():
            if isinstance(value, (dict, list)):
                if not keep_others:
                    raise self._wrong(self._at(key), value, "a text, number or true/false")
                others[key] = value
                continue
            is_bool = isinstance(value, bool)
            result[key] = "" if value is None else str(value).lower() if is_bool else str(value)
        self._left = others
        return MappingProxyType(result)

    def ports(self) -> tuple[int, ...]:
        """Return the list ``ports`` without zeros, which mean "any"."""
        value = self.take("ports")
        if value is None:
            return ()
        accepted = "a list of port numbers from 0 to 65535"
        if not isinstance(value, list):
            raise self._wrong(self._at("ports"), value, accepted)
        ports = []
        for item in value:
            # not bool, not 8080.5: only what is a whole number as it is written
            if type(item) not in (int, str) or not re.fullmatch(r"[0-9]{1,5}", str(item)):
                raise self._wrong(self._at("ports"), item, accepted)
            if not 0 <= int(item) <= 65535:
                raise self._wrong(self._at("ports"), item, accepted)
            if int(item):
                ports.append(int(item))
        return tuple(ports)

    def flag(self, key: str) -> bool:
        """Return true or false; false where it is absent."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self._wrong(self._at(key), value, "true or false")

    def integer(self, key: str) -> int | None:
        """Return a whole number."""
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
        """Return a duration in seconds."""
        value = self.take(key)
        if value is None:
            return None
        text = str(value).strip()
        if re.fullmatch(r"\d+(?:\.\d+)?", text):
            return float(text)
        if not re.fullmatch(f"(?:{_DURATION_PART.pattern})+", text):
            raise self._wrong(self._at(key), value, 'a duration, like "30s" or "1m30s"')
        parts = _DURATION_PART.findall(text)
        return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)

    def size(self, key: str) -> int | None:
        """Return a size in bytes (``8GB`` has 1024-based units here, as Docker reads it)."""
        value = self.take(key)
        if value is None:
            return None
        match = _MEMORY.fullmatch(str(value).strip())
        if not match or isinstance(value, bool):
            raise self._wrong(self._at(key), value, 'a size, like "8GB"')
        return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


def refuse_bombs(text: str, file: str) -> None:
    """Look at a YAML text's structure before anything is made of it.

    Raises
    ------
    ManifestError
        It nests too deep, has too many aliases, or stands for too many values with them.
    yaml.YAMLError
        It is no YAML.
    """
    import yaml

    sizes, names = [1], [""]  # of the lists and maps that are open
    anchors: dict[str, int] = {}
    aliases = 0
    for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(1)
            names.append(event.anchor or "")
            if len(sizes) > MAX_DEPTH:
                raise ManifestError(f"{file} nests more than {MAX_DEPTH} deep")
            continue
        size = 0
        if isinstance(event, yaml.CollectionEndEvent):
            size = sizes.pop()
            anchors[names.pop()] = size
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            anchors[event.anchor or ""] = 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            size = anchors.get(event.anchor or "", MAX_VALUES)  # one that is still open has no end
        sizes[-1] += size
        if aliases > MAX_ALIASES or sizes[-1] > MAX_VALUES:
            bound = f"{MAX_ALIASES} aliases" if aliases > MAX_ALIASES else f"{MAX_VALUES:,} values"
            raise ManifestError(f"{file} has more than {bound}")


def yaml_problem(error: Exception) -> str:
    """Return what is wrong and where, without the lines of text that PyYAML draws."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())[:200]
    return f"{problem[:120]} in line {mark.line + 1}, column {mark.column + 1}"
