"""HTTP for the clients: JSON, streams of lines, files both ways, with limits and errors of our own.

httpx is imported when the first client is made (:mod:`mc_jupyter.hosts` makes it). One connection a
request, so that a closed stream is a closed connection and a restarted service never meets a stale
one. Redirects are not followed, and a token goes to the given URL only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

from .. import cancel, hosts
from ..errors import ArgumentError, BoundError, ConnectionFailedError, OptionError
from ..events import Report, silent
from ..settings import Bounds, Settings
from ..sockets import Wire, send
from .content import Content
from .faults import Refine
from .names import connectable, shown
from .peer import LimitName, Limits, Peer
from .reply import Reply
from .transfer import Raw, Sending
from .upload import Upload

Files = Sequence[tuple[str, Upload]]
Fields = Mapping[str, str] | Sequence[tuple[str, str]]
"""By name; as pairs where a name occurs more than once."""

_LONGEST_PATH = 16_000  # characters

__all__ = ["Fields", "Files", "Http", "Limits"]


class Exchange:
    """A request and its reply, as a context manager: it gives the reply, and closes it.

    Parameters
    ----------
    wire
        Its connection, which is broken off where an interrupt comes before the block begins.
    ask
        Sends the request and returns the reply.
    """

    def __init__(self, wire: Wire, ask: Callable[[], Reply]) -> None:
        self._wire, self._ask = wire, ask

    def __enter__(self) -> Reply:
        try:
            self._reply = reply = self._ask()
        except BaseException:
            self._wire.cut()
            raise
        return reply

    def __exit__(self, *_: object) -> None:
        self._reply.close()


class Http:
    """Requests to one service; threads may share it.

    Parameters
    ----------
    url
        Its address; a path in it is kept in front of every request's.
    token
        Sent as ``Authorization: Bearer``, to other machines over https only; never shown. A text,
        or a :class:`~mc_jupyter.hosts.Key`, whose variable is read at each request. Without one,
        OLLAMA_API_KEY is sent to https://ollama.com.
    limits
        See :class:`Limits`.
    name
        The service's name, for messages.
    refine
        Turns the refusals that only this service's client understands into errors.
    bounds
        How much is taken of what comes; by default what the environment says.

    Raises
    ------
    ArgumentError
        For an address or token that cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        token: hosts.Token = None,
        limits: Limits | None = None,
        name: str = "service",
        refine: Refine | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        import httpx

        self.url = connectable(url)
        self.peer = Peer(
            name, self.url, limits or Limits(), refine, httpx, bounds or Settings().bounds, token
        )
        hosts.check(self.url, token)
        try:
            self._client = hosts.client(
                self.url,
                base_url=hosts.plain(self.url),
                headers={"User-Agent": "mc-jupyter", "Accept-Encoding": "identity"},
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
            self._client.build_request("GET", "/")  # where a host's name is found to be none
        except (httpx.InvalidURL, ValueError) as error:
            raise ArgumentError(f"{shown(url)!r} cannot be used: {error}") from error

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def open(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Raw | None = None,
        *,
        query: Fields | None = None,
        form: Fields | None = None,
        files: Files = (),
        headers: Mapping[str, str] | None = None,
        limit: LimitName = "first_byte",
        report: Report = silent,
    ) -> Exchange:
        """Return a request and its reply, as a context manager.

        Entered, it sends the request and gives the reply once its headers are there; left, it
        closes the connection.

        Parameters
        ----------
        method, path, body
            What is asked; `body` goes as JSON, or as it is.
        query
            Behind the path's question mark.
        form, files
            Fields and files of a multipart form, in place of `body`; files are streamed.
        headers
            Beside those that every request has.
        limit
            The limit for its first byte.
        report
            Told how much of large files is sent.

        Raises
        ------
        ArgumentError
            The path cannot be one.
        ClientError
            Nothing answers, a limit passed, or the service refused.
        Interrupted
            It was cancelled; then, and while the reply is read, the connection is broken off.
        """
        wire = Wire(self.peer.limits.of(limit))
        ask = partial(
            self._reply, wire, method, path, body, query, form, files, headers or {}, limit, report
        )
        return Exchange(wire, ask)

    def _reply(
        self,
        wire: Wire,
        method: str,
        path: str,
        body: Mapping[str, Any] | Raw | None,
        query: Fields | None,
        form: Fields | None,
        files: Files,
        headers: Mapping[str, str],
        limit: LimitName,
        report: Report,
    ) -> Reply:
        limits = self.peer.limits
        patience = limits.of(limit)  # a server that is at work does not read either
        timeouts = {"connect": limits.connect, "read": patience, "write": patience}
        content, kind = _encode(body)
        if not (path.startswith("/") and path.isprintable() and len(path) < _LONGEST_PATH):
            # some hold what a server said; an address in place of one would get the token
            raise ArgumentError(f"{self.peer.name}: {path!r:.80} is no path")
        allowed = hosts.authorization(self.url, self.peer.token)
        with ExitStack() as stack:
            parts = _parts(files, self.peer.name, report, stack)
            request = self._client.build_request(
                method,
                path,
                params=_pairs(query) or None,
                content=content,
                data=_grouped(form) or None,
                files=parts or None,
                headers={**allowed, **kind, **headers},
                extensions={"timeout": timeouts, "trace": wire.trace},
            )
            response = self._sent(request, wire, limit)
        asked = body if isinstance(body, Mapping) else dict([*_pairs(query), *_pairs(form)])
        reply = Reply(self.peer, response, path, asked, limit, timeouts, wire)
        try:
            reply.check_headers()
        except BoundError:
            reply.close()
            raise
        if not response.is_success:
            with closing(reply):
                raise reply.refusal()
        return reply

    def _sent(self, request: Any, wire: Wire, limit: LimitName) -> Any:
        """The response to a request, when its headers are there."""
        try:
            return send(
                lambda: self._client.send(request, stream=True), lambda late: late.close(), wire
            )
        except (self.peer.httpx.TransportError, self.peer.httpx.InvalidURL) as error:
            cancel.check()
            if wire.is_late:
                raise self.peer.too_long(limit) from error
            raise self.peer.failure(error, limit) from error
        except UnicodeError as error:  # from looking up the host's name
            raise ConnectionFailedError(
                f"{self.peer.name}: {shown(self.url)} holds no host name ({error})"
            ) from error
        except RuntimeError as error:
            if not self._client.is_closed:
                raise
            raise ConnectionFailedError(f"{self.peer.name}: this client was closed") from error

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
        with self.open("POST", path, body) as reply:
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
        method, path, body, limit
            As for :meth:`open`.
        """
        with self.open(method, path, body, limit=limit) as reply:
            return reply.whole()

    def get(self, path: str, query: Fields | None = None) -> Any:
        """Return the JSON value (of any type) that a GET of `path` is answered with."""
        with self.open("GET", path, query=query, limit="silence") as reply:
            return reply.value()

    def fetch(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Fields | None = None,
        form: Fields | None = None,
        files: Files = (),
        limit: LimitName = "first_byte",
        report: Report = silent,
    ) -> tuple[Content, Mapping[str, str]]:
        """Return what a request is answered with as :class:`Content`, and its headers.

        Parameters
        ----------
        method, path, body, query, form, files, limit, report
            As for :meth:`open`; `report` is also told how much of a large answer came.

        Returns
        -------
        tuple
            The content, and the headers by their lower-case names.
        """
        with self.open(
            method, path, body, query=query, form=form, files=files, limit=limit, report=report
        ) as reply:
            return reply.content(report), reply.headers


def _parts(
    files: Files, name: str, report: Report, stack: ExitStack
) -> list[tuple[str, tuple[str, Any, str]]]:
    """The files as httpx takes them, opened; closed with `stack`."""
    sending = Sending(name, sum(upload.size for _, upload in files), report)
    return [
        (field, (upload.name, stack.enter_context(closing(sending.reader(upload))), upload.kind))
        for field, upload in files
    ]


def _pairs(fields: Fields | None) -> list[tuple[str, Any]]:
    return list(fields.items() if isinstance(fields, Mapping) else fields or ())


def _grouped(fields: Fields | None) -> dict[str, list[str]]:
    """Fields as httpx takes those of a form."""
    grouped: dict[str, list[str]] = {}
    for name, value in _pairs(fields):
        grouped.setdefault(name, []).append(value)
    return grouped


def _encode(body: Mapping[str, Any] | Raw | None) -> tuple[bytes | None, dict[str, str]]:
    """The body as it is sent, and the header that says what it is."""
    if body is None:
        return None, {}
    if isinstance(body, Raw):
        return body.data, {"Content-Type": body.content_type}
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(), {"Content-Type": "application/json"}
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionError(f"the request cannot be written as JSON: {error}") from error
