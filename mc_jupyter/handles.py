"""The names that services have in a kernel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .capable import load_line
from .clients.kinds import KINDS
from .errors import ArgumentError, HandleTakenError, ServiceNotFoundError, did_you_mean
from .sources.base import Identifier

if TYPE_CHECKING:
    from .service import Service

_NAME = re.compile(r"\w[\w.@-]*")  # it is typed as a word, and may be a magic's name


def pick(services: Sequence[Service], handle: str) -> Service | None:
    """Return the service of that handle or alias, letter case aside."""
    wanted = handle.lower()
    for service in services:
        if wanted in (name.lower() for name in (service.handle, *service.aliases)):
            return service
    return None


def find(services: Sequence[Service], handle: str) -> Service:
    """Return the service of that handle or alias.

    Raises
    ------
    ServiceNotFoundError
        With the closest handle, or the line that loads one.
    """
    service = pick(services, handle)
    if service is not None:
        return service
    kind = next((kind for kind in KINDS if kind.name == handle.lower()), None)
    if kind is not None:
        raise ServiceNotFoundError(f"no service {handle!r} is loaded", load_line(kind))
    if not services:
        raise ServiceNotFoundError(
            f"no service {handle!r}: nothing is loaded in this kernel",
            f"%mc load {KINDS[0].repository}   others: %mc find",
        )
    names = [name for s in services for name in (s.handle, *s.aliases)]
    raise ServiceNotFoundError(
        f"no service {handle!r} is loaded: {did_you_mean(handle, names)}",
        "%mc status   lists what is loaded",
    )


def refuse_taken(services: Sequence[Service], name: str, identifier: Identifier) -> None:
    """Raise HandleTakenError where `name` is another service's, ArgumentError where it is none."""
    if not _NAME.fullmatch(name):
        raise ArgumentError(f"--as is {name!r}", "accepted: a word of letters, digits and . _ - @")
    owner = pick(services, name)
    if owner is not None and owner.identifier.key != identifier.key:
        raise HandleTakenError(
            f"{name!r} is already the name of {owner.identified}",
            "choose another name after --as",
        )


def free_handle(services: Sequence[Service], identifier: Identifier) -> str:
    """Return the identifier's own handle, else one with its ref, its owner or a number."""
    taken = {name.lower(): s for s in services for name in (s.handle, *s.aliases)}
    other = taken.get(identifier.handle)
    if other is None:
        return identifier.handle
    if other.identifier.canonical == identifier.canonical:
        names = [f"{identifier.handle}@{identifier.ref or 'HEAD'}"]
    else:
        names = [f"{identifier.owner}-{identifier.handle}"] if identifier.owner else []
    numbered = (f"{identifier.handle}-{n}" for n in range(2, len(taken) + 3))
    return next(name for name in (*names, *numbered) if name.lower() not in taken)
