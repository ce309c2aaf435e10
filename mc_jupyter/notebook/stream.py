"""One prompt through the house: find the service, make it ready, stream its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import ClientError, ConnectionFailedError, Interrupted
from ..events import Event
from ..lab.answer import Answer
from ..lab.draft import Draft
from .display import Screen
from .request import Request

if TYPE_CHECKING:
    from ..clients.ollama import OllamaClient
    from ..registry import ServiceRegistry
    from ..service import Service

_SILENT_SECONDS = 0.5  # after which a cell says what it waits for


def ask(
    registry: ServiceRegistry, request: Request, screen: Screen, keep: Callable[[Answer], None]
) -> Answer:
    """Send a prompt and show its answer as it comes.

    Parameters
    ----------
    keep
        Given the answer, complete or not, before anything is raised.

    Raises
    ------
    Interrupted
        By the user; the part that came is kept and shown.
    MediaConduitError
        What failed; the same.
    """
    service = registry.for_prompt(request.host, screen.report)
    client, model = registry.prepare(service, request.models, screen.report)
    draft = Draft(
        model,
        wants_json=request.format == "json",
        service=service.handle,
        runtime=service.runtime,
        messages=request.messages,
        options=dict(request.options),
        plain=request.plain,
        verbose=request.verbose,
    )

    def finish(**how: bool | str) -> Answer:
        draft.notes = tuple(dict.fromkeys((*service.notes, *screen.notes)))
        answer = draft.finish(**how)  # type: ignore[arg-type]
        keep(answer)
        screen.settle(answer)
        return answer

    waiting = threading.Timer(
        _SILENT_SECONDS, screen.report, [Event("load", f"waiting for {model}")]
    )
    waiting.daemon = True
    try:
        waiting.start()
        try:
            _stream(client, request, draft, screen)
        except ConnectionFailedError:
            if draft.pieces:
                raise
            # The port may have moved since the service was last seen.
            service.status()
            client, _ = registry.prepare(service, [model], screen.report)
            _stream(client, request, draft, screen)
        _note_cpu(service, client, model, screen)
        return finish()
    except KeyboardInterrupt:
        finish(interrupted=True)
        raise Interrupted(
            f"{model} was interrupted; what came of its answer is in _answer"
        ) from None
    except ClientError as error:
        if draft.pieces:
            finish(error=error.message)
            error.message += "; what came of the answer is in _answer"
        raise
    finally:
        waiting.cancel()


def _stream(client: OllamaClient, request: Request, draft: Draft, screen: Screen) -> None:
    # Closed here, whatever happens: the server goes on generating until its connection ends.
    with closing(client.chat(draft.model, request.messages, **request.extras())) as chunks:
        for chunk in chunks:
            piece = draft.feed(chunk)
            if draft.size:
                screen.grow(draft, piece, request.plain)


def _note_cpu(service: Service, client: OllamaClient, model: str, screen: Screen) -> None:
    """Say it when a service that asks for a GPU has answered without one."""
    if service.runtime != "docker" or not service.manifest.requirements.gpu:
        return
    from ..clients.names import same_model

    try:
        loaded = [entry for entry in client.ps() if same_model(model, str(entry.get("name")))]
    except ClientError:
        return
    if loaded and loaded[0].get("size_vram") == 0:
        screen.report(Event("note", "on CPU, though the service asks for a GPU", keep=True))
