"""ComposeRuntime: a service's compose file on a Docker engine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import filelock

from ... import cancel
from ...errors import StartError
from ...events import Event, Report, silent
from ..base import Condition, Spec
from ..health import with_last_lines
from . import binds, builds, copies, detect, files, images, labels, look, policy, refusals, watch
from .cli import Compose, progress
from .model import Model, edit
from .read import Source, locate, read

if TYPE_CHECKING:
    from .engine import Attributes, Engine

_ABSENT = Condition("absent", "not started")
_MOST_NAMES = 5


class ComposeRuntime:
    """Runs services by the Compose CLI; looks at them through the engine's own API.

    What is found out of the machine is kept once it succeeded; a failure is looked at anew.
    """

    name = "docker"

    def __init__(self) -> None:
        self._tools: detect.Tools | None = None
        self._engine: Engine | None = None
        self._ended: dict[str, str | None] = {}  # our own stops, by container

    def check(self) -> None:
        """Raise EngineUnavailableError where docker, Compose or a local engine is missing."""
        self.tools()

    def start(self, spec: Spec, report: Report = silent) -> Condition:
        """Bring the service up; see :meth:`~mc_jupyter.runtimes.base.Runtime.start`."""
        tools, engine = self.tools(), self._connected()
        model = self._model(spec, tools)
        if running := self._running(spec, model):
            return running
        images.fetch(engine, tools, spec, model, report)
        with self._locked(spec, report):
            if running := self._running(spec, model):  # another kernel's start, meanwhile
                return running
            self._refuse_strangers(spec)
            for volume in model.volumes:
                engine.create_volume(volume, labels.source_labels_of(spec))
            file = files.prepare(spec, model.document)
            compose = Compose(tools, spec.project, spec.handle)
            self._hold_folders(spec, model, compose)
            images.build(engine, compose, spec, model, file, report)
            with files.writable(spec.data):
                kept = copies.lay_down(spec, model.binds.folders, model.binds.copies)
            binds.check(model.services)
            report(Event("start", f"starting {spec.handle}"))
            try:
                told = progress(report, spec.handle, spec.project)
                compose.up(file, told, anew=self._lost_a_network(spec))
            except StartError as error:
                raise self._with_logs(spec, error) from error
            return self._verified(spec, (*model.notes, *kept))

    def _hold_folders(self, spec: Spec, model: Model, compose: Compose) -> None:
        """See that no container of ours can move what is built from or bound, from here on.

        Raises
        ------
        StartError
            Another service that runs can write to a folder around it.
        """
        places = binds.sources(model.services)
        if not places:
            return
        engine = self._connected()
        if any(item["State"]["Running"] for item in engine.containers(spec.project)):
            compose.stop()
        for name, folder in engine.writable_folders():
            inner = [place for place in places if binds.is_below(place, folder)]
            if inner:
                raise StartError(
                    f"{spec.handle} takes {inner[0]}, and {name}, which runs, can write to "
                    f"{folder} around it",
                    f"stop {name} first, or take a folder that is not in {folder}",
                )

    def condition(self, spec: Spec) -> Condition:
        """Look at the service now."""
        main = self._main(spec)
        if main is None:
            return _ABSENT
        number = str(main["Id"])
        return look.condition_of(main, files.stopped_at(spec, number) or self._ended.get(number))

    def stop(self, spec: Spec) -> None:
        """Stop it, for every kernel; containers, volumes and data stay."""
        tools = self.tools()
        with self._locked(spec, silent):
            if not self._connected().containers(spec.project):
                return
            self._refuse_strangers(spec)
            Compose(tools, spec.project, spec.handle).stop()
            left = self._connected().containers(spec.project)
            if any(item["State"]["Running"] for item in left):
                raise StartError(f"{spec.handle} did not stop", f"%mc logs {spec.handle}")
            self._ended.update(files.note_stop(spec, left))

    def logs(self, spec: Spec, lines: int) -> str:
        """Return the service's last lines, or its helpers' where it wrote none itself."""
        found = sorted(self._connected().containers(spec.project), key=look.is_main, reverse=True)
        for item in found:
            text = self._connected().logs(item["Id"], lines)
            if text.strip():
                return text
        return ""

    def follow(self, spec: Spec, lines: int) -> Generator[str, None, None]:
        """Yield the service's last lines, then what it writes, until it ends."""
        if main := self._main(spec):
            yield from self._connected().follow(str(main["Id"]), lines)

    def memory(self, spec: Spec) -> int | None:
        """Return what the service's containers take together, as ``docker stats`` counts it."""
        engine = self._connected()
        running = [c for c in engine.containers(spec.project) if c["State"]["Running"]]
        counts = [engine.memory(str(item["Id"])) for item in running]
        return sum(count or 0 for count in counts) or None

    def watch(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Tell of the engine's events on containers of ours."""
        return watch.watch(self._connected, changed)

    def remove(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Remove containers and networks, and only if asked volumes, built images and data."""
        tools, engine = self.tools(), self._connected()
        with self._locked(spec, silent):
            self._refuse_strangers(spec)
            gone = list(self._plan(spec, volumes))
            Compose(tools, spec.project, spec.handle).down()
            if not volumes:
                return tuple(gone)
            for name in engine.volumes(f"{spec.volume_scope}_"):
                if not engine.remove_volume(name):
                    gone[gone.index(f"volume {name}")] = f"(kept, in use: volume {name})"
            for name in engine.built_images(spec.project):
                engine.remove_image(name)
            files.remove_data(spec)
        return tuple(gone)

    def plan_removal(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Return what :meth:`remove` would take away, in words."""
        return tuple(self._plan(spec, volumes))

    def _plan(self, spec: Spec, volumes: bool) -> Iterator[str]:
        engine = self._connected()
        for item in engine.containers(spec.project):
            yield f"container {item['Name'].lstrip('/')}"
        for name in engine.networks(spec.project):
            yield f"network {name}"
        if not volumes:
            return
        for name in engine.volumes(f"{spec.volume_scope}_"):
            yield f"volume {name}"
        for name in engine.built_images(spec.project):
            yield f"image {name}"
        if os.path.exists(spec.data):
            yield f"folder {spec.data}"

    def tools(self) -> detect.Tools:
        """Return what there is to work with; looked up once, for as long as it succeeded.

        Raises
        ------
        EngineUnavailableError
            Naming what is missing.
        """
        if self._tools is None:
            self._tools = detect.detect()
        return self._tools

    def _connected(self) -> Engine:
        """The engine; to look at it, Compose need not be there."""
        if self._engine is None:
            from .engine import Engine

            known = self._tools
            address = known.address if known else detect.engine_address(detect.docker_program())
            self._engine = Engine(address)
        return self._engine

    def _main(self, spec: Spec) -> Attributes | None:
        found = filter(look.is_main, self._connected().containers(spec.project))
        return max(found, key=lambda item: str(item["Created"]), default=None)

    def _model(self, spec: Spec, tools: detect.Tools) -> Model:
        source = locate(spec)
        reading = read(spec, source, tools)
        if not reading.document:
            raise refusals.error(reading.refusals, source.name, spec)
        built = builds.take_in(reading.document, source)
        model = edit(reading.document, spec, source, tools)
        own = (spec.data / "binds", spec.data / "repo")
        found = policy.check(model.document, (source.root, *own), spec.volume_scope, tools.memory)
        found += [] if spec.is_own_folder else policy.images(model.document)
        if found := [*reading.refusals, *found, *built.refusals, *model.binds.refusals]:
            raise refusals.error(found, source.name, spec, reading.unset)
        if built.errors:
            raise built.errors[0]
        for name, service in model.services.items():
            if not service["image"]:  # Compose says so of some of them
                raise StartError(
                    f"{source.name}: service {name!r} has neither an image nor a build"
                )
        notes = (*built.notes, *model.binds.notes, *_blank(spec, source, reading.unset))
        return dataclasses.replace(model, notes=notes)

    def _running(self, spec: Spec, model: Model) -> Condition | None:
        """The running service, left as it is; it says where its settings differ.

        Raises
        ------
        StartError
            It runs and is cut off from its network: it would be waited for without an end.
        """
        main = self._main(spec)
        condition = _ABSENT if main is None else look.condition_of(main)
        note = f"{spec.handle} was already running"
        if condition.state == "disconnected":
            raise StartError(f"{spec.handle} {condition.detail}", f"%mc restart {spec.handle}")
        if condition.state == "paused":
            main, condition, note = self._resumed(spec)
        if main is None or condition.state not in ("running", "restarting"):
            return None
        if look.labels(main).get(labels.MODEL) != model.digest:
            if condition.state == "restarting":
                return None  # nothing is lost by trying the new settings
            note += f", with other settings; %mc restart {spec.handle} applies these"
        return dataclasses.replace(condition, notes=(note,))

    def _lost_a_network(self, spec: Spec) -> bool:
        """Whether a container's network is gone: started as it is, it would not come up."""
        found, there = self._connected().containers(spec.project), self._connected().network_ids()
        return any(look.is_cut_off(item) or look.networks_of(item) - there for item in found)

    def _resumed(self, spec: Spec) -> tuple[Attributes | None, Condition, str]:
        """The paused service, after all of it was let go on."""
        for item in self._connected().containers(spec.project):
            if item["State"].get("Paused"):
                self._connected().unpause(str(item["Id"]))
        main = self._main(spec)
        condition = _ABSENT if main is None else look.condition_of(main)
        return main, condition, f"{spec.handle} was paused, and goes on"

    def _verified(self, spec: Spec, notes: tuple[str, ...]) -> Condition:
        """What `up` brought, read back: it must be there, and on loopback only."""
        found = self._connected().containers(spec.project)
        public = [place for item in found for place in look.public_bindings(item)]
        if public:
            Compose(self.tools(), spec.project, spec.handle).down()
            raise StartError(
                f"{spec.handle} was published on {', '.join(public)}, not on 127.0.0.1 only; "
                "it was removed again"
            )
        condition = self.condition(spec)
        if condition.state in ("absent", "created"):
            raise StartError(f"{spec.handle} was not started: {condition.detail}")
        note = f"{spec.handle} keeps running when this kernel ends; %mc stop {spec.handle} ends it"
        return dataclasses.replace(condition, notes=(*notes, note))

    def _with_logs(self, spec: Spec, error: StartError) -> StartError:
        """A start that failed because a helper ended: what the helper wrote last."""
        for item in self._connected().containers(spec.project):
            if item["State"]["Status"] == "exited" and item["State"]["ExitCode"]:
                text = self._connected().logs(item["Id"], 20)
                return StartError(with_last_lines(error.message, text), error.hint)
        return error

    def _refuse_strangers(self, spec: Spec) -> None:
        if strangers := self._connected().strangers(spec.project):
            raise StartError(
                f"{spec.handle}: the Compose project {spec.project} has containers that are "
                f"not ours ({', '.join(strangers)}); they are left alone",
                f"docker ps -a --filter label=com.docker.compose.project={spec.project}",
            )

    @contextlib.contextmanager
    def _locked(self, spec: Spec, report: Report) -> Iterator[None]:
        """One at a time for this project, in all kernels of this data folder."""
        lock = filelock.FileLock(spec.locks / f"{spec.project}.lock")
        with files.writable(spec.locks):
            spec.locks.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0.2)
            except filelock.Timeout:
                report(Event("wait", f"another kernel is busy with {spec.handle}; waiting for it"))
                while not lock.is_locked:
                    cancel.check()
                    with contextlib.suppress(filelock.Timeout):
                        lock.acquire(timeout=0.5)
        try:
            yield
        finally:
            lock.release()


def _blank(spec: Spec, source: Source, unset: Sequence[str]) -> list[str]:
    """One note for all variables that are blank, with the line that sets them."""
    if not unset:
        return []
    shown = ", ".join(unset[:_MOST_NAMES]) + (", ..." if unset[_MOST_NAMES:] else "")
    verb = "is" if len(unset) == 1 else "are"
    values = " ".join(f"--env {name}=VALUE" for name in unset[:_MOST_NAMES])
    load = f"%mc load {spec.typed or spec.canonical} {values}"
    return [f"{shown} of {source.name} {verb} blank; values are given by {load}"]
