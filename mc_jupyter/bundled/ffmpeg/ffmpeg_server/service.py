"""What all routes share: the turn that a job waits for, its folder, and the caller who may go."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from .faults import Gone
from .form import Form, receive
from .limits import Limits
from .values import Options

T = TypeVar("T")
_LOOK = 0.1
"""Seconds between two looks at what may end some work."""
_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Made:
    """A file to send; it is removed afterwards."""

    path: Path
    content_type: str
    headers: Mapping[str, str]


Work = Callable[[Form, Path], Coroutine[Any, Any, Made | dict[str, Any]]]


@dataclass
class Service:
    """The state of the running service."""

    limits: Limits
    ffmpeg: str | None
    """ffmpeg's version; None where it does not run."""
    started: float = field(default_factory=time.monotonic)
    active: int = 0
    waiting: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.limits.at_once)
        for folder in (self.jobs, self.outputs):  # a restarted container keeps its files
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    @property
    def jobs(self) -> Path:
        """Where each job has its folder."""
        return self.limits.work / "jobs"

    @property
    def outputs(self) -> Path:
        """Where frames lie until they are fetched."""
        return self.limits.work / "outputs"

    async def serve(
        self, request: web.Request, options: Options, field_name: str | None, work: Work
    ) -> web.StreamResponse:
        """Receive a form, do the work in its turn, send what came of it, leave nothing."""
        folder = self.jobs / secrets.token_hex(16)
        folder.mkdir()
        try:
            form = await receive(request, folder, options, self.limits, field_name)
            began = time.monotonic()
            made = await watched(self._in_turn(work(form, folder)), lambda: _refuse_gone(request))
            took = f"{(time.monotonic() - began) * 1000:.0f}"
            if isinstance(made, Made):
                return await _send(request, made, {"X-Processing-Time": took})
            return web.json_response({"success": True, "data": made})
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def _in_turn(self, work: Coroutine[Any, Any, T]) -> T:
        self.waiting += 1
        try:
            await self._turns.acquire()
        except BaseException:
            work.close()
            raise
        finally:
            self.waiting -= 1
        self.active += 1
        try:
            done = await work
            self.total += 1
            return done
        finally:
            self.active -= 1
            self._turns.release()

    async def sweep(self) -> None:
        """Remove the frames whose time is over, for ever."""
        while True:
            await asyncio.sleep(min(30, self.limits.output_seconds))
            for path in list(self.outputs.iterdir()):
                if self.is_over(path):
                    path.unlink(missing_ok=True)

    def is_over(self, path: Path) -> bool:
        """Whether a frame's time is over."""
        return time.time() - path.stat().st_mtime > self.limits.output_seconds


SERVICE = "service"


def of(request: web.Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app[SERVICE]
    return service


def _refuse_gone(request: web.Request) -> None:
    if request.transport is None or request.transport.is_closing():
        raise Gone


async def watched(work: Awaitable[T], look: Callable[[], None]) -> T:
    """Do some work; end it when `look`, called again and again meanwhile, raises."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
            look()
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _send(request: web.Request, made: Made, headers: Mapping[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={**made.headers, **headers})
    response.content_type = made.content_type
    response.content_length = made.path.stat().st_size
    await response.prepare(request)
    with made.path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            await response.write(chunk)
    await response.write_eof()
    return response
