"""Keeping the registry true while somebody looks: what changes outside of this kernel is seen."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import MediaConduitError
from .records import Change, Snapshot

if TYPE_CHECKING:
    from .registry import ServiceRegistry
    from .service import Service

_log = logging.getLogger(__name__)
_QUIET_S = 0.05
"""Seconds that are waited for further events: a container that dies tells of it several times."""


_LONGEST_PAUSE_S = 4.0
_UNSETTLED_S, _ENDED_S = 120.0, 3.0


@dataclass(frozen=True)
class _Again:
    """When to look again at what nobody will tell of, less and less often."""

    pause: float = 0.5
    began: float = field(default_factory=time.monotonic)
    due: float = 0.0

    def later(self) -> _Again:
        due = time.monotonic() + self.pause
        return _Again(min(2 * self.pause, _LONGEST_PAUSE_S), self.began, due)

    def goes_on(self, now: Snapshot) -> bool:
        """Whether that may yet change without a word.

        No event tells that a service answers or has settled; and what another kernel stopped is
        known to be stopped, not to have ended, only a moment after its end.
        """
        age = time.monotonic() - self.began
        return (
            age < _UNSETTLED_S if _is_unsettled(now) else now.state == "exited" and age < _ENDED_S
        )


def _is_unsettled(now: Snapshot) -> bool:
    """Whether it came up and does not answer yet; one that is being started looks itself."""
    waits = now.state == "restarting" or (now.state == "running" and not now.healthy)
    return waits and now.doing is None and now.runtime != "url"


class Watch:
    """Looks at a service when its runtime tells of a change (Docker events, a process that ends).

    Of what has just changed it looks for a while whether it answers; else nothing is asked on a
    timer. An address that somebody named is not watched at all. The registry's own listeners hear
    what was seen.

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
        self._again: dict[str, _Again] = {}
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
        if change.snapshot is None:
            return
        self._attach(change.snapshot.runtime or "auto")
        if _is_unsettled(change.snapshot):
            for service in self._registry.services():
                project = service.placement.spec.project
                if service.handle == change.handle and project not in self._again:
                    self._told.put(project)

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
            told = self._wait()
            waiting: dict[str, _Again] = {}
            for service in self._registry.services():
                if self._over.is_set():
                    return
                project = service.placement.spec.project
                again = self._again.get(project)
                if None in told or project in told:
                    again = _Again()
                if again is not None and again.due <= time.monotonic():
                    self._again[project] = again
                    self._look(service)
                    again = again.later() if again.goes_on(service.snapshot()) else None
                if again is not None:
                    waiting[project] = again
            self._again = waiting

    def _wait(self) -> set[str | None]:
        """Return the projects that were told of; none when one is to be looked at again."""
        due = min((again.due for again in self._again.values()), default=None)
        try:
            left = None if due is None else max(0.0, due - time.monotonic())
            told = {self._told.get(timeout=left)}
        except queue.Empty:
            return set()
        while not self._over.wait(_QUIET_S) and not self._told.empty():
            told.add(self._told.get())
        return told

    def _look(self, service: Service) -> None:
        try:
            service.status()
        except MediaConduitError as error:
            service.lose_sight(error.message)
        except Exception:  # of one service; the others are watched all the same
            _log.exception("looking at %s failed", service.handle)
