"""What answers at an address: a few cheap GETs, each of which only one kind of service answers so.

Nothing is guessed from a port or a name. What answers none of these as documented is of no known
kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import BoundError, ResponseError
from .http import Http
from .kinds import named

_OPENAPI = {
    "/asr": "whisper",
    "/upload_reference": "chatterbox",
    "/v1/audio/voices": "kokoro",
    "/generate/image": "huggingface",
}


def recognise(http: Http) -> tuple[str, str]:
    """Return the kind's name and version of what answers, each empty where it is not known.

    Parameters
    ----------
    http
        Its address; the limits should be short.

    Raises
    ------
    ConnectionFailedError, TimeLimitError
        It stopped answering; a refusal of a path is an answer.
    """
    for path, read in _SIGNS:
        try:
            found = read(http.get(path))
        except (BoundError, ResponseError):
            continue
        if found is not None:
            kind, version = found
            return named(kind).name, version if isinstance(version, str) else ""
    return "", ""


_Found = tuple[str, Any] | None


def _openapi(said: Any) -> _Found:
    paths = _map(said, "paths")
    for path, kind in _OPENAPI.items():
        if path in paths:
            return kind, _map(said, "info").get("version")
    return None


def _gradio(said: Any) -> _Found:
    return ("zonos", "") if "/generate_audio" in _map(said, "named_endpoints") else None


def _itself(said: Any) -> _Found:
    """A server that names itself: at /health, or at its root."""
    data = _map(said, "data")
    if "ffmpegVersion" in data:
        return "ffmpeg", data.get("version")
    service = said.get("service") if isinstance(said, Mapping) else None
    for kind in ("ffmpeg", "cowsay"):
        if isinstance(service, str) and kind in service.lower():
            return kind, said.get("version")
    return None


def _map(said: Any, key: str) -> Mapping[str, Any]:
    value = said.get(key) if isinstance(said, Mapping) else None
    return value if isinstance(value, Mapping) else {}


_SIGNS: tuple[tuple[str, Callable[[Any], _Found]], ...] = (
    ("/openapi.json", _openapi),
    ("/gradio_api/info", _gradio),
    ("/health", _itself),
    ("/", _itself),
)
