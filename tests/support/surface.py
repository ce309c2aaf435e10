"""What users see of mc_jupyter in Python, as one text: names, signatures, attributes.

``python -m support.surface`` writes it to tests/data/surface. A move within the package changes
:data:`CLASSES`, never the text.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mc_jupyter.embedded.routes import routes
from mc_jupyter.runtimes.compose import labels
from mc_jupyter.settings import SETTINGS

CLASSES = {
    "mc_jupyter": ("Service", "ServiceRegistry", "Snapshot"),
    "mc_jupyter.notebook.panel": ("Panel",),
    "mc_jupyter.clients": ("Limits", "OllamaClient", "Progress"),
    "mc_jupyter.clients.whisper": ("WhisperClient",),
    "mc_jupyter.clients.kokoro": ("KokoroClient",),
    "mc_jupyter.clients.chatterbox": ("ChatterboxClient",),
    "mc_jupyter.clients.zonos": ("ZonosClient",),
    "mc_jupyter.clients.ffmpeg": ("FfmpegClient",),
    "mc_jupyter.clients.huggingface": ("HuggingFaceClient",),
    "mc_jupyter.clients.cowsay": ("CowsayClient",),
    "mc_jupyter.clients.plain": ("PlainClient", "PlainAnswer"),
    "mc_jupyter.clients.content": ("Content", "Product"),
    "mc_jupyter.clients.transcription": ("Transcription",),
    "mc_jupyter.lab.answer": ("Answer", "Timings", "Usage"),
    "mc_jupyter.lab.score": ("WordErrors",),
    "mc_jupyter.lab.made": ("Input", "Made"),
    "mc_jupyter.lab.media": ("Audio", "File", "Gallery", "Picture", "Said", "Transcript", "Video"),
    "mc_jupyter.lab.media.chain": ("Chain",),
}


PAGES_FOLDER = Path(__file__).parent.parent / "data" / "surface"

CONSTRUCTED = ("Limits", "ServiceRegistry", "Content")
"""Besides the clients, what a user makes; the others are given to the user."""

INTERNAL = {
    "Service": {"lose_sight", "measure", "plan_removal", "prefer", "take_for", "take_key", "use"},
}
"""What is public for the other modules of the package only."""


def names() -> str:
    """Return the public names of Python, with their signatures."""
    package = import_module("mc_jupyter")
    lines = ["mc_jupyter"]
    for name in sorted(package.__all__):
        value = getattr(package, name)
        if inspect.isfunction(value):
            lines.append(f"    {name}{_signature(value)}")
        else:
            lines.append(f"    {name}")
    for module, classes in CLASSES.items():
        for name in classes:
            lines += ["", name, *(f"    {line}" for line in _class(_found(module, name)))]
    return "\n".join(lines) + "\n"


def errors() -> str:
    """Return the errors, each with what it is."""
    module = import_module("mc_jupyter.errors")
    found = [
        x for x in vars(module).values() if inspect.isclass(x) and issubclass(x, BaseException)
    ]
    ours = [each for each in found if each.__module__ == module.__name__]
    lines = [f"{x.__name__}({', '.join(b.__name__ for b in x.__bases__)})" for x in ours]
    return "\n".join(sorted(lines)) + "\n"


def settings() -> str:
    """Return the settings with their variables, types and defaults."""
    rows = [
        f"{x.variable} {x.name} {x.kind} {x.default!r} {'%config' if x.is_config else ''}".rstrip()
        for x in SETTINGS
    ]
    return "\n".join(sorted(rows)) + "\n"


def container_labels() -> str:
    """Return the labels on what runs on Docker."""
    found = [x for x in vars(labels).values() if isinstance(x, str) and x.startswith(labels.PREFIX)]
    return "\n".join(sorted(set(found) - {labels.PREFIX})) + "\n"


def embedded_routes() -> str:
    """Return the paths of the embedded server."""
    state: Any = None
    return "\n".join(sorted(path for path, _, _ in routes(state))) + "\n"


def _found(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def _class(cls: Any) -> Iterator[str]:
    """A class's constructor, methods, properties and fields, also those that it inherits."""
    if cls.__name__ in CONSTRUCTED or cls.__name__.endswith("Client"):
        yield f"{cls.__name__}{_signature(cls)}"
    fields = (
        {each.name for each in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else ()
    )
    for name in sorted({*dir(cls), *fields} - INTERNAL.get(cls.__name__, set())):
        if name.startswith("_"):
            continue
        value = inspect.getattr_static(cls, name, None)
        if isinstance(value, staticmethod | classmethod):
            yield f"{name}{_signature(getattr(cls, name))}  {type(value).__name__}"
        elif inspect.isfunction(value):
            yield f"{name}{_signature(value)}"
        else:
            yield name


def _signature(value: Any) -> str:
    """Names, kinds and defaults of the arguments; the annotations may be written otherwise."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    bare = [
        each.replace(annotation=each.empty, default=_default(each.default))
        for each in signature.parameters.values()
    ]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def _default(value: Any) -> Any:
    """A default; a function, whose text has an address, by its name."""
    return _Name(value.__name__) if inspect.isfunction(value) else value


class _Name(str):
    __repr__ = str.__str__


PAGES = {
    "python": names,
    "errors": errors,
    "settings": settings,
    "labels": container_labels,
    "routes": embedded_routes,
}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (PAGES_FOLDER / f"{page}.txt").write_text(text(), encoding="utf-8")
