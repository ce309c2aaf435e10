"""JSON schemas as the engine is given them: objects closed, whitespace fixed.

The engine's grammar compiler (llguidance) takes objects as open, as JSON Schema has it, and a
small model then goes on with names of its own until its tokens end. Ollama's takes them as closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from ..errors import ResponseError

Json = dict[str, Any]

_GUIDANCE = "x-guidance"  # llguidance's own settings, at the root
#: One line, spaced as models have read it most: "Jupiter" comes then, "USA" without the blanks.
_COMPACT = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
_OPENING = ("additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames")
_CHOICES = ("anyOf", "oneOf")
_ONE = ("items", "additionalProperties")  # keywords whose value is a schema
_LISTS = ("prefixItems", "items")
_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_MOST_STEPS = 200_000
_DEEPEST = 200  # schemas within schemas: as deep as a request's JSON may nest


def closed(schema: Json) -> Json:
    """Return a schema whose objects have no other names than those that it lists.

    An object stays open where the schema says so (``additionalProperties``,
    ``patternProperties``), and where it lists no name at all: that is a dictionary. Names that come
    together from ``allOf``, ``anyOf``, ``oneOf`` and ``$ref`` are put together.

    Raises
    ------
    ResponseError
        400 when its parts refer to one another too often.
    """
    shaped = _Closer(schema).shape(schema, 0)
    return {_GUIDANCE: _COMPACT, **shaped}


class _Closer:
    """Closes the objects of one schema, which itself stays as it is."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._steps = 0
        self._shared: set[int] = set()  # ids of schemas to which others add names
        self._seen: set[tuple[int, bool]] = set()
        self._find_shared(root, False)
        for node in _subschemas(root, self._step):
            self._find_shared(node, False)

    def shape(self, node: Any, depth: int, extra: tuple[str, ...] = ()) -> Any:
        """Return a schema closed; `extra` are the names that stand beside it."""
        self._step()
        if not isinstance(node, dict) or depth > _DEEPEST:
            return node
        shaped = self._inner(node, depth)
        if id(node) in self._shared or not _may_close(node):
            return shaped
        choices = [word for word in _CHOICES if isinstance(node.get(word), list)]
        parts = _list(node, "allOf")
        beside = self._names(node, 0, choices=len(choices) != 1)
        if beside is None:
            return shaped
        if len(choices) == 1:
            names = (*extra, *beside)
            branches = [self.shape(one, depth + 1, names) for one in node[choices[0]]]
            return {**shaped, choices[0]: branches}
        if not extra and not _own_names(node) and len(parts) + ("$ref" in node) == 1:
            if parts:
                return {**shaped, "allOf": [self.shape(parts[0], depth + 1)]}
            if id(self._target(node["$ref"])) not in self._shared:
                return shaped  # it is closed where it stands
        return self._with_names(node, shaped, (*beside, *extra))

    def _with_names(self, node: Json, shaped: Json, names: Iterable[str]) -> Json:
        wanted = dict.fromkeys(names)
        least = node.get("minProperties", 0)
        if not wanted or (isinstance(least, (int, float)) and least > len(wanted)):
            return shaped
        self._step(len(wanted))
        listed = shaped.get("properties", {})
        more: Json = {name: {} for name in wanted if name not in listed}
        return {**shaped, "properties": {**listed, **more}, "additionalProperties": False}

    def _inner(self, node: Json, depth: int) -> Json:
        """Close what stands in a schema at another place of the value than itself."""
        shaped = dict(node)
        for word in _ONE:
            if isinstance(node.get(word), dict):
                shaped[word] = self.shape(node[word], depth + 1)
        for word in _LISTS:
            if isinstance(node.get(word), list):
                shaped[word] = [self.shape(one, depth + 1) for one in node[word]]
        for word in _MAPS:
            if isinstance(node.get(word), dict):
                named = node[word].items()
                shaped[word] = {name: self.shape(one, depth + 1) for name, one in named}
        for word in ("allOf", *_CHOICES):
            if isinstance(node.get(word), list):
                shaped[word] = [self._open(one, depth + 1) for one in node[word]]
        return shaped

    def _open(self, node: Any, depth: int) -> Any:
        self._step()
        return self._inner(node, depth) if isinstance(node, dict) and depth <= _DEEPEST else node

    def _names(self, node: Any, depth: int, choices: bool = True) -> tuple[str, ...] | None:
        """Return the names that a schema lists for its object; None where it opens it.

        References that go in a circle open it, too: the engine has its own word for them.
        """
        self._step()
        if depth > _DEEPEST:
            return None
        if not isinstance(node, dict) or not _takes_objects(node):
            return ()
        if not _may_close(node) and node.get("additionalProperties") is not False:
            return None
        parts = list(_list(node, "allOf"))
        if "$ref" in node:
            parts.append(self._target(node["$ref"]))
        for word in _CHOICES if choices else ():
            parts += _list(node, word)
        names = _own_names(node)
        for part in parts:
            more = None if part is None else self._names(part, depth + 1)
            if more is None:
                return None
            names += more
        self._step(len(names))
        return names

    def _find_shared(self, node: Any, together: bool) -> None:
        """Note which schemas are referred to where others add names to theirs."""
        left = [(node, together)]
        while left:
            node, together = left.pop()
            if not isinstance(node, dict) or (id(node), together) in self._seen:
                continue
            self._step()
            self._seen.add((id(node), together))
            parts = [one for word in ("allOf", *_CHOICES) for one in _list(node, word)]
            count = bool(_own_names(node)) + ("$ref" in node) + len(_list(node, "allOf"))
            together = together or count + sum(bool(_list(node, word)) for word in _CHOICES) > 1
            left += [(part, together) for part in parts]
            if "$ref" in node and isinstance(target := self._target(node["$ref"]), dict):
                if together:
                    self._shared.add(id(target))
                left.append((target, together))

    def _target(self, reference: Any) -> Any:
        """Return what a ``$ref`` within the schema means; None where it means nothing here."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        node: Any = self._root
        for raw in reference[1:].split("/")[1:]:
            self._step()
            step = unquote(raw).replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                node = node.get(step)
            elif isinstance(node, list) and step.isdecimal() and int(step[:9]) < len(node):
                node = node[int(step[:9])]
            else:
                return None
        return node

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._steps > _MOST_STEPS:
            raise _too_complex()


def _subschemas(root: Json, step: Any) -> Iterable[Json]:
    """Yield each schema in a schema; values (enum, const, default) are none."""
    left: list[Any] = [root]
    while left:
        node = left.pop()
        if not isinstance(node, dict):
            continue
        step()
        yield node
        left += [node[word] for word in _ONE if word in node]
        for word in (*_LISTS, "allOf", *_CHOICES):
            left += _list(node, word)
        for word in _MAPS:
            if isinstance(node.get(word), dict):
                left += node[word].values()


def _list(node: Mapping[str, Any], word: str) -> list[Any]:
    value = node.get(word)
    return value if isinstance(value, list) else []


def _own_names(node: Mapping[str, Any]) -> tuple[str, ...]:
    listed = node.get("properties")
    required = [name for name in _list(node, "required") if isinstance(name, str)]
    return (*(listed if isinstance(listed, dict) else ()), *required)


def _takes_objects(node: Mapping[str, Any]) -> bool:
    kind = node.get("type", "object")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _may_close(node: Mapping[str, Any]) -> bool:
    return _takes_objects(node) and not any(word in node for word in _OPENING)


def _too_complex() -> ResponseError:
    return ResponseError(
        "the format is too large: its parts name and refer to one another more than "
        f"{_MOST_STEPS} times",
        status=400,
    )
