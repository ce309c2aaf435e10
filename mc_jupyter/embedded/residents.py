"""The models in memory: loaded when asked for, kept for a while, and given back."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from .engine import Engine, LoadSpec
from .models import Model
from .requests import LONGEST

KEEP_ALIVE = 300.0  # seconds, as Ollama
MOST_LOADED = 3  # models at once, as Ollama on a CPU


class Resident:
    """A model in memory.

    Attributes
    ----------
    model, engine
        What it is, and what computes it.
    """

    def __init__(self, model: Model, engine: Engine) -> None:
        self.model = model
        self.engine = engine
        self.keep_alive = KEEP_ALIVE
        self.users = 0
        self.used = time.monotonic()
        self.idle = asyncio.Event()
        self.idle.set()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def expires_at(self) -> datetime:
        """When it will be given back, if nothing asks for it before."""
        since = time.monotonic() - self.used if not self.users else 0.0
        left = min(self.keep_alive, LONGEST) - since
        return datetime.now(UTC) + timedelta(seconds=max(left, 0.0))

    def enter(self, keep_alive: float | None) -> None:
        """Count one more user."""
        if keep_alive is not None:
            self.keep_alive = keep_alive
        if self.timer is not None:
            self.timer.cancel()
        self.users += 1
        self.idle.clear()

    def leave(self) -> bool:
        """Count one user less; return whether the model is idle now."""
        self.users -= 1
        self.used = time.monotonic()
        if not self.users:
            self.idle.set()
        return not self.users


class Residents:
    """All models in memory."""

    def __init__(self) -> None:
        self._held: dict[str, Resident] = {}
        self._gates: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._loading = asyncio.Lock()
        self._load: asyncio.Task[Engine] | None = None
        self._drops: set[asyncio.Task[None]] = set()

    def all(self) -> list[Resident]:
        """Return the models in memory."""
        return [resident for resident in self._held.values() if resident.engine.alive]

    @asynccontextmanager
    async def use(
        self, model: Model, spec: LoadSpec, keep_alive: float | None
    ) -> AsyncGenerator[Engine, None]:
        """Give the engine of a model, loaded by `spec`; it stays as long as it is used.

        Parameters
        ----------
        model, spec
            What to load and how. Loaded otherwise, it is reloaded when its users are done.
        keep_alive
            Seconds to keep it when nobody uses it any more; None for what was said before.

        Raises
        ------
        StartError
            When it cannot be loaded.
        """
        async with self._gates[model.name]:  # who waits for a reload keeps its place
            resident = await self._ready(model, spec)
            resident.enter(keep_alive)
        try:
            yield resident.engine
        finally:
            if resident.leave():
                self._schedule(resident)

    async def unload(self, model: Model) -> None:
        """Give a model's memory back: now, or when its users are done."""
        resident = self._held.get(model.name)
        if resident is None:
            return
        resident.keep_alive = 0.0
        if not resident.users:
            await self._drop(resident)

    async def close(self) -> None:
        """End all engines at once."""
        if self._load is not None and not self._load.done():
            self._load.cancel()
            await asyncio.wait([self._load])
        await asyncio.gather(*(self._drop(resident) for resident in list(self._held.values())))
        await asyncio.gather(*self._drops)

    async def _ready(self, model: Model, spec: LoadSpec) -> Resident:
        resident = self._held.get(model.name)
        if resident is not None and resident.engine.alive and resident.engine.spec == spec:
            return resident
        if resident is not None:
            await resident.idle.wait()
            await self._drop(resident)
        async with self._loading:
            await self._make_room()
            self._load = asyncio.ensure_future(Engine.start(spec))
            resident = Resident(model, await self._load)
            self._held[model.name] = resident
            return resident

    async def _make_room(self) -> None:
        while len(self._held) >= MOST_LOADED:
            oldest = min(self._held.values(), key=lambda held: (held.users > 0, held.used))
            await oldest.idle.wait()
            if not oldest.users:
                await self._drop(oldest)

    def _schedule(self, resident: Resident) -> None:
        if not resident.keep_alive:
            self._start_drop(resident)
        elif math.isfinite(resident.keep_alive):
            loop = asyncio.get_running_loop()
            resident.timer = loop.call_later(resident.keep_alive, self._start_drop, resident)

    def _start_drop(self, resident: Resident) -> None:
        self._forget(resident)  # at once, so that nobody takes it up while it ends
        task = asyncio.ensure_future(resident.engine.close())
        self._drops.add(task)
        task.add_done_callback(self._drops.discard)

    async def _drop(self, resident: Resident) -> None:
        self._forget(resident)
        await resident.engine.close()

    def _forget(self, resident: Resident) -> None:
        if self._held.get(resident.model.name) is resident:
            del self._held[resident.model.name]
        if resident.timer is not None:
            resident.timer.cancel()
