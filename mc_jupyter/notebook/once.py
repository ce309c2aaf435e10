"""What a cell has shown already is not shown again by the displayhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..control_characters import make_visible
from ..lab.answer import Answer
from ..lab.shown import Shown
from .panel import Panel

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class ShownOnce:
    """Keeps the displayhook from showing again what the cell has shown already.

    ``Out[n]`` and ``_`` are still set. What is shown in a later cell shows itself as anything.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._pending: list[tuple[object, bool]] = []
        assert shell.display_formatter is not None
        self._formatter = shell.display_formatter.ipython_display_formatter

    def install(self) -> None:
        """Begin."""
        self._formatter.for_type(Shown, self._swallow)
        self._shell.events.register("post_execute", self._forget)

    def remove(self) -> None:
        """End."""
        self._formatter.pop(Shown, None)
        self._shell.events.unregister("post_execute", self._forget)

    def mark(self, shown: object, quiet: bool = False) -> None:
        """This was shown by the running cell, or (`quiet`) is not to be shown at all."""
        self._pending.append((shown, quiet))

    def _forget(self) -> None:
        self._pending.clear()

    def _swallow(self, value: object) -> None:
        for index, (shown, quiet) in enumerate(self._pending):
            if shown is value:
                del self._pending[index]
                in_terminal = getattr(self._shell, "kernel", None) is None
                if isinstance(value, Answer) and in_terminal and not quiet:
                    print(make_visible(value.footer))
                return
        if isinstance(value, Panel):
            value._ipython_display_()
            return
        # IPython takes this for "no special display" and goes on to the usual formats.
        raise NotImplementedError
