"""Gradio's plain HTTP interface (``/gradio_api`` of Gradio 5), as far as a client needs it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..errors import MediaConduitError, ResponseError, StreamCutError
from ..events import Report, silent
from .content import Content, content_type_of
from .errand import aside, begin
from .faults import one_line
from .http import Http
from .lines import log
from .names import told
from .reply import Reply
from .upload import Upload

_API = "/gradio_api"
_NOTICES = 0.2  # s; how soon Gradio sees that a stream was closed: it looks each 0.05 s


@dataclass(frozen=True)
class Input:
    """An input of a function, as the server describes it.

    Attributes
    ----------
    label
        What stands above it on the page.
    default
        What the page shows at first; None where that is nothing.
    choices
        The only values, where the server lists them.
    """

    label: str
    default: Any = None
    choices: tuple[str, ...] = ()


def functions(http: Http) -> dict[str, tuple[Input, ...]]:
    """Return the inputs of the functions that can be called, by their names without a slash."""
    told_of = http.get(f"{_API}/info")
    named = told_of.get("named_endpoints") if isinstance(told_of, Mapping) else None
    if not isinstance(named, Mapping):
        raise _wrong(http, f"{_API}/info answered with no list of functions")
    return {
        str(name).lstrip("/"): tuple(map(_input, parameters))
        for name, about in named.items()
        if isinstance(about, Mapping) and isinstance(parameters := about.get("parameters"), list)
    }


def _input(given: Any) -> Input:
    about = _map(given)
    kind = _map(about.get("type"))
    choices = kind.get("enum") or _map(kind.get("items")).get("enum")
    choices = choices if isinstance(choices, list) else ()
    default = about.get("parameter_default") if about.get("parameter_has_default") else None
    return Input(str(about.get("label")), default, tuple(map(str, choices)))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def upload(http: Http, recording: Upload, report: Report = silent) -> dict[str, Any]:
    """Send a file and return what stands for it as an input.

    The server keeps it under its hash, so the same file gets the same path.
    """
    files = [("files", recording)]
    with http.open("POST", f"{_API}/upload", files=files, report=report) as reply:
        paths = reply.value()
    if not isinstance(paths, list) or not paths or not isinstance(paths[0], str):
        raise _wrong(http, f"{_API}/upload does not say where it keeps {recording.name}")
    return file_data(paths[0], recording.name)


def file_data(path: str, name: str) -> dict[str, Any]:
    """Return what stands for a file of the server as an input."""
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def fetch(http: Http, path: str, report: Report = silent) -> Content:
    """Return a file of the server by the path in an answer.

    The address beside it is not used: behind a proxy or a container's port it names another
    host, and Gradio 5.15 writes one that does not exist.
    """
    content = http.fetch("GET", f"{_API}/file={quote(path)}", report=report)[0]
    if content.content_type == "application/octet-stream":  # what it says of files to be saved
        content.content_type = content_type_of(path)
    return content


def call(http: Http, function: str, data: Sequence[Any]) -> list[Any]:
    """Have a function called, wait for it, and return its outputs.

    An interrupt or cancel takes the call out of the server's queue. What has begun is given up
    there: the next call need not wait for it, but Gradio cannot stop the work itself.

    Raises
    ------
    ResponseError
        The function failed; Gradio does not say why.
    TimeLimitError
        Nothing but signs of life came for the limit `first_byte`.
    StreamCutError
        The server ended the answer before the function was done.
    """
    path = f"{_API}/call/{function}"
    event = begin(
        lambda: _begun(http, path, data), lambda late: _give_up(http, function, late, unheard=True)
    )
    is_done = is_heard = False
    try:
        with http.open("GET", f"{path}/{event}") as reply:
            is_heard = True
            outputs = _outputs(http, reply)
        is_done = True
        return outputs
    except ResponseError:
        is_done = True
        raise
    finally:
        if not is_done:
            aside(lambda: _give_up(http, function, event, unheard=not is_heard))


def _begun(http: Http, path: str, data: Sequence[Any]) -> str:
    event = http.call("POST", path, {"data": list(data)}, limit="first_byte").get("event_id")
    if not isinstance(event, str) or not event:
        raise _wrong(http, f"{path} answered without the number of the call")
    return event


def _give_up(http: Http, function: str, event: str, *, unheard: bool = False) -> None:
    """Take a call out of the queue, which closing its stream does, and free the queue.

    `unheard` says that its stream may not have been opened.
    """
    if unheard:
        with suppress(MediaConduitError), http.open("GET", f"{_API}/call/{function}/{event}"):
            pass
    with suppress(MediaConduitError):
        # a cancel that comes first ends the stream in order, and a waiting call is worked through
        time.sleep(_NOTICES)
        listed = http.call("GET", "/config").get("dependencies")
        for one in listed if isinstance(listed, list) else ():
            if _map(one).get("api_name") == function:
                body = {"session_hash": event, "fn_index": one.get("id"), "event_id": event}
                http.call("POST", f"{_API}/cancel", body)


def _outputs(http: Http, reply: Reply) -> list[Any]:
    name, limit, began = http.peer.name, http.peer.limits.first_byte, time.monotonic()
    for event, data in _events(reply):
        if event == "complete":
            if not isinstance(data, list):
                raise _wrong(http, "the function answered with no list of outputs")
            return data
        if event == "error":
            why = f": {one_line(str(data))}" if data else " and does not say why"
            raise ResponseError(
                told(name, http.url, f"the server failed while it worked{why}"),
                log(name, "its log says it"),
            )
        if limit is not None and time.monotonic() - began > limit:
            raise http.peer.too_long("first_byte", "the server lives, but the work is not done")
    raise StreamCutError(
        told(name, http.url, "the server ended the answer before the work was done"),
        f"run it again, or look: %mc status {name}",
    )


def _events(reply: Reply) -> Iterator[tuple[str, Any]]:
    """The server-sent events: name and JSON value."""
    name, data = "", ""
    for line in reply.lines():
        field, _, value = line.decode("utf-8", "replace").strip("\r").partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data += value.strip()
        elif not field and name:
            yield name, _value(reply, data)
            name, data = "", ""
    if name and data:  # the last one, where no empty line follows it
        yield name, _value(reply, data)


def _value(reply: Reply, data: str) -> Any:
    try:
        return reply.peer.loads(data or "null")
    except ValueError:
        return data


def _wrong(http: Http, text: str) -> ResponseError:
    return ResponseError(
        told(http.peer.name, http.url, text),
        log(http.peer.name, "it may be another version of Gradio than 5"),
    )
