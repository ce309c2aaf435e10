"""What a verb returns: an object to go on with, that shows itself as text and as HTML.

What is shown holds no ports, times or ids, so that a saved notebook stays the same; the rows do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..control_characters import make_visible
from ..html import Html, preformatted, table
from ..lab.shown import Shown

_LEFT = Html('style="text-align: left"')


class Result(Shown):
    """Base: a text form and an HTML form.

    Attributes
    ----------
    notes
        Lines that are shown with it.
    """

    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The result as plain text."""
        raise NotImplementedError

    def html(self) -> Html:
        """The result as HTML that needs no style sheet."""
        return preformatted(self.text())

    def _plain(self) -> str:
        return self.text()

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return make_visible(self.text())


class Text(Result):
    """A text as it is: logs, help, a line on what was done."""

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        """The text, notes above."""
        return "\n".join((*self.notes, self._text))


class Table(Result):
    """Rows with named values, of which some are shown.

    Parameters
    ----------
    columns
        Titles of the shown columns, by the name of the value.
    rows
        The values. A table of one row has them as attributes too (``status.state``).
    notes
        Lines below the table.
    """

    def __init__(
        self,
        columns: Mapping[str, str],
        rows: Sequence[Mapping[str, Any]],
        notes: Sequence[str] = (),
    ) -> None:
        self._columns = dict(columns)
        self.rows = [dict(row) for row in rows]
        self.notes = tuple(notes)

    def __getattr__(self, name: str) -> Any:
        rows = self.__dict__.get("rows", [])
        if len(rows) == 1 and name in rows[0]:
            return rows[0][name]
        raise AttributeError(f"no {name!r}: a table of {len(rows)} rows; see .rows")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(self.rows[0] if len(self.rows) == 1 else ())]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]

    def _cells(self) -> list[list[str]]:
        return [[_cell(row.get(name)) for name in self._columns] for row in self.rows]

    def text(self) -> str:
        """Columns in line, notes below."""
        cells = [[title.upper() for title in self._columns.values()], *self._cells()]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self._columns))]
        lines = [
            "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        return "\n".join([*(lines if self.rows else []), *self.notes])

    def html(self) -> Html:
        """A table with headings, notes below."""
        shown = table(tuple(self._columns.values()), self._cells())
        return (shown if self.rows else Html()) + _lines(self.notes)


class Facts(Result):
    """Named facts on one thing; ``facts["version"]`` is one of them.

    Parameters
    ----------
    facts
        By name; what is empty is not shown.
    notes
        Lines below.
    hidden
        Names that are not shown, for their values differ from machine to machine.
    units
        What is shown behind a value, by its name.
    """

    def __init__(
        self,
        facts: Mapping[str, Any],
        notes: Sequence[str] = (),
        hidden: Sequence[str] = (),
        units: Mapping[str, str] | None = None,
    ) -> None:
        self.facts = dict(facts)
        self.notes = tuple(notes)
        self._hidden = frozenset(hidden)
        self._units = dict(units or {})

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.facts)

    def _shown(self) -> dict[str, str]:
        visible = {n: _cell(v) for n, v in self.facts.items() if n not in self._hidden}
        units = self._units
        return {
            name: f"{value} {units[name]}" if name in units else value
            for name, value in visible.items()
            if value
        }

    def text(self) -> str:
        """A line each; what is empty is left out."""
        shown = self._shown()
        width = max((len(name) for name in shown), default=0)
        indent = "\n" + " " * (width + 3)
        lines = [f"{n.ljust(width)}   {v.replace(chr(10), indent)}" for n, v in shown.items()]
        return "\n".join([*lines, *self.notes])

    def html(self) -> Html:
        """A table of two columns."""
        row = Html(
            '<tr><th scope="row" {}>{}</th>'
            '<td style="text-align: left; white-space: pre-wrap">{}</td></tr>'
        )
        rows = Html().join(row.format(_LEFT, name, value) for name, value in self._shown().items())
        return Html("<table><tbody>{}</tbody></table>").format(rows) + _lines(self.notes)


class DryRun(Result):
    """What a prompt would send; ``.request`` is exactly that."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = dict(request)

    def text(self) -> str:
        """The request as JSON; images are long, so only their size is shown."""
        messages = [
            m | {"images": [f"<image, {len(i):,} characters of base64>" for i in m["images"]]}
            if "images" in m
            else m
            for m in self.request.get("messages", ())
        ]
        path = "/api/chat" if messages else "/api/generate"
        shown = self.request | ({"messages": messages} if messages else {})
        return f"POST {path}\n" + json.dumps(shown, indent=2, ensure_ascii=False)


def _lines(notes: Sequence[str]) -> Html:
    return preformatted("\n".join(notes)) if notes else Html()


def _cell(value: object) -> str:
    """A value in a cell: nothing for what is not known, one line for each item of a map."""
    if value is None or value == {} or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        items = {str(name): _cell(item) for name, item in value.items()}
        return "\n".join(f"{name}: {item}" for name, item in items.items() if item)
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value)
    return str(value)
