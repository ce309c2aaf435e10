"""What kind of service one is, and the client that fits: named, or recognised by its manifest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .capabilities import vocabulary
from .clients.kinds import PLAIN, Kind, recognised
from .errors import ConnectionFailedError
from .hosts import route
from .manifest import Manifest
from .settings import Bounds

if TYPE_CHECKING:
    from .clients import Limits
    from .runtimes.base import Condition


class Talk:
    """How one service is talked to.

    Parameters
    ----------
    handle
        The service's name, for messages.
    named
        The kind that the user named; None leaves it to the manifest.
    changed
        Called after each call that may have changed its models or voices.
    bounds
        Says how much is taken of what it sends, by the settings of now.
    """

    def __init__(
        self,
        handle: str,
        named: Kind | None,
        changed: Callable[[], None],
        bounds: Callable[[], Bounds],
    ) -> None:
        self._handle, self._changed, self._bounds = handle, changed, bounds
        self.named = named
        self._client: tuple[Any, Any] | None = None

    def kind(self, manifest: Manifest) -> Kind | None:
        """Return what it is; None for a service of no known kind."""
        kind = self.named or recognised(manifest)[0]
        return None if kind is PLAIN else kind

    def capabilities(self, manifest: Manifest) -> tuple[str, ...]:
        """Return what it says that it can do, and what its kind can, in canonical words."""
        kind = self.kind(manifest)
        return vocabulary((*manifest.capabilities, *(kind.capabilities if kind else ())))

    def notes(self, manifest: Manifest, identifier: str) -> tuple[str, ...]:
        """Return what must be said of how it was recognised, if it was little more than a guess."""
        kind, tag = recognised(manifest)
        if self.named or kind is None or not tag:
            return ()
        other = f"for another: %mc load {identifier} --client NAME"
        return (f"taken for {kind.name} by its capability {tag}; {other}",)

    def client(self, manifest: Manifest, seen: Condition | None, limits: Limits | None) -> Any:
        """Return the client of its kind for where it answers now; the same one until that changes.

        Raises
        ------
        ConnectionFailedError
            When it does not run.
        """
        if seen is None or seen.url is None:
            fact, verb = "is not running", "start"
            if seen is not None and seen.mend:
                fact, verb = seen.detail, seen.mend
            raise ConnectionFailedError(f"{self._handle} {fact}", f"%mc {verb} {self._handle}")
        kind = self.kind(manifest) or PLAIN
        bounds = self._bounds()
        key = (seen.url, seen.token, limits, bounds, kind.name, route(seen.url))
        kept = self._client  # another thread may put its own there at any time
        if kept is None or kept[0] != key:
            client = kind.client_class()(
                seen.url,
                token=seen.token,
                name=self._handle,
                changed=self._changed,
                bounds=bounds,
                **({} if limits is None else {"limits": limits}),  # each kind has its own
            )
            kept = self._client = (key, client)
        return kept[1]
