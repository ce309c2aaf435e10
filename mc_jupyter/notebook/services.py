"""``%mc``: load, start, stop and remove services."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..capable import usage
from ..clients.kinds import KINDS, PLAIN, Kind
from ..errors import (
    ArgumentError,
    ClientError,
    MediaConduitError,
    NotOursError,
    ServiceNotFoundError,
)
from ..events import Event
from ..prompting import ollama_client
from ..registry import ServiceRegistry
from ..settings import RUNTIMES
from ..sources import bundled
from .arguments import Parser
from .display import Screen
from .jobs import Jobs, add_cancel
from .looking import LookingVerbs, table
from .results import Result
from .verbs import Verbs

if TYPE_CHECKING:
    from ..records import Snapshot
    from ..service import Service
    from .panel import Panel

_ABOUT = """Load, start, watch and stop AI services.

%mc VERB ...          one of the verbs below (%mc alone: what is loaded, and what to type next)
%mc call NAME GET /path   any path of any service (%mc call --help)
%mc NAME ..., %%mc NAME ...   a service's own magic by its name: %%mc ollama is %%ollama
"""


class ServiceVerbs:
    """The verbs of ``%mc``.

    Parameters
    ----------
    registry
        The kernel's services.
    screen
        Makes the display of the running cell.
    panel
        The kernel's panel.
    jobs
        What goes on in the background.
    """

    def __init__(
        self,
        registry: ServiceRegistry,
        screen: Callable[[], Screen],
        panel: Panel,
        jobs: Jobs,
    ) -> None:
        self._registry, self._screen = registry, screen
        looking = LookingVerbs(registry, screen, panel)
        self.verbs = Verbs("%mc", _ABOUT, looking.bare)
        self._add_changing(self.verbs)
        looking.add(self.verbs)
        add_cancel(self.verbs, jobs)

    def _add_changing(self, verbs: Verbs) -> None:
        load = verbs.add("load", "Load a service from where it is published.", self._load)
        load.add_argument(
            "identifier",
            metavar="IDENTIFIER",
            help="github:OWNER/REPO[@REF], https://HOST/OWNER/REPO[@REF], a folder, "
            "http://HOST:PORT (already running), or what comes with mc_jupyter: "
            f"{', '.join(bundled.names())}",
        )
        load.add_argument("--as", dest="name", metavar="NAME", help="a name of your own for it")
        load.add_argument(
            "--runtime", choices=RUNTIMES, metavar="|".join(RUNTIMES), help="how it shall run"
        )
        load.add_argument(
            "--env", action="append", metavar="NAME=VALUE", help="environment for the service"
        )
        load.add_argument(
            "--client",
            choices=[kind.name for kind in (*KINDS, PLAIN)],
            metavar="NAME",
            help="what to take it for (plain: any path), whatever it says of itself",
        )
        load.add_argument(
            "--key-env",
            metavar="VARIABLE",
            help="the environment variable that holds the key of a service at an address; it is "
            "sent to that address only",
        )
        load.add_argument("--start", action="store_true", help="start it at once")
        load.add_argument("--refresh", action="store_true", help="fetch it anew")
        start = verbs.add("start", "Start a service and wait until it answers.", self._start)
        start.add_argument("name", metavar="NAME")
        start.add_argument(
            "--wait", type=_seconds, metavar="SECONDS", help="end the waiting, not the service"
        )
        start.add_argument(
            "--gpu",
            choices=("auto", "on", "off"),
            default="auto",
            metavar="auto|on|off",
            help="on: an error where there is none",
        )
        _add_force(start)
        stop = verbs.add("stop", "Stop a service, for every kernel that uses it.", self._stop)
        stop.add_argument("name", metavar="NAME", nargs="?")
        stop.add_argument("--all", action="store_true", help="all that this kernel loaded")
        restart = verbs.add("restart", "Stop a service and start it again.", self._restart)
        restart.add_argument("name", metavar="NAME")
        _add_force(restart)
        remove = verbs.add(
            "remove", "Take away a service's containers and forget it.", self._remove
        )
        remove.add_argument("name", metavar="NAME")
        remove.add_argument("--volumes", action="store_true", help="its models and data too")

    # what changes something -------------------------------------------------------------------

    def _load(self, given: argparse.Namespace) -> Result:
        if given.name in list(self.verbs):
            raise ArgumentError(
                f"--as {given.name}: %mc {given.name} is a verb", "another name: --as NAME"
            )
        screen = self._screen()
        before = {service: service.kind for service in self._registry.services()}
        service = self._registry.get_service(
            given.identifier,
            name=given.name,
            runtime=given.runtime,
            env=_environment(given.env or ()),
            refresh=given.refresh,
            client=given.client,
            key_env=given.key_env,
            report=screen.report,
        )
        notes = []
        if given.name and given.name.lower() != service.handle.lower():
            notes.append(f"{given.name} is one more name of {service.handle}")
        if len(service.folders) > 1:
            notes.append(f"it was fetched anew: %mc restart {service.handle} changes over")
        if service in before and service.kind != before[service]:
            notes.append(_taken(service, before[service]))
        if given.start:
            return screen.end(table([service.start(report=screen.report)], notes))
        is_address = service.identifier.kind == "url"
        now = service.status() if is_address else service.snapshot()  # Docker is not woken here
        is_running = now.state in ("running", "starting")
        if is_address:  # nobody starts it from here
            notes.append(_next(service, given.name))
        elif not is_running:
            notes.append(f"next: %mc start {service.handle}")
        elif given.env:
            again = f"%mc restart {service.handle}"
            notes.append(f"{service.handle} runs already: {again} applies what --env changed")
        return screen.end(table([now], notes))

    def _start(self, given: argparse.Namespace) -> Result:
        screen, service = self._screen(), self._registry.find(given.name)
        snapshot = service.start(
            wait=given.wait, gpu=given.gpu, force=given.force, report=screen.report
        )
        return screen.end(table([snapshot]))

    def _stop(self, given: argparse.Namespace) -> Result:
        if given.all == bool(given.name):
            raise ArgumentError("%mc stop: which service?", "%mc stop NAME, or %mc stop --all")
        screen = self._screen()
        wanted = self._registry.services() if given.all else [self._find_to_stop(given.name)]
        snapshots: list[Snapshot] = []
        notes: list[str] = []
        failed: list[MediaConduitError] = []
        for service in wanted:
            runtime = service.status().runtime
            if given.all and runtime == "url":
                notes.append(f"{service.handle} was not started from here and goes on")
                continue
            if runtime == "docker":
                name = service.handle
                notes.append(f"{name} is stopped for every kernel; its models and data stay")
            try:
                snapshots.append(service.stop(screen.report))
            except MediaConduitError as error:  # the others are stopped all the same
                if given.all and isinstance(error, NotOursError):
                    notes.append(f"{service.handle} was not started from here and goes on")
                else:
                    failed.append(error)
        if failed:
            raise failed[0]
        return screen.end(table(snapshots, notes if wanted else ["No service is loaded."]))

    def _find_to_stop(self, name: str) -> Service:
        try:
            return self._registry.find(name)
        except ServiceNotFoundError:
            if ":" in name or self._is_model(name):
                raise ServiceNotFoundError(
                    f"{name} is a model, not a service", f"%ollama stop {name}"
                ) from None
            raise

    def _is_model(self, name: str) -> bool:
        """Whether a running Ollama has a model of that name."""
        for service in self._registry.services():
            if service.is_ollama and service.url:
                try:
                    if ollama_client(service).has_model(name):
                        return True
                except ClientError:
                    continue
        return False

    def _restart(self, given: argparse.Namespace) -> Result:
        screen, service = self._screen(), self._registry.find(given.name)
        snapshot = service.restart(force=given.force, report=screen.report)
        return screen.end(table([snapshot]))

    def _remove(self, given: argparse.Namespace) -> Result:
        screen, service = self._screen(), self._registry.find(given.name)
        for item in service.plan_removal(given.volumes):
            screen.report(Event("note", f"removing {item}"))
        gone = self._registry.remove(service.handle, given.volumes)
        lines = [f"removed {item}" for item in gone]
        names = " and ".join((service.handle, *service.aliases))
        are = "are" if service.aliases else "is"
        return screen.say("\n".join([*lines, f"{names} {are} no longer loaded"]))


def _next(service: Service, name: str | None) -> str:
    """How it is used, and what it was recognised as where its name does not say so."""
    kind, name = service.kind, name or service.handle
    what = f"{name} is of the kind {kind.name}; " if kind and kind.name != name else ""
    return f"{what}next: {usage(kind, name)}"


def _taken(service: Service, before: Kind | None) -> str:
    """That a loaded service is talked to by another client now, for all its names."""
    was, now = (kind.name if kind else PLAIN.name for kind in (before, service.kind))
    again = f"%mc load {service.identified} --client {was}"
    return f"{service.handle} is taken for {now} from now on, no longer for {was}; back: {again}"


def _add_force(parser: Parser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="even where it wants more than this machine has"
    )


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return number


def _environment(pairs: Sequence[str]) -> dict[str, str] | None:
    environment = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or "\0" in pair:
            raise ArgumentError(f"--env is {pair!r}", "accepted: NAME=VALUE")
        environment[name] = value
    return environment or None
