"""The settings: one table of all of them, and where each comes from.

Order: an argument of the call, then ``%config McJupyter.x`` (held in :attr:`Settings.overrides`),
then the environment, then the default. The environment is read at each use, never at import.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from .errors import ArgumentError
from .meter import size_text
from .paths import expanded, here

RUNTIMES = ("auto", "docker", "native", "embedded", "url")
RENDERS = ("live", "settled")

_LARGEST = 1e18
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes
    ----------
    name
        As an attribute of :class:`Settings`, and in ``%config McJupyter.NAME``.
    kind
        What it takes: a word of `choices`, a size in bytes, a whole number, or text.
    default
        As it would be written; empty where there is none.
    variable
        The environment variable that it is read from.
    text
        What it does, in one sentence.
    choices
        The only words, the default first.
    least, most
        The smallest and the largest value accepted; None where there is no end.
    is_config
        Whether ``%config`` sets it, too.
    """

    name: str
    kind: Literal["word", "size", "number", "folder", "folders", "text"]
    default: str
    variable: str
    text: str
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None
    is_config: bool = True


_LEAST = 1000  # bytes; a smaller bound would take no answer at all


def _bound(name: str, default: str, text: str, least: int, most: int | None = None) -> Setting:
    variable = f"MC_JUPYTER_{name.upper()}"
    kind: Literal["number", "size"] = "number" if default.isdecimal() else "size"
    return Setting(name, kind, default, variable, text, least=least, most=most)


SETTINGS: tuple[Setting, ...] = (
    Setting("runtime", "word", "auto", "MC_JUPYTER_RUNTIME", "How services run.", choices=RUNTIMES),
    Setting(
        "render",
        "word",
        "live",
        "MC_JUPYTER_RENDER",
        "Whether an answer is shown as it comes (live) or once, when it is whole (settled).",
        choices=RENDERS,
    ),
    Setting(
        "max_download",
        "size",
        "6GB",
        "MC_JUPYTER_MAX_DOWNLOAD",
        "How large an image or model may be to be fetched unasked; 0 forbids it.",
    ),
    _bound(
        "max_fetch",
        "200MB",
        "The most that is fetched of a service's repository, and that its files may have.",
        _LEAST,
    ),
    Setting(
        "max_inline",
        "size",
        "1MB",
        "MC_JUPYTER_MAX_INLINE",
        "Up to which size media is saved in the notebook; larger media goes to a file beside it.",
    ),
    _bound("max_line", "16MB", "The longest line of an answer that comes line by line.", _LEAST),
    _bound(
        "max_answer",
        "64MB",
        "The most that one answer may have: all lines of a stream, or one JSON text.",
        _LEAST,
    ),
    _bound(
        "max_reply",
        "2GB",
        "The most that one reply may have, in memory or in a temporary file: sound, video, any "
        "file.",
        _LEAST,
    ),
    _bound(
        "max_headers", "64kB", "The most that the headers of a reply may have.", _LEAST, 100_000
    ),
    _bound("max_depth", "100", "How deep a JSON text may nest.", 1, 500),
    _bound("max_values", "2000000", "How many values a JSON text may have.", 100),
    Setting(
        "models",
        "folders",
        "",
        "MC_JUPYTER_MODELS",
        "Folders of model files (GGUF) that the embedded engine reads, separated as in PATH.",
        is_config=False,
    ),
    Setting(
        "home",
        "folder",
        "",
        "MC_JUPYTER_HOME",
        "The folder that holds cache and data; by default the user's own folders for both.",
        is_config=False,
    ),
    Setting(
        "embedded_token",
        "text",
        "",
        "MC_JUPYTER_EMBEDDED_TOKEN",
        "The token of an embedded server that is started by hand; every request must have it.",
        is_config=False,
    ),
    Setting(
        "ollama_service_url",
        "text",
        "",
        "OLLAMA_SERVICE_URL",
        "What a prompt goes to where nothing is loaded: an identifier or an HTTP address.",
        is_config=False,
    ),
    Setting(
        "ollama_host",
        "text",
        "",
        "OLLAMA_HOST",
        "The address of the Ollama that is used where nothing is loaded, as Ollama reads it.",
        is_config=False,
    ),
    Setting(
        "ollama_api_key",
        "text",
        "",
        "OLLAMA_API_KEY",
        "The key that is sent to https://ollama.com, and to no other address.",
        is_config=False,
    ),
    Setting(
        "ollama_models",
        "folder",
        "",
        "OLLAMA_MODELS",
        "Where an Ollama of this machine keeps its models: free space is looked at there.",
        is_config=False,
    ),
)
"""Every setting there is. docs/settings.md is made from it."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def setting(name: str) -> Setting:
    """Return the setting of a name."""
    return _BY_NAME[name]


def parse_size(text: str) -> int:
    """Return a size in bytes from ``"6 GB"``, ``"500MB"`` or ``"0"`` (decimal units).

    Raises
    ------
    ArgumentError
        When the text is no size.
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise ArgumentError(f"{text!r:.80} is not a size", "write bytes or a unit: 6GB, 500MB, 0")
    power = " kmgt".index(match[2].lower() or " ")
    size = float(match[1]) * 1000**power
    if size > _LARGEST:  # infinite, where there are hundreds of digits
        raise ArgumentError(f"{text[:40]!r} is no size that there is", "write one below 1000000TB")
    return int(size)


