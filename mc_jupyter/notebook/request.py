"""The options of a prompt, and the request that they make."""

from __future__ import annotations

import argparse
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import ArgumentError
from ..lab.made import Input
from .arguments import Parser

_OPTIONS: dict[str, tuple[str, type[int] | type[float], str]] = {
    "temperature": ("-t", float, "0 for always the likeliest word"),
    "top_p": ("", float, "sample from the likeliest words of this total probability"),
    "top_k": ("", int, "sample from this many of the likeliest words"),
    "seed": ("", int, "the same seed gives the same answer"),
    "num_predict": ("", int, "at most this many tokens in the answer"),
    "num_ctx": ("", int, "tokens that prompt and answer may have together"),
}
_THINKING: dict[str, bool | str] = {
    "on": True,
    "off": False,
    **{level: level for level in ("low", "medium", "high", "max")},
}


_INSTEAD = {  # what other tools call it
    **dict.fromkeys(
        (
            "n",
            "max-tokens",
            "max-new-tokens",
            "max-output-tokens",
            "max-completion-tokens",
            "max-length",
            "n-predict",
            "num-tokens",
        ),
        "--num-predict N",
    ),
    **dict.fromkeys(
        ("c", "ctx", "n-ctx", "ctx-size", "context", "context-length", "num-context"),
        "--num-ctx N",
    ),
    **dict.fromkeys(("stop-sequence", "stop-sequences", "stops"), "--stop TEXT"),
    **dict.fromkeys(
        ("response-format", "json", "json-schema", "schema", "output-format"),
        "--format json, or --format with a JSON schema",
    ),
    **dict.fromkeys(
        ("reasoning-effort", "reasoning", "effort", "thinking"), "--think, or --think=high"
    ),
    **dict.fromkeys(("system-prompt", "instructions", "developer"), "--system TEXT"),
    **dict.fromkeys(("images", "attach", "attachment"), "--image FILE, once for each"),
    **dict.fromkeys(("keep-alive", "ttl"), "--keepalive D"),
    **dict.fromkeys(("base-url", "url", "api-base", "service", "endpoint"), "--host HANDLE|URL"),
    **dict.fromkeys(("api-key", "key", "token", "key-env"), "%mc load URL --key-env NAME"),
    **dict.fromkeys(("output", "var", "variable", "to"), "--out NAME"),
    **dict.fromkeys(("stream", "no-stream"), "an answer always streams; --quiet shows nothing"),
    **dict.fromkeys(("messages", "history"), "one prompt a cell; in Python: client().chat"),
    **dict.fromkeys(("prompt", "p", "input"), "the prompt goes into the lines below, or behind"),
    "temp": "--temperature X",
    "repetition-penalty": "--option repeat_penalty=X",
    **{
        name: f"--option {name.replace('-', '_')}=X"
        for name in (
            "min-p",
            "typical-p",
            "repeat-penalty",
            "repeat-last-n",
            "presence-penalty",
            "frequency-penalty",
            "num-gpu",
            "num-thread",
            "num-batch",
            "num-keep",
        )
    },
}


@dataclass(frozen=True)
class Request:
    """One prompt, ready to be sent.

    Attributes
    ----------
    models
        The model; several mean the first that is there.
    messages
        What ``/api/chat`` gets; empty to load the model only.
    host
        A handle or an address; None for the usual rule.
    options, format, think, keep_alive, truncate
        As the API has them; None is not sent.
    out
        The variable that the answer goes to, besides ``_answer``.
    inputs
        What the prompt was filled from, where that knows how it was made.
    plain, quiet, verbose, dry_run
        How it is shown.
    """

    models: tuple[str, ...]
    messages: tuple[dict[str, Any], ...] = ()
    host: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    format: str | Mapping[str, Any] | None = None
    think: bool | str | None = None
    keep_alive: float | str | None = None
    truncate: bool | None = None
    out: str | None = None
    inputs: tuple[Input, ...] = ()
    plain: bool = False
    quiet: bool = False
    verbose: bool = False
    dry_run: bool = False

    def extras(self) -> dict[str, Any]:
        """What is sent besides model and messages, as the client's ``chat`` takes it."""
        return {
            "options": self.options,
            "format": self.format,
            "think": self.think,
            "keep_alive": self.keep_alive,
            "truncate": self.truncate,
        }

    def body(self) -> dict[str, Any]:
        """Exactly what goes to the server, with the first model."""
        from ..clients.options import request_body

        if not self.messages:
            more = {"keep_alive": self.keep_alive, "options": dict(self.options) or None}
            given = {name: value for name, value in more.items() if value is not None}
            return {"model": self.models[0], "stream": False, **given}
        return request_body(self.models[0], **self.extras()) | {"messages": list(self.messages)}


