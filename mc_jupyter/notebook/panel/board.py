"""The panel: what its parts share, and the one thread that writes to its widgets.

Widgets are not made for several threads, so everybody else changes the registry, a job or a
field and calls :meth:`Board.dirty`; one thread renders and assigns what differs. Where nothing
changes, it sleeps and nothing is sent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...handles import pick
from ...html import Html, lines
from ...records import Change
from ..jobs import Job, Jobs, Kind
from ..prompts import MODEL, Prompts, running_ollamas
from . import render
from .busy import CellWatch
from .interrupts import IdleInterrupt
from .kit import Kit, assign
from .look import Looker, Models
from .models import ModelsPart
from .playground import Playground
from .services import ServicesPart

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ...events import Report
    from ...registry import ServiceRegistry
    from ...service import Service

_log = logging.getLogger(__name__)
_PAUSE_S = 0.125
_JOIN_S = 2.0


class Board:
    """The live half of the panel: widgets over the registry and the jobs.

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

    Attributes
    ----------
    root
        The widget to display.
    """

    example_model = MODEL

    def __init__(
        self, shell: InteractiveShell, registry: ServiceRegistry, prompts: Prompts, jobs: Jobs
    ) -> None:
        self.registry, self.jobs = registry, jobs
        self._said = self._problem = ""
        self._chosen: str | None = None
        self._dirty, self._over = threading.Event(), threading.Event()
        self._drawer = threading.current_thread()
        self._kit = kit = Kit(self._failed)
        self._make(kit, prompts)
        self._looker = Looker(registry, self.dirty)
        jobs.changed = self._job_changed
        self._interrupt = IdleInterrupt(self._has_jobs, self._interrupted)
        self._cells = CellWatch(shell, self.dirty, lambda: jobs.cancel("answer"))
        self._unsubscribe = registry.subscribe(self._changed)
        self._end_watch = registry.watch()
        self._looker.refresh()
        self._interrupt.look()
        self._writer = threading.Thread(target=self._write, name="mc-jupyter-panel", daemon=True)
        self._draw()
        self._drawer = self._writer
        self._writer.start()

    def _make(self, kit: Kit, prompts: Prompts) -> None:
        style = kit.html()
        style.value = render.STYLE
        self._choice = kit.dropdown("Service", self._picked)
        self._head, self._line = kit.html(), kit.html()
        self._services = ServicesPart(self, kit)
        self._models = ModelsPart(self, kit)
        self.playground = Playground(self, kit, prompts)
        self._tabs = kit.tabs(
            ("Services", self._services.widget),
            ("Models", self._models.widget),
            ("Playground", self.playground.widget),
        )
        if asked := running_ollamas(self.registry):  # what one wants of it then is to ask
            self._chosen, self._tabs.selected_index = asked[0].handle, 2
        self.root = kit.column(style, kit.row(self._choice), self._head, self._tabs, self._line)

    def close(self) -> None:
        """End the threads and close every comm; of the background work, end the answer."""
        if self._over.is_set():
            return
        for job in self.jobs.cancel("answer"):  # there is no place for it any longer
            job.join(_JOIN_S)
        self._over.set()
        self._dirty.set()
        self._unsubscribe()
        self._end_watch()
        self._looker.close()
        self._cells.close()
        self._interrupt.look()
        self.jobs.changed = lambda job: None
        if threading.current_thread() is not self._writer:
            self._writer.join(_JOIN_S)
        self._services.close()
        self._kit.close()

    # for the parts ----------------------------------------------------------------------------

    @property
    def is_drawing(self) -> bool:
        """Whether this thread draws: what it assigns is no choice of the user's."""
        return threading.current_thread() is self._drawer

    def service(self) -> Service | None:
        """The chosen service; None where none is loaded."""
        services = self.registry.services()
        chosen = pick(services, self._chosen) if self._chosen else None
        return chosen or (services[0] if services else None)

    def choose(self, handle: str) -> None:
        """Choose a service."""
        self._chosen = handle
        self.dirty()

    def dirty(self) -> None:
        """Have everything drawn again soon; what has not changed is not sent."""
        self._dirty.set()

    def refresh(self) -> None:
        """Look at everything anew."""
        self._looker.refresh()

    def say(self, text: str) -> None:
        """Show a line; the next action takes it away."""
        self._said, self._problem = text, ""
        self.dirty()

    def clear(self) -> None:
        """Take the line away."""
        self.say("")

    def begin(
        self, kind: Kind, about: str, title: str, twin: str, work: Callable[[Report], str]
    ) -> None:
        """Do something in the background."""
        self.clear()
        if self.jobs.start(kind, about, title, twin, work) is None:
            running = self.jobs.latest(kind, about)
            self.say(f"still {running.title}: cancel that first" if running else "still busy")

    def host_option(self) -> str:
        """`` --host NAME`` where a line would otherwise go to another service."""
        services = [s for s in self.registry.services() if s.is_ollama]
        usual = pick(services, "ollama") or (services[0] if len(services) == 1 else None)
        mine = self.service()
        return "" if mine is None or mine is usual else f" --host {mine.handle}"

    # what happens -----------------------------------------------------------------------------

    def _picked(self, handle: str | None) -> None:
        if self.is_drawing or handle is None:
            return
        self._chosen = handle
        self.clear()
        self._services.chosen_another()

    def _changed(self, change: Change) -> None:
        if change.snapshot is not None:
            self._looker.changed(change.snapshot)
        else:
            self._looker.forget(change.handle)
        self.dirty()

    def _job_changed(self, job: Job) -> None:
        if job.state != "running" and job.kind == "answer":
            self.playground.ended(job)
        self._interrupt.look()
        self.dirty()

    def _has_jobs(self) -> bool:
        return not self._over.is_set() and bool(self.jobs.running())

    def _interrupted(self) -> None:
        names = ", ".join(job.title for job in self.jobs.cancel())
        self.say(f"interrupted: {names}" if names else "")

    def _failed(self, words: str) -> None:
        self._problem = words
        self.dirty()

    # drawing ----------------------------------------------------------------------------------

    def _write(self) -> None:
        while not self._over.is_set():
            self._dirty.wait()
            self._dirty.clear()
            if self._over.is_set():
                return
            try:
                self._draw()
            except Exception:
                _log.exception("the panel could not be drawn")
            self._over.wait(_PAUSE_S)

    def _draw(self) -> None:
        snapshots = [service.snapshot() for service in self.registry.services()]
        mine = self.service()
        chosen = next((s for s in snapshots if mine is not None and s.handle == mine.handle), None)
        names = tuple(snapshot.handle for snapshot in snapshots)
        if tuple(self._choice.options) != names or (chosen and self._choice.value != chosen.handle):
            assign(self._choice, options=names, value=chosen.handle if chosen else None)
        models = self._looker.models.get(chosen.handle, Models()) if chosen else Models()
        assign(self._head, value=self._heading(chosen))
        room = self._looker.rooms.get(chosen.handle, "") if chosen else ""
        parts: tuple[Callable[[], None], ...] = (
            lambda: self._services.draw(snapshots, chosen),
            lambda: self._models.draw(chosen, models, room),
            lambda: self.playground.draw(chosen, models),
        )
        for part in parts:
            try:
                part()
            except Exception as error:  # the other parts are drawn all the same
                _log.info("a part of the panel could not be drawn", exc_info=True)
                self._problem = f"a part cannot be drawn: {type(error).__name__}: {error}"
        line = render.bad(self._problem) if self._problem else render.line(self._said)
        assign(self._line, value=line if self._problem or self._said else "")

    def _heading(self, chosen: Any) -> Html:
        words = [] if chosen is None else [f"{chosen.handle}: {render.state_words(chosen)}"]
        if self._cells.words:
            words.append(self._cells.words)
        return render.page(lines(words), "status")
