"""One service's life: loaded, started, answering, stopped, removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .clients.kinds import resolve
from .errors import ArgumentError, StartError, TimeLimitError
from .events import Event, Report, silent
from .hosts import Key, Token
from .manifest import Manifest
from .operation import Operations
from .placement import Placement, choose
from .records import Snapshot, describe
from .requirements import look_before_start
from .runtimes.base import Condition, Gpu, Runtime
from .settings import Bounds, Settings
from .sources.base import Checkout, Identifier
from .talk import Talk

if TYPE_CHECKING:
    from pathlib import Path

    from .clients import Limits
    from .clients.kinds import Kind


class Service:
    """A loaded service. Made by the registry; every method may be called from any thread.

    Parameters
    ----------
    identifier, checkout, manifest
        Where it comes from and what it says of itself; `checkout` is None for a URL.
    handle
        Its name in this kernel.
    placement
        How it may run.
    client
        The kind of client that was named for it; None leaves it to the manifest.
    changed
        Called with the service after each change of what :meth:`snapshot` shows.
    bounds
        Says how much is taken of what it sends, by the settings of now.
    """

    def __init__(
        self,
        identifier: Identifier,
        checkout: Checkout | None,
        manifest: Manifest,
        *,
        handle: str,
        placement: Placement,
        changed: Callable[[Service], None],
        client: Kind | None = None,
        bounds: Callable[[], Bounds] = lambda: Settings().bounds,
    ) -> None:
        self.identifier = identifier
        self.manifest = manifest
        self.handle = handle
        self.aliases: tuple[str, ...] = ()
        self.placement = placement
        self._checkout = checkout
        self._next: tuple[Checkout, Manifest] | None = None
        self._load_notes = (checkout.note,) if checkout and checkout.note else ()
        self._start_notes: tuple[str, ...] = ()
        self._wishes: tuple[str, ...] = ()  # what it wants and does not get
        self._runtime: Runtime | None = None
        self._condition: Condition | None = None
        self._healthy: bool | None = None
        self._memory: int | None = None
        self._models_seen = 0
        self._changed = changed
        self._seeing = threading.Lock()
        self._looks = 0  # counts what was seen, so that an older look never wins
        self._last: Runtime | None = None  # keeps the log of what was stopped
        self._operations = Operations(handle, lambda: changed(self))
        self._named, self._resolution = client, resolve(manifest, client)
        self._talk = Talk(handle, self._models_changed, bounds)

    # what it is -------------------------------------------------------------------------------

    @property
    def checkout(self) -> Checkout | None:
        """The folder it was read from; None for a URL."""
        return self._checkout

    @property
    def folders(self) -> tuple[Path, ...]:
        """What is in use on disk: its folder, and the fresh one that waits until it stops."""
        pending = self._next[0] if self._next else None
        return tuple(checkout.folder for checkout in (self._checkout, pending) if checkout)

    @property
    def commit(self) -> str | None:
        """The full commit id; None outside git."""
        return self._checkout.commit if self._checkout else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of how it was loaded and started."""
        guess: tuple[str, ...] = ()
        if (kind := self.kind) and (tag := self._resolution.tag):
            other = f"for another: %mc load {self.identified} --client NAME"
            guess = (f"taken for {kind.name} by its capability {tag}; {other}",)
        return self._load_notes + guess + self._start_notes + self._wishes

    @property
    def kind(self) -> Kind | None:
        """What it is, of the kinds that have a client; None for any other service."""
        return self._resolution.kind

    @property
    def is_ollama(self) -> bool:
        """Whether it can be prompted: an Ollama, or what the user takes for one."""
        return self.kind is not None and self.kind.name == "ollama"

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it can do, in canonical words (:mod:`mc_jupyter.capabilities`)."""
        return self._resolution.capabilities

    @property
    def token(self) -> Token:
        """What lets a request in, as last seen; to be sent to its address only."""
        return self._condition.token if self._condition else self.key

    @property
    def key(self) -> Key | None:
        """The variable that holds its key (``--key-env``); None where none was named."""
        return self.placement.spec.key

    @property
    def url(self) -> str | None:
        """Where it answers, as last seen; ``status()`` looks afresh."""
        return self._condition.url if self._condition else None

    @property
    def runtime(self) -> str | None:
        """The runtime that was chosen; None while ``auto`` has not decided."""
        if self._runtime is not None:
            return self._runtime.name
        return None if self.placement.wanted == "auto" else self.placement.wanted

    def __repr__(self) -> str:
        now = self.snapshot()
        return f"<Service {now.handle}: {now.state}, {now.identifier}>"

    def snapshot(self) -> Snapshot:
        """Return what is known, without looking."""
        seen = self._condition
        state = self._operations.busy or (seen.state if seen else "loaded")
        return Snapshot(
            handle=self.handle,
            identifier=self.identified,
            runtime=self.runtime,
            state=state,
            healthy=self._healthy if state == "running" else None,
            detail=seen.detail if seen else "",
            version=self.manifest.version,
            commit=self.commit[:12] if self.commit else None,
            url=seen.url if seen else None,
            started_at=seen.started_at if seen else None,
            gpu=seen.gpu if seen else None,
            image=seen.image if seen else self.manifest.image,
            notes=self.notes,
            aliases=self.aliases,
            doing=self._operations.step,
            memory=self._memory if state == "running" else None,
            models_seen=self._models_seen,
            kind=self.kind.name if self.kind else None,
            capabilities=self.capabilities,
        )

    @property
    def identified(self) -> str:
        """The identifier that loads it, with its ref where it has one."""
        ref = f"@{self.identifier.ref}" if self.identifier.ref else ""
        return self.identifier.spelled + ref

    @property
    def pinned(self) -> str | None:
        """The identifier that loads exactly this commit; None outside git."""
        return f"{self.identifier.spelled}@{self.commit}" if self.commit else None

    def info(self) -> dict[str, Any]:
        """Return everything that is known of it, as a flat dictionary of texts and values."""
        return describe(self)

    # looking ----------------------------------------------------------------------------------

    def status(self) -> Snapshot:
        """Look at the runtime and the health path now, and return what is there.

        A Docker service that an earlier kernel left running is found here too.
        """
        look = self._looks
        runtime = self._runtime
        if runtime is None:
            runtime = self._left_running()
        if runtime is not None:
            seen = runtime.condition(self.placement.spec)
            self._see(runtime, seen, self._answers(seen), look)
        return self.snapshot()

    def lose_sight(self, reason: str) -> None:
        """Know no longer whether it runs: what told of it does not answer, for this `reason`."""
        seen = self._condition
        if self._runtime is not None and seen is not None and not self._operations.busy:
            self._see(self._runtime, Condition("absent", reason, image=seen.image))

    def measure(self) -> int | None:
        """Read how much memory it takes now, in bytes; None where that cannot be told."""
        runtime, before = self._runtime, self._memory
        alive = self._condition is not None and self._condition.alive
        self._memory = runtime.memory(self.placement.spec) if runtime and alive else None
        if self._memory != before:
            self._changed(self)
        return self._memory

    def _left_running(self) -> Runtime | None:
        """Docker, where it already runs this service; looked up without waking anything."""
        runtime = self.placement.adoptable()
        if runtime is None:
            return None
        seen = runtime.condition(self.placement.spec)
        return runtime if seen.alive or seen.mend else None

    def is_running(self) -> bool:
        """Look whether it runs (it may not answer yet)."""
        return self.status().state in ("starting", "running")

    def is_healthy(self) -> bool:
        """Look whether its health path answers."""
        return bool(self.status().healthy)

    def _answers(self, seen: Condition) -> bool:
        from .runtimes.health import answers

        if not seen.alive or seen.url is None:
            return False
        return answers(seen.url, self.manifest.health.path, seen.token)

    def wait_until_healthy(self, timeout: float | None = None, report: Report = silent) -> Snapshot:
        """Wait until the health path answers.

        Parameters
        ----------
        timeout
            Seconds; None waits as long as it lives.

        Raises
        ------
        StartError
            When it ended instead, with its last log lines.
        TimeLimitError
            When `timeout` is over; the service is left alone.
        """
        from .runtimes.health import wait_until_ready

        runtime = self._runtime
        if runtime is None:
            raise StartError(f"{self.handle} was not started", f"%mc start {self.handle}")
        spec = self.placement.spec
        self._see(
            runtime,
            wait_until_ready(
                lambda: runtime.condition(spec),
                self.manifest.health.path,
                limit=timeout,
                report=report,
                logs=lambda: runtime.logs(spec, 5),
                name=self.handle,
            ),
            True,
        )
        return self.snapshot()

    def logs(self, lines: int = 100) -> str:
        """Return the last `lines` lines that it wrote."""
        self.status()
        runtime = self._runtime or self._last or self.placement.adoptable()
        return runtime.logs(self.placement.spec, lines) if runtime else ""

    def follow(self, lines: int = 100) -> Generator[str, None, None]:
        """Yield the last `lines` lines that it wrote, then what it writes, until it ends.

        Close the generator to end it sooner.
        """
        self.status()
        runtime = self._runtime or self._last or self.placement.adoptable()
        if runtime is not None:
            yield from runtime.follow(self.placement.spec, lines)

    # changing ---------------------------------------------------------------------------------

    def start(
        self,
        *,
        wait: float | None = None,
        gpu: Gpu = "auto",
        force: bool = False,
        report: Report = silent,
    ) -> Snapshot:
        """Start it where it does not run, and wait until it answers.

        Parameters
        ----------
        wait
            Seconds after which the waiting ends (the service goes on); None waits as long as
            it lives, 0 does not wait.
        gpu
            ``auto`` (where there is one), ``on`` (an error where there is none) or ``off``.
        force
            Start it in Docker even where it wants more than there is.
        report
            Told of each step.

        Raises
        ------
        RuntimeUnavailableError, PolicyError, StartError, DiskFullError, TimeLimitError
            As each says.
        """
        with self._operations.doing("starting", report) as report:
            self._take_next()
            self._bring_up(gpu, force, report)
            if wait != 0:
                try:
                    self.wait_until_healthy(wait, report)
                except TimeLimitError as error:
                    raise TimeLimitError(
                        f"{self.handle} did not answer within {wait:g} s; it goes on starting",
                        f"%mc status {self.handle}",
                    ) from error
        return self.snapshot()

    def _bring_up(self, gpu: Gpu, force: bool, report: Report) -> None:
        """Start it on its runtime; `auto` decides now, and again when what it adopted is gone."""
        spec = replace(self.placement.spec, gpu=gpu)

        def before(runtime: Runtime) -> None:
            self._wishes = look_before_start(runtime, spec, force, report, self._wishes)

        runtime, told = self._runtime, self._start_notes
        may_be_adopted = runtime is not None and runtime.name in ("url", "native")
        if runtime and may_be_adopted and self.placement.wanted == "auto":
            runtime = runtime if runtime.condition(spec).state != "absent" else None
        if runtime is None:
            runtime, spec, condition, told = choose(self.placement, spec, report, before)
            self.placement = replace(self.placement, spec=replace(spec, gpu="auto"))
        else:
            before(runtime)
            condition = runtime.start(spec, report)
        self._start_notes = told
        for note in condition.notes:
            report(Event("note", note, settled=True))
        self._see(runtime, condition)

    def stop(self, report: Report = silent) -> Snapshot:
        """Stop it, for every kernel; models and data stay. A stopped one is left as it is."""
        with self._operations.doing("stopping", report) as report:
            self.status()
            if self._runtime is not None:
                report(Event("start", f"stopping {self.handle}"))
                spec = self.placement.spec
                self._runtime.stop(spec)
                self._start_notes = self._wishes = ()
                self._see(self._runtime, _stopped(self._runtime.condition(spec)))
                with self._seeing:  # a look that goes on now is older than this
                    self._runtime = None
                    self._looks += 1
            self._take_next()
        return self.snapshot()

    def restart(
        self,
        *,
        wait: float | None = None,
        gpu: Gpu = "auto",
        force: bool = False,
        report: Report = silent,
    ) -> Snapshot:
        """Stop it and start it again, on the same runtime, with the settings of now.

        Parameters
        ----------
        wait, gpu, force, report
            As for :meth:`start`.

        Raises
        ------
        ArgumentError
            It is only an address: it is not ours to restart.
        """
        with self._operations.alone(report):
            self.status()
            runtime = self._runtime
            if runtime is not None:
                # what ran a moment ago is not refused, once it has been stopped for this
                force = force or bool(self._condition and self._condition.alive)
                notes = self._start_notes
                self.stop(report)
                self._runtime, self._start_notes = runtime, notes
            return self.start(wait=wait, gpu=gpu, force=force, report=report)

    def remove(self, volumes: bool = False) -> tuple[str, ...]:
        """Take away its containers and networks (with `volumes`, its models and data too).

        Returns
        -------
        tuple of str
            What went, in words. The registry's ``remove`` also forgets the handle.
        """
        with self._operations.doing("removing", silent):
            self.status()
            runtime = self._runtime or self.placement.adoptable()
            gone = runtime.remove(self.placement.spec, volumes) if runtime else ()
            with self._seeing:
                self._looks += 1
                self._runtime, self._last, self._condition = None, None, None
        return gone

    def plan_removal(self, volumes: bool = False) -> tuple[str, ...]:
        """Return what :meth:`remove` would take away, in words."""
        self.status()
        runtime = self._runtime or self.placement.adoptable()
        return runtime.plan_removal(self.placement.spec, volumes) if runtime else ()

    def prefer(self, runtime: str | None, environment: Mapping[str, str] | None) -> None:
        """Take the runtime and environment of a later ``load`` of the same identifier.

        Raises
        ------
        ArgumentError
            When it runs on another runtime.
        """
        with self._operations.alone(silent):
            is_free = not (self._condition and self._condition.alive)
            if runtime == "auto" and is_free and self.identifier.kind != "url":
                self._runtime, self.placement = None, replace(self.placement, wanted="auto")
            elif runtime and runtime != "auto" and runtime != self.runtime:
                if self._condition is not None and self._condition.alive:
                    raise ArgumentError(
                        f"{self.handle} is running on {self.runtime}",
                        f"%mc stop {self.handle}   and load it again with --runtime {runtime}",
                    )
                self._runtime = None
                self.placement = replace(self.placement, wanted=runtime)
            if environment:
                self.placement = self.placement.with_environment(environment)

    def call(self, name: str) -> None:
        """Give it one more name."""
        if name.lower() not in (known.lower() for known in (self.handle, *self.aliases)):
            self.aliases = (*self.aliases, name)
            self._changed(self)

    def take_for(self, kind: Kind) -> None:
        """Talk to it by another client than before (``--client``)."""
        if self._named is not kind:
            self._named, self._resolution = kind, resolve(self.manifest, kind)
            self._changed(self)

    def take_key(self, key: Key) -> None:
        """Send another key from now on (``--key-env``)."""
        with self._operations.alone(silent), self._seeing:
            self.placement = self.placement.with_key(key)
            if self._condition is not None:
                self._condition = replace(self._condition, token=key)

    def use(self, checkout: Checkout, manifest: Manifest) -> None:
        """Take a fresh checkout: now, or when it stops, for a running one keeps its folder."""
        with self._operations.alone(silent):
            self._next = (checkout, manifest)
            if not (self._condition and self._condition.alive):
                self._take_next()

    def _take_next(self) -> None:
        if self._next is None or (self._condition and self._condition.alive):
            return
        self._checkout, self.manifest = self._next
        self._resolution = resolve(self.manifest, self._named)
        self._load_notes = (self._checkout.note,) if self._checkout.note else ()
        self.placement = self.placement.with_checkout(self._checkout, self.manifest)
        self._next = None

    # talking ----------------------------------------------------------------------------------

    def client(self, limits: Limits | None = None) -> Any:
        """Return a client for where it answers now: the one that was named, else its kind's.

        ============ ==============================================
        kind         client, in :mod:`mc_jupyter.clients`
        ============ ==============================================
        ollama       :class:`~mc_jupyter.clients.ollama.OllamaClient`
        whisper      ``whisper.WhisperClient``
        kokoro       ``kokoro.KokoroClient``
        chatterbox   ``chatterbox.ChatterboxClient``
        zonos        ``zonos.ZonosClient``
        ffmpeg       ``ffmpeg.FfmpegClient``
        huggingface  ``huggingface.HuggingFaceClient``
        cowsay       ``cowsay.CowsayClient``
        any other    ``plain.PlainClient``: any path
        ============ ==============================================

        Parameters
        ----------
        limits
            How long to wait; None takes the usual ones.

        Raises
        ------
        ConnectionFailedError
            When it does not run.
        """
        if self._condition is None and limits is None:  # Tab, with its short limits, never looks
            self.status()
        return self._talk.client(self.kind, self._condition, limits)

    # inside -----------------------------------------------------------------------------------

    def _see(
        self,
        runtime: Runtime,
        condition: Condition,
        healthy: bool | None = None,
        look: int | None = None,
    ) -> None:
        """Keep what was seen; not of a `look` since which it was started or stopped."""
        with self._seeing:
            if look not in (None, self._looks):
                return
            before = self.snapshot()
            self._looks += 1
            self._runtime = self._last = runtime
            self._condition = condition
            self._healthy = healthy
            is_new = self.snapshot() != before
        if is_new:
            self._changed(self)

    def _models_changed(self) -> None:
        self._models_seen += 1
        self._changed(self)


def _stopped(seen: Condition) -> Condition:
    """What was stopped is called so, also where the runtime has nothing left of it."""
    return replace(seen, state="stopped", detail="stopped") if seen.state == "absent" else seen