def add_default_options(parser: Parser) -> Parser:
    """Add the options of a prompt that may also be a notebook's default; return the parser."""
    add = parser.add_argument
    add("-s", "--system", metavar="TEXT", help="system prompt; @FILE reads a file")
    for name, (short, kind, text) in _OPTIONS.items():
        long = "--" + name.replace("_", "-")
        number = "X" if kind is float else "N"
        add(*filter(None, (short, long)), dest=name, type=_number(kind), metavar=number, help=text)
    add("--option", action="append", metavar="KEY=VALUE", help="any other option of the API")
    add("--stop", action="append", metavar="TEXT", help="end the answer before this text")
    schema = "json, or what has a JSON schema: a name, an expression, @FILE; see answer.data"
    add("--format", metavar="json|SCHEMA", help=schema)
    parser.unfilled.add("format")
    add("--think", dest="think", metavar="LEVEL", help="think first: --think or --think=high")
    add("--no-think", dest="think", action="store_const", const="off", help="do not think")
    add("--keepalive", metavar="D", help="how long the model stays loaded: 10m, 0, -1 for ever")
    add("--no-truncate", action="store_true", help="a prompt that does not fit is an error")
    add("--host", metavar="HANDLE|URL", help="which Ollama, where there are several")
    add("--plain", action="store_true", help="as it is, not as Markdown")
    add("--verbose", action="store_true", help="show times")
    add("--literal", action="store_true", help="{{...}} means nothing")
    parser.instead.update(_INSTEAD)
    return parser


def add_prompt_options(parser: Parser) -> Parser:
    """Add all options of a prompt to a parser, and return it."""
    add = add_default_options(parser).add_argument
    add("-m", "--model", dest="model_option", metavar="MODEL", help="the same as MODEL")
    add("-o", "--out", metavar="NAME", help="variable that the answer goes to (besides _answer)")
    add("--image", action="append", metavar="FILE|VARIABLE", help="show the model a picture")
    add("--quiet", action="store_true", help="show nothing")
    add("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    return parser


def merged(given: argparse.Namespace, default: argparse.Namespace) -> argparse.Namespace:
    """The given options, and of the default what was not given."""
    # By identity: a temperature of 0 is given.
    mine = {name: v for name, v in vars(given).items() if v is not None and v is not False}
    both = argparse.Namespace(**{**vars(given), **vars(default), **mine})
    # The same option has two spellings: --top-p X and --option top_p=X.
    own = {_key(pair): pair for pair in given.option or ()}
    theirs = getattr(default, "option", None) or []
    kept = [pair for pair in theirs if _key(pair) not in own.keys() | mine.keys()]
    both.option = kept + (given.option or [])
    for name in own.keys() & {*_OPTIONS, "stop"}:
        setattr(both, name, getattr(given, name))
    return both


def _key(pair: str) -> str:
    return pair.partition("=")[0].strip().replace("-", "_")


def make_request(
    models: Sequence[str],
    prompt: str,
    given: argparse.Namespace,
    names: Mapping[str, Any] | None = None,
) -> Request:
    """Return the request for a prompt; an empty one loads the model.

    Raises
    ------
    ArgumentError
        A value that the API would not take.
    """
    request = Request(
        models=tuple(models),
        host=given.host,
        options=_options(given),
        format=given.format,
        think=None if given.think is None else _thinking(given.think),
        keep_alive=None if given.keepalive is None else _keep_alive(given.keepalive),
        truncate=False if given.no_truncate else None,
        out=variable(given.out),
        **{name: getattr(given, name) for name in ("plain", "quiet", "verbose", "dry_run")},
    )
    if not prompt.strip():
        return request
    from ..clients.options import encode_images

    user: dict[str, Any] = {"role": "user", "content": prompt}
    if given.image:
        from ..lab.media.inputs import picture

        shown = [picture(text, names or {}) for text in given.image]
        user["images"] = encode_images([raw for raw, _ in shown])
        request = replace(request, inputs=tuple(one for _, one in shown))
    system = ({"role": "system", "content": given.system},) if given.system else ()
    return replace(request, messages=(*system, user))


def _options(given: argparse.Namespace) -> dict[str, Any]:
    from ..clients.options import check_options

    options = {name: getattr(given, name) for name in _OPTIONS if getattr(given, name) is not None}
    stops = list(given.stop or ())
    for pair in given.option or ():
        key, (_, equals, text) = _key(pair), pair.partition("=")
        if not equals or not key:
            raise ArgumentError(f"--option is {pair!r}", "accepted: KEY=VALUE")
        if key == "stop":
            stops.append(text)
        elif key in options:
            raise ArgumentError(f"{key} is given twice", f"{key}={options[key]} and {pair}")
        else:
            options[key] = _typed(text)
    return check_options(options | ({"stop": stops} if stops else {}))


def _number(kind: type[int] | type[float]) -> Callable[[str], int | float]:
    name = "a whole number" if kind is int else "a number"

    def number(text: str) -> int | float:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {name}") from None

    return number


def _typed(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _as_number(text)


def _as_number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _keep_alive(text: str) -> int | float | str:
    return _as_number(text.strip())


def _thinking(text: str) -> bool | str:
    level = {"true": "on", "false": "off"}.get(text.lower(), text.lower())
    if level not in _THINKING:
        raise ArgumentError(f"--think is {text!r}", f"accepted: {', '.join(_THINKING)}")
    return _THINKING[level]


def variable(name: str | None) -> str | None:
    """Return what ``--out`` names, where it is a variable's name; ArgumentError where not."""
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise ArgumentError(f"--out is {name!r}", "accepted: the name of a variable")
    return name
