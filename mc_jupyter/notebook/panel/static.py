"""The panel as a notebook file keeps it: a table, without times, ports or memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..results import Table

if TYPE_CHECKING:
    from ...records import Snapshot

_COLUMNS = {
    "handle": "service",
    "state": "state",
    "runtime": "runs on",
    "version": "version",
    "gpu": "gpu",
    "identifier": "from",
}
_NOTE = "As it was when this cell ran. %mc panel shows it live; %mc status is the same as text."


def table_of(snapshots: Sequence[Snapshot]) -> Table:
    """Return the table of these services."""
    rows = [vars(now) | {"runtime": now.runtime or "not decided yet"} for now in snapshots]
    nothing = () if rows else ("No service was loaded.",)
    return Table(_COLUMNS, rows, (*nothing, _NOTE))
