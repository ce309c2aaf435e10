"""What the panel asks services for: their models, and what is in memory. Never on a timer."""

from __future__ import annotations

import datetime as dt
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...clients.names import same_model
from ...errors import MediaConduitError
from ...room import Room, room_for
from ..display import size
from ..ollama import processor

if TYPE_CHECKING:
    from ...clients import OllamaClient
    from ...records import Snapshot
    from ...registry import ServiceRegistry
    from ...service import Service


@dataclass(frozen=True)
class Models:
    """The models of a service.

    Attributes
    ----------
    rows
        ``name``, ``size``, ``loaded`` and ``context``, in words.
    problem
        Why there are none to show; empty where nothing is wrong.
    """

    rows: tuple[dict[str, str], ...] = ()
    problem: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names alone."""
        return tuple(row["name"] for row in self.rows)


class Looker:
    """Asks, on one thread of its own, what a change has made out of date.

    Parameters
    ----------
    registry
        The kernel's services.
    told
        Called, on that thread, when something was learnt.
    """

    def __init__(self, registry: ServiceRegistry, told: Callable[[], None]) -> None:
        self._registry, self._told = registry, told
        self._wanted: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._seen: dict[str, tuple[object, ...]] = {}
        self._contexts: dict[str, int | None] = {}
        self.models: dict[str, Models] = {}
        self.rooms: dict[str, str] = {}
        threading.Thread(target=self._run, name="mc-jupyter-look", daemon=True).start()

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._wanted.put(None)

    def changed(self, now: Snapshot) -> None:
        """Look again where what is known of a service's models or memory is out of date."""
        key = (now.state, now.url, now.models_seen)
        if now.doing is None and self._seen.get(now.handle) != key:
            self._seen[now.handle] = key
            self._wanted.put(lambda: self._learn(now.handle))

    def refresh(self) -> None:
        """Look at every service, and read again what is known of it."""
        self._wanted.put(self._look_at_all)

    def _run(self) -> None:
        while (call := self._wanted.get()) is not None:
            try:
                call()
            except MediaConduitError:
                continue  # it has gone meanwhile; its next change is looked at

    def _look_at_all(self) -> None:
        for service in self._registry.services():
            try:
                service.status()
            except MediaConduitError as error:
                service.lose_sight(error.message)
            self._learn(service.handle)

    def _learn(self, handle: str) -> None:
        service = self._registry.find(handle)
        service.measure()
        if service.manifest.is_ollama:
            self.models[handle] = self._models_of(service)
            self.rooms[handle] = _room_words(room_for(service))
        self._told()

    def _models_of(self, service: Service) -> Models:
        if service.snapshot().state != "running":
            return Models(problem=f"{service.handle} does not run")
        try:
            client = service.client()
            loaded = client.ps()
            rows = [self._row(client, model, loaded) for model in client.models()]
        except MediaConduitError as error:
            return Models(problem=error.message)
        return Models(tuple(rows))

    def _row(
        self, client: OllamaClient, model: dict[str, Any], loaded: list[dict[str, Any]]
    ) -> dict[str, str]:
        name = str(model.get("name") or model.get("model") or "?")
        here = next((m for m in loaded if same_model(name, str(m.get("name")))), None)
        longest = self._context(client, name, str(model.get("digest") or name))
        context = f"{longest:,}" if longest else "not known"
        in_use = here and here.get("context_length")
        return {
            "name": name,
            "size": size(model.get("size") or 0),
            "loaded": _loaded(here) if here else "no",
            "context": f"{in_use:,} of {context}" if in_use else context,
        }

    def _context(self, client: OllamaClient, name: str, digest: str) -> int | None:
        if digest not in self._contexts:
            info = client.show(name).get("model_info") or {}
            lengths = [v for key, v in info.items() if key.endswith(".context_length")]
            self._contexts[digest] = lengths[0] if lengths else None
        return self._contexts[digest]


def _room_words(room: Room) -> str:
    """What is free, of what is known."""
    words = []
    if room.disk_free is not None:
        words.append(f"{size(room.disk_free)} free on the disk that keeps the models")
    if room.memory_free is not None:
        words.append(f"{size(room.memory_free)} of memory free")
    return ", ".join(words)


def _loaded(model: dict[str, Any]) -> str:
    """Where it is in memory, and until when."""
    where = f"yes, {processor(model)}"
    try:
        until = dt.datetime.fromisoformat(str(model.get("expires_at")))
    except ValueError:
        return where
    if until.year > dt.datetime.now().year + 50:  # kept for ever
        return where
    return f"{where}, until {until.astimezone():%H:%M}"
