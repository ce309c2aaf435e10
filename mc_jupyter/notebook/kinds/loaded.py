"""Which services' magics there are: those of the kinds that are loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from ...records import Change
from . import make
from .base import Desk, KindMagic
from .call import CallMagic


class LoadedKinds:
    """Makes the magics of a kind when its first service is loaded, and takes them away after its
    last.

    Parameters
    ----------
    desk
        What they need of the notebook.

    Attributes
    ----------
    call
        ``%mc call``, which every service has.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk, self._lock = desk, threading.Lock()
        self.call = CallMagic(desk)
        self._magics: dict[str, KindMagic] = {}
        self._add: Callable[[KindMagic], None] = lambda magic: None
        self._drop: Callable[[KindMagic], None] = lambda magic: None
        self._end: Callable[[], None] = lambda: None
        self._known: set[str] = set()

    def names(self) -> tuple[str, ...]:
        """The names of the magics that there are."""
        return tuple(self._magics)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._magics))

    def get(self, name: str) -> KindMagic | None:
        """Return the magics of a kind; None where no service of it is loaded."""
        return self._magics.get(name)

    def follow(self, add: Callable[[KindMagic], None], drop: Callable[[KindMagic], None]) -> None:
        """Keep them true to what is loaded.

        Parameters
        ----------
        add, drop
            Called, from any thread, with magics that come or go.
        """
        self._add, self._drop = add, drop
        self._end = self._desk.registry.subscribe(self._changed)
        self._update()

    def close(self) -> None:
        """Follow no longer."""
        self._end()

    def _changed(self, change: Change) -> None:
        self._update()  # most changes are of a state, and nothing comes of them here

    def _update(self) -> None:
        loaded = {s.kind.name for s in self._desk.registry.services() if s.kind is not None}
        with self._lock:
            if loaded == self._known:
                return
            for name in [name for name in self._magics if name not in loaded]:
                self._drop(self._magics.pop(name))
            for name in sorted(loaded - self._magics.keys()):
                magic = make(name, self._desk)
                if magic is not None:
                    self._magics[name] = magic
                    self._add(magic)
            self._known = loaded
