"""HTTP for the clients: JSON and streams of JSON lines, with limits and errors of our own.

The only home of httpx among the clients; it is imported when the first client is made. One
connection a request, so that a closed stream is a closed connection and a restarted service
never meets a stale one. Redirects are not followed, and a token goes to the given URL only.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from ..errors import (
    ArgumentError,
    ConnectionFailedError,
    MediaConduitError,
    OptionError,
    StreamCutError,
    TimeLimitError,
)
from .faults import Fault, Refine, error_text, one_line, read_body, to_error
from .names import connectable, is_loopback, shown

if TYPE_CHECKING:
    import httpx

LimitName = Literal["connect", "first_byte", "silence"]

_MOST_OF_AN_ERROR = 65_536  # bytes of a refusal's body that are read
_loads = json.loads


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
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 < value < 1e8:
                raise ArgumentError(
                    f"limit {field.name} is {value!r}", "accepted: seconds above 0, or None"
                )


class Http:
    """Requests to one service.

    Parameters
    ----------
    url
        Its address; a path in it is kept in front of every request's.
    token
        Sent as ``Authorization: Bearer``; never shown.
    limits
        See :class:`Limits`.
    name
        The service's name, for messages.
    refine
        Turns the refusals that only this service's client understands into errors.

    Raises
    ------
    ArgumentError
        For an address or token that cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        limits: Limits | None = None,
        name: str = "service",
        refine: Refine | None = None,
    ) -> None:
        import httpx

        self.url = connectable(url)
        self.limits = limits or Limits()
        self.name = name
        self.refine = refine
        self.httpx = httpx
        headers = {"User-Agent": "mc-jupyter", "Accept-Encoding": "identity"}
        if token:
            if not (token.isascii() and token.isprintable()) or " " in token:
                raise ArgumentError("the token holds characters that no token may have")
            headers["Authorization"] = f"Bearer {token}"
        local = is_loopback(self.url)
        try:
            self._client = httpx.Client(
                base_url=self.url,
                headers=headers,
                trust_env=not local,
                # no certificates are read where no TLS can occur: that takes 20 ms
                verify=not (local and self.url.startswith("http:")),
                follow_redirects=False,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ArgumentError(f"{shown(url)!r} cannot be used: {error}") from error

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def open(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Send a request and return the reply once its headers are there; close it after use.

        Raises
        ------
        ClientError
            Nothing answers, a limit passed, or the service refused.
        """
        return self._send(method, path, body, "first_byte")

    def stream(
        self, path: str, body: Mapping[str, Any], end: tuple[str, object]
    ) -> Generator[dict[str, Any], None, None]:
        """POST `body` and yield the JSON objects that come, up to the one that ends the stream.

        Closing the generator, or any exception in it, closes the connection.

        Parameters
        ----------
        path, body
            What is asked.
        end
            Key and value that only the last object has.
        """
        with closing(self.open("POST", path, body)) as reply:
            yield from reply.objects(end)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        limit: LimitName = "silence",
    ) -> dict[str, Any]:
        """Return the one JSON object that a request is answered with; empty for an empty body.

        Parameters
        ----------
        method, path, body
            What is asked.
        limit
            The limit for its first byte.
        """
        with closing(self._send(method, path, body, limit)) as reply:
            return reply.whole()

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, limit: LimitName
    ) -> Reply:
        try:
            content = None if body is None else json.dumps(
                body, ensure_ascii=False, allow_nan=False, separators=(",", ":")
            ).encode()
        except (TypeError, ValueError) as error:
            raise OptionError(f"the request cannot be written as JSON: {error}") from error
        timeouts = {
            "connect": self.limits.connect,
            "read": getattr(self.limits, limit),
            "write": self.limits.silence,
        }
        request = self._client.build_request(
            method,
            path,
            content=content,
            headers=None if content is None else {"Content-Type": "application/json"},
            extensions={"timeout": timeouts},
        )
        try:
            response = self._client.send(request, stream=True)
        except self.httpx.TransportError as error:
            raise self.failure(error, limit, started=False) from error
        except RuntimeError as error:  # httpx's word for a client that was closed
            raise ConnectionFailedError(f"{self.name}: this client was closed") from error
        reply = Reply(self, response, path, body or {}, limit, timeouts)
        if response.status_code != 200:
            with closing(reply):
                raise reply.refusal()
        return reply

    def failure(
        self, error: httpx.TransportError, limit: LimitName, *, started: bool
    ) -> MediaConduitError:
        """Return our error for one of httpx's.

        Parameters
        ----------
        error
            What httpx raised.
        limit
            The limit that was running.
        started
            Whether the answer had begun.
        """
        where, known = shown(self.url), self.httpx
        if isinstance(error, known.TimeoutException):
            if isinstance(error, known.ConnectTimeout):
                limit = "connect"
            elif isinstance(error, known.WriteTimeout):
                limit = "silence"
            return self.too_long(limit)
        if isinstance(error, known.ConnectError | known.ProxyError):
            reason = str(error).partition("] ")[2] or str(error)
            message = f"nothing answers at {where} ({one_line(reason)})"
        elif isinstance(error, known.LocalProtocolError):
            message = "the request could not be sent"  # its text may quote a header
        elif started:
            message = f"the connection to {where} broke in the middle of the answer"
        else:
            message = f"{where} closed the connection without an answer"
        return ConnectionFailedError(f"{self.name}: {message}", f"to look: %mc status {self.name}")

    def too_long(self, limit: LimitName, what: str = "") -> TimeLimitError:
        """Return the error for a limit that passed, with its value and how to raise it."""
        value = getattr(self.limits, limit)
        what = what or {
            "connect": f"no connection to {shown(self.url)}",
            "first_byte": "no answer began",
            "silence": "nothing came",
        }[limit]
        return TimeLimitError(
            f"{self.name}: {what} for {value:g} s (limit {limit})",
            f"to wait longer: OllamaClient(url, limits=Limits({limit}={value * 3:g}))",
        )


class Reply:
    """A reply whose headers are there, read piece by piece."""

    def __init__(
        self,
        http: Http,
        response: httpx.Response,
        path: str,
        request: Mapping[str, Any],
        limit: LimitName,
        timeouts: dict[str, float | None],
    ) -> None:
        self._http, self._response, self._path, self._request = http, response, path, request
        self._limit: LimitName = limit
        self._timeouts = timeouts
        self._iterators: list[Iterator[bytes]] = [iter(response.stream)]  # type: ignore[arg-type]
        self._started = False

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

    def limit(self, name: LimitName) -> None:
        """Wait for the next piece as long as the limit `name` says.

        httpcore reads its limit where the iteration of a body starts, so a new one is started
        over the same body, which goes on where it was. The earlier iterators are kept: dropping
        one closes the connection.
        """
        if name != self._limit:
            self._limit = name
            self._timeouts["read"] = getattr(self._http.limits, name)
            self._iterators.append(iter(self._response.stream))  # type: ignore[arg-type]

    def _read(self) -> bytes:
        try:
            piece = next(self._iterators[-1], b"")
        except self._http.httpx.TransportError as error:
            raise self._http.failure(error, self._limit, started=self._started) from error
        if not self._started:
            self._started = True
            self.limit("silence")
        return piece

    def _lines(self) -> Iterator[bytes]:
        """Lines between ``\\n`` bytes only: U+0085 and U+2028 may stand inside a JSON text."""
        rest: list[bytes] = []
        while piece := self._read():
            if b"\n" not in piece:
                rest.append(piece)
                continue
            *lines, tail = piece.split(b"\n")
            if rest:
                lines[0] = b"".join((*rest, lines[0]))
            rest = [tail] if tail else []
            yield from lines
        yield b"".join(rest)

    def objects(self, end: tuple[str, object]) -> Generator[dict[str, Any], None, None]:
        """Yield the JSON objects of a stream of lines, up to the one where key `end` has its value.

        Raises
        ------
        StreamCutError
            When the stream ended before.
        ResponseError
            For an object with ``error``, or a line that is not JSON.
        """
        key, last = end
        count = 0
        for line in self._lines():
            if not line or line.isspace():
                continue
            try:
                item = _loads(line)
            except ValueError:
                raise self._fault(line) from None
            if type(item) is not dict or "error" in item:
                raise self._fault(line)
            count += 1
            yield item
            if item.get(key) == last:
                return
        raise StreamCutError(
            f"{self._http.name}: the answer ended after {count} pieces, and the server did not say "
            "that it was done",
            "what came is kept; run it again, or see: %mc logs " + self._http.name,
        )

    def whole(self) -> dict[str, Any]:
        """Return the reply's one JSON object."""
        body = b"".join(iter(self._read, b""))
        if not body.strip():
            return {}
        try:
            item = _loads(body)
        except ValueError:
            raise self._fault(body) from None
        if not isinstance(item, dict) or "error" in item:
            raise self._fault(body)
        return item

    def refusal(self) -> MediaConduitError:
        """Return the error for a status other than 200; reads the body, up to a bound."""
        body = bytearray()
        while len(body) < _MOST_OF_AN_ERROR and (piece := self._read()):
            body += piece
        return self._fault(bytes(body))

    def _fault(self, body: bytes) -> MediaConduitError:
        headers = self._response.headers
        data, text, html = read_body(body, headers.get("content-type", ""))
        status = self._response.status_code
        fault = Fault(
            name=self._http.name,
            url=self._http.url,
            path=self._path,
            request=self._request,
            status=status,
            data=data,
            text=text,
            html=html,
            location=headers.get("location", "") if 300 <= status < 400 else "",
        )
        return to_error(fault, self._http.refine)
