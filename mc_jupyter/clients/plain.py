"""Any path of any service over HTTP, for services that have no client of their own."""

from __future__ import annotations

import json as json_module
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

from ..errors import ArgumentError, MediaConduitError, OptionError, ResponseError
from ..events import Report, silent
from .base import ServiceClient, at_work
from .content import Content, content_type_of
from .faults import Fault
from .http import Fields, Files
from .names import told
from .refusals import refused
from .transfer import Raw

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_OWN = ("host", "content-length", "transfer-encoding", "connection", "expect")


def _refined(fault: Fault) -> MediaConduitError | None:
    """A path that the user chose is the user's matter, not a sign of another service."""
    if fault.location and (there := _within(fault)):
        words = f"{fault.status}, {fault.path} points to {there}"
        again = f"%mc call {fault.name} {fault.method} {shlex.quote(there)}"
        return ResponseError(told(fault.name, fault.url, words), again, status=fault.status)
    if fault.status not in (404, 405) or "error" in fault.data:
        return refused(fault)
    said = f"{fault.status}" + (f": {fault.text[:80]}" if fault.text and not fault.html else "")
    method = " for this method" if fault.status == 405 else ""
    path = fault.path.partition("?")[0]
    words = told(fault.name, fault.url, f"there is no {path}{method} ({said})")
    return ResponseError(words, status=fault.status)


def _within(fault: Fault) -> str:
    """The path that a redirect points to, where that is of the same service; else empty."""
    base = f"{fault.url.rstrip('/')}/"
    target = urljoin(f"{base}{fault.path.removeprefix('/')}", fault.location).partition("#")[0]
    return target[len(base) - 1 :] if target.startswith(base) else ""


@dataclass(frozen=True)
class PlainAnswer:
    """What a path answered.

    Attributes
    ----------
    content
        The body.
    status
        The HTTP status, one of success.
    headers
        By their lower-case names.
    """

    content: Content
    status: int
    headers: Mapping[str, str]


class PlainClient(ServiceClient):
    """A client of any HTTP service.

    Parameters
    ----------
    url, token, limits, name, changed
        As for every client (:class:`~mc_jupyter.clients.base.ServiceClient`).
    """

    _refine = staticmethod(_refined)

    def health(self) -> dict[str, Any]:
        """Return the status that ``/`` answers with: any answer below 500 is a sign of life.

        Raises
        ------
        ConnectionFailedError, ResponseError
            Nothing answers, or with an error of the server's own.
        """
        try:
            return {"status": self.call("GET", "/").status}
        except ResponseError as error:
            if error.status >= 500:
                raise
            return {"status": error.status}

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Fields | None = None,
        json: Any = None,
        text: str | None = None,
        form: Fields | None = None,
        files: Files = (),
        headers: Mapping[str, str] | None = None,
        report: Report = silent,
    ) -> PlainAnswer:
        """Send a request and return what came.

        Parameters
        ----------
        method
            One of :data:`METHODS`.
        path
            Begins with ``/``; may have a query of its own.
        query
            Put behind it.
        json
            A body: any value that JSON has, but not None.
        text
            A body: sent as UTF-8, as ``text/plain`` unless `headers` say otherwise.
        form, files
            Fields and files of a form; files are streamed.
        headers
            Beside those that every request has.
        report
            Told of large files, and each second for how long it has taken.

        Raises
        ------
        ArgumentError, OptionError
            Method, path or header cannot be one, or there is more than one body.
        ResponseError
            The service refused; its words, and `status`.
        """
        verb = method.upper()
        if verb not in METHODS:
            raise ArgumentError(
                f"{method!r} is no method of HTTP", f"accepted: {', '.join(METHODS)}"
            )
        body = _body(json, text, bool(form or files), headers)
        with (
            at_work(f"{self.name} is at work", report) as told_of,
            self._http.open(
                verb,
                _whole(path, query),
                body,
                form=form,
                files=files,
                headers=_checked(headers),
                report=told_of,
            ) as reply,
        ):
            content = reply.content(told_of)
            answer = PlainAnswer(content, reply.status, reply.headers)
        if verb not in ("GET", "HEAD", "OPTIONS"):
            self._changed()
        if "content-type" not in answer.headers:
            content.content_type = content_type_of(path.partition("?")[0])
        return answer


def _whole(path: str, query: Fields | None) -> str:
    """The path with its query; it never leads to another host."""
    if not path.startswith("/") or path.startswith("//"):
        raise ArgumentError(f"the path is {path!r}", "a path begins with one /, like /v1/models")
    if "#" in path or not path.isprintable():
        raise ArgumentError(f"the path {path!r} holds what no path has", "write it as %23, %0A")
    if not query:
        return path
    pairs = list(query.items()) if isinstance(query, Mapping) else list(query)
    return f"{path}{'&' if '?' in path else '?'}{urlencode(pairs)}"


def _body(
    json: Any, text: str | None, has_form: bool, headers: Mapping[str, str] | None
) -> Raw | None:
    if sum((json is not None, text is not None, has_form)) > 1:
        raise OptionError("a request has one body", "one of json, text, or form and files")
    asked = {name.lower(): value for name, value in (headers or {}).items()}.get("content-type")
    if json is not None:
        try:
            data = json_module.dumps(json, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise OptionError(f"the body cannot be written as JSON: {error}") from error
        return Raw(data, asked or "application/json")
    if text is not None:
        return Raw(text.encode("utf-8", "replace"), asked or "text/plain; charset=utf-8")
    if asked:
        raise OptionError("Content-Type is for json and text only", "leave it out")
    return None


def _checked(headers: Mapping[str, str] | None) -> dict[str, str]:
    found = {}
    for name, value in (headers or {}).items():
        if name.lower() in _OWN or not (name.isascii() and name.replace("-", "").isalnum()):
            raise OptionError(f"the header {name!r} cannot be set", "any other header")
        if not (value.isascii() and value.isprintable()):
            raise OptionError(f"the header {name} holds what no header may have")
        if name.lower() != "content-type":
            found[name] = value
    return found
