"""What the panel says of a service that is no Ollama: what it is, and the cell that uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...capable import load_line, usage
from ...clients.kinds import named
from ...html import Html, code
from . import render

if TYPE_CHECKING:
    from ...registry import ServiceRegistry
    from ...service import Service

_LONGEST = 80


def other_than_ollama(service: Service | None) -> Service | None:
    """Return the service where it is one, and no Ollama."""
    return None if service is None or service.is_ollama else service


def in_a_cell(service: Service) -> str:
    """How it is used, for a line of text."""
    return f"type {usage(service.kind, service.handle)} in a cell"


def refusal(service: Service) -> str:
    """Why nothing was asked of it: for what was pressed before the controls went away."""
    return f"{service.handle} is no Ollama service: {in_a_cell(service)}"


def notice(service: Service, further: str = "") -> Html:
    """Return what stands in place of the controls of a model.

    Parameters
    ----------
    service
        One that is no Ollama.
    further
        A second line.
    """
    cell = usage(service.kind, service.handle)
    below = ", the text below it" if cell.startswith("%%") else ""
    about = f" ({words})" if (words := _about(service)) else ""
    first = Html("<p>{} is no Ollama service{}. In a cell: <code>{}</code>{}</p>")
    second = Html("<p><small>{}</small></p>").format(further) if further else Html()
    return render.page(first.format(service.handle, about, code(cell), below) + second)


def way_to_ask(registry: ServiceRegistry) -> str:
    """Return how to come to a model that can be asked."""
    names = [service.handle for service in registry.services() if service.is_ollama]
    if names:
        return f"To ask a language model, choose {' or '.join(names)} as Service above."
    words = Html(
        "To ask a language model, load an Ollama: press Load in Services, or in a cell"
        " <code>{}</code>"
    )
    return words.format(_load_ollama())


def nothing_loaded() -> Html:
    """Return what the Playground says where there is no service at all."""
    words = Html(
        "<small>No Ollama is loaded: Ask finds or loads one, as <code>{}</code> does</small>"
    )
    return render.page(words.format(_load_ollama()))


def _load_ollama() -> Html:
    return code(load_line(named("ollama")))


def _about(service: Service) -> str:
    """What it is, in a few words; empty where nobody says."""
    if service.kind is not None:
        return service.kind.about
    text = service.manifest.description.strip().partition("\n")[0].rstrip(". ")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()}…"
