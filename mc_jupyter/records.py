"""What is told of services: immutable records, safe to keep and to hand to any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .events import Event
from .manifest import wanted_size

if TYPE_CHECKING:
    from .service import Service

How = Literal["fetched", "disk", "memory"]


@dataclass(frozen=True)
class Snapshot:
    """What was known of a service at one moment.

    Attributes
    ----------
    handle, identifier
        Its name here, and the identifier with its ref that loads it.
    runtime
        ``docker``, ``native``, ``embedded`` or ``url``; None while ``auto`` has not decided.
    state
        ``loaded`` (never started), ``starting``, ``running``, ``restarting``, ``paused``,
        ``disconnected``, ``exited``, ``stopped``, ``created`` or ``absent``.
    healthy
        Whether its health path answered; None where it was not asked.
    detail
        The state in words.
    version, commit
        From the manifest, and the twelve first digits of the commit (None outside git).
    url
        Where it answers now; None where nowhere.
    started_at
        ISO 8601, UTC.
    gpu, image
        Where they are known.
    notes
        What must be said of how it was loaded and started (fall-backs, adoptions).
    aliases
        Further names (``--as``).
    doing
        The last step of a start, stop or restart that is going on; None otherwise.
    memory
        Bytes, as :meth:`Service.measure` read them last; None where it does not run.
    models_seen
        Counts the calls from this kernel that may have changed its models.
    kind
        What it is, of the kinds that have a client (``kokoro``); None for any other service.
    capabilities
        What it can do, in canonical words.
    """

    handle: str
    identifier: str
    runtime: str | None
    state: str
    healthy: bool | None
    detail: str
    version: str
    commit: str | None
    url: str | None
    started_at: str | None
    gpu: str | None
    image: str | None
    notes: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    doing: Event | None = None
    memory: int | None = None
    models_seen: int = 0
    kind: str | None = None
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Load:
    """One load: the identifier, how it was answered, and how long it took in seconds."""

    identifier: str
    how: How
    seconds: float


@dataclass(frozen=True)
class Stats:
    """How loads were answered in this kernel.

    Attributes
    ----------
    fetched, from_disk, from_memory
        Counts: from the network, from a folder on disk (the cache or the user's own),
        from this kernel's memory.
    loads
        The last 100, oldest first.
    """

    fetched: int
    from_disk: int
    from_memory: int
    loads: tuple[Load, ...]


@dataclass(frozen=True)
class Change:
    """What listeners are told: a service's handle and its snapshot (None when it was removed)."""

    handle: str
    snapshot: Snapshot | None


def describe(service: Service) -> dict[str, Any]:
    """Return everything that is known of a service, as a flat dictionary of texts and values."""
    manifest, checkout = service.manifest, service.checkout
    wants = manifest.requirements
    return {
        "handle": service.handle,
        "aliases": service.aliases,
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "identifier": service.identified,
        "commit": service.commit,
        "pin": f"%mc load {service.pinned}" if service.pinned else None,
        "origin": checkout.origin if checkout else "url",
        "folder": str(checkout.folder) if checkout else None,
        "compose file": manifest.compose_file if checkout else None,
        "compose service": manifest.compose_service if checkout else None,
        "image": manifest.image,
        "ports": manifest.ports,
        "health path": manifest.health.path,
        "capabilities": service.capabilities,
        "client": service.kind.name if service.kind else "plain",
        "wants": {
            "gpu": wants.gpu,
            "memory": wanted_size(wants.memory_bytes),
            "cpu": wants.cpu,
            "disk": wanted_size(wants.disk_bytes),
        },
        "environment": dict(manifest.environment),
        "volumes": manifest.volumes,
        "metadata": dict(manifest.metadata),
        "unknown keys": dict(manifest.extra),
        "runtime": service.runtime or service.placement.wanted,
        "project": service.placement.spec.project,
        **({"key": f"in the variable {key.variable}"} if (key := service.key) else {}),
    }
