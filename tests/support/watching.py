"""What the tests of watching share: who listens, who follows a log, and which threads live."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from mc_jupyter.cancel import Cancel, cancellable
from mc_jupyter.errors import Interrupted
from mc_jupyter.records import Change, Snapshot
from mc_jupyter.registry import ServiceRegistry

from .wait import wait_until

SEEN_S = 2.0
"""Seconds within which a change from outside must be known."""


class Heard(list[Snapshot]):
    """What a listener of the registry heard."""

    def __init__(self, registry: ServiceRegistry) -> None:
        self.end = registry.subscribe(self._hear)

    def _hear(self, change: Change) -> None:
        if change.snapshot is not None:
            self.append(change.snapshot)

    def hears(self, state: str, detail: str = "", within: float = SEEN_S) -> Snapshot:
        """Wait until it heard of that state."""

        def found() -> list[Snapshot]:
            return [s for s in self if s.state == state and detail in s.detail]

        return wait_until(found, within, f"{state} {detail}")[-1]


class Following:
    """A log that is followed on a thread of its own, to its end."""

    def __init__(self, follow: Callable[[], Iterable[str]]) -> None:
        self.pieces: list[str] = []
        self.error: BaseException | None = None
        self._follow, self._cancel = follow, Cancel()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *_: Any) -> None:
        self._cancel.cancel()
        self._thread.join(2)

    def _run(self) -> None:
        try:
            with cancellable(self._cancel):
                self.pieces.extend(self._follow())
        except BaseException as error:  # Interrupted is a KeyboardInterrupt
            self.error = error

    @property
    def text(self) -> str:
        """What came so far."""
        return "".join(self.pieces)

    def says(self, words: str, within: float = SEEN_S) -> None:
        """Wait until that came."""
        wait_until(lambda: words in self.text, within, repr(words))

    def ends(self, within: float = SEEN_S) -> None:
        """See it end by itself, without an error."""
        self._thread.join(within)
        assert not self._thread.is_alive(), "the following goes on"
        assert self.error is None, self.error

    def is_cancelled(self) -> None:
        """Cancel it, and see it end so within a second."""
        assert self._thread.is_alive(), self.error
        self._cancel.cancel()
        self._thread.join(1)
        assert isinstance(self.error, Interrupted), self.error


def threads(*but: str) -> list[str]:
    """Our threads that live."""
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith("mc-jupyter") and name not in but]
