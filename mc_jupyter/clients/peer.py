"""Who is talked to, how long is waited for it, and what is said when that comes to nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import ModuleType
from typing import Any, Literal

from .. import hosts
from ..errors import (
    ArgumentError,
    BoundError,
    ConnectionFailedError,
    MediaConduitError,
    TimeLimitError,
)
from ..meter import size_text
from ..settings import Bounds, setting
from .faults import Refine, one_line
from .loads import TooDeepError, TooManyError, loads
from .names import shown, told

LimitName = Literal["connect", "first_byte", "silence"]
BoundName = Literal["max_line", "max_answer", "max_reply", "max_headers", "max_depth", "max_values"]

_MOST_OF_HEADERS = 102_400  # bytes; httpcore takes no more, whatever the setting


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds; None waits for ever.

    Attributes
    ----------
    connect
        For the connection (and for TLS).
    first_byte
        For the first byte of an answer, which may include loading a model.
    silence
        Between two pieces of an answer; also for short answers (lists, version).
    """

    connect: float | None = 5.0
    first_byte: float | None = 600.0
    silence: float | None = 60.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not 0 < value < 1e8:
                raise ArgumentError(
                    f"limit {each.name} is {value!r}", "accepted: seconds above 0, or None"
                )

    def of(self, name: LimitName) -> float | None:
        """Return one limit's seconds."""
        value: float | None = getattr(self, name)
        return value


@dataclass(frozen=True)
class Peer:
    """One service, as its client knows it.

    Attributes
    ----------
    name
        Its name, for messages.
    url
        Its address.
    limits
        See :class:`Limits`.
    refine
        Turns the refusals that only this service's client understands into errors.
    httpx
        The module, imported when the first client was made.
    bounds
        See :class:`~mc_jupyter.settings.Bounds`.
    token
        What lets a request in; see :mod:`mc_jupyter.hosts`.
    """

    name: str
    url: str
    limits: Limits
    refine: Refine | None
    httpx: ModuleType
    bounds: Bounds
    token: hosts.Token = field(default=None, repr=False)

    def failure(
        self, error: Exception, limit: LimitName, *, started: bool = False
    ) -> MediaConduitError:
        """Return our error for an ``httpx.TransportError``, or the InvalidURL of a redirect.

        Parameters
        ----------
        error
            What httpx raised.
        limit
            The limit that was running.
        started
            Whether the answer had begun (its headers were there).
        """
        known = self.httpx
        if way := hosts.failure(error, self.url):
            way.message = told(self.name, self.url, way.message)
            return way
        if isinstance(error, known.TimeoutException):
            if isinstance(error, known.ConnectTimeout):
                limit = "connect"
            return self.too_long(limit)
        if isinstance(error, known.RemoteProtocolError) and "buffer too long" in str(error):
            what = f"headers, or lines between chunks, of over {size_text(_MOST_OF_HEADERS)}"
            return BoundError(
                told(self.name, self.url, f"the reply has {what}"), "no setting takes more"
            )
        return ConnectionFailedError(
            told(self.name, self.url, self._broken(error, started)),
            f"to look: %mc status {self.name}",
        )

    def _broken(self, error: Exception, started: bool) -> str:
        known, where = self.httpx, shown(self.url)
        if isinstance(error, known.ConnectError | known.ProxyError):
            reason = str(error).partition("] ")[2] or str(error)
            return f"nothing answers at {where} ({one_line(reason)})"
        if isinstance(error, known.LocalProtocolError):
            return "the request could not be sent"  # httpx's text may quote a header
        if started:
            return f"the connection to {where} broke in the middle of the answer"
        alien = isinstance(error, known.RemoteProtocolError | known.InvalidURL)
        if alien and "disconnected" not in str(error):
            return f"{where} does not speak HTTP ({one_line(str(error))})"
        return f"{where} closed the connection without an answer"

    def too_long(self, limit: LimitName, what: str = "") -> TimeLimitError:
        """Return the error for a limit that passed, with its value and how to raise it.

        Parameters
        ----------
        limit
            Which one.
        what
            What was waited for, where there is more to say than the limit does.
        """
        value = self.limits.of(limit) or 0.0
        what = (
            what
            or {
                "connect": f"no connection to {shown(self.url)}",
                "first_byte": "no answer began",
                "silence": "nothing came",
            }[limit]
        )
        return TimeLimitError(
            told(self.name, self.url, f"{what} for {value:g} s (limit {limit})"),
            f"to wait longer: client(limits=Limits({limit}={value * 3:g}))",
        )

    def too_much(self, bound: BoundName, what: str) -> BoundError:
        """Return the error for a bound that was passed, with its value and how to raise it.

        Parameters
        ----------
        bound
            Which one.
        what
            What is larger than it.
        """
        value: int = getattr(self.bounds, bound)
        known = setting(bound)
        words = str if known.kind == "number" else size_text
        more = 2 * value if known.most is None else min(2 * value, known.most)
        hint = (
            f"to take more: %config McJupyter.{bound} = {words(more)!r}, or {known.variable}"
            if more > value
            else "no setting takes more"
        )
        message = f"{what} (bound {bound}: {words(value)})"
        return BoundError(told(self.name, self.url, message), hint)

    def loads(self, raw: bytes | str) -> Any:
        """Return the JSON value of what came.

        Raises
        ------
        BoundError
            It nests too deeply, or has too many values.
        ValueError
            It is no JSON.
        """
        try:
            return loads(raw, self.bounds.max_depth, self.bounds.max_values)
        except TooDeepError:
            raise self.too_much("max_depth", "the JSON that came nests deeper") from None
        except TooManyError:
            raise self.too_much("max_values", "the JSON that came has more values") from None
