"""The panel as a notebook file keeps it: a table, without times, ports or memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...html import Html
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
HERE = "(the live panel, while a kernel runs)"
_HIDING = Html("""<style>
.jp-OutputArea:has(.mcj-live) .mcj-static,
body:not(:has(.jp-OutputArea)):has(.mcj-live) .mcj-static,
.jp-OutputArea:has(.mcj-static) > .jp-OutputArea-child > .jp-OutputArea-output:not(:has(*))
  { display: none; }
</style>""")
_NOTE = "As it was when this cell ran. %mc panel shows it live; %mc status is the same as text."


def table_of(snapshots: Sequence[Snapshot]) -> Table:
    """Return the table of these services."""
    rows = [vars(now) | {"runtime": now.runtime or "not decided yet"} for now in snapshots]
    nothing = () if rows else ("No service was loaded.",)
    return Table(_COLUMNS, rows, (*nothing, _NOTE))


def hidden_by_widgets(table: Html) -> Html:
    """Return the table as HTML that shows only where no live panel is below it.

    In JupyterLab it also hides what stands in for widgets that are gone: an output of bare text.
    """
    return Html('{}<div class="mcj-static">{}</div>').format(_HIDING, table)
