"""What goes on in the background of a notebook: started by the panel, cancelled from anywhere."""

from __future__ import annotations

import argparse
import itertools
import logging
import threading
from collections.abc import Callable
from typing import Literal

from ..cancel import Cancel, cancellable
from ..errors import Interrupted, MediaConduitError
from ..events import Event, Report
from .results import Result, Text
from .verbs import Verbs

_log = logging.getLogger(__name__)

_CANCEL_S = 2.0
_numbers = itertools.count()

State = Literal["running", "done", "failed", "cancelled"]
Kind = Literal["service", "model", "answer"]
_KINDS: dict[str, Kind] = {"service": "service", "pull": "model", "answer": "answer"}


class Job:
    """One piece of work on a thread of its own.

    Parameters
    ----------
    kind
        ``service`` (load, start...), ``model`` (pull, delete...) or ``answer``.
    about
        The handle of the service that it is about; empty for one that is not loaded yet.
    title
        What it does, in words ("starting ollama").
    twin
        The magic that does the same.
    work
        Told where to report; returns what it came to, in words.
    changed
        Called, from any thread, after each change of what is shown of it.

    Attributes
    ----------
    state
        ``running``, ``done``, ``failed`` or ``cancelled``.
    text
        The last step while it runs; then what it came to, or why it failed and what to do next.
    event
        The last step that was reported.
    number
        Counts the jobs.
    notes
        What was reported to be kept.
    """

    def __init__(
        self,
        kind: Kind,
        about: str,
        title: str,
        twin: str,
        work: Callable[[Report], str],
        changed: Callable[[Job], None],
    ) -> None:
        self.kind, self.about, self.title, self.twin = kind, about, title, twin
        self._work, self._changed = work, changed
        self.number = next(_numbers)
        self._cancel = Cancel()
        self.state: State = "running"
        self.text = title
        self.event: Event | None = None
        self.notes: dict[str, None] = {}
        self._thread = threading.Thread(target=self._run, name=f"mc-jupyter {title}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """End it as an interrupt would, within a second. One that has ended is left as it is."""
        if self.state == "running":
            self._cancel.cancel()
            self._changed(self)

    @property
    def is_cancelled(self) -> bool:
        """Whether its end was asked for."""
        return self._cancel.is_cancelled

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or `timeout` seconds."""
        self._thread.join(timeout)

    def report(self, event: Event) -> None:
        """Take a step of progress."""
        self.event, self.text = event, event.text
        if event.keep or event.settled:
            self.notes[event.text] = None
        self._changed(self)

    def _run(self) -> None:
        try:
            with cancellable(self._cancel):
                self._end("done", self._work(self.report))
        except (Interrupted, KeyboardInterrupt):
            self._end("cancelled", f"cancelled: {self.title}")
        except MediaConduitError as error:
            self._end("failed", str(error))
        except BaseException as error:  # a thread's traceback would land in whatever cell runs
            _log.exception("%s failed", self.title)
            self._end("failed", f"{self.title} failed: {type(error).__name__}: {error}")

    def _end(self, state: State, text: str) -> None:
        self.state, self.text, self.event = state, text, None
        self._changed(self)


class Jobs:
    """The jobs of one kernel, the latest of each kind and service kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: list[Job] = []
        self.changed: Callable[[Job], None] = lambda job: None

    def start(
        self, kind: Kind, about: str, title: str, twin: str, work: Callable[[Report], str]
    ) -> Job | None:
        """Begin a job, unless one of its kind runs for that service already.

        Returns
        -------
        Job or None
            None where one runs.
        """
        job = Job(kind, about, title, twin, work, lambda job: self.changed(job))
        with self._lock:
            if any(j.state == "running" and (j.kind, j.about) == (kind, about) for j in self._jobs):
                return None
            self._jobs = [j for j in self._jobs if (j.kind, j.about) != (kind, about)] + [job]
        self.changed(job)
        job.start()
        return job

    def latest(self, kind: Kind, about: str | None = None) -> Job | None:
        """Return the last job of a kind (and about that service)."""
        with self._lock:
            found = [j for j in self._jobs if j.kind == kind and about in (None, j.about)]
        return found[-1] if found else None

    def running(self, *kinds: Kind) -> list[Job]:
        """Return the jobs that run, of these kinds only where any are named."""
        with self._lock:
            return [
                j for j in self._jobs if j.state == "running" and (not kinds or j.kind in kinds)
            ]

    def cancel(self, *kinds: Kind) -> list[Job]:
        """Cancel the jobs that run, and return them."""
        jobs = self.running(*kinds)
        for job in jobs:
            job.cancel()
        return jobs


def add_cancel(verbs: Verbs, jobs: Jobs) -> None:
    """Add the verb ``cancel``: end all that runs, or one kind of it, and say what ended."""

    def cancel(given: argparse.Namespace) -> Result:
        ended = jobs.cancel(*([_KINDS[given.what]] if given.what else _KINDS.values()))
        for job in ended:
            job.join(_CANCEL_S)
        late = [job.title for job in ended if job.state == "running"]
        if late:
            return Text(f"still ending: {', '.join(late)}")
        names = ", ".join(job.title for job in ended)
        return Text(f"cancelled: {names}" if names else "nothing goes on in the background")

    parser = verbs.add("cancel", "End what goes on in the background.", cancel)
    parser.add_argument("what", nargs="?", choices=_KINDS, metavar="|".join(_KINDS))
