"""What the clients of the services share: their life, and what is said while a service works."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, ClassVar, Self

from ..errors import ClientError, MediaConduitError, ResponseError, TimeLimitError
from ..events import Event, Report, ticking
from ..hosts import Token
from ..settings import Bounds
from .content import Content
from .faults import Fault, Refine, one_line
from .http import Http
from .names import shown, told
from .peer import Limits


class ServiceClient:
    """A client of one service; threads may share it.

    Parameters
    ----------
    url
        Where it answers.
    token
        For a server that wants one; sent to this URL only, and to other machines over https only.
        A text, or a :class:`~mc_jupyter.hosts.Key` that names an environment variable.
    limits
        How long to wait, see :class:`~mc_jupyter.clients.peer.Limits`; by default the first byte
        of an answer is waited for without a limit, for work may take long.
    name
        What messages call the service; by default its kind.
    changed
        Called after each call that may have changed what the service holds.
    refine
        Turns the refusals that only this service's client understands into errors.
    bounds
        How much is taken of what comes, see :class:`~mc_jupyter.settings.Bounds`; by default
        what the environment says.

    Raises
    ------
    ArgumentError
        For an address that cannot be one. Nothing is sent before the first call.
    """

    _alive = "/"  # a path that is answered at once by a service that is not at work
    _limits: ClassVar[Limits] = Limits(first_byte=None)
    _kind: ClassVar[str] = "service"

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        limits: Limits | None = None,
        name: str = "",
        changed: Callable[[], None] = lambda: None,
        refine: Refine | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        name, refine = name or self._kind, refine or self._refine
        self._http = Http(
            url,
            token=token,
            limits=limits or self._limits,
            name=name,
            refine=refine,
            bounds=bounds,
        )
        self.url, self.name = self._http.url, name
        self._changed = changed

    @staticmethod
    def _refine(fault: Fault) -> MediaConduitError | None:
        """The error for a refusal that only this client understands; None for any other."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown(self.url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def _is_busy(self) -> bool:
        """Whether a server that does one thing at a time is at it (it answers nothing then)."""
        probe = Http(
            self.url, token=self._http.peer.token, limits=Limits(2.0, 1.0, 1.0), name=self.name
        )
        try:
            with probe.open("GET", self._alive, limit="silence"):
                pass
        except TimeLimitError:
            return True
        except ClientError:
            pass  # the request itself will say it
        finally:
            probe.close()
        return False

    @contextmanager
    def _one_at_a_time(self, doing: str, report: Report) -> Iterator[Report]:
        """:func:`at_work`, for a server that takes one request at a time."""
        text = f"{self.name} is {doing}"
        if self._is_busy():
            text = f"waiting for {self.name}: it takes one request at a time and is busy"
            report(Event("work", text))
        with at_work(text, report) as told_of:
            yield told_of

    def _object(self, content: Content, path: str) -> dict[str, Any]:
        """The JSON object that content holds, whatever its type says."""
        peer = self._http.peer
        if content.size > peer.bounds.max_answer:
            raise peer.too_much("max_answer", f"{path} answered with more")
        try:
            item = peer.loads(content.bytes)
        except ValueError:
            item = None
        if not isinstance(item, dict):
            with closing(content.open()) as file:
                start = one_line(file.read(200).decode("utf-8", "replace"))
            raise self._wrong(f"{path} answered with something that is no JSON object: {start!r}")
        return item

    def _wrong(self, text: str, hint: str | None = None, status: int = 200) -> ResponseError:
        """The error for an answer that is none of this service's."""
        hint = hint or f"something else may answer there; to look: {shown(self.url)}"
        return ResponseError(told(self.name, self.url, text), hint, status=status)


@contextmanager
def at_work(text: str, report: Report) -> Iterator[Report]:
    """Say each second for how long a service has been at work; nothing while a file moves.

    Parameters
    ----------
    text
        What it does (``whisper is transcribing``).
    report
        Gets the lines.

    Yields
    ------
    callable
        What the request reports to.
    """
    began, is_moving = time.monotonic(), False

    def pass_on(event: Event) -> None:
        nonlocal began, is_moving
        if event.step == "transfer":
            began, is_moving = time.monotonic(), event.current != event.total
        report(event)

    def say(_: float) -> Event | None:
        took = time.monotonic() - began
        if is_moving or took < 1:  # a file has just come, or has just been sent
            return None
        return Event("work", f"{text} ({took:.0f} s)")

    with ticking(say, report):
        yield pass_on


def as_text(value: Any) -> str:
    """Return an option's value as query parameters and form fields have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def as_number(text: Any) -> Any:
    """Return the number that a text holds (``30000/1001`` too); anything else as it is."""
    if not isinstance(text, str):
        return text
    above, slash, below = text.strip().partition("/")
    try:
        if above.lstrip("-").isdecimal() and not slash:
            return int(above)
        number = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        return text
    return number if math.isfinite(number) else text
