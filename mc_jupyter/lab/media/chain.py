"""How something was made, for people and for the notebook's metadata: no ports, no folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, overload

from ...clients.kinds import KINDS
from ...control_characters import make_visible
from ...html import block, table
from ..made import Input, Made

_TITLES = ("step", "made by", "commit", "options", "from")
_KINDS = {kind.name for kind in KINDS}
_LONGEST = 100  # characters of the options that are shown
_FIRST = ("voice", "language", "task", "format", "speed", "seed")  # what people choose most


class Chain(Sequence[Made]):
    """The steps that led to a result, what came first at the beginning; shown as a table.

    Parameters
    ----------
    made
        The last step.
    """

    def __init__(self, made: Made) -> None:
        self._steps = made.chain

    def __len__(self) -> int:
        return len(self._steps)

    @overload
    def __getitem__(self, index: int) -> Made: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Made, ...]: ...
    def __getitem__(self, index: int | slice) -> Made | tuple[Made, ...]:
        return self._steps[index]

    def __iter__(self) -> Iterator[Made]:
        return iter(self._steps)

    def _rows(self) -> list[tuple[str, ...]]:
        numbers = {id(step): number for number, step in enumerate(self._steps, 1)}
        return [
            (
                f"{number} {step.what}",
                _maker(step),
                (step.commit or "")[:12],
                _options(step),
                ", ".join(_source(one, numbers) for one in step.inputs),
            )
            for number, step in enumerate(self._steps, 1)
        ]

    def _table(self) -> list[tuple[str, ...]]:
        """Titles and rows; without the commits where there are none."""
        rows = [_TITLES, *self._rows()]
        used = [n for n in range(len(_TITLES)) if n != 2 or any(row[2] for row in rows[1:])]
        return [tuple(row[n] for n in used) for row in rows]

    def __repr__(self) -> str:
        titles, *steps = self._table()
        rows = [tuple(title.upper() for title in titles), *steps]
        widths = [max(len(row[i]) for row in rows) for i in range(len(titles))]
        shown = (
            "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
        return make_visible("\n".join(shown))

    def _repr_html_(self) -> str:
        titles, *steps = self._table()
        return str(block(table(titles, steps)))


def _maker(step: Made) -> str:
    name = step.service or ""
    if name and not step.identifier:
        name = f"{name}, by its URL" if name in _KINDS else "a service by its URL"
    return f"{name} ({step.model})" if step.model and step.model != step.service else name


def _options(step: Made) -> str:
    given = {name: value for name, value in step.options.items() if value != step.model}
    first = {name: given[name] for name in _FIRST if name in given}
    text = ", ".join(f"{name}={_shown(value)}" for name, value in (first | given).items())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _shown(value: object) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else repr(plain)


def _source(one: Input, numbers: Mapping[int, int]) -> str:
    if one.made is not None and id(one.made) in numbers:
        return f"step {numbers[id(one.made)]}"
    name = _plain(one.name)
    return f"{name} ({one.sha256[:12]})" if one.sha256 else str(name)


def public(made: Made) -> dict[str, Any]:
    """Return a step as JSON that may be saved: the same on every machine and at every port."""
    found = made.as_dict()
    return _public(found)


def _public(step: dict[str, Any]) -> dict[str, Any]:
    # by another name than its kind's, a service at an address has its port in it, which another
    # run does not have
    if not step["identifier"] and step["service"] not in _KINDS:
        step["service"] = None
    step["identifier"] = _plain(step["identifier"])
    step["options"] = plain(step["options"])
    for one in step["inputs"]:
        one["name"] = _plain(one["name"])
        one["made"] = _public(one["made"]) if one["made"] else None
    return step


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON takes them, of a path only the file's name."""
    return {str(name): _plain(value) for name, value in values.items()}


def _plain(value: object) -> Any:
    if isinstance(value, PurePath) or (isinstance(value, str) and value[:1] in ("/", "~")):
        return PurePath(str(value).partition("\n")[0]).name or str(value)
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)
