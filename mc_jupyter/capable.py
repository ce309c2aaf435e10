"""Who can do what: the loaded services, and the kinds that can be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .capabilities import CAPABILITIES, asked_for, known_word, matches, spelled
from .clients.kinds import KINDS, Kind
from .errors import ArgumentError
from .runtimes.base import MENDS
from .sources import bundled

if TYPE_CHECKING:
    from .service import Service


@dataclass(frozen=True)
class Capable:
    """Something that can do what was looked for.

    Attributes
    ----------
    name
        The handle of a loaded service, else the kind's name.
    kind
        Of the kinds that have a client; None for any other service.
    capabilities
        What it can do, in canonical words.
    about
        What it is, in a few words.
    state
        Of a loaded service, as :class:`~mc_jupyter.records.Snapshot` has it; ``not loaded`` else.
    line
        What to type next.
    """

    name: str
    kind: str | None
    capabilities: tuple[str, ...]
    about: str
    state: str
    line: str


def find_capable(services: Sequence[Service], word: str) -> tuple[Capable, ...]:
    """Return what can do a thing; see :meth:`ServiceRegistry.find_capable`."""
    everything = all_capable(services)
    names = {kind.name for kind in KINDS}
    if (name := spelled(word)) in names:
        return tuple(one for one in everything if one.kind == name)
    handles = tuple(one for one in everything if spelled(one.name) == name)
    if handles:
        return handles
    declared = [text for one in everything for text in one.capabilities]
    try:
        wanted = known_word(word, (*declared, *names))
    except ArgumentError:
        if words := asked_for(word):
            return tuple(one for one in everything if {*words} & {*one.capabilities})
        said = tuple(one for one in everything if name in spelled(f"{one.about} {one.name}"))
        if len(name) > 2 and said:
            return said
        raise
    return tuple(one for one in everything if matches(one.capabilities, wanted))


def all_capable(services: Sequence[Service]) -> tuple[Capable, ...]:
    """Return the loaded services, then the kinds of which none is loaded."""
    loaded = [_loaded(service) for service in services]
    here = {one.kind for one in loaded}
    return (*loaded, *(_loadable(kind) for kind in KINDS if kind.name not in here))


def words_of(capable: Iterable[Capable]) -> tuple[str, ...]:
    """Return the platform's words, then all others that these use."""
    others = sorted({word for one in capable for word in one.capabilities} - {*CAPABILITIES})
    return (*CAPABILITIES, *others)


def load_line(kind: Kind) -> str:
    """Return the line that loads and starts one: what comes with mc_jupyter, else published."""
    source = kind.name if kind.name in bundled.names() else kind.repository
    return f"%mc load {source} --start"


def _loaded(service: Service) -> Capable:
    now, kind = service.snapshot(), service.kind
    line = f"%mc {MENDS.get(now.state, 'start')} {now.handle}"
    if now.state in ("running", "starting", "restarting"):
        line = usage(kind, now.handle)
    about = kind.about if kind else service.manifest.description.partition("\n")[0]
    return Capable(now.handle, now.kind, now.capabilities, about, now.state, line)


def usage(kind: Kind | None, handle: str) -> str:
    """Return how a running one is used; by any handle but the kind's own through ``%mc``.

    Parameters
    ----------
    kind
        None for a service of no known kind.
    handle
        Its name in this kernel.
    """
    if kind is None:
        return f"%mc call {handle} GET /"
    if handle == kind.name:
        return kind.usage
    magic, _, rest = kind.usage.partition(" ")
    own = magic.replace(kind.name, f"mc {handle}")
    return f"{own} {rest}".rstrip()


def _loadable(kind: Kind) -> Capable:
    return Capable(
        kind.name, kind.name, kind.capabilities, kind.about, "not loaded", load_line(kind)
    )
