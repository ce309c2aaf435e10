"""The few settings, and where each comes from.

Order: an argument of the call, then ``%config McJupyter.x`` (held in :attr:`Settings.overrides`),
then the environment, then the default. The environment is read at each use, never at import.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ArgumentError
from .paths import expanded, here

RUNTIMES = ("auto", "docker", "native", "embedded", "url")
RENDERS = ("live", "settled")
DEFAULT_MAX_DOWNLOAD = 6_000_000_000
DEFAULT_MAX_INLINE = 1_000_000

_LARGEST = 1e18
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return a size in bytes from ``"6 GB"``, ``"500MB"`` or ``"0"`` (decimal units).

    Raises
    ------
    ArgumentError
        When the text is no size.
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise ArgumentError(f"{text!r} is not a size", "write bytes or a unit: 6GB, 500MB, 0")
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


@dataclass
class Settings:
    """The settings in force.

    Attributes
    ----------
    overrides
        What ``%config`` set, by setting name (``runtime``, ``render``, ``max_download``,
        ``max_inline``).
    """

    overrides: dict[str, str] = field(default_factory=dict)

    def _text(self, name: str, variable: str, default: str = "") -> str:
        return self.overrides.get(name) or os.environ.get(variable, "").strip() or default

    def _choice(self, name: str, variable: str, allowed: tuple[str, ...]) -> str:
        value = self._text(name, variable, allowed[0])
        if value not in allowed:
            raise ArgumentError(f"{variable} is {value!r}", f"accepted: {', '.join(allowed)}")
        return value

    def _folder(self, kind: str) -> Path:
        home = os.environ.get("MC_JUPYTER_HOME", "").strip()
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
    def runtime(self) -> str:
        """How services run: one of :data:`RUNTIMES` (MC_JUPYTER_RUNTIME)."""
        return self._choice("runtime", "MC_JUPYTER_RUNTIME", RUNTIMES)

    @property
    def render(self) -> str:
        """``live`` or ``settled``: whether answers are shown as they come (MC_JUPYTER_RENDER)."""
        return self._choice("render", "MC_JUPYTER_RENDER", RENDERS)

    @property
    def max_download(self) -> int:
        """Bytes that an image or model may have to be fetched unasked (MC_JUPYTER_MAX_DOWNLOAD)."""
        return parse_size(
            self._text("max_download", "MC_JUPYTER_MAX_DOWNLOAD", str(DEFAULT_MAX_DOWNLOAD))
        )

    @property
    def max_inline(self) -> int:
        """Bytes up to which media is saved in the notebook itself (MC_JUPYTER_MAX_INLINE)."""
        return parse_size(
            self._text("max_inline", "MC_JUPYTER_MAX_INLINE", str(DEFAULT_MAX_INLINE))
        )

    @property
    def models(self) -> tuple[Path, ...]:
        """Read-only folders of GGUF files (MC_JUPYTER_MODELS, separated as PATH is)."""
        parts = os.environ.get("MC_JUPYTER_MODELS", "").split(os.pathsep)
        return tuple(expanded(part) for part in parts if part.strip())

    @property
    def ollama_service_url(self) -> str:
        """OLLAMA_SERVICE_URL: an identifier or an HTTP address; empty when unset."""
        return os.environ.get("OLLAMA_SERVICE_URL", "").strip()

    @property
    def ollama_host(self) -> str:
        """OLLAMA_HOST as it stands; empty when unset."""
        return os.environ.get("OLLAMA_HOST", "").strip()
