"""A compose file's text as a tree, and the tree as text: what Compose reads is only the second.

YAML readers differ in what they take for a key, so a look at one reader's result says nothing of
what another sees. Here everything that they could differ in is either expanded (aliases, merges,
``!override``), or refused (other tags, a second document, keys that are no plain words). What is
written has strings between double quotes, and nothing else of YAML but lists, maps and the plain
scalars whose type Compose finds out for itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ...errors import StartError

MAX_DEPTH = 50
"""How deep lists and maps may nest."""
MAX_NODES = 100_000
"""How many keys, items and values a file may have, its aliases expanded."""
MAX_KEY = 1000
"""Characters of a key; YAML itself ends near there."""

_CORE = "tag:yaml.org,2002:"
_MERGE = "<<"
_PLAIN = re.compile(r"[A-Za-z0-9_.+~-]+")
_ESCAPED = re.compile('[\\x00-\\x1f"\\\\\\x7f-\\xa0\\u2028\\u2029\\ufeff\\ufffe\\uffff]')
_NO_YAML = re.compile("[\\x7f-\\xa0\\u2028\\u2029\\ufeff\\ufffe\\uffff]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_REMOVED = object()


@dataclass(frozen=True)
class Scalar:
    """A value that is neither a list nor a map.

    Attributes
    ----------
    text
        The value.
    is_plain
        Whether it stands without quotes, so that its text decides the type (``8080``, ``true``).
    """

    text: str
    is_plain: bool = False

    @property
    def is_null(self) -> bool:
        """Whether YAML reads it as nothing at all."""
        return self.is_plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass
class _Open:
    """A list or map that is being read."""

    value: Any
    anchor: str | None
    is_removed: bool
    size: int = 1
    depth: int = 1
    key: str | None = None
    merges: list[Any] = field(default_factory=list)


def parse(data: bytes, name: str) -> dict[str, Any]:
    """Read a compose file.

    Parameters
    ----------
    data
        The file's bytes, UTF-8.
    name
        The file's name, for the errors.

    Returns
    -------
    dict
        Maps are dicts by str, lists are lists, everything else is a :class:`Scalar`. Aliases and
        merges are expanded: equal parts may be the same object, so change nothing in place.

    Raises
    ------
    StartError
        Naming file and line, where it is not YAML or has something of YAML that no compose file
        needs.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StartError(
            f"{name} is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from None
    try:
        tree: Any = _Reader(name).read(text)
    except yaml.MarkedYAMLError as error:
        place = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise StartError(f"{name}{place}: {error.problem or 'it is not YAML'}") from None
    except yaml.YAMLError as error:
        raise StartError(f"{name} is not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(tree, dict):
        raise StartError(f"{name} has no services: it is not a map of keys")
    return dict(tree)


class _Reader:
    """Builds the tree from the YAML parser's events; nothing here calls itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._result: Any = None
        self._line = 1

    def read(self, text: str) -> Any:
        documents = 0
        for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if event.start_mark is not None:
                self._line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error("a second document begins")
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._begin(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._end()
        return self._result

    def _error(self, problem: str) -> StartError:
        return StartError(f"{self._name}, line {self._line}: {problem}")

    def _awaits_key(self) -> bool:
        return (
            bool(self._open)
            and isinstance(self._open[-1].value, dict)
            and (self._open[-1].key is None)
        )

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        is_removed, tag = self._tag(event.tag, ("str", "int", "float", "bool", "null"))
        if _HALF_CHARACTER.search(event.value):
            raise self._error("half a character (a surrogate)")
        is_plain = not event.style and tag is None
        if self._awaits_key():
            if tag not in (None, "str") or is_removed or event.anchor:
                raise self._error(f"the key {event.value!r:.80} has a tag or an anchor")
            self._take_key(event.value, is_plain)
            return
        text = event.value
        if tag in ("int", "float", "bool", "null"):
            is_plain = True
            if not _PLAIN.fullmatch(text or "~"):
                raise self._error(f"{text!r:.80} is no {tag}")
        elif is_plain and text and not _PLAIN.fullmatch(text):
            is_plain = False  # no number, boolean or null has such characters
        scalar = Scalar(text, is_plain)
        if event.anchor:
            self._anchors[event.anchor] = (scalar, 1, 0)
        self._add(_REMOVED if is_removed else scalar, 1, 0)

    def _take_key(self, key: str, is_plain: bool) -> None:
        holder = self._open[-1]
        if key == _MERGE and not is_plain:
            raise self._error("the key '<<' stands in quotes")
        if len(key) > MAX_KEY:
            raise self._error(f"a key has more than {MAX_KEY} characters")
        if key in holder.value or (key == _MERGE and holder.merges):
            raise self._error(f"the key {key!r:.80} is there twice")
        self._count(1, 0)
        holder.key = key

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self._awaits_key():
            raise self._error(f"a key is an alias (*{event.anchor})")
        if event.anchor not in self._anchors:
            inside = any(item.anchor == event.anchor for item in self._open)
            what = "refers to itself" if inside else "is not defined"
            raise self._error(f"the alias *{event.anchor} {what}")
        self._add(*self._anchors[event.anchor])

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if self._awaits_key():
            raise self._error("a key is a list or a map")
        is_map = isinstance(event, yaml.MappingStartEvent)
        is_removed, _ = self._tag(event.tag, ("map",) if is_map else ("seq",))
        if len(self._open) >= MAX_DEPTH:  # else only known at its end
            raise self._error(f"it nests more than {MAX_DEPTH} deep")
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open({} if is_map else [], event.anchor, is_removed))

    def _end(self) -> None:
        done = self._open.pop()
        value = self._merged(done) if done.merges else done.value
        if done.anchor:
            self._anchors[done.anchor] = (value, done.size, done.depth)
        self._add(_REMOVED if done.is_removed else value, done.size, done.depth)

    def _merged(self, done: _Open) -> dict[str, Any]:
        """Its own keys win over merged ones, and of these the first."""
        result: dict[str, Any] = {}
        for source in reversed([done.value, *done.merges]):
            result |= source
        return result

    def _add(self, value: Any, size: int, depth: int) -> None:
        if not self._open:
            self._result = None if value is _REMOVED else value
            return
        self._count(size, depth)
        holder = self._open[-1]
        if isinstance(holder.value, list):
            if value is not _REMOVED:
                holder.value.append(value)
            return
        key, holder.key = holder.key, None
        assert key is not None
        if key == _MERGE:
            sources = value if isinstance(value, list) else [value]
            if not sources or not all(isinstance(source, dict) for source in sources):
                raise self._error("'<<' merges something that is not a map")
            holder.merges += sources
        elif value is not _REMOVED:
            holder.value[key] = value

    def _count(self, size: int, depth: int) -> None:
        holder = self._open[-1]
        holder.size += size
        holder.depth = max(holder.depth, depth + 1)
        if len(self._open) + depth > MAX_DEPTH:
            raise self._error(f"with its aliases it nests more than {MAX_DEPTH} deep")
        if holder.size > MAX_NODES:
            raise self._error(f"with its aliases it has more than {MAX_NODES} values")

    def _tag(self, tag: str | None, known: tuple[str, ...]) -> tuple[bool, str | None]:
        """Whether the value is taken out (``!reset``), and the core schema's tag of it."""
        if tag in (None, "!override"):
            return False, None
        if tag == "!reset":
            return True, None
        name = tag.removeprefix(_CORE) if tag.startswith(_CORE) else ""
        if name not in known:
            raise self._error(f"the tag {tag.replace(_CORE, '!!')!r:.80} is not known here")
        return False, name


def needed(tree: Mapping[str, Any], service: str) -> dict[str, Any]:
    """Return the tree with `service` and the services that it needs, and no others.

    Needed are those named by ``depends_on``, ``links``, ``volumes_from``, by ``service:NAME`` in
    a namespace or a build's context, and what they need. Where such a name holds a variable,
    all services stay.
    """
    services = tree.get("services")
    if not isinstance(services, dict) or service not in services:
        return dict(tree)
    found: dict[str, None] = {}
    queue = [service]
    while queue:
        name = queue.pop()
        if "$" in name:
            return dict(tree)
        if name in found or name not in services:
            continue
        found[name] = None
        queue += _names_in(services[name])
    return {**tree, "services": {name: services[name] for name in services if name in found}}


def _names_in(service: Any) -> Iterator[str]:
    if not isinstance(service, dict):
        return
    yield from strings(service.get("depends_on"))
    for key in ("links", "volumes_from"):
        for text in strings(service.get(key)):
            yield text.split(":")[0]
    build = service.get("build")
    contexts = build.get("additional_contexts") if isinstance(build, dict) else None
    places = [service.get(key) for key in ("network_mode", "ipc", "pid", "uts", "cgroup")]
    texts = [place.text for place in places if isinstance(place, Scalar)]
    if isinstance(contexts, dict):
        texts += [item.text for item in contexts.values() if isinstance(item, Scalar)]
    else:
        texts += [text.partition("=")[2] for text in strings(contexts)]
    for text in texts:
        if text.startswith("service:"):
            yield text.removeprefix("service:")


def strings(value: Any) -> list[str]:
    """Return the texts of a list of scalars, the keys of a map, or the one text of a scalar."""
    if isinstance(value, Scalar):
        return [] if value.is_null else [value.text]
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, list):
        return [item.text for item in value if isinstance(item, Scalar)]
    return []


def write(tree: Any) -> str:
    """Return the tree as YAML text, all of it in flow style."""
    if isinstance(tree, Scalar):
        return (tree.text or "~") if tree.is_plain else _quoted(tree.text)
    if isinstance(tree, dict):
        return "{" + ",\n".join(f"{_quoted(k)}: {write(v)}" for k, v in tree.items()) + "}"
    return "[" + ", ".join(map(write, tree)) + "]"


def _quoted(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + '"'


def json_text(document: Any) -> str:
    """Return a document as JSON that is YAML, too.

    YAML has no pairs of surrogates, and takes some signs that JSON leaves as they are for the end
    of a line.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return _NO_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def plain(value: Any) -> Any:
    """Return the tree with texts in place of its scalars, for messages."""
    if isinstance(value, Scalar):
        return None if value.is_null else value.text
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value]
