"""What an answer is shown on while it comes, in the panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..display import Pace

if TYPE_CHECKING:
    from ...events import Event, Report
    from ...lab.draft import Draft


class PanelScreen:
    """The panel's :class:`~mc_jupyter.notebook.stream.Surface`.

    Parameters
    ----------
    grow
        Given the answer whenever it is time to show more of it.
    report
        Told of each step.
    """

    kept = "mc_jupyter.panel().answer"

    def __init__(self, grow: Callable[[Draft], None], report: Report) -> None:
        self._grow, self._report = grow, report
        self._pace = Pace()
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was reported to be kept."""
        return tuple(self._notes)

    def report(self, event: Event) -> None:
        """Show a step of progress."""
        if event.keep:
            self._notes[event.text] = None
        self._report(event)

    def grow(self, draft: Draft, piece: str, plain: bool) -> None:
        """Show an answer that has grown, if it is time to."""
        if self._pace.due(draft.size):
            self._grow(draft)

    def settle(self, result: object) -> None:
        """The answer was kept already."""
