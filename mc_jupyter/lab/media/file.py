"""Any other file that a service made."""

from __future__ import annotations

from ...html import Html
from ...meter import size_text
from .base import Media


class File(Media):
    """Bytes that have no picture or sound of their own: a name, a type and a size.

    Attributes
    ----------
    name
        The name that the service gave them, without folders; else what they are, with a suffix.
    """

    _link = Html(" download")  # JupyterLab would open it in its editor

    @property
    def name(self) -> str:
        """See the class."""
        given = self.content.name.replace("\\", "/").rpartition("/")[2]
        return given or f"{self.made.what}{self.suffix}"

    @property
    def summary(self) -> str:
        """Name, type and size."""
        return ", ".join([self.name, self.content_type, size_text(self.size)])

    def html(self) -> Html:
        """The line, with a link to the file where it lies beside the notebook."""
        if self.size > self.inline_limit:
            return self._lines(self._source()[1])
        return self._lines("to write it: .save(path)")
