"""The panel's second part: the models of the chosen service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...html import Html, lines
from ...prompting import live_client, ollama_client
from ...room import check_room, room_for, verdict
from . import others, render
from .kit import Kit, assign
from .look import Models

if TYPE_CHECKING:
    from ...clients import OllamaClient
    from ...events import Report
    from ...records import Snapshot
    from ...service import Service
    from .board import Board


class ModelsPart:
    """Table, pull with progress and cancel, load, unload, delete.

    Parameters
    ----------
    board
        What the parts share.
    kit
        Makes the widgets.
    """

    def __init__(self, board: Board, kit: Kit) -> None:
        self._board = board
        self._doomed: tuple[str, str] | None = None  # service and model
        self._verdict = ("", "")  # on the last pull: service, and words
        self._table, self._room, self._step = kit.html(), kit.html(), kit.html()
        self._model = kit.dropdown("Installed", self._chose)
        self._load = kit.button("Load into memory", "%ollama run MODEL", self._load_it)
        self._unload = kit.button("Unload", "%ollama stop MODEL", self._unload_it)
        self._delete = kit.button("Delete", "%ollama rm MODEL", self._delete_it)
        self._name = kit.text("Pull", board.example_model, self._pull)
        pull = kit.button("Pull", "%ollama pull MODEL", self._pull)
        cancel = kit.button("Cancel pull", "%ollama cancel pull", self._cancel)
        self.widget = kit.column(
            self._table,
            kit.row(self._model, self._load, self._unload, self._delete),
            kit.row(self._name, pull, cancel),
            self._room,
            self._step,
        )
        self._whole = self.widget.children

    # what is shown ----------------------------------------------------------------------------

    def draw(self, chosen: Snapshot | None, models: Models, room: str) -> None:
        """Show what is known now; called by the panel's one writing thread."""
        if other := others.other_than_ollama(self._board.service()):
            self._doomed = None
            assign(self._table, value=others.notice(other))
            assign(self.widget, children=(self._table,))
            return
        assign(self.widget, children=self._whole)
        names = models.names
        if tuple(self._model.options) != names:
            kept = self._model.value if self._model.value in names else None
            assign(self._model, options=names, value=kept or (names[0] if names else None))
        model = self._model.value
        if chosen is None:
            caption = "No service is chosen: load one in the first part."
        elif models.problem:
            caption = models.problem
        else:
            caption = f"Models of {chosen.handle}" if names else "No model is installed: pull one."
        assign(self._table, value=render.models(models.rows, model, caption))
        about = chosen.handle if chosen else ""
        below = lines((room, self._verdict[1] if self._verdict[0] == about else ""))
        small = Html("<small>{}</small>").format(below) if below else ""
        assign(self._room, value=render.page(small))
        name, host = model or "MODEL", self._board.host_option()
        assign(self._load, tooltip=f"same as %ollama run {name}{host}")
        assign(self._unload, tooltip=f"same as %ollama stop {name}{host}")
        words = f"Really delete {model}" if self._doomed == (about, model) else "Delete"
        assign(self._delete, description=words, tooltip=f"same as %ollama rm {name}{host}")
        assign(self._step, value=render.job(self._board.jobs.latest("model", about)))

    # what the buttons do ----------------------------------------------------------------------

    def _chose(self, name: str | None) -> None:
        self._doomed = None
        self._board.dirty()

    def _pull(self) -> None:
        name = str(self._name.value).strip() or self._board.example_model

        def work(service: Service, client: OllamaClient, report: Report) -> str:
            room = room_for(service)

            def check(to_fetch: int) -> None:
                self._verdict = service.handle, f"{name}: {verdict(room, to_fetch).words}"
                self._board.dirty()
                check_room(room, to_fetch, name, handle=service.handle)

            return client.fetch_model(name, report=report, check=check)

        self._do(f"pulling {name}", f"%ollama pull {name}", work)

    def _load_it(self) -> None:
        if name := self._picked():

            def work(_: Service, client: OllamaClient, report: Report) -> str:
                client.load(name, report=report)
                return f"{name} is in memory"

            self._do(f"loading {name} into memory", f"%ollama run {name}", work)

    def _unload_it(self) -> None:
        if name := self._picked():

            def work(_: Service, client: OllamaClient, report: Report) -> str:
                client.unload(name)
                return f"{name} is out of memory"

            self._do(f"unloading {name}", f"%ollama stop {name}", work)

    def _delete_it(self) -> None:
        name, service = self._picked(), self._board.service()
        if not name or service is None:
            return
        if self._doomed != (service.handle, name):
            self._doomed = service.handle, name
            self._board.say(f"press the button again to delete {name} from the disk")
            self._board.dirty()
            return
        self._doomed = None

        def work(_: Service, client: OllamaClient, report: Report) -> str:
            client.delete(name)
            return f"deleted {name}"

        self._do(f"deleting {name}", f"%ollama rm {name}", work)

    def _picked(self) -> str | None:
        name: str | None = self._model.value
        if other := others.other_than_ollama(self._board.service()):
            self._board.say(others.refusal(other))
            return None
        if not name:
            self._board.say("no model is installed here: pull one first")
        return name

    def _do(
        self, title: str, twin: str, act: Callable[[Service, OllamaClient, Report], str]
    ) -> None:
        service = self._board.service()
        if service is None:
            self._board.say("no service is loaded: load one in the first part")
            return
        if not service.is_ollama:
            self._board.say(others.refusal(service))
            return
        twin += self._board.host_option()

        def work(report: Report) -> str:
            live_client(service, report)
            return act(service, ollama_client(service), report)  # it may be none by now

        self._board.begin("model", service.handle, title, twin, work)

    def _cancel(self) -> None:
        if not self._board.jobs.cancel("model"):
            self._board.say("nothing to cancel: no model is being pulled or loaded")
