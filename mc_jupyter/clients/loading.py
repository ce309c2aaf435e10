"""What to say while a model is loaded into memory, which sends no byte for seconds or minutes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import ClientError
from ..events import Event
from ..meter import size_text
from .names import same_model

if TYPE_CHECKING:
    from .ollama import OllamaClient


def loading(client: OllamaClient, model: str, seconds: float) -> Event:
    """Return the event for a load that has taken `seconds`, with the model's size if known."""
    size = None
    with suppress(ClientError):
        size = _find(client.models(), model).get("size")
    known = f" ({size_text(size)})" if isinstance(size, int) and size else ""
    return Event("load", f"loading {model}{known} into memory ({seconds:.0f} s)")


def waiting(client: OllamaClient, model: str, seconds: float) -> Event:
    """Return the event for a prompt that has not been answered for `seconds`.

    The model is being loaded where the server does not list it as loaded.
    """
    try:
        is_loaded = bool(_find(client.ps(), model))
    except ClientError:
        is_loaded = True
    if not is_loaded:
        return loading(client, model, seconds)
    return Event("load", f"waiting for {model} ({seconds:.0f} s)")


def _find(entries: list[dict[str, Any]], model: str) -> dict[str, Any]:
    names = ((entry, str(entry.get("name") or entry.get("model") or "")) for entry in entries)
    return next((entry for entry, name in names if same_model(model, name)), {})
