"""What a service wants of the machine, checked before Docker starts it: a word, or a refusal.

A refusal only where the machine can never give it: published figures are wishes, and most services
run with less. Sizes are in 1024-based units here, as the manifests have them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import StartError
from .events import Event, Report
from .manifest import Requirements, wanted_size
from .room import local_root
from .runtimes.machine import disk_free, machine_memory

if TYPE_CHECKING:
    from .runtimes.base import Gpu, Runtime, Spec

SLACK = 1.1
"""A machine sold as 8 GB shows less: what the firmware keeps is not counted against it."""
_NO_GPU = "a GPU, which Docker has not"


@dataclass(frozen=True)
class There:
    """What the engine can give; None is not known.

    Attributes
    ----------
    memory, memory_free
        Bytes in all, and those that can be had at once.
    cpus
        Cores.
    disk_free
        Bytes free where images and volumes are kept.
    gpu
        Whether Docker can give one.
    place
        Whose these are: ``this machine`` or ``Docker's virtual machine``.
    """

    memory: int | None = None
    memory_free: int | None = None
    cpus: int | None = None
    disk_free: int | None = None
    gpu: bool | None = None
    place: str = "this machine"


@dataclass(frozen=True)
class Wishes:
    """What is wanted and not there, in words.

    Attributes
    ----------
    never
        What this machine cannot give.
    less
        What it has less of, at the moment or at all.
    """

    never: tuple[str, ...] = ()
    less: tuple[str, ...] = ()


def compare(wants: Requirements, there: There, gpu: Gpu = "auto") -> Wishes:
    """Return what is wanted and not there.

    Parameters
    ----------
    wants
        What the manifest says.
    there
        What there is.
    gpu
        What was asked for at the start; ``off`` wants none.
    """
    never, less = [], []
    if wants.memory_bytes is not None:
        size = f"{wanted_size(wants.memory_bytes)} of memory"
        if there.memory is not None and wants.memory_bytes > SLACK * there.memory:
            never.append(f"{size}, and {there.place} has {wanted_size(there.memory)} in all")
        elif there.memory_free is not None and wants.memory_bytes > there.memory_free:
            less.append(f"{size}, {wanted_size(there.memory_free)} free")
        elif there.memory is not None and wants.memory_bytes > there.memory:
            less.append(f"{size}, {there.place} has {wanted_size(there.memory)} in all")
    if wants.disk_bytes and there.disk_free is not None and wants.disk_bytes > there.disk_free:
        never.append(
            f"{wanted_size(wants.disk_bytes)} of disk, {wanted_size(there.disk_free)} free"
        )
    if wants.cpu is not None and there.cpus is not None and wants.cpu > there.cpus:
        less.append(f"{wants.cpu:g} cores, {there.place} has {there.cpus}")
    if wants.gpu and there.gpu is False and gpu == "auto":
        less.append(_NO_GPU)
    return Wishes(tuple(never), tuple(less))


def look_before_start(
    runtime: Runtime, spec: Spec, force: bool, report: Report, before: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Compare what a service wants with what there is, where Docker is about to start it.

    Parameters
    ----------
    runtime, spec
        Where it starts, and what. Only Docker's services are checked.
    force
        Say it and go on, where it would be refused.
    report
        Told of what is wanted and not there.
    before
        What was said when it was started, for one that runs already.

    Returns
    -------
    tuple of str
        What was said.

    Raises
    ------
    StartError
        This machine can never give what it wants.
    """
    wants = spec.manifest.requirements
    if spec.manifest.is_ollama:
        # its memory is that of a model, judged when one is fetched; and each answer says where
        # it came from, CPU or GPU
        wants = replace(wants, memory_bytes=None, gpu=False)
    if runtime.name != "docker" or wants == Requirements():
        return ()
    runtime.check()  # what is missing is said as a start would
    seen = runtime.condition(spec)
    if seen.alive:
        return before
    # what was there once has its images and data on the disk already
    wishes = compare(wants, _look(runtime, disk=seen.state == "absent"), spec.gpu)
    if wishes.never and not force:
        raise StartError(
            f"{spec.handle} wants {'; '.join(wishes.never)}",
            f"%mc start {spec.handle} --force   tries all the same",
        )
    if not (wishes.never or wishes.less):
        return ()
    if (wishes.never, wishes.less) == ((), (_NO_GPU,)):
        note = f"{spec.handle} runs on the CPU: Docker has no GPU"
        report(Event("note", note, settled=True))
        return (note,)
    wanted = "; ".join((*wishes.never, *wishes.less))
    note = f"{spec.handle} wants {wanted}: starting anyway"
    report(Event("note", note, settled=True))
    return (note,)


def _look(docker: Runtime, *, disk: bool) -> There:
    from .runtimes.compose import ComposeRuntime

    assert isinstance(docker, ComposeRuntime)
    tools = docker.tools()
    root, _ = local_root(tools.root, tools.address)
    is_here = root is not None
    return There(
        memory=tools.memory or None,
        memory_free=machine_memory()[0] if is_here else None,
        cpus=tools.cpus or None,
        disk_free=disk_free(root) if disk and root is not None else None,
        gpu=tools.nvidia,
        place="this machine" if is_here else "Docker's virtual machine",
    )
