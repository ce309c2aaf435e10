"""Where a service comes from: what was typed, and the folder that it leads to."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import IdentifierError, SourceUnreachableError
from ..events import Report, silent
from ..settings import Settings
from . import bundled, local
from .base import Checkout, Fetched, Identifier
from .guard import Clock
from .identifiers import parse_identifier

if TYPE_CHECKING:
    from .cache import Stored

__all__ = ["clear", "fetch", "parse_identifier"]


def fetch(
    identifier: Identifier,
    settings: Settings,
    *,
    refresh: bool = False,
    report: Report = silent,
    clock: Clock | None = None,
) -> Checkout:
    """Return a folder that holds the service, fetching it where it is not on disk.

    Blocks. A KeyboardInterrupt ends what was started, leaves nothing half and goes up.

    Parameters
    ----------
    identifier
        Of any kind but ``url``.
    settings
        Where the cache lies.
    refresh
        Fetch anew even if it is on disk; folders that were handed out before stay as they are.
    report
        Told of progress.
    clock
        How long git may be silent; the default is 10 s for the first sign and 30 s after it.

    Returns
    -------
    Checkout
        With a note where a bundled definition stands in for a repository out of reach.

    Raises
    ------
    SourceError
        Its kinds tell why it could not be fetched.
    DiskFullError
        When there was no room; nothing is left half.
    """
    start = time.monotonic()
    if identifier.kind == "git":
        return _fetch_git(identifier, settings, refresh, report, clock or Clock(), start)
    if identifier.kind == "folder":
        return Checkout(local.folder(identifier), "folder", False, time.monotonic() - start)
    if identifier.kind == "bundled":
        folder = bundled.folder(identifier.location)
        return Checkout(folder, "bundled", False, time.monotonic() - start)
    raise IdentifierError(f"{identifier.typed} runs already: there is nothing to fetch")


def _fetch_git(
    identifier: Identifier,
    settings: Settings,
    refresh: bool,
    report: Report,
    clock: Clock,
    start: float,
) -> Checkout:
    from .cache import Slot

    slot = Slot(settings, identifier)
    on_disk = slot.newest()
    if on_disk and not refresh:
        slot.tidy()
        return _checkout(on_disk, False, start)

    def get(folder: Path) -> Fetched:
        from .git import fetch_into

        most = settings.max_fetch
        return fetch_into(folder, identifier, clock=clock, report=report, most=most)

    try:
        stored, fetched = slot.fill(get, refresh=refresh, report=report)
    except SourceUnreachableError as error:
        name = bundled.stand_in(identifier)
        if not name or on_disk:
            raise
        # not kept: the next load tries the network again
        reason = error.message.removeprefix(f"{identifier.typed}: ")
        note = f"{reason}: using the definition of {name} that comes with mc_jupyter"
        seconds = time.monotonic() - start
        return Checkout(bundled.folder(name), "bundled", False, seconds, note=note)
    return _checkout(stored, fetched, start)


def _checkout(stored: Stored, fetched: bool, start: float) -> Checkout:
    facts, seconds = stored.fetched, time.monotonic() - start
    return Checkout(stored.folder, "git", fetched, seconds, facts.commit, facts.note, facts.links)


def clear(settings: Settings, keep: Collection[Path] = ()) -> int:
    """Remove the fetched repositories from disk (``clear_cache``).

    Parameters
    ----------
    settings
        Where the cache lies.
    keep
        Folders of checkouts that are in use: they stay.

    Returns
    -------
    int
        How many were removed.
    """
    from .cache import clear as clear_cache

    return clear_cache(settings, keep)
