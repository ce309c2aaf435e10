"""Write docs/compose-keys.md: what becomes of each key of the compose specification's schema.

The schema is the one that the Compose program of this machine carries; the verdicts are those of
mc_jupyter/runtimes/compose/rules.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mc_jupyter.runtimes.compose import detect
from mc_jupyter.runtimes.compose.rules import KEYS, Rule

PAGE = Path(__file__).with_name("compose-keys.md")
_BEGIN = b'{\n  "$schema"'
_LONGEST = 1_000_000  # bytes of the schema

_HEAD = """# What becomes of each key of a compose file

A service's compose file may ask for what is listed here and for nothing else; a key that is not in
the list is refused. Keys are in the normal form that `docker compose config` writes. *Bounded*
means that some values are refused, *rewritten* that our own value stands in its place, *left out*
that the key is taken out before anything runs. A service that the manifest's service does not
need is not looked at. [security.md](security.md) says why.

This page is made from Compose's own schema ({version}) and the table in
`mc_jupyter/runtimes/compose/rules.py`: `.venv/bin/python docs/compose_keys.py`.

| key | what becomes of it | why, or into what |
|---|---|---|
"""


def schema(program: Path) -> dict[str, Any]:
    """Return the compose specification's schema out of the Compose program.

    Raises
    ------
    ValueError
        The program carries none.
    """
    data = program.read_bytes()
    at = data.find(_BEGIN)
    while at >= 0:
        text = data[at : at + _LONGEST].decode("utf-8", "replace")
        try:
            found, _ = json.JSONDecoder().raw_decode(text)
        except ValueError:
            found = {}
        if found.get("$id") == "compose_spec.json":
            return dict(found)
        at = data.find(_BEGIN, at + 1)
    raise ValueError(f"{program} carries no schema of the compose specification")


def keys_of(whole: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the paths of all keys; ``*`` stands for a free name, ``[]`` for an item."""
    return sorted(set(_keys(whole, whole, ())))


def _keys(
    whole: dict[str, Any], part: dict[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    while "$ref" in part:
        steps = part["$ref"].removeprefix("#/").split("/")
        part = whole
        for step in steps:
            part = part[step]
    for key, inner in part.get("properties", {}).items():
        yield (*path, key)
        yield from _keys(whole, inner, (*path, key))
    free = [v for k, v in part.get("patternProperties", {}).items() if k != "^x-"]
    if isinstance(part.get("additionalProperties"), dict):
        free.append(part["additionalProperties"])
    for inner in free:
        yield from _keys(whole, inner, (*path, "*"))
    if isinstance(part.get("items"), dict):
        yield from _keys(whole, part["items"], (*path, "[]"))
    for word in ("oneOf", "anyOf", "allOf"):
        for inner in part.get(word, ()):
            yield from _keys(whole, inner, path)


def rule_of(path: tuple[str, ...]) -> tuple[Rule, bool] | None:
    """Return the rule that decides about a key, and whether it is the key's own; None for none."""
    rule = KEYS
    for step in path:
        inner = rule.item if step in ("*", "[]") else (rule.keys or {}).get(step)
        if inner is None:  # what stands above decides about the whole value
            return None if rule.item or rule.keys else (rule, False)
        rule = inner
    return rule, True


def page(whole: dict[str, Any], version: str) -> str:
    """Return the page."""
    rows = []
    for path in keys_of(whole):
        found = rule_of(path)
        if found and found[1]:
            rule = found[0]
            rows.append(f"| `{'.'.join(path)}` | {rule.verdict} | {rule.reason} |")
    return _HEAD.format(version=version) + "\n".join(rows) + "\n"


if __name__ == "__main__":
    tools = detect.detect()
    if not tools.compose_program:
        sys.exit("Compose's program is not known")
    number = ".".join(map(str, tools.compose_version))
    PAGE.write_text(page(schema(Path(tools.compose_program)), number), encoding="utf-8")
