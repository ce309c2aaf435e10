"""The bodies of ``/api/generate`` and ``/api/chat``, checked.

A field that would be ignored is an error that names it: nothing is dropped in silence. Fields
that are null, false or empty ask for nothing, and many clients send them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import ResponseError, did_you_mean
from .schema import closed
from .strict_json import parse_json, short

Kind = Literal["generate", "chat"]
Json = dict[str, Any]

_COMMON: tuple[str, ...] = (
    "model",
    "stream",
    "format",
    "keep_alive",
    "options",
    "think",
    "tools",
    "truncate",
)
_COMMON += ("shift", "logprobs", "top_logprobs")
_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "generate": (*_COMMON, "prompt", "system", "raw", "images", "suffix", "template", "context"),
    "chat": (*_COMMON, "messages"),
}
_ROLES = ("system", "user", "assistant")
#: Fields of Ollama's API that ask for what this server does not do.
_REFUSED = {
    "tools": "{model} does not support tools",
    "images": "{model} does not support images: this embedded server reads text only",
    "suffix": "{model} does not support insert",
    "think": '"{model}" does not support thinking',
    "template": "this embedded server uses the model's own template only",
    "context": "this embedded server takes no context; send the messages to /api/chat",
    "truncate": "this embedded server never truncates a prompt; one that is too long is an error",
    "shift": "this embedded server never shifts the context; a full one ends the answer",
    "logprobs": "this embedded server returns no logprobs",
    "top_logprobs": "this embedded server returns no logprobs",
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_REPEATS = ("minItems", "maxItems", "minProperties", "maxProperties")
_MOST_REPEATS = 10_000
_DURATION_LENGTH = 100  # characters; the search takes the square of it
LONGEST = 9_223_372_036.0  # seconds, the longest that Go (and so Ollama) can say


@dataclass(frozen=True)
class Ask:
    """A checked request for an answer.

    Attributes
    ----------
    model
        The name as the caller wrote it; the answer repeats it.
    messages
        Of a chat, or what a prompt and its system message amount to; empty asks to load.
    raw
        A prompt that goes to the model as it is; None for all others.
    system_given
        Whether the caller sent a system message.
    stream
        Whether the answer comes in pieces.
    schema
        The JSON schema that the answer must follow; None for free text.
    keep_alive
        Seconds to keep the model in memory afterwards, ``inf`` for ever, None when not sent.
    options
        As sent.
    """

    model: str
    messages: tuple[Mapping[str, str], ...]
    raw: str | None
    system_given: bool
    stream: bool
    schema: Json | None
    keep_alive: float | None
    options: Json

    @property
    def empty(self) -> bool:
        """Whether nothing is asked but to load or unload the model."""
        return not self.messages and not self.raw


def parse_body(raw: bytes) -> Json:
    """Return the JSON object of a request's body.

    Raises
    ------
    ResponseError
        400 when there is none.
    """
    if not raw.strip():
        raise ResponseError("missing request body", status=400)
    try:
        body = parse_json(raw)
    except ValueError as error:
        raise ResponseError(f"invalid JSON: {error}", status=400) from None
    if not isinstance(body, dict):
        raise ResponseError("the request body must be a JSON object", status=400)
    return body


def parse_ask(kind: Kind, body: Json) -> Ask:
    """Check the body of ``/api/generate`` or ``/api/chat``.

    Raises
    ------
    ResponseError
        400 with the field and what is wrong with it.
    """
    for name in body:
        if name not in _FIELDS[kind]:
            hint = did_you_mean(short(name), _FIELDS[kind])
            raise ResponseError(f'unknown field "{short(name)}": {hint}', status=400)
    model = field(body, "model", str, "")
    if not model:
        raise ResponseError("model is required", status=400)
    raw = None
    if kind == "chat":
        messages = [_message(item, model) for item in field(body, "messages", list, [])]
    else:
        messages, raw = _prompt(body)
    return Ask(
        model=model,
        messages=tuple(messages),
        raw=raw,
        system_given=bool(messages) and messages[0]["role"] == "system",
        stream=field(body, "stream", bool, True),
        schema=_schema(body.get("format")),
        keep_alive=parse_keep_alive(body.get("keep_alive")),
        options=field(body, "options", dict, {}),
    )


def refuse_unsupported(body: Json) -> None:
    """Raise for a field that asks for what this server does not do (400, ResponseError)."""
    for name, text in _REFUSED.items():
        if body.get(name):
            raise ResponseError(text.format(model=short(body["model"])), status=400)


def field(body: Mapping[str, Any], name: str, kind: type[Any], default: Any) -> Any:
    """Return a field of the wanted JSON type, or the default where it is absent or null.

    Raises
    ------
    ResponseError
        400 when it is of another type.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        words = {str: "a string", bool: "true or false", list: "an array", dict: "an object"}
        raise ResponseError(f'"{name}" must be {words[kind]}', status=400)
    return value


