"""Pulls under way: two that ask for one model share one, and the last to go ends it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import CancelledError
from typing import Any

from ..errors import MediaConduitError
from .catalogue import Published
from .models import Library

Line = dict[str, Any]
_END_WAIT = 2.0  # seconds that a thread gets to end when the server ends


class _Pull:
    """One fetch in a thread, and those who listen."""

    def __init__(self, library: Library, entry: Published) -> None:
        self.entry = entry
        self.listeners: set[asyncio.Queue[Line | None]] = set()
        self.last: Line | None = None
        self.cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._store = library.store
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._store.fetch(self.entry, self._tell, self.cancelled)
        except MediaConduitError as error:
            self._tell({"error": str(error).replace("\n", ": ")})
        except CancelledError:
            pass
        except Exception as error:  # the listeners must hear of any end
            self._tell({"error": f"{type(error).__name__}: {error}"})
        self._tell(None)

    def _tell(self, line: Line | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server ends
            self._loop.call_soon_threadsafe(self._spread, line)

    def _spread(self, line: Line | None) -> None:
        self.last = line
        for queue in self.listeners:
            queue.put_nowait(line)


class Pulls:
    """The pulls under way in this server.

    Parameters
    ----------
    library
        Whose catalogue and store are used.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._under_way: dict[str, _Pull] = {}

    async def lines(self, entry: Published) -> AsyncGenerator[Line, None]:
        """Yield the progress of pulling `entry`, in the lines of Ollama's ``/api/pull``.

        Closing the generator ends the pull unless somebody else listens; what was fetched is
        kept for the next one.
        """
        pull = self._under_way.get(entry.name)
        if pull is None or pull.cancelled.is_set():
            pull = self._under_way[entry.name] = _Pull(self._library, entry)
        queue: asyncio.Queue[Line | None] = asyncio.Queue()
        if pull.last is not None:
            queue.put_nowait(pull.last)
        pull.listeners.add(queue)
        try:
            while (line := await queue.get()) is not None:
                yield line
        finally:
            pull.listeners.discard(queue)
            if not pull.listeners:
                pull.cancelled.set()
                if self._under_way.get(entry.name) is pull:
                    del self._under_way[entry.name]

    async def close(self) -> None:
        """End all pulls."""
        pulls = list(self._under_way.values())
        for pull in pulls:
            pull.cancelled.set()
        for pull in pulls:
            await asyncio.to_thread(pull.thread.join, _END_WAIT)
