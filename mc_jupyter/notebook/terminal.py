"""Progress in a terminal: on stderr, so that what a program prints stays what it is.

Where stderr is a terminal, one line is overwritten; else a line is printed now and then.
"""

from __future__ import annotations

import shutil
import sys

from ..control_characters import make_visible

_ERASED = "\x1b[1A\r\x1b[K"  # the line above the cursor: an error that follows stands below it


class ProgressLine:
    """The progress of one cell."""

    def __init__(self) -> None:
        self._is_there = False

    @property
    def is_live(self) -> bool:
        """Whether the line can be overwritten."""
        return sys.stderr.isatty()

    def show(self, text: str, stays: bool) -> None:
        """Put a line in the place of the last one.

        Parameters
        ----------
        text
            What to show.
        stays
            Whether the next line goes below it.
        """
        text = make_visible(text)
        if not self.is_live:
            print(text, file=sys.stderr)
            return
        width = shutil.get_terminal_size().columns - 1
        shown = text if stays or len(text) <= width else f"{text[: width - 1]}…"
        sys.stderr.write(f"{_ERASED if self._is_there else ''}{shown}\n")
        sys.stderr.flush()
        self._is_there = not stays

    def clear(self) -> None:
        """Take away what does not stay."""
        if self._is_there:
            sys.stderr.write(_ERASED)
            sys.stderr.flush()
            self._is_there = False
