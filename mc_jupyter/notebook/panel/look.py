"""What the panel asks services for: their models, and what is in memory. Never on a timer."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...cancel import Cancel, cancellable, check
from ...clients.loads import count
from ...clients.names import same_model
from ...errors import ClientError, Interrupted, MediaConduitError
from ...meter import size_text
from ...prompting import ollama_client
from ...room import Room, room_for
from ..ollama import processor

if TYPE_CHECKING:
    from ...clients import OllamaClient
    from ...records import Snapshot
    from ...registry import ServiceRegistry
    from ...service import Service

_log = logging.getLogger(__name__)


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
    """Asks what a change has made out of date, each service on a thread of its own while it lasts.

    So a server that hangs keeps nobody waiting but itself.

    Parameters
    ----------
    registry
        The kernel's services.
    told
        Called, on such a thread, when something was learnt.
    """

    def __init__(self, registry: ServiceRegistry, told: Callable[[], None]) -> None:
        self._registry, self._told = registry, told
        self._cancel = Cancel()
        self._lock = threading.Lock()
        self._due: dict[str, bool] = {}  # by handle: whether its runtime is asked too
        self._looking: set[str] = set()
        self._seen: dict[str, tuple[object, ...]] = {}
        self._contexts: dict[str, int | None] = {}
        self.models: dict[str, Models] = {}
        self.rooms: dict[str, str] = {}

    def close(self) -> None:
        """End the looking, without waiting for the threads."""
        self._cancel.cancel()

    def changed(self, now: Snapshot) -> None:
        """Look again where what is known of a service's models or memory is out of date."""
        key = (now.kind, now.state, now.url, now.healthy, now.models_seen)
        if now.doing is None and self._seen.get(now.handle) != key:
            is_new = now.handle not in self._seen  # it may run already
            self._seen[now.handle] = key
            self._want(now.handle, afresh=is_new)

    def forget(self, handle: str) -> None:
        """A service has gone; another one may have its name next."""
        for known in (self._seen, self.models, self.rooms):
            known.pop(handle, None)

    def refresh(self) -> None:
        """Look at every service, and read again what is known of it."""
        for service in self._registry.services():
            self._want(service.handle, afresh=True)

    def _want(self, handle: str, *, afresh: bool = False) -> None:
        with self._lock:
            self._due[handle] = afresh or self._due.get(handle, False)
            if handle in self._looking:
                return
            self._looking.add(handle)
        threading.Thread(
            target=self._run, args=(handle,), name=f"mc-jupyter-look {handle}", daemon=True
        ).start()

    def _run(self, handle: str) -> None:
        with cancellable(self._cancel):
            while True:
                with self._lock:
                    if handle not in self._due or self._cancel.is_cancelled:
                        self._looking.discard(handle)
                        return
                    afresh = self._due.pop(handle)
                try:
                    self._learn(handle, afresh)
                except Interrupted:
                    continue
                except MediaConduitError:
                    continue  # it has gone meanwhile; its next change is looked at
                except Exception as error:  # a server may say anything
                    _log.info("looking at %s failed", handle, exc_info=True)
                    problem = f"what {handle} tells of its models cannot be read: {error}"
                    self.models[handle] = Models(problem=problem)
                    self._told()

    def _learn(self, handle: str, afresh: bool) -> None:
        service = self._registry.find(handle)
        if afresh:
            try:
                service.status()
            except MediaConduitError as error:
                service.lose_sight(error.message)
        service.measure()
        self.models[handle] = self._models_of(service)
        self._told()
        if service.is_ollama:
            self.rooms[handle] = _room_words(room_for(service))
        self._told()

    def _models_of(self, service: Service) -> Models:
        if not service.is_ollama:
            return Models(problem=f"{service.handle} is no Ollama service")
        if service.snapshot().state != "running":
            return Models(problem=f"{service.handle} does not run")
        try:
            client = ollama_client(service)
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
            "size": size_text(model.get("size") or 0),
            "loaded": _loaded(here) if here else "no",
            "context": f"{in_use:,} of {context}" if in_use else context,
        }

    def _context(self, client: OllamaClient, name: str, digest: str) -> int | None:
        if digest not in self._contexts:
            try:
                info = client.show(name).get("model_info") or {}
            except ClientError:  # of one model; the others are shown
                check()
                return None
            lengths = [count(v) for key, v in info.items() if key.endswith(".context_length")]
            self._contexts[digest] = lengths[0] if lengths else None
        return self._contexts[digest]


def _room_words(room: Room) -> str:
    """What is free, of what is known."""
    words = []
    if room.disk_free is not None:
        words.append(f"{size_text(room.disk_free)} free on the disk that keeps the models")
    if room.memory_free is not None:
        words.append(f"{size_text(room.memory_free)} of memory free")
    return ", ".join(words)


def _loaded(model: dict[str, Any]) -> str:
    """Where it is in memory, and until when."""
    where = f"yes, {processor(model)}"
    try:
        until = dt.datetime.fromisoformat(str(model.get("expires_at"))).astimezone()
    except (ValueError, OverflowError):
        return where
    if until.year > dt.datetime.now().year + 50:  # kept for ever
        return where
    return f"{where}, until {until:%H:%M}"