def _home(text: str) -> Path:
    """The folder that MC_JUPYTER_HOME names."""
    path = expanded(text)
    try:
        if str(path).startswith("~"):
            raise ArgumentError(
                f"MC_JUPYTER_HOME is {text!r:.80}, and there is no such user",
                "name a folder: %env MC_JUPYTER_HOME=/path/of/a/folder",
            )
        return path.absolute()
    except OSError as error:  # the current folder, which it counts from, was removed
        raise ArgumentError(
            f"MC_JUPYTER_HOME is {text!r:.80}, which counts from {here()}",
            "name a whole path: %env MC_JUPYTER_HOME=/path/of/a/folder",
        ) from error


def parse(name: str, text: str, where: str = "") -> int:
    """Return the bytes or the number that a text gives for a setting.

    Parameters
    ----------
    name
        The setting's; it takes a size or a number.
    text
        What was given.
    where
        What gave it, for the message.

    Raises
    ------
    ArgumentError
        It is none, or not one that is accepted.
    """
    known = setting(name)
    if known.kind == "number":
        if not re.fullmatch(r"\s*[0-9]{1,9}\s*", text):
            raise ArgumentError(f"{where or name} is {text!r:.80}", "accepted: a whole number")
        value = int(text)
    else:
        value = parse_size(text)
    if value < known.least or (known.most is not None and value > known.most):
        shown = str if known.kind == "number" else size_text
        ends = f"at least {shown(known.least)}"
        ends += f", at most {shown(known.most)}" if known.most is not None else ""
        raise ArgumentError(f"{where or name} is {text.strip()!r}", f"accepted: {ends}")
    return value


@dataclass(frozen=True)
class Bounds:
    """How much is taken of what a server sends; what goes beyond it is an error.

    Attributes
    ----------
    max_line
        Bytes of one line of a stream.
    max_answer
        Bytes of one answer that is read as JSON: all lines of a stream, or one text.
    max_reply
        Bytes of one reply, in memory or in a temporary file.
    max_headers
        Bytes of a reply's headers.
    max_depth
        How deep a JSON text nests.
    max_values
        How many values a JSON text has: a few bytes each, they take a hundred once read.
    """

    max_line: int = parse("max_line", setting("max_line").default)
    max_answer: int = parse("max_answer", setting("max_answer").default)
    max_reply: int = parse("max_reply", setting("max_reply").default)
    max_headers: int = parse("max_headers", setting("max_headers").default)
    max_depth: int = parse("max_depth", setting("max_depth").default)
    max_values: int = parse("max_values", setting("max_values").default)

    def __post_init__(self) -> None:
        for each in fields(self):
            parse(each.name, str(getattr(self, each.name)), each.name)


@dataclass
class Settings:
    """The settings in force.

    Attributes
    ----------
    overrides
        What ``%config`` set, by setting name.
    """

    overrides: dict[str, str] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """Return where a setting's value comes from: ``%config``, its variable, or the default."""
        known = setting(name)
        if known.is_config and self.overrides.get(name):
            return f"%config McJupyter.{name}"
        return known.variable if os.environ.get(known.variable, "").strip() else "default"

    def _text(self, name: str) -> str:
        known = setting(name)
        override = self.overrides.get(name) if known.is_config else None
        return override or os.environ.get(known.variable, "").strip() or known.default

    def _word(self, name: str) -> str:
        value, known = self._text(name), setting(name)
        if value not in known.choices:
            raise ArgumentError(
                f"{known.variable} is {value!r}", f"accepted: {', '.join(known.choices)}"
            )
        return value

    def _amount(self, name: str) -> int:
        return parse(name, self._text(name), self.origin(name))

    def _folder(self, kind: str) -> Path:
        home = self._text("home")
        if home:
            return _home(home) / kind
        import platformdirs

        where = {"cache": platformdirs.user_cache_path, "data": platformdirs.user_data_path}[kind]
        return Path(where("mc-jupyter"))

    @property
    def cache(self) -> Path:
        """Fetched repositories and weights: may be deleted at any time."""
        return self._folder("cache")

    @property
    def data(self) -> Path:
        """Services' own data, locks and state: never deleted by clearing the cache."""
        return self._folder("data")

    @property
    def max_fetch(self) -> int:
        """Bytes of a service's repository."""
        return self._amount("max_fetch")

    @property
    def runtime(self) -> str:
        """How services run: one of :data:`RUNTIMES`."""
        return self._word("runtime")

    @property
    def render(self) -> str:
        """``live`` or ``settled``: whether answers are shown as they come."""
        return self._word("render")

    @property
    def max_download(self) -> int:
        """Bytes that an image or model may have to be fetched unasked."""
        return self._amount("max_download")

    @property
    def max_inline(self) -> int:
        """Bytes up to which media is saved in the notebook itself."""
        return self._amount("max_inline")

    @property
    def bounds(self) -> Bounds:
        """How much is taken of what a server sends."""
        return Bounds(**{each.name: self._amount(each.name) for each in fields(Bounds)})

    @property
    def models(self) -> tuple[Path, ...]:
        """Read-only folders of GGUF files."""
        parts = self._text("models").split(os.pathsep)
        return tuple(expanded(part) for part in parts if part.strip())

    @property
    def ollama_service_url(self) -> str:
        """An identifier or an HTTP address; empty when unset."""
        return self._text("ollama_service_url")

    @property
    def ollama_host(self) -> str:
        """OLLAMA_HOST as it stands; empty when unset."""
        return self._text("ollama_host")
