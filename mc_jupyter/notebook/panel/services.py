"""The panel's first part: what is loaded and how it runs; start, stop, logs, load."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import others, render
from .kit import Kit, assign
from .log import Follower

if TYPE_CHECKING:
    from ...events import Report
    from ...records import Snapshot
    from ...service import Service
    from .board import Board

FIRST = "github:MediaConduit/ollama-service"
_RUNNING = ("running", "starting", "restarting", "disconnected")
_DONE = {"start": "started", "stop": "stopped", "restart": "restarted"}


class ServicesPart:
    """Table, actions, logs and a line to load another service.

    Parameters
    ----------
    board
        What the parts share.
    kit
        Makes the widgets.
    """

    def __init__(self, board: Board, kit: Kit) -> None:
        self._board = board
        self._follower: Follower | None = None  # made and ended where it is drawn
        self._follows = False
        self._followed: tuple[str | None, ...] = ()  # which of its lives
        self._plan: tuple[str, tuple[str, ...]] | None = None
        self._table, self._step, self._log = kit.html(), kit.html(), kit.html()
        self._toggle = kit.button("Start", "%mc start NAME", self._start_or_stop)
        self._restart = kit.button("Restart", "%mc restart NAME", self._restart_it)
        self._remove = kit.button("Remove", "%mc remove NAME", self._remove_it)
        self._volumes = kit.checkbox("with its models and data")
        self._logs = kit.toggle("Follow logs", "%mc logs NAME --follow", self._follow)
        refresh = kit.button("Refresh", "%mc status", self._board.refresh)
        cancel = kit.button("Cancel", "%mc cancel service", self._cancel)
        self._identifier = kit.text("Load", FIRST, self._load)
        load = kit.button("Load", "%mc load IDENTIFIER", self._load)
        self.widget = kit.column(
            self._table,
            kit.row(self._toggle, self._restart, self._logs, refresh, cancel),
            self._step,
            self._log,
            kit.row(self._identifier, load),
            kit.row(self._remove, self._volumes),
        )

    # what is shown ----------------------------------------------------------------------------

    def draw(self, snapshots: list[Snapshot], chosen: Snapshot | None) -> None:
        """Show what is known now; called by the panel's one writing thread."""
        name = chosen.handle if chosen else None
        assign(self._table, value=render.services(snapshots, name))
        assign(self._step, value=self._line(name))
        runs = chosen is not None and chosen.state in _RUNNING
        shown = name or "NAME"
        verb = "stop" if runs else "start"
        words = f"{verb.title()} {name}" if name else "Load and start"
        assign(self._toggle, description=words, tooltip=f"same as %mc {verb} {shown}")
        assign(self._restart, tooltip=f"same as %mc restart {shown}")
        sure = self._plan is not None and self._plan[0] == name
        assign(
            self._remove,
            description=f"Really remove {name} and all this" if sure else "Remove",
            tooltip=f"same as %mc remove {shown} [--volumes]",
        )
        self._follow_on(chosen)
        tip = f"same as %mc logs {shown} --follow"
        assign(self._logs, value=self._follower is not None, tooltip=tip)
        assign(self._log, value=self._log_text())

    def _line(self, name: str | None) -> str:
        if self._plan is not None and self._plan[0] == name:
            gone = ", ".join(self._plan[1]) or "nothing but its name"
            return render.line(f"This would go: {gone}. Press the button again to remove it.")
        jobs = [self._board.jobs.latest("service", about) for about in (name or "", "")]
        running = [job for job in jobs if job is not None and job.state == "running"]
        latest = max(
            (job for job in jobs if job is not None), key=lambda job: job.number, default=None
        )
        return render.job(running[0] if running else latest)

    def _log_text(self) -> str:
        if self._follower is None:
            return ""
        text = self._follower.text()
        name = self._follower.name
        return render.log(name, text) if text else render.line(f"{name} wrote nothing yet")

    # what the buttons do ----------------------------------------------------------------------

    def _start_or_stop(self) -> None:
        service = self._board.service()
        if service is None:
            self._load_and(start=True)
            return
        self._plan = None
        if service.snapshot().state in _RUNNING:
            self._do(service, "stop", "stopping", lambda report: service.stop(report))
        else:
            self._do(service, "start", "starting", lambda report: service.start(report=report))

    def _restart_it(self) -> None:
        if service := self._chosen():
            self._plan = None
            self._do(service, "restart", "restarting", lambda r: service.restart(report=r))

    def _do(
        self, service: Service, verb: str, title: str, act: Callable[[Report], Snapshot]
    ) -> None:
        name = service.handle

        def work(report: Report) -> str:
            act(report)  # its state is shown above; this line stays when that has changed
            return f"{_DONE[verb]} {name}"

        self._board.begin("service", name, f"{title} {name}", f"%mc {verb} {name}", work)

    def _remove_it(self) -> None:
        service = self._chosen()
        if service is None:
            return
        name, volumes = service.handle, bool(self._volumes.value)
        if volumes and (self._plan is None or self._plan[0] != name):
            self._plan_removal(service)
            return
        self._plan = None
        twin = f"%mc remove {name}" + (" --volumes" if volumes else "")

        def work(report: Report) -> str:
            gone = self._board.registry.remove(name, volumes)
            return "; ".join([*(f"removed {item}" for item in gone), f"{name} is forgotten"])

        self._board.begin("service", "", f"removing {name}", twin, work)

    def _plan_removal(self, service: Service) -> None:
        """Ask what would go; in the background, for an engine may hang."""
        name = service.handle

        def work(report: Report) -> str:
            self._plan = (name, service.plan_removal(True))
            return ""

        self._board.begin("service", name, f"looking what {name} has", "", work)

    def _load(self) -> None:
        self._load_and(start=False)

    def _load_and(self, *, start: bool) -> None:
        identifier = str(self._identifier.value).strip() or FIRST
        self._plan = None

        def work(report: Report) -> str:
            service = self._board.registry.get_service(identifier, report=report)
            self._board.choose(service.handle)
            if start:
                service.start(report=report)
                return f"loaded and started {service.handle}"
            return f"loaded {service.handle}: {_next(service)}"

        twin = f"%mc load {shlex.quote(identifier)}" + (" --start" if start else "")
        self._board.begin("service", "", f"loading {identifier}", twin, work)

    def _cancel(self) -> None:
        jobs = self._board.jobs.running("service")
        for job in jobs:
            job.cancel()
        service = self._board.service()
        if jobs or service is None:
            return
        now = service.snapshot()
        if now.doing is not None:
            self._board.say(
                f"{now.handle} is {now.state} in a cell: Interrupt (■) that cell to end it"
            )
        else:
            self._board.say("nothing to cancel: nothing is being loaded, started or stopped")

    def _chosen(self) -> Service | None:
        service = self._board.service()
        if service is None:
            self._board.say(f"no service is loaded: press Load for {FIRST}, or type another")
        return service

    # logs -------------------------------------------------------------------------------------

    def _follow(self, wanted: bool) -> None:
        if self._board.is_drawing:
            return
        self._follows = wanted and self._chosen() is not None
        self._board.dirty()

    def _follow_on(self, chosen: Snapshot | None) -> None:
        """Follow the log of the chosen service, also when it was started again since."""
        service, follower = self._board.service(), self._follower
        if follower is not None and (not self._follows or follower.service is not service):
            follower.close()
            follower = self._follower = None
        if service is None or chosen is None:
            self._follows = False
        elif self._follows and follower is None:
            self._followed = _life(chosen)
            self._follower = Follower(service, self._board.dirty)
        elif follower is not None and follower.has_ended and chosen.state == "running":
            life, before = _life(chosen), self._followed
            self._followed = life
            if life != before:
                follower.again()

    def chosen_another(self) -> None:
        """Forget what was asked about the former; the log of the new one is followed."""
        self._plan = None

    def close(self) -> None:
        """End the following."""
        if self._follower is not None:
            self._follower.close()


def _life(now: Snapshot) -> tuple[str | None, ...]:
    """What differs after a restart; the clock alone has whole seconds only."""
    return now.started_at, now.url


def _next(service: Service) -> str:
    """What one does with what was loaded."""
    use = "ask it in the Playground" if service.is_ollama else others.in_a_cell(service)
    now = service.snapshot()
    is_there = now.runtime == "url" or now.state in _RUNNING
    return use if is_there else f"press Start, or {use}"
