"""The panel over services, models and prompts: one per kernel, shown as often as one likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...html import Html, block
from ..results import Result, Table
from . import static

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ...lab.answer import Answer
    from ...registry import ServiceRegistry
    from ..jobs import Jobs
    from ..prompts import Prompts
    from .board import Board

__all__ = ["Panel"]


class Panel(Result):
    """What ``%mc panel`` returns: widgets where there is a kernel behind them, else a table.

    Parameters
    ----------
    shell
        The notebook's.
    registry
        The kernel's services.
    prompts
        Reads what the playground sends.
    jobs
        What goes on in the background.
    """

    def __init__(
        self, shell: InteractiveShell, registry: ServiceRegistry, prompts: Prompts, jobs: Jobs
    ) -> None:
        self._shell, self._registry, self._prompts, self._jobs = shell, registry, prompts, jobs
        self._board: Board | None = None
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer | None:
        """The playground's last answer; None before the first one."""
        shown = self._board.playground.answer if self._board else None
        return shown or self._answer

    def close(self) -> None:
        """Take the widgets away, on every page that shows them; the next display makes new ones.

        An answer that is coming ends; what else goes on in the background goes on.
        """
        if self._board is not None:
            board, self._board = self._board, None
            board.close()
            self._answer = board.playground.answer or self._answer

    def text(self) -> str:
        """The services as a table."""
        return self._table().text()

    def html(self) -> Html:
        """The same as HTML."""
        return self._table().html()

    def _table(self) -> Table:
        return static.table_of([service.snapshot() for service in self._registry.services()])

    def _ipython_display_(self) -> None:
        """Publish the table, and the widgets as an output of their own.

        A notebook that is opened again has no widgets, and JupyterLab does not fall back to the
        other formats of their output; so the table has one for itself, which is hidden while the
        widgets are there (see :mod:`.static`).
        """
        publish = self._shell.display_pub.publish
        view = self._view()
        data, _ = self._repr_mimebundle_()
        if view:
            data["text/html"] = str(block(static.hidden_by_widgets(self.html())))
        publish(data)
        if view:
            publish(view | {"text/plain": static.HERE})

    def _view(self) -> dict[str, Any]:
        """What names the widgets to a page; empty where there are none."""
        if getattr(self._shell, "kernel", None) is None:
            return {}
        try:
            if self._board is None:
                from .board import Board

                self._board = Board(self._shell, self._registry, self._prompts, self._jobs)
        except ImportError:  # no ipywidgets here
            return {}
        return dict(self._board.root._repr_mimebundle_())
