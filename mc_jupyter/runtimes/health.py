"""Readiness is ours: the process lives, and the manifest's path answers over HTTP.

Docker's own health state comes up to 31 s late, and a published port accepts connections before
anything listens behind it, so only an HTTP answer counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .. import cancel, hosts
from ..errors import ArgumentError, MediaConduitError, StartError, TimeLimitError
from ..events import Event, Report, ticking
from ..sockets import Wire
from .base import Condition

if TYPE_CHECKING:
    import httpx

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.05, 0.5, 1.1
_SAY_EVERY = 1.0
_ONE_REQUEST = 5.0
_ANSWERS_DESPITE = (401, 403, 405)
"""It is there and speaks HTTP; that the path wants a login or another method is not our matter."""
_LOG_LINES = 5

Knock = Literal["answers", "refuses", "silent", "gone"]


@dataclass(frozen=True)
class Met:
    """How a GET was met.

    Attributes
    ----------
    how
        As :func:`knock` says it.
    words
        The same in words.
    status
        The HTTP status; 0 where none came.
    error
        What kept it from the server: a certificate, a proxy, a key that is not there.
    """

    how: Knock
    words: str
    status: int = 0
    error: MediaConduitError | None = None

    @property
    def is_denied(self) -> bool:
        """Whether it is there, and wants a key or another one."""
        return self.status in (401, 403)


def wait_until_ready(
    look: Callable[[], Condition],
    path: str,
    *,
    limit: float | None,
    report: Report,
    logs: Callable[[], str],
    name: str,
) -> Condition:
    """Wait until a service answers, as long as it lives.

    Parameters
    ----------
    look
        Returns the service's condition now; its ``url`` is read afresh each time.
    path
        What to GET.
    limit
        Seconds to wait; None waits as long as it lives.
    report
        Gets a line each second with what was last observed.
    logs
        Returns the service's last lines.
    name
        The service's name, for messages.

    Returns
    -------
    Condition
        The one that answered.

    Raises
    ------
    StartError
        It ended, restarts again and again, or is gone; with its last log lines.
    TimeLimitError
        The limit passed; the service is left alone.
    Interrupted
        It was cancelled; the service is left alone.
    """
    began, pause = time.monotonic(), _FIRST_PAUSE
    seen: str | None = f"GET {path} is not answered yet"

    def waiting(seconds: float) -> Event:
        return Event("wait", f"waiting for {name}: {seen} ({seconds:.0f} s)")

    condition = look()
    with hosts.client(condition.url or "") as client, ticking(waiting, report, every=_SAY_EVERY):
        while True:
            cancel.check()
            if not condition.alive:
                if condition.mend:
                    raise StartError(f"{name} {condition.detail}", f"%mc {condition.mend} {name}")
                raise StartError(_obituary(name, condition, logs()), f"%mc logs {name}")
            left = _ONE_REQUEST if limit is None else limit - (time.monotonic() - began)
            seen = _probe(client, condition, path, max(0.1, min(left, _ONE_REQUEST)))
            if seen is None:
                return condition
            now = time.monotonic()
            if limit is not None and now - began >= limit:
                raise TimeLimitError(
                    f"{name} runs, but did not answer within {limit:g} s: {seen}",
                    f"it is left running: %mc status {name}, or %mc logs {name}",
                )
            time.sleep(pause if limit is None else min(pause, limit - (now - began)))
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)
            condition = look()


def answers(url: str, path: str, token: hosts.Token = None, timeout: float = 2.0) -> bool:
    """Whether a GET of `path` at `url` is answered as a service that is ready answers.

    Parameters
    ----------
    url, path
        Where.
    token
        The key or bearer token that it wants.
    timeout
        Seconds in all its phases.
    """
    return knock(url, path, token, timeout) == "answers"


def knock(url: str, path: str, token: hosts.Token = None, timeout: float = 2.0) -> Knock:
    """Look how a GET of `path` at `url` is met.

    Parameters
    ----------
    url, path, token, timeout
        As for :func:`answers`.

    Returns
    -------
    str
        ``answers``; ``refuses`` (another status); ``silent`` (it took the connection and says
        nothing, as a server does that works); ``gone`` (no connection, or no HTTP).
    """
    return meet(url, path, token, timeout).how


def meet(url: str, path: str, token: hosts.Token = None, timeout: float = 2.0) -> Met:
    """Look how a GET of `path` at `url` is met, and what kept it from the server.

    Parameters
    ----------
    url, path, token, timeout
        As for :func:`answers`.
    """
    try:
        with hosts.client(url) as client:
            return _ask(client, url, path, token, timeout)
    except MediaConduitError as error:  # of the environment's proxy or certificates
        return Met("gone", error.message, error=error)


def _probe(client: httpx.Client, condition: Condition, path: str, timeout: float) -> str | None:
    """None when it is ready, else what was observed, in words."""
    if condition.url is None:
        return "no port is published"
    met = _ask(client, condition.url, path, condition.token, timeout)
    if met.how == "answers":
        return None
    seen = met.words
    if condition.docker_health in ("healthy", "unhealthy"):
        return f"{seen}; Docker calls it {condition.docker_health}"
    return seen


def _ask(client: httpx.Client, url: str, path: str, token: hosts.Token, timeout: float) -> Met:
    """How a GET is met."""
    import httpx

    try:
        headers = hosts.authorization(url, token)
    except ArgumentError as error:
        return Met("gone", error.message, error=error)
    where, wire = f"{hosts.plain(url).rstrip('/')}{path}", Wire()
    asked = client.stream(
        "GET", where, headers=headers, timeout=timeout, extensions={"trace": wire.trace}
    )
    take_back = cancel.on_cancel(wire.cut)
    try:
        with asked as response:
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return _unmet(error, url, path)
    finally:
        take_back()
    if status == 407 and (refused := hosts.refused_by_proxy(url)):
        return Met("gone", refused.message, status, refused)
    if status in (401, 403):
        return Met("answers", f"it answers, and refuses access (HTTP {status})", status)
    if status < 400 or status in _ANSWERS_DESPITE:
        return Met("answers", "it answers", status)
    return Met("refuses", f"HTTP {status} to GET {path}", status)


def _unmet(error: Exception, url: str, path: str) -> Met:
    """What kept a GET from being answered."""
    import httpx

    if known := hosts.failure(error, url):
        return Met("gone", known.message, error=known)
    if isinstance(error, httpx.ConnectError):
        return Met("gone", "the connection is refused")
    if isinstance(error, httpx.TimeoutException):
        is_connected = not isinstance(error, httpx.ConnectTimeout)
        return Met("silent" if is_connected else "gone", f"no answer to GET {path}")
    return Met("gone", f"no HTTP answer to GET {path} ({type(error).__name__})")


def _obituary(name: str, condition: Condition, logs: str) -> str:
    return with_last_lines(f"{name} {condition.detail or condition.state}", logs)


def with_last_lines(message: str, logs: str) -> str:
    """Return a message with the last lines that a service wrote, each on a line of its own."""
    lines = [line.rstrip()[:200] for line in logs.splitlines() if line.strip()]
    if not lines:
        return f"{message}; it wrote no log"
    return "\n  ".join([f"{message}; its last lines:", *lines[-_LOG_LINES:]])
