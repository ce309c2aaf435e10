"""``%mc``: what is loaded, what it says of itself, its log, the panel; nothing is changed here."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ..capable import usage
from ..control_characters import VisibleStream
from ..registry import ServiceRegistry
from ..runtimes.base import MENDS
from .display import Screen
from .find import FindVerb
from .results import Facts, Result, Table, Text
from .verbs import Verbs

if TYPE_CHECKING:
    from ..records import Snapshot
    from ..service import Service
    from .panel import Panel

_COLUMNS = {
    "names": "service",
    "state": "state",
    "runtime": "runtime",
    "health": "health",
    "identifier": "from",
}
_FIRST = "%mc load github:MediaConduit/ollama-service --start"
_PROMPT = "%%ollama smollm2:135m"
_MORE = ("%mc panel   to click instead", "%mc doctor   what works here", "%mc --help")


class LookingVerbs:
    """The verbs of ``%mc`` that only look.

    Parameters
    ----------
    registry
        The kernel's services.
    screen
        Makes the display of the running cell.
    panel
        The kernel's panel.
    """

    def __init__(
        self, registry: ServiceRegistry, screen: Callable[[], Screen], panel: Panel
    ) -> None:
        self._registry, self._screen, self._the_panel = registry, screen, panel

    def add(self, verbs: Verbs) -> None:
        """Add them to those of the magic."""
        status = verbs.add("status", "Show which services are loaded, and how.", self._status)
        status.add_argument("name", metavar="NAME", nargs="?")
        info = verbs.add("info", "Show what a service says of itself, and its pin.", self._info)
        info.add_argument("name", metavar="NAME")
        FindVerb(self._registry).add(verbs)
        logs = verbs.add("logs", "Show what a service wrote last.", self._logs)
        logs.add_argument("name", metavar="NAME")
        logs.add_argument(
            "-n", "--lines", type=_count, default=100, metavar="LINES", help="how many (100)"
        )
        logs.add_argument(
            "-f", "--follow", action="store_true", help="go on until it ends or is interrupted"
        )
        panel = verbs.add(
            "panel", "Show services, models and a playground to click on.", self._panel
        )
        panel.add_argument("--close", action="store_true", help="take it away again")
        verbs.add("doctor", "Look at what there is here to run services with.", self._doctor)

    def bare(self) -> Result:
        """What is loaded, and what to type next."""
        services = self._registry.services()
        if not services:
            lines = [
                f"{_FIRST}   loads and starts one",
                f"{_PROMPT}   finds or loads one by itself",
                "%mc find   speech, transcripts, video, pictures...",
            ]
            return Text("\n".join(["No service is loaded. What to type next:", *lines, *_MORE]))
        snapshots = [service.status() for service in services]
        lines = [*_usages(services), *_next_lines(snapshots)]
        return table(snapshots, ["", "What to type next:", *lines, *_MORE])

    def _status(self, given: argparse.Namespace) -> Result:
        if given.name:
            snapshot = self._registry.find(given.name).status()
            return table([snapshot], [*_mending([snapshot]), *snapshot.notes])
        snapshots = [service.status() for service in self._registry.services()]
        notes = _mending(snapshots)
        for found in self._registry.elsewhere():
            ref = "" if found.ref == "HEAD" else f"@{found.ref}"
            name = found.identifier.removeprefix("bundled:")
            notes.append(f"{found.state}, not loaded here: %mc load {name}{ref}")
        return table(snapshots, notes or ([] if snapshots else ["No service is loaded.", _FIRST]))

    def _info(self, given: argparse.Namespace) -> Result:
        facts = self._registry.find(given.name).info()
        pin = facts.pop("pin", None)
        notes = [f"This commit and no other: {pin}"] if pin else []
        return Facts(facts | {"pin": pin}, notes, hidden=("pin", "folder", "project"))

    def _doctor(self, given: argparse.Namespace) -> Result:
        from .doctor import examination

        screen = self._screen()
        return screen.hand_over(examination(self._registry, screen))

    def _logs(self, given: argparse.Namespace) -> Result:
        service = self._registry.find(given.name)
        if given.follow:
            return self._follow(service, given.lines)
        return Text(service.logs(given.lines).rstrip("\n") or f"{service.handle} wrote nothing yet")

    def _follow(self, service: Service, lines: int) -> Result:
        shown = VisibleStream()
        with closing(service.follow(lines)) as pieces:
            for piece in pieces:
                print(shown.feed(piece), end="")  # not flushed: the kernel gathers quick ones
        print(shown.end(), end="")
        return Text(f"{service.handle} has ended")

    def _panel(self, given: argparse.Namespace) -> Result:
        if given.close:
            self._the_panel.close()
            return Text("the panel is closed")
        return self._the_panel


def table(snapshots: Sequence[Snapshot], notes: Sequence[str] = ()) -> Table:
    """Return services as a table, with lines below."""
    health = {True: "answers", False: "does not answer", None: ""}
    rows = [
        vars(now) | {"health": health[now.healthy], "names": ", ".join((now.handle, *now.aliases))}
        for now in snapshots
    ]
    return Table(_COLUMNS, rows, notes)


def _mending(snapshots: Sequence[Snapshot]) -> list[str]:
    """What runs and cannot answer, each with the line that helps."""
    return [
        f"{now.handle} {now.detail}: %mc {MENDS[now.state]} {now.handle}"
        for now in snapshots
        if now.state in MENDS
    ]


def _next_lines(snapshots: Sequence[Snapshot]) -> list[str]:
    lines = []
    for snapshot in snapshots:
        verb = "stop" if snapshot.state in ("running", "starting") else "start"
        verb = MENDS.get(snapshot.state, verb)
        lines.append(f"%mc {verb} {snapshot.handle}")
    return lines


def _usages(services: Sequence[Service]) -> list[str]:
    """How each is used; the only one of its kind by the kind's own magic."""
    kinds = Counter(service.kind for service in services)
    lines = []
    for service in services:
        kind, name = service.kind, service.handle
        if kind is not None and (kinds[kind] == 1 or kind.name in service.aliases):
            name = kind.name
        lines.append(_PROMPT if service.is_ollama else usage(kind, name))
    return list(dict.fromkeys(lines))


def _count(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)
