"""What a compose file may ask for. Everything that the table does not allow is refused.

Checked is the model that will run, after our edits. A key that Compose learns tomorrow is refused
until someone has thought about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...paths import real
from .hosts import problem_of_image
from .refusals import Refusal
from .rules import KEYS, NOTHING, Bounds, Rule

MAX_PORTS = 20
"""How many ports the containers of a service may publish together."""
_UNKNOWN = Rule("refused")


def check(
    model: Mapping[str, Any], folders: Iterable[Path], volume_scope: str, memory: int = 0
) -> list[Refusal]:
    """Return all that a model asks for and is not allowed.

    Parameters
    ----------
    model
        The whole model that would run.
    folders
        Bind mounts and build contexts must lie in these, symbolic links resolved.
    volume_scope
        What the names of the service's own volumes begin with.
    memory
        The engine's memory in bytes; 0 where it is not known.
    """
    resolved = (real(folder) for folder in folders)
    bounds = Bounds(tuple(folder for folder in resolved if folder), volume_scope, memory)
    return [
        *_walk(KEYS, bounds, "", model),
        *_names(model),
        *_ports(model),
    ]


def images(model: Mapping[str, Any]) -> list[Refusal]:
    """Return the images of a fetched repository that would come from a host that is not public."""
    found = []
    for name, service in model["services"].items():
        image = str(service.get("image") or "")
        if image and (problem := problem_of_image(image)):
            found.append(Refusal(f"services.{name}.image", image, problem))
    return found


def leave_out(model: dict[str, Any]) -> None:
    """Take the keys out of a model that the table leaves out, in place."""
    _leave_out(KEYS, model)


def _walk(rule: Rule, bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    if value in NOTHING:
        return
    if rule.verdict in ("refused", "left out"):
        yield Refusal(where, value, rule.reason)
        return
    if (rule.keys or rule.item) and not isinstance(value, (Mapping, list)):
        yield Refusal(where, value)
        return
    if rule.check is not None:
        yield from rule.check(bounds, where, value)
    if rule.keys is not None:
        for key, item in value.items():
            inner = rule.keys.get(key, _UNKNOWN)
            yield from _walk(inner, bounds, f"{where}.{key}" if where else str(key), item)
    elif rule.item is not None:
        for place, item in _items(where, value):
            yield from _walk(rule.item, bounds, place, item)


def _items(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"{where}.{name}", item) for name, item in value.items())
    else:
        yield from ((f"{where}[{number}]", item) for number, item in enumerate(value))


def _leave_out(rule: Rule, value: Any) -> None:
    if rule.keys is not None and isinstance(value, dict):
        for key in list(value):
            inner = rule.keys.get(key, _UNKNOWN)
            if inner.verdict == "left out" or key.startswith("x-"):
                del value[key]
            else:
                _leave_out(inner, value[key])
    elif rule.item is not None:
        for _, item in _items("", value or ()):
            _leave_out(rule.item, item)


def _names(model: Mapping[str, Any]) -> Iterator[Refusal]:
    for name in model.get("services") or {}:
        if name.startswith("-"):
            yield Refusal(f"services.{name}", name, "it would be an option of Compose's commands")


def _ports(model: Mapping[str, Any]) -> Iterator[Refusal]:
    count = sum(len(service.get("ports") or ()) for service in model["services"].values())
    if count > MAX_PORTS:
        yield Refusal("ports", count, f"at most {MAX_PORTS} ports are published")
