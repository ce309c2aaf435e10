"""What the stand-ins have in common: settings, the log of requests, and wrong behaviour."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from fastapi import FastAPI
from python_multipart.multipart import MultipartParser, parse_options_header

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_SHOWN = 4096  # bytes of a field's value or a JSON string that the log keeps
_HIDDEN = ("/standin", "/standin/requests")


class Settings(Mapping[str, str]):
    """The switches: words ``name=value`` on the command line, else STANDIN_NAME."""

    def __init__(self, words: list[str]) -> None:
        prefix = "STANDIN_"
        self._values = {
            name.removeprefix(prefix).lower(): value
            for name, value in os.environ.items()
            if name.startswith(prefix)
        }
        self._values |= dict(word.split("=", 1) for word in words)

    def __getitem__(self, name: str) -> str:
        return self._values.get(name, "")

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def slow(self) -> float:
        """Seconds that each piece of work takes longer."""
        return float(self["slow"] or 0)


class Requests:
    """ASGI middleware: writes down what was asked, and does what ``fail`` says to POSTs.

    ``fail=500`` (any status) answers with it; ``hang`` never answers; ``cut`` closes the
    connection in the middle of the answer's body.
    """

    def __init__(self, app: Any, seen: list[dict[str, Any]], fail: str) -> None:
        self.app, self.seen, self.fail = app, seen, fail

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _HIDDEN:
            await self.app(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        entry: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "content_type": headers.get("content-type", ""),
            "headers": headers,
            "at": time.time(),
            "size": 0,
            "status": None,
            "finished": False,
            "gone": False,
        }
        self.seen.append(entry)
        body = Body(entry)

        async def hear() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                entry["gone"] = not entry["finished"]
            else:
                body.take(message.get("body", b""), not message.get("more_body", False))
            return message

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                entry["finished"] = True

        if scope["method"] == "POST" and self.fail:
            await _fail(self.fail, self.app, scope, hear, tell)
        else:
            await self.app(scope, hear, tell)


async def _fail(fail: str, app: Any, scope: Message, receive: Receive, send: Send) -> None:
    if fail.isdigit():
        content = json.dumps({"detail": "the stand-in was told to fail"}).encode()
        while (await receive()).get("more_body"):
            pass
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": int(fail), "headers": kind})
        await send({"type": "http.response.body", "body": content})
    elif fail == "hang":
        while (await receive())["type"] != "http.disconnect":
            pass
    elif fail == "cut":

        async def cut(message: Message) -> None:
            body = message.get("body", b"")
            if message["type"] == "http.response.body" and body:
                await send({**message, "body": body[: len(body) // 2], "more_body": True})
                raise ConnectionAbortedError("the stand-in was told to cut its answer")
            await send(message)

        await app(scope, receive, cut)
    else:
        await app(scope, receive, send)


class Body:
    """Reads a request's body along with the server and keeps names, types, sizes and hashes."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self._entry = entry
        self._raw = bytearray()
        self._parser: MultipartParser | None = None
        kind, options = parse_options_header(entry["content_type"])
        self._is_json = kind == b"application/json"
        if kind == b"multipart/form-data" and b"boundary" in options:
            entry["parts"] = []
            self._parser = MultipartParser(options[b"boundary"], self._callbacks())

    def take(self, data: bytes, last: bool) -> None:
        self._entry["size"] += len(data)
        if self._parser is not None:
            self._parser.write(data)
        elif self._is_json:
            self._raw += data
        if last and self._is_json:
            self._is_json = False
            try:
                self._entry["json"] = json.loads(self._raw)
            except ValueError:
                self._entry["json"] = None

    def _callbacks(self) -> Any:
        state: dict[str, Any] = {}

        def begin() -> None:
            state.update(field=b"", value=b"", headers={}, size=0, hash=hashlib.sha256(), raw=b"")

        def header_field(data: bytes, start: int, end: int) -> None:
            state["field"] += data[start:end]

        def header_value(data: bytes, start: int, end: int) -> None:
            state["value"] += data[start:end]

        def header_end() -> None:
            state["headers"][state["field"].lower().decode()] = state["value"]
            state["field"] = state["value"] = b""

        def part_data(data: bytes, start: int, end: int) -> None:
            state["size"] += end - start
            state["hash"].update(data[start:end])
            if len(state["raw"]) < _SHOWN:
                state["raw"] += data[start:end]

        def part_end() -> None:
            self._entry["parts"].append(_part(state))

        return {
            "on_part_begin": begin,
            "on_header_field": header_field,
            "on_header_value": header_value,
            "on_header_end": header_end,
            "on_part_data": part_data,
            "on_part_end": part_end,
        }


def _part(state: dict[str, Any]) -> dict[str, Any]:
    options = parse_options_header(state["headers"].get("content-disposition", b""))[1]
    part = {
        "name": options.get(b"name", b"").decode(),
        "type": state["headers"].get("content-type", b"").decode(),
        "size": state["size"],
        "sha256": state["hash"].hexdigest(),
    }
    if b"filename" in options:
        return {**part, "filename": options[b"filename"].decode()}
    return {**part, "value": state["raw"][:_SHOWN].decode(errors="replace")}


def make(name: str, engine: str, settings: Settings, **options: Any) -> FastAPI:
    """Return an app with the stand-in's own two paths.

    Parameters
    ----------
    name
        Of the service.
    engine
        What does the work.
    settings
        The switches; they are told at ``GET /standin`` too.
    options
        For FastAPI.
    """
    app = FastAPI(title=f"a stand-in for {name}", **options)
    seen: list[dict[str, Any]] = []
    app.add_middleware(Requests, seen=seen, fail=settings["fail"])

    @app.get("/standin", include_in_schema=False)
    def standin() -> dict[str, Any]:
        told = ("GRADIO_SHARE", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
        environment = {each: os.environ[each] for each in told if each in os.environ}
        return {
            "standin": name,
            "engine": engine,
            "settings": dict(settings),
            "environment": environment,
        }

    @app.get("/standin/requests", include_in_schema=False)
    def requests() -> list[dict[str, Any]]:
        return seen

    return app
