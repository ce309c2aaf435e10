"""One model in memory: the worker process and the HTTP that is spoken with it.

llama.cpp's server endpoints are used as they are (``/apply-template``, ``/tokenize``,
``/completion``; source: llama.cpp, tools/server/README.md), over a unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ResponseError, StartError
from .worker import WorkerSpec

Json = dict[str, Any]
_LINE_LIMIT = 16 * 2**20  # bytes of one event


@dataclass(frozen=True)
class LoadSpec:
    """How a model is to be loaded; a request that needs another one reloads it.

    Attributes
    ----------
    path, num_ctx, parallel, num_batch, threads
        As in :class:`.worker.WorkerSpec`.
    """

    path: Path
    num_ctx: int
    parallel: int
    num_batch: int
    threads: int


class Engine:
    """A worker process that holds one model. Made by :meth:`start`."""

    def __init__(self, spec: LoadSpec, folder: Path) -> None:
        self.spec = spec
        self._folder = folder
        self._socket = folder / "engine"
        self._key = secrets.token_urlsafe(24)
        self._process: asyncio.subprocess.Process | None = None
        self._log: deque[str] = deque(maxlen=20)
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, spec: LoadSpec) -> Engine:
        """Load a model. Cancelling gives the load up.

        Raises
        ------
        StartError
            When the engine cannot load it; the message ends with what llama.cpp said.
        """
        engine = cls(spec, Path(tempfile.mkdtemp(prefix="mcj-")))
        try:
            await engine._load()
        except BaseException:
            await engine.close()
            raise
        return engine

    async def _load(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", f"{__package__}.worker"),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        assert self._process.stdin and self._process.stdout
        self._reader = asyncio.create_task(self._read_log())
        spec = WorkerSpec(
            path=str(self.spec.path),
            num_ctx=self.spec.num_ctx,
            parallel=self.spec.parallel,
            num_batch=self.spec.num_batch,
            threads=self.spec.threads,
            socket=str(self._socket) + ".sock",
            key=self._key,
        )
        self._process.stdin.write(json.dumps(asdict(spec)).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line or "error" in json.loads(line):
            raise StartError(f"the engine could not load {self.spec.path.name}: {self._why()}")
