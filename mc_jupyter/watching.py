"""Keeping the registry true while somebody looks: what changes outside of this kernel is seen."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import MediaConduitError
from .records import Change

if TYPE_CHECKING:
    from .registry import ServiceRegistry
    from .service import Service

_QUIET_S = 0.05
"""Seconds that are waited for further events: a container that dies tells of it several times."""


class Watch:
    """Looks at a service when its runtime tells of a change (Docker events, a process that ends).

    Nothing is asked on a timer; an address that somebody named is not watched at all. The
    registry's own listeners hear what was seen.

    Parameters
    ----------
    registry
        Whose services are watched, those that are loaded later too.
    """

    def __init__(self, registry: ServiceRegistry) -> None:
        self._registry = registry
        self._told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._ends: dict[str, Callable[[], None]] = {}
        self._unsubscribe = registry.subscribe(self._changed)
        threading.Thread(target=self._run, name="mc-jupyter-watch", daemon=True).start()
        for service in registry.services():
            self._attach(service.runtime or service.placement.wanted)

    def close(self) -> None:
        """End all watching."""
        self._unsubscribe()
        self._over.set()
        with self._lock:
            ends, self._ends = list(self._ends.values()), {}
        for end in ends:
            end()
        self._told.put(None)

    def _changed(self, change: Change) -> None:
        if change.snapshot is not None:
            self._attach(change.snapshot.runtime or "auto")

    def _attach(self, runtime: str) -> None:
        """Watch a runtime; one that `auto` may adopt from another kernel is Docker's."""
        name = "docker" if runtime == "auto" else runtime
        with self._lock:
            if name in self._ends or self._over.is_set():
                return
            self._ends[name] = lambda: None
        end = self._registry.runtime(name).watch(self._told.put)
        with self._lock:
            if not self._over.is_set():
                self._ends[name] = end
                return
        end()

    def _run(self) -> None:
        while not self._over.is_set():
            projects = {self._told.get()}
            while not self._over.wait(_QUIET_S) and not self._told.empty():
                projects.add(self._told.get())
            for service in self._registry.services():
                if self._over.is_set():
                    return
                if None in projects or service.placement.spec.project in projects:
                    self._look(service)

    def _look(self, service: Service) -> None:
        try:
            service.status()
        except MediaConduitError as error:
            service.lose_sight(error.message)
