"""The native runtime: the program `ollama` of this machine.

An Ollama that answers on the usual port is used, and never stopped from here. Else the kernel
starts `ollama serve`: one for all its services, on the loopback address, ending with the kernel.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

from ..errors import ArgumentError, NativeMissingError, NotOursError
from ..events import Event, Report
from . import ollama_program as ollama
from . import program
from .base import Condition, Spec

DOWNLOAD = "https://ollama.com/download"


class NativeRuntime:
    """See :class:`~mc_jupyter.runtimes.base.Runtime`; serves Ollama services only.

    Parameters
    ----------
    port
        Where an Ollama of this machine usually listens.
    """

    name = "native"

    def __init__(self, port: int = ollama.USUAL_PORT) -> None:
        self._port = port
        self._server: ollama.Server | None = None
        self._projects: set[str] = set()  # those that share the server that was started
        self._adopted: set[str] = set()
        self._log: Path | None = None
        self._lock = threading.Lock()  # for starts and stops; looks do without
        self._watchers: list[Callable[[str | None], None]] = []

    @property
    def _address(self) -> str:
        return f"http://{ollama.HOST}:{self._port}"

    def check(self) -> None:
        """Raise NativeMissingError where no Ollama answers and there is no program."""
        if ollama.find() is None and not ollama.is_ollama(self._port):
            raise _missing()

    def start(self, spec: Spec, report: Report) -> Condition:
        """Use the Ollama that answers, share the one that this kernel started, or start one.

        Raises
        ------
        NativeMissingError
            There is none, and no program.
        ArgumentError
            What was asked for cannot be applied.
        StartError
            The program ended at once; with its last lines.
        """
        _refuse(spec)
        with self._lock:
            if (server := self._server) and server.alive:
                return self._share(spec, server)
            self._drop()
            report(Event("start", "looking for an Ollama on this machine"))
            with ollama.no_other_kernel(spec.locks):
                if ollama.is_ollama(self._port):
                    return self._adopt(spec)
                return self._launch(spec, report)

    def _share(self, spec: Spec, server: ollama.Server) -> Condition:
        self._adopted.discard(spec.project)
        self._projects.add(spec.project)
        is_other = spec.gpu not in ("auto", server.gpu) or spec.environment != server.environment
        note = (
            f"this kernel's Ollama was already running, with other settings; "
            f"%mc stop --all, then %mc start {spec.handle} applies these"
        )
        return self._running(server, (note,) if is_other else ())

    def _adopt(self, spec: Spec) -> Condition:
        asked = [f"--env {name}" for name in spec.environment]
        asked += [f"--gpu {spec.gpu}"] if spec.gpu != "auto" else []
        if asked:
            raise ArgumentError(
                f"the Ollama at {self._address} was not started by mc_jupyter: "
                f"{asked[0]} cannot be applied",
                f"stop it where it lives, then: %mc start {spec.handle}; "
                f"or without: %mc remove {spec.handle}, and load it again",
            )
        self._adopted.add(spec.project)
        note = "it is the Ollama that already ran on this machine, and is never stopped from here"
        return self._answering((note,))

    def _launch(self, spec: Spec, report: Report) -> Condition:
        if (found := ollama.find()) is None:
            raise _missing(spec.canonical)
        report(Event("start", "starting ollama serve"))
        port = ollama.choose_port(self._port)
        self._log = spec.data / f"native-{os.getpid()}.log"
        server = ollama.launch(found, port, self._log, spec.environment, spec.gpu)
        self._server = server
        program.when_it_ends(server.process, lambda: self._ended(server))
        self._adopted.discard(spec.project)
        self._projects.add(spec.project)
        note = f"port {self._port} is taken by something that is no Ollama; it has another"
        return self._running(server, () if port == self._port else (note,))

    def _running(self, server: ollama.Server, notes: tuple[str, ...] = ()) -> Condition:
        return Condition(
            "running",
            f"process {server.process.pid}",
            url=server.url,
            started_at=server.started_at,
            gpu=server.gpu_words(),
            notes=notes,
        )

    def _answering(self, notes: tuple[str, ...] = ()) -> Condition:
        words = "answers; not started from here"
        return Condition("running", words, url=self._address, notes=notes)

    def condition(self, spec: Spec) -> Condition:
        """Look at what this service was started on."""
        server = self._server
        if spec.project in self._adopted:
            if ollama.is_ollama(self._port):
                return self._answering()
            return Condition("absent", "does not answer any more; it was not started from here")
        if server is None or spec.project not in self._projects:
            return Condition("absent", "not started")
        code = server.process.poll()
        if code is not None:
            return Condition("exited", program.exit_words(code), exit_code=code)
        return self._running(server)

    def stop(self, spec: Spec) -> None:
        """Leave the server; the last service to leave ends it.

        Raises
        ------
        NotOursError
            When it was not started from here: it goes on, and is forgotten.
        """
        with self._lock:
            if spec.project in self._adopted:
                self._adopted.discard(spec.project)
                raise NotOursError(
                    f"{spec.handle} was not started by mc_jupyter ({self._address}) and goes on",
                    "stop it where it lives",
                )
            self._projects.discard(spec.project)
            if not self._projects:
                self._drop()

    def _drop(self) -> None:
        server, self._server = self._server, None
        self._projects.clear()
        if server is not None:
            program.end(server.process)

    def _ended(self, server: ollama.Server) -> None:
        server.release()
        if self._server is server:  # else it was stopped from here
            for changed in list(self._watchers):
                changed(None)

    def logs(self, spec: Spec, lines: int) -> str:
        """Return the end of the server's log (of the last one, when it does not run).

        Raises
        ------
        ArgumentError
            When it was not started from here.
        """
        return program.tail(self._readable_log(spec), lines)

    def follow(self, spec: Spec, lines: int) -> Generator[str, None, None]:
        """Yield the end of the server's log, then what it writes, until it ends."""
        path, server = self._readable_log(spec), self._server
        yield from program.follow(
            path, lines, lambda: server is self._server and self.condition(spec).alive
        )

    def _readable_log(self, spec: Spec) -> Path | None:
        if spec.project in self._adopted:
            raise ArgumentError(
                f"{spec.handle} was not started by mc_jupyter", "its log lies where it was started"
            )
        return self._log

    def memory(self, spec: Spec) -> int | None:
        """Return what the program and its loaded models take; None where it is not ours."""
        server = self._server
        if server is None or spec.project not in self._projects or not server.alive:
            return None
        return program.memory_of(server.process.pid)

    def watch(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Tell when the program that was started ends by itself."""
        self._watchers.append(changed)

        def unwatch() -> None:
            with suppress(ValueError):
                self._watchers.remove(changed)

        return unwatch

    def remove(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Stop what was started from here; Ollama's models are the user's and stay."""
        gone = self.plan_removal(spec, volumes)
        with suppress(NotOursError):
            self.stop(spec)
        return gone

    def plan_removal(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Name the process, where this service has one of ours."""
        if spec.project in self._adopted or not self.condition(spec).alive:
            return ()
        return ("this kernel's process of ollama serve",)


def _missing(identifier: str = "ollama") -> NativeMissingError:
    return NativeMissingError(
        "no Ollama answers here, and no program ollama is on PATH",
        f"install it from {DOWNLOAD}, or: %mc load {identifier} --runtime embedded",
    )


def _refuse(spec: Spec) -> None:
    """Refuse what this runtime cannot do, before anything is started."""
    if not spec.manifest.is_ollama:
        raise NativeMissingError(
            f"the native runtime serves Ollama services only, and {spec.handle} is none",
            f"start Docker, then: %mc load {spec.canonical} --runtime docker --start",
        )
    if "OLLAMA_HOST" in spec.environment:
        raise ArgumentError(
            f"{spec.handle}: --env OLLAMA_HOST cannot be applied: a native Ollama listens on "
            "127.0.0.1 only, on a port chosen for it",
            f"%mc remove {spec.handle}, and load it again without it",
        )
    if spec.gpu == "off" and not ollama.can_hide_gpu():
        raise ArgumentError(
            f"{spec.handle}: --gpu off cannot be applied: Ollama on macOS decides itself",
            f"%mc start {spec.handle}",
        )
