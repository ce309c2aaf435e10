"""What shows itself: results of every sort, of which a cell shows each once."""

from __future__ import annotations

from typing import Any


class Shown:
    """Base of all results; the notebook keeps a result from being shown twice by its cell."""

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The result in several formats, and the metadata of the output."""
        raise NotImplementedError
