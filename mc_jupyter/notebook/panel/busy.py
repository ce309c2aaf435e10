"""Whether a cell runs: clicks wait for its end then, and its interrupt ends the answer too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_AFTER_S = 1.0
"""Seconds after which a cell is worth a word."""


class CellWatch:
    """Follows the cells of a notebook.

    Parameters
    ----------
    shell
        The notebook's.
    told
        Called when :attr:`words` has changed.
    interrupted
        Called when a cell was interrupted.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        told: Callable[[], None],
        interrupted: Callable[[], object],
    ) -> None:
        self._shell, self._told, self._interrupted = shell, told, interrupted
        self.words = ""
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        shell.events.register("pre_run_cell", self._begins)
        shell.events.register("post_run_cell", self._ends)

    def close(self) -> None:
        """Follow them no longer."""
        self._rest()
        self._shell.events.unregister("pre_run_cell", self._begins)
        self._shell.events.unregister("post_run_cell", self._ends)

    def _begins(self, info: Any) -> None:
        self._rest()
        timer = threading.Timer(_AFTER_S, lambda: self._say(timer))
        timer.daemon = True
        with self._lock:
            self._timer = timer
        timer.start()

    def _say(self, timer: threading.Timer) -> None:
        when = "at once" if _clicks_pass() else "when it has ended"
        with self._lock:
            if self._timer is not timer:  # the cell has ended at this very moment
                return
            self.words = f"A cell is running: clicks arrive {when}; Interrupt (■) works now."
        self._told()

    def _ends(self, result: Any) -> None:
        self._rest()
        if self.words:
            self.words = ""
            self._told()
        # a cell that awaits is cancelled by an interrupt
        if isinstance(
            getattr(result, "error_in_exec", None), KeyboardInterrupt | asyncio.CancelledError
        ):
            self._interrupted()

    def _rest(self) -> None:
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def _clicks_pass() -> bool:
    """Whether clicks are dealt with while a cell runs: ipykernel 7.0 to 7.3 did that."""
    from importlib.metadata import version

    parts = version("ipykernel").split(".")
    return (7, 0) <= (int(parts[0]), int(parts[1])) < (7, 4)
