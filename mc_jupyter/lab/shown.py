"""What shows itself: results of every sort, of which a cell shows each once."""

from __future__ import annotations

from typing import Any

from ..control_characters import make_visible
from ..html import Html, block


class Shown:
    """Base of all results; the notebook keeps a result from being shown twice by its cell.

    Both forms of a result may hold foreign text: the HTML is of the type that escapes it, and of
    the plain text, which terminals print, control characters are made visible.
    """

    def html(self) -> Html:
        """The result as HTML that needs no style sheet and no script."""
        raise NotImplementedError

    def _plain(self) -> str:
        """The result as text."""
        raise NotImplementedError

    def _metadata(self) -> dict[str, Any]:
        """What is saved beside the output."""
        return {}

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The result in several formats, and the metadata of the output."""
        data = {"text/plain": make_visible(self._plain()), "text/html": str(block(self.html()))}
        return data, self._metadata()