def _prompt(body: Json) -> tuple[list[Mapping[str, str]], str | None]:
    prompt, system = field(body, "prompt", str, ""), field(body, "system", str, "")
    if field(body, "raw", bool, False):
        if system:
            raise ResponseError(
                "raw mode does not support template, system, or context", status=400
            )
        return [], prompt
    if not prompt:
        return [], None
    head = [{"role": "system", "content": system}] if system else []
    return [*head, {"role": "user", "content": prompt}], None


def _message(item: Any, model: str) -> Mapping[str, str]:
    if not isinstance(item, dict):
        raise ResponseError('"messages" must be an array of objects', status=400)
    role = item.get("role")
    if role not in _ROLES:
        raise ResponseError(
            f'message role "{short(str(role))}" is not served; known: {", ".join(_ROLES)}',
            status=400,
        )
    for name in item:
        if name not in ("role", "content") and item[name]:
            text = _REFUSED["images"] if name == "images" else 'a message\'s "{name}" is not served'
            raise ResponseError(text.format(model=short(model), name=short(name)), status=400)
    return {"role": role, "content": field(item, "content", str, "")}


def _schema(wanted: Any) -> Json | None:
    if wanted is None or wanted == "":
        return None
    if wanted == "json":
        return closed({"type": "object"})
    if not isinstance(wanted, dict):
        shown = short(json.dumps(wanted))
        raise ResponseError(
            f'invalid format: {shown}; expected "json" or a JSON schema object', status=400
        )
    _check_repeats(wanted)
    return closed(wanted)


def _check_repeats(schema: Json) -> None:
    """Refuse what the grammar compiler would take gigabytes for, or break off in the midst of."""
    left: list[Any] = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            for name in _REPEATS:
                count = node.get(name)
                if isinstance(count, (int, float)) and count > _MOST_REPEATS:
                    raise ResponseError(
                        f'"{name}" in the format is {count}; the most is {_MOST_REPEATS}',
                        status=400,
                    )
            left += [*node, *node.values()]
        elif isinstance(node, list):
            left += node
        elif isinstance(node, str) and len(node) > _MOST_REPEATS:
            raise ResponseError(
                f"a string in the format has {len(node)} characters; the most is {_MOST_REPEATS}",
                status=400,
            )


def parse_keep_alive(value: Any) -> float | None:
    """Return seconds from a number or a Go duration; ``inf`` for a negative one.

    Source: ollama, api/types.go (Duration); Go, time.ParseDuration.

    Raises
    ------
    ResponseError
        400 when it is neither.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _seconds(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ResponseError("keep_alive must be seconds or a duration like 10m", status=400)
    if not abs(value) <= LONGEST:
        raise ResponseError(
            f"keep_alive is too long: the most is {LONGEST:.0f} seconds; -1 keeps for ever",
            status=400,
        )
    return math.inf if value < 0 else float(value)


def _seconds(text: str) -> float:
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = _DURATION.findall(rest) if len(rest) <= _DURATION_LENGTH else []
    if rest != "0" and not (parts and "".join(n + unit for n, unit in parts) == rest):
        raise ResponseError(
            f'invalid keep_alive: time: invalid duration "{short(text)}"', status=400
        )
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)
