"""The client of a service, for where it answers now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .clients.kinds import PLAIN, Kind
from .errors import ConnectionFailedError
from .hosts import route
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
    changed
        Called after each call that may have changed its models or voices.
    bounds
        Says how much is taken of what it sends, by the settings of now.
    """

    def __init__(
        self,
        handle: str,
        changed: Callable[[], None],
        bounds: Callable[[], Bounds],
    ) -> None:
        self._handle, self._changed, self._bounds = handle, changed, bounds
        self._client: tuple[Any, Any] | None = None

    def client(self, kind: Kind | None, seen: Condition | None, limits: Limits | None) -> Any:
        """Return the client of a kind for where it answers now; the same one until that changes.

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
        kind = kind or PLAIN
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
