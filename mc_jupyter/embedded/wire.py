"""The HTTP that is spoken with a worker: one request a connection, over its unix socket.

Closing the connection is how a request is given up: llama.cpp's server notices it at the next
token, between two batches of a prompt, and at the latest after a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from ..errors import ResponseError

Json = dict[str, Any]
_EVENT_LIMIT = 16 * 2**20  # bytes


class Wire:
    """Where a worker answers.

    Parameters
    ----------
    socket
        Path of the unix socket.
    key
        The bearer token that the worker wants.

    Attributes
    ----------
    broken
        Whether the worker once broke off: it is dying, even where the system does not say so yet.
    """

    def __init__(self, socket: str, key: str) -> None:
        self.socket = socket
        self.key = key
        self.broken = False

    async def call(self, path: str, body: Mapping[str, Any]) -> Json:
        """Post `body` and return the one JSON object that comes back.

        Raises
        ------
        ResponseError
            With llama.cpp's own status and message, or 500 when the worker is gone.
        """
        async with self._exchange(path, body) as (status, chunks):
            text = b"".join([chunk async for chunk in chunks])
        reply: Json = json.loads(text)
        if status != 200:
            raise _error(reply, status)
        return reply

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[list[Json], None]:
        """Post `body`; yield the server-sent events that come back, as many as are there at once.

        Raises
        ------
        ResponseError
            As :meth:`call`; also for an error in the midst of the stream.
        """
        async with self._exchange(path, body) as (status, chunks):
            rest = b""
            async for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                if events := [event for line in lines if (event := _event(line)) is not None]:
                    yield events
            if status != 200:
                raise _error(json.loads(rest), status)

    @asynccontextmanager
    async def _exchange(
        self, path: str, body: Mapping[str, Any]
    ) -> AsyncGenerator[tuple[int, AsyncGenerator[bytes, None]], None]:
        payload = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        )
        writer = None
        try:
            reader, writer = await asyncio.open_unix_connection(self.socket, limit=_EVENT_LIMIT)
            writer.write(head.encode() + payload)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            chunked = b"\r\ntransfer-encoding: chunked\r\n" in answer
            async with aclosing(_chunks(reader) if chunked else _whole(reader)) as chunks:
                yield int(answer.split(None, 2)[1]), chunks
        except (OSError, EOFError) as error:
            self.broken = True
            raise ResponseError(
                "the engine ended in the midst of the answer", status=500
            ) from error
        finally:
            if writer is not None:
                writer.close()


async def _whole(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    yield await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """Yield a chunked body (RFC 9112, 7.1), as many chunks as are there at once."""
    rest = b""
    while data := await reader.read(65536):
        rest += data
        whole = b""
        while (line := rest.find(b"\r\n")) > 0:
            size = int(rest[:line], 16)
            end = line + 2 + size
            if len(rest) < end + 2:
                break
            whole += rest[line + 2 : end]
            rest = rest[end + 2 :]
            if not size:
                yield whole
                return
        if whole:
            yield whole
    raise EOFError


def _event(line: bytes) -> Json | None:
    name, _, data = line.partition(b": ")
    if name == b"error":
        raise _error({"error": json.loads(data)}, 500)
    if name != b"data" or data == b"[DONE]":
        return None
    event: Json = json.loads(data)
    if "error" in event:
        raise _error(event, 500)
    return event


def _error(reply: Json, status: int) -> ResponseError:
    detail = reply.get("error", reply)
    if not isinstance(detail, dict):
        return ResponseError(str(detail), status=500)
    code = detail.get("code") or (status if status != 200 else 500)
    return ResponseError(str(detail.get("message", detail)), status=int(code))
