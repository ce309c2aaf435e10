"""What a service answered instead of what was asked for, in words: status and body to an error.

The shapes are Ollama's (``{"error": "text"}`` before the first chunk or as a line inside the
stream, plain text for an unknown path, an empty 403 from its Host check), and those of what may
stand in front of it: proxies with HTML pages, redirects, other programs on the port.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import hosts
from ..errors import (
    AccessError,
    DiskFullError,
    MediaConduitError,
    ModelNotFoundError,
    ResponseError,
)
from ..urls import split_url
from .loads import loads
from .names import at, shown, told

_NO_SPACE = re.compile(
    r"no space left on device|disk quota exceeded|not enough space|no room for", re.I
)
_NO_MANIFEST = re.compile(r"manifest.*(does not exist|not found|unknown)", re.I)
_PICTURE = re.compile(
    r"\bimage (type|format)|(decod|load|process|read)\w* image|image: unknown", re.I
)
_ADVICE = re.compile(r"not found: ")  # a server that says what it can serve instead
_TOKENS = re.compile(r"\b(\d{1,9}) tokens")
_ANSWER = 512  # tokens that are left for an answer
_PASSING = re.compile(  # what may be over when it is asked for again
    r"time[d -]*out|deadline|terminated|connection|reset by|\beof\b|broken pipe|busy|overload"
    r"|unavailable|temporar|try again|retry|rate limit|canceled|interrupted|is ending"
    r"|internal server error|ended before|out of memory",
    re.IGNORECASE,
)
_NEVER = re.compile(r"could not load|no such file|unknown model", re.I)
_LONGEST = 600  # characters of a server's text in a message


@dataclass(frozen=True)
class Fault:
    """A refusal, as it came.

    Attributes
    ----------
    name
        The service's name, for messages.
    url, path
        Where it was asked.
    request
        The body that was sent.
    status
        The HTTP status; 200 for an error inside a stream.
    data
        The JSON object that came; empty if it was none.
    text
        The error's text, or the body as text; may be empty.
    html
        Whether the body is an HTML page.
    location
        Where a redirect points to; empty if it is none.
    method
        Of HTTP.
    token
        What was to let it in.
    """

    name: str
    url: str
    path: str
    request: Mapping[str, Any]
    status: int
    data: Mapping[str, Any]
    text: str
    html: bool = False
    location: str = ""
    method: str = "GET"
    token: hosts.Token = field(default=None, repr=False)


Refine = Callable[[Fault], MediaConduitError | None]


def read_body(body: bytes, content_type: str) -> tuple[Mapping[str, Any], str, bool]:
    """Return the `data`, `text` and `html` of a :class:`Fault` from a body's bytes."""
    try:
        data = loads(body)
    except ValueError:
        data = None
    if isinstance(data, dict):
        return data, error_text(data), False
    start = body.lstrip()[:200].lower()
    html = "html" in content_type or start.startswith((b"<!doctype", b"<html"))
    return {}, one_line(body.decode("utf-8", "replace")), html


def error_text(data: Mapping[str, Any]) -> str:
    """Return what ``{"error": ...}`` says: a text, or OpenAI's ``{"message": ...}``.

    FastAPI's ``{"detail": ...}`` is taken where there is no ``error``.
    """
    error = data.get("error") or data.get("detail") or ""
    if isinstance(error, Mapping):
        error = error.get("message", error)
    return one_line(error if isinstance(error, str) else json.dumps(error))


