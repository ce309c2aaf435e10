"""What the command line starts: the server, or a pull in the terminal."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys
from threading import Event
from typing import Any

from ..errors import MediaConduitError
from . import routes, server
from .cli import Arguments
from .models import Library
from .options import usable_threads
from .weights import Store


def serve(arguments: Arguments) -> int:
    """Serve until a signal or stdin's end; return the exit code."""
    for folder in arguments.models:
        if not folder.is_dir():
            print(f"--models {folder}: no such folder", file=sys.stderr)
    library = Library(
        Store(arguments.store), arguments.catalogue, dict(arguments.gguf), arguments.models
    )
    settings = server.Settings(
        host=arguments.host,
        port=arguments.port,
        token=arguments.token,
        num_ctx=arguments.num_ctx,
        parallel=arguments.parallel,
        threads=arguments.threads or usable_threads(),
        end_with_stdin=arguments.end_with_stdin,
        version=_version(),
    )
    try:
        asyncio.run(server.serve(settings, library, routes.routes))
    except OSError as error:
        print(f"cannot listen on {settings.host} {settings.port}: {error}", file=sys.stderr)
        return 1
    return 0


def pull(arguments: Arguments) -> int:
    """Fetch a model, with progress on stderr; return the exit code."""
    store = Store(arguments.store)
    library = Library(store, arguments.catalogue, {}, ())
    entry = library.entry(arguments.model)
    if entry is None:
        names = ", ".join(known.name for known in arguments.catalogue)
        print(f"{arguments.model} cannot be pulled here; known: {names}", file=sys.stderr)
        return 1
    cancelled = Event()
    try:
        store.fetch(entry, _Progress(), cancelled)
    except MediaConduitError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        cancelled.set()
    return 0


class _Progress:
    """Prints lines of progress: in place on a terminal, every tenth of the whole elsewhere."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, line: dict[str, Any]) -> None:
        text = str(line["status"])
        if "completed" in line:
            step = 1 if sys.stderr.isatty() else 10
            percent = 100 * line["completed"] // line["total"] // step * step
            text += f" {percent} % of {line['total'] / 1e6:.0f} MB"
        if text != self._last:
            in_place = sys.stderr.isatty() and "completed" in line and percent < 100
            print(f"\r{text}" if sys.stderr.isatty() else text, file=sys.stderr,
                  end="" if in_place else "\n", flush=True)  # fmt: skip
            self._last = text


def _version() -> str:
    try:
        return f"{importlib.metadata.version('mc-jupyter')}-embedded"
    except importlib.metadata.PackageNotFoundError:
        return "0-embedded"
