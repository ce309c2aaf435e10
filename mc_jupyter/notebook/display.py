"""The one display of a cell: progress, then the growing answer, then what is saved.

Live in a notebook it is one output that is updated; settled it is published once, at the end; in
a terminal, which cannot update what it printed, text is printed as it comes.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from ..control_characters import VisibleStream
from ..events import Event
from ..html import block, lines
from ..lab.shown import Shown
from .results import Result, Text
from .terminal import ProgressLine

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..lab.draft import Draft

MIN_SECONDS = 0.125
MAX_SECONDS = 2.0
GROWTH = 1.05
LINE_SECONDS = 5.0

Mode = Literal["live", "settled", "terminal", "quiet"]


class Pace:
    """Decides which state of a growing text is shown: its updates cost a bounded multiple of its
    length, not its square.

    Parameters
    ----------
    clock
        Seconds.
    pause
        The shortest time between two states, in seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, pause: float = MIN_SECONDS
    ) -> None:
        self._clock, self._pause = clock, pause
        self._at = float("-inf")
        self._size = 0

    def due(self, size: int) -> bool:
        """Whether a text of `size` characters is to be shown now; the first one is, at once."""
        now = self._clock()
        waited = now - self._at
        grown = size >= self._size * GROWTH
        if waited < self._pause or (not grown and waited < MAX_SECONDS):
            return False
        self._at, self._size = now, size
        return True


def mode_of(shell: InteractiveShell, render: str, quiet: bool = False) -> Mode:
    """How a cell can be shown here.

    Parameters
    ----------
    render
        ``live`` or ``settled``, as the setting has it.
    quiet
        Whether nothing is to be shown.
    """
    if quiet:
        return "quiet"
    if getattr(shell, "kernel", None) is None:
        return "terminal"
    # `%%capture` keeps every update as an output of its own.
    captured = type(shell.display_pub).__name__ == "CapturingDisplayPublisher"
    return "settled" if captured or render == "settled" else "live"


class Screen:
    """The display of the cell that runs.

    Parameters
    ----------
    shell
        Where to publish.
    mode
        See :func:`mode_of`.
    shown
        Told of the object that the cell has shown, so that it is not shown a second time, and
        whether nothing of it is to be shown.
    """

    kept = "_answer"

    def __init__(
        self, shell: InteractiveShell, mode: Mode, shown: Callable[[object, bool], None]
    ) -> None:
        self._shell, self.mode, self._mark = shell, mode, shown
        self._id: str | None = None
        self._pace, self._progress_pace = Pace(), Pace()
        self._line_pace = Pace(pause=LINE_SECONDS)
        self._line = ProgressLine()
        self._lines: dict[str, Event] = {}  # what is shown until the end
        self._last: Event | None = None
        self._answering = False
        self._printed = VisibleStream()
        self._lock = threading.Lock()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was reported to be kept."""
        return tuple(text for text, event in self._lines.items() if event.keep)

    @property
    def _settled(self) -> tuple[str, ...]:
        """What stays in a verb's result; a terminal has it above already."""
        if self.mode == "terminal":
            return ()
        kept = (event for event in self._lines.values() if event.keep or event.step == "note")
        return tuple(event.text for event in kept)

    def report(self, event: Event) -> None:
        """Show a step of progress; the answer takes its place. Any thread may call this."""
        with self._lock:
            stays = event.keep or event.settled
            if stays:
                self._lines[event.text] = event
            if self._answering or self.mode in ("quiet", "settled"):
                return
            is_new = self._last is None or event.step != self._last.step
            is_said = self._last is not None and event.text == self._last.text
            self._last = event
            if self.mode == "terminal":
                # A line a step, and one now and then while it lasts, where none is overwritten.
                pace = self._progress_pace if self._line.is_live else self._line_pace
                if not is_said and (is_new or stays or pace.due(0)):
                    self._line.show(event.text, stays)
            elif self._progress_pace.due(0) or is_new or stays:
                self._publish_lines(_in_words(event))

    def grow(self, draft: Draft, piece: str, plain: bool) -> None:
        """Show an answer that has grown by `piece`, if it is time to."""
        if self.mode == "live":
            if self._pace.due(draft.size):
                with self._lock:
                    self._answering = True
                    self._publish(draft.progress(plain, notices=tuple(self._lines)))
        elif self.mode == "terminal":
            with self._lock:
                self._line.clear()
            sys.stdout.write(self._printed.feed(piece))
            sys.stdout.flush()
            self._answering = True

    def settle(self, result: Shown) -> None:
        """Put the last state in place of everything before it: the one output that is saved."""
        with self._lock:
            if self.mode == "terminal":
                self._line.clear()
                if not self._answering:
                    return  # the displayhook prints it
                sys.stdout.write(f"{self._printed.end()}\n")
            elif self.mode != "quiet":
                self._answering = True
                self._publish(*result._repr_mimebundle_())
            self._mark(result, self.mode == "quiet")

    def leave(self, result: Shown) -> None:
        """Show what there is of a result, before the cell fails: no displayhook follows."""
        self.settle(result)
        if self.mode == "terminal":
            print(result._repr_mimebundle_()[0]["text/plain"])

    def stop(self, text: str) -> None:
        """Put a line in place of progress that ends here, where any is shown; none follows it."""
        if not self._lock.acquire(timeout=0.5):  # an interrupt may have left it taken
            return
        try:
            if self.mode == "terminal":
                self._line.clear()
            elif self._id is not None and not self._answering:
                self._publish_lines(text)
            self._answering = True
        finally:
            self._lock.release()

    def end(self, result: Result) -> Result:
        """Settle on a result and return it: how a verb ends; what is to be kept stays in it."""
        result.notes = tuple(dict.fromkeys((*self._settled, *result.notes)))
        self.settle(result)
        return result

    def hand_over(self, result: Result) -> Result:
        """End as a look-up does: if nothing was shown yet, the displayhook is left to show it."""
        if self._id is not None:
            return self.end(result)
        result.notes = (*self._settled, *result.notes)
        return result

    def say(self, text: str) -> Result:
        """End with a line of text."""
        return self.end(Text(text))

    def _publish_lines(self, last: str) -> None:
        """Show what stays, and a last line."""
        shown = list(dict.fromkeys((*self._lines, last)))
        self._publish({"text/html": str(block(lines(shown)))})

    def _publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        update = self._id is not None
        transient = {}
        if self.mode == "live":
            self._id = self._id or uuid.uuid4().hex
            transient = {"display_id": self._id}
        self._shell.display_pub.publish(data, metadata or {}, transient=transient, update=update)


def _in_words(event: Event) -> str:
    if event.current is None or not event.total or event.keep or event.settled:
        return event.text
    return f"{event.text} · {100 * event.current // event.total} %"