def one_line(text: str) -> str:
    """Return a text without line breaks, cut to a length that can be read."""
    line = " ".join(text[: 50 * _LONGEST].split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def to_error(fault: Fault, refine: Refine | None = None) -> MediaConduitError:
    """Return the error to raise.

    Parameters
    ----------
    fault
        What came.
    refine
        The service's own knowledge, asked first.
    """
    refined = refine(fault) if refine else None
    if fault.status in (401, 403) and type(refined) in (ResponseError, type(None)):
        return _denied(fault)
    if refined:
        return refined
    if fault.status == 407 and (error := hosts.refused_by_proxy(fault.url)):
        return error
    if _NO_SPACE.search(fault.text):
        fact = fault.text.partition(": free some room")[0]  # the embedded server's own advice
        return DiskFullError(
            told(fault.name, fault.url, fact),
            "make room on the server's disk, then run this again",
        )
    message, hint = _words(fault)
    if fault.status in (502, 503, 504) and fault.url.startswith("http:"):
        # of https a proxy cannot answer in the host's place
        proxy = hosts.proxy_of(fault.url)
        message += f" (asked through {proxy})" if proxy else ""
    message = told(fault.name, fault.url, message)
    return ResponseError(message, hint, status=fault.status)


def _words(fault: Fault) -> tuple[str, str | None]:
    status, text, where = fault.status, fault.text, f"{shown(fault.url)}{fault.path}"
    other = f"something else may answer there; to look: {shown(fault.url)}"
    if fault.location:
        target = shown(fault.location)
        there = split_url(target)
        if there is None or not there.netloc:
            return f"{status}, {where} points to {target}", other
        # an address that %mc load takes has no path
        that = f"load that one: %mc load {there.scheme}://{there.netloc}"
        return f"{status}, {where} points to {target}", that
    if fault.html:
        return f"{status} and an HTML page from {where}", other
    if status == 503:
        return f"{text or 'busy'} (503)", "wait for other answers to end, then run this again"
    again = f"run it again, or look: %mc status {fault.name}"
    if text and "error" in fault.data:
        passing = _PASSING.search(text) and not _NEVER.search(text)
        look = again if passing else f"to look: %mc status {fault.name}"
        hint = None if 400 <= status < 500 else look
        return (text if status == 200 else f"{text} ({status})"), hint
    if status in (404, 405):
        said = f"{status} {text!r:.80}" if text else f"{status}"
        return f"{shown(fault.url)} does not know {fault.path} ({said})", other
    if status == 200:
        return f"{where} answered with something that is no JSON object: {text!r:.80}", other
    if not text:
        return f"{status} and an empty answer from {where}", again
    return f"{where} answered {status}: {text}", again


def _denied(fault: Fault) -> AccessError:
    """The error for 401 (who are you?) and 403 (not you)."""
    status, text, where = fault.status, fault.text, f"{shown(fault.url)}{fault.path}"
    said = "" if fault.html or not text else f": {text}"
    meaning = "wants a key" if status == 401 else "does not allow this"
    what = told(fault.name, fault.url, f"{where} {meaning} ({status}){said}")
    error = hosts.denied(status, fault.url, fault.token, what)
    sign_in = fault.data.get("signin_url")
    if isinstance(sign_in, str) and sign_in:
        error.hint = f"sign in: {sign_in}"
    elif status == 403 and not text and fault.path.startswith("/api/"):  # as an Ollama does
        error.message = told(
            fault.name,
            fault.url,
            f"403 and an empty answer from {where}: the server refuses this host name",
        )
        error.hint = (
            "an Ollama bound to loopback takes http://127.0.0.1:PORT only, or start it with "
            "OLLAMA_HOST=0.0.0.0"
        )
    return error


def model_refusal(fault: Fault) -> MediaConduitError | None:
    """Return the error for an Ollama model that is not there; None for any other refusal."""
    model = fault.request.get("model")
    if not model or "error" not in fault.data:
        return None
    here = f"to see what is here: %ollama list{at(fault.name)}"
    if fault.path == "/api/pull" and _NO_MANIFEST.search(fault.text):
        # the embedded server says behind it what it can serve instead
        advice = fault.text.partition("does not exist: ")[2] or fault.text
        said = f"there is no model {model!r} to pull ({advice})"
        return ModelNotFoundError(
            told(fault.name, fault.url, said), f"check the spelling, the tag too; {here}"
        )
    if _PICTURE.search(fault.text) and _has_images(fault.request):
        words = f"{fault.text} ({fault.status})" if fault.status != 200 else fault.text
        return ResponseError(
            told(fault.name, fault.url, words), "save it as png or jpg", status=fault.status
        )
    if fault.path == "/api/pull" and _ADVICE.search(fault.text):
        return ModelNotFoundError(told(fault.name, fault.url, fault.text), here)
    if fault.status == 404:
        pulls = fault.path not in ("/api/pull", "/api/delete") and not _ADVICE.search(fault.text)
        hint = f"%ollama pull {model}{at(fault.name)}" if pulls else here
        return ModelNotFoundError(told(fault.name, fault.url, fault.text), hint)
    if fault.status == 400 and fault.request.get("truncate") is False:
        return _too_long(fault)
    return None


def _has_images(request: Mapping[str, Any]) -> bool:
    messages = request.get("messages")
    each = messages if isinstance(messages, list) else [request]
    return any(isinstance(one, Mapping) and one.get("images") for one in each)


def _too_long(fault: Fault) -> ResponseError | None:
    """The error for a prompt that was not to be cut; None where it is not that."""
    counted = [int(number) for number in _TOKENS.findall(fault.text)]
    if "context" not in fault.text or not counted:
        return None
    wanted = 1 << (max(counted) + _ANSWER - 1).bit_length()
    return ResponseError(
        told(fault.name, fault.url, f"{fault.text} (400)"),
        f"where the model has as much: --num-ctx {wanted}; without --no-truncate it is cut",
        status=400,
    )
