"""One reply, read piece by piece: lines, JSON, a file, or a refusal."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from email.message import Message
from math import inf
from typing import TYPE_CHECKING, Any

from .. import cancel
from ..errors import MediaConduitError, ResponseError, StreamCutError
from ..events import Report, silent
from ..meter import size_text
from ..sockets import Wire
from .content import Content, gather
from .decode import NotDecodedError, decoded, encoding_of
from .faults import Fault, read_body, to_error
from .names import told
from .peer import BoundName, LimitName, Peer
from .redact import Redactor, secrets_in
from .transfer import receiving

if TYPE_CHECKING:
    import httpx

_MOST_OF_AN_ERROR = 65_536  # bytes of a refusal's body that are read
_LONGEST_NAME = 200  # characters of a file's name, counted from its suffix


class Reply:
    """A reply whose headers are there, read piece by piece.

    Attributes
    ----------
    peer
        The service that answers.
    """

    def __init__(
        self,
        peer: Peer,
        response: httpx.Response,
        path: str,
        request: Mapping[str, Any],
        limit: LimitName,
        timeouts: dict[str, float | None],
        wire: Wire,
    ) -> None:
        self.peer, self._response, self._path, self._request = peer, response, path, request
        self._limit: LimitName = limit
        self._timeouts = timeouts
        self._iterators: list[Iterator[bytes]] = [iter(response.stream)]  # type: ignore[arg-type]
        self._started = self._ended = False
        self._came = 0  # bytes of the body, as they came
        encoding = encoding_of(response.headers.get("content-encoding", ""))
        self._decoded = decoded(iter(self._piece, None), encoding) if encoding else None
        self._redactor = Redactor(*secrets_in(response.request.headers))
        self._wire = wire
        self._take_back = cancel.on_cancel(wire.cut)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status_code

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by their lower-case names."""
        hide = self._redactor.text
        return {name.lower(): hide(value) for name, value in self._response.headers.items()}

    @property
    def content_type(self) -> str:
        """The content type without its parameters; empty where there is none."""
        kind: str = self._response.headers.get("content-type", "")
        return kind.partition(";")[0].strip().lower()

    def close(self) -> None:
        """Close the connection."""
        try:
            self._take_back()
            self._response.close()
        except BaseException:  # a second interrupt
            self._wire.cut()
            raise

    def limit(self, name: LimitName) -> None:
        """Wait for the next piece as long as the limit `name` says.

        httpcore reads its limit where the iteration of a body starts, so a new one is started
        over the same body, which goes on where it was. The earlier iterators are kept: dropping
        one closes the connection.
        """
        if name != self._limit:
            self._limit = name
            self._timeouts["read"] = self.peer.limits.of(name)
            self._iterators.append(iter(self._response.stream))  # type: ignore[arg-type]

    def check_headers(self) -> None:
        """Raise the error for headers that are too large."""
        size = sum(len(name) + len(value) + 4 for name, value in self._response.headers.raw)
        if size > self.peer.bounds.max_headers:
            raise self.peer.too_much("max_headers", "the reply's headers are larger")

    def _read(self) -> bytes | None:
        """Return the next piece, decoded and without the key that was sent; None at the end."""
        if self._decoded is None:
            return self._redactor.piece(self._piece())
        try:
            return self._redactor.piece(next(self._decoded, None))
        except NotDecodedError as error:
            raise self._unread(str(error)) from error

    def _unread(self, text: str) -> ResponseError:
        name, url = self.peer.name, self.peer.url
        return ResponseError(
            told(name, url, text), f"to look: %mc status {name}", status=self._response.status_code
        )

    def _piece(self) -> bytes | None:
        """Return the next piece as it came, None at the end."""
        try:
            piece = next(self._iterators[-1], None)
        except self.peer.httpx.TransportError as error:
            cancel.check()
            raise self.peer.failure(error, self._limit, started=True) from error
        cancel.check()  # a body without a length just ends where the connection is broken off
        if not self._started:
            self._started = True
            self.limit("silence")
        self._came += len(piece or b"")
        if self._came > self.peer.bounds.max_reply:
            raise self.peer.too_much("max_reply", "the reply is larger")
        return piece

    def pieces(self) -> Iterator[bytes]:
        """The body, piece by piece as it comes."""
        most, size = self.peer.bounds.max_reply, 0
        while (piece := self._read()) is not None:
            size += len(piece)
            if size > most:
                raise self.peer.too_much("max_reply", "the reply is larger")
            yield piece

    def content(self, report: Report = silent) -> Content:
        """Return the body, in memory or, when it is large, in a temporary file.

        Raises
        ------
        BoundError
            It is larger than the bound `max_reply`; nothing of it is kept.
        """
        headers = self._response.headers
        length = headers.get("content-length", "")
        total = int(length) if length.isdecimal() and self._decoded is None else None
        if total is not None and total > self.peer.bounds.max_reply:
            size = size_text(total)
            raise self.peer.too_much("max_reply", f"the reply is larger: it says {size}")
        return gather(
            self.pieces(),
            self.headers.get("content-type", "application/octet-stream"),
            name=_file_name(self.headers.get("content-disposition", "")),
            told=receiving(self.peer.name, total, report),
        )

    def _short(self) -> bytes:
        """The whole of an answer that is to be short; one without an end is not waited for.

        Once it has begun, the limit of silence holds for all of it.
        """
        body, began = bytearray(), 0.0
        most_seconds = self.peer.limits.silence or inf
        try:
            while (piece := self._read()) is not None:
                began = began or time.monotonic()
                body += piece
                if len(body) > self.peer.bounds.max_answer:
                    raise self.peer.too_much("max_answer", f"{self._path} answers with more")
                if time.monotonic() - began > most_seconds:
                    raise self.peer.too_long("silence", "the answer began, but did not end")
            return bytes(body)
        finally:
            body.clear()  # the frames of an error are kept as long as the error

    def value(self) -> Any:
        """Return the body's JSON value, of whatever type it is."""
        body = self._short()
        try:
            return self.peer.loads(body)
        except ValueError:
            raise self._fault(body) from None

    def lines(self, most: BoundName = "max_answer") -> Iterator[bytes]:
        """Lines between ``\\n`` bytes only: U+0085 and U+2028 may stand inside a JSON text.

        Parameters
        ----------
        most
            The bound for the sum of them all.

        Raises
        ------
        BoundError
            A line, or all of them together, are too long.
        """
        bounds, held, size = self.peer.bounds, bytearray(), 0
        most_bytes: int = getattr(bounds, most)
        try:
            while (piece := self._read()) is not None:
                size += len(piece)
                *lines, tail = piece.split(b"\n")
                if lines and held:
                    lines[0] = bytes(held) + lines[0]
                    held.clear()
                for line in lines:
                    self._check_line(len(line))
                    yield line
                held += tail
                self._check_line(len(held))
                if size > most_bytes:
                    raise self.peer.too_much(most, "the answer is longer")
            self._ended = True
            yield bytes(held)
        finally:
            held.clear()  # the frames of an interrupt are kept by who shows it

    def _check_line(self, length: int) -> None:
        if length > self.peer.bounds.max_line:
            raise self.peer.too_much("max_line", "a line of the answer is longer")

    def objects(
        self, end: tuple[str, object], most: BoundName = "max_answer"
    ) -> Generator[dict[str, Any], None, None]:
        """Yield the JSON objects of a stream of lines, up to the one where key `end` has its value.

        Parameters
        ----------
        end
            Key and value that only the last object has.
        most
            The bound for the sum of all lines.

        Raises
        ------
        StreamCutError
            When the stream ended before.
        ResponseError
            For an object with ``error``, or a line that is not JSON.
        BoundError
            A line, or all of them together, are too long, or nest too deeply.
        """
        key, last = end
        count = 0
        for line in self.lines(most):
            if not line or line.isspace():
                continue
            try:
                item = self.peer.loads(line)
            except ValueError:
                if self._ended and line.lstrip().startswith(b"{"):
                    break  # half an object is the end of a cut stream
                raise self._fault(line) from None
            if type(item) is not dict or item.get("error"):
                raise self._fault(line)
            count += 1
            yield item
            if item.get(key) == last:
                return
        came = f"after {count} pieces" if count else "before anything came"
        name = self.peer.name
        raise StreamCutError(
            told(name, self.peer.url, f"the answer ended {came}: the server did not finish it"),
            f"run it again, or look: %mc status {name}",
        )

    def whole(self) -> dict[str, Any]:
        """Return the reply's one JSON object."""
        body = self._short()
        if not body.strip():
            return {}
        try:
            item = self.peer.loads(body)
        except ValueError:
            raise self._fault(body) from None
        if not isinstance(item, dict) or item.get("error"):
            raise self._fault(body)
        return item

    def refusal(self) -> MediaConduitError:
        """Return the error for a status that is none of success; reads the body, up to a bound."""
        body, began = bytearray(), time.monotonic()
        most_seconds = self.peer.limits.silence or inf
        with suppress(MediaConduitError):  # the status says enough
            while len(body) < _MOST_OF_AN_ERROR and (piece := self._read()) is not None:
                body += piece
                if time.monotonic() - began > most_seconds:
                    break
        return self._fault(bytes(body[:_MOST_OF_AN_ERROR]))

    def _fault(self, body: bytes) -> MediaConduitError:
        headers = self._response.headers
        # some servers quote the request; what is said here is saved with the notebook
        data, text, html = read_body(self._redactor.data(body), headers.get("content-type", ""))
        status = self._response.status_code
        fault = Fault(
            name=self.peer.name,
            url=self.peer.url,
            path=self._path,
            request=self._request,
            status=status,
            data=data,
            text=text,
            html=html,
            location=self.headers.get("location", "") if 300 <= status < 400 else "",
            method=self._response.request.method,
            token=self.peer.token,
        )
        return to_error(fault, self.peer.refine)


def _file_name(disposition: str) -> str:
    """The file name of a Content-Disposition header, without any folder; empty if there is none.

    What has no shape of its own (line ends, marks that turn the direction) is left out.
    """
    message = Message()
    message["content-disposition"] = disposition
    try:
        given = message.get_filename("")
    except UnicodeError:  # of a codec that nobody writes names in
        return ""
    name = re.split(r"[\\/]", given)[-1]
    return "".join(filter(str.isprintable, name)).strip(". ")[-_LONGEST_NAME:]
