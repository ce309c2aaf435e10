"""One prompt through the house: find the service, make it ready, stream its answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from typing import TYPE_CHECKING, Protocol

from ..clients.loads import count
from ..errors import (
    ClientError,
    ConnectionFailedError,
    Interrupted,
    MediaConduitError,
    ModelNotFoundError,
    ResponseError,
)
from ..events import Event, ticking
from ..lab.answer import Answer
from ..lab.cut import cut_note, fewest_tokens, is_cut
from ..lab.draft import Draft
from ..prompting import ollama_client
from .request import Request

if TYPE_CHECKING:
    from ..clients.ollama import OllamaClient
    from ..registry import ServiceRegistry
    from ..service import Service
    from ..settings import Bounds

_LONG_PROMPT = 1500  # tokens, from which on the size of the context is asked for
_SILENT_SECONDS = 0.5  # after which a cell says what it waits for
Keep = Callable[[Answer], None]


class Surface(Protocol):
    """Where an answer is shown: a cell's screen, or the panel.

    Attributes
    ----------
    kept
        How the answer is called, for who looks for it.
    """

    kept: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What was reported to be kept."""

    def report(self, event: Event) -> None:
        """Show a step of progress."""

    def grow(self, draft: Draft, piece: str, plain: bool) -> None:
        """Show an answer that has grown by `piece`."""

    def settle(self, result: Answer) -> None:
        """Show the last state."""


def ask(registry: ServiceRegistry, request: Request, screen: Surface, keep: Keep) -> Answer:
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
    service = registry.for_prompt(request.host, screen.report, request.models)
    client, model = _at_hand(service, request), request.models[0]
    if client is None:
        client, model = registry.prepare(service, request.models, screen.report)
    bounds = registry.settings.bounds
    draft = _draft(service, request, model, bounds)
    try:
        return _send(client, service, request, draft, screen, keep)
    except (ConnectionFailedError, ModelNotFoundError, ResponseError) as error:
        if draft.pieces:
            raise
        # It has stopped, its port has moved (something else may answer there now), or the model
        # is missing: look, and try once more.
        before = service.url
        if service.status().url == before and isinstance(error, ResponseError):
            raise
    client, model = registry.prepare(service, request.models, screen.report)
    return _send(client, service, request, _draft(service, request, model, bounds), screen, keep)


def _at_hand(service: Service, request: Request) -> OllamaClient | None:
    """The client of a service that ran when last seen: most prompts need no further look."""
    if len(request.models) > 1 or service.snapshot().state != "running" or not service.url:
        return None
    return ollama_client(service)


def _draft(service: Service, request: Request, model: str, bounds: Bounds) -> Draft:
    return Draft(
        model,
        wants_json=request.format is not None,
        bounds=bounds,
        service=service.handle,
        runtime=service.runtime,
        identifier=None if service.identifier.kind == "url" else service.identified,
        commit=service.commit,
        messages=request.messages,
        options=dict(request.options),
        inputs=request.inputs,
        plain=request.plain,
        verbose=request.verbose,
    )


def _send(
    client: OllamaClient,
    service: Service,
    request: Request,
    draft: Draft,
    screen: Surface,
    keep: Keep,
) -> Answer:
    """Send the prompt, feed the draft, and end with an answer however it ends."""

    def finish(*, interrupted: bool = False, error: str | None = None) -> Answer:
        draft.notes = screen.notes
        answer = draft.finish(interrupted=interrupted, error=error)
        keep(answer)
        screen.settle(answer)
        return answer

    try:
        extras = request.extras()
        sent = client.chat(draft.model, request.messages, report=screen.report, **extras)
        # Closed here, whatever happens: the server goes on until its connection ends.
        with _told_what_is_waited_for(client, draft, screen), closing(sent) as chunks:
            for chunk in chunks:
                piece = draft.feed(chunk)
                if draft.size:
                    screen.grow(draft, piece, request.plain)
        _note_cpu(service, client, draft.model, screen)
        _note_cut(client, draft, request, screen)
        return finish()
    except KeyboardInterrupt:
        finish(interrupted=True)
        raise Interrupted(
            f"{draft.model} was interrupted; what came of its answer is in {screen.kept}"
        ) from None
    except MediaConduitError as error:
        if draft.pieces:
            finish(error=error.message)
            error.message += f"; what came of the answer is in {screen.kept}"
        raise


def _told_what_is_waited_for(
    client: OllamaClient, draft: Draft, screen: Surface
) -> AbstractContextManager[None]:
    """Say it where nothing comes for a while: a model that is loaded first may take a minute."""
    from ..clients.loading import waiting

    def say(seconds: float) -> Event | None:
        if draft.size:
            return None
        if seconds < 1:
            return Event("load", f"waiting for {draft.model}")
        return waiting(client, draft.model, seconds)

    return ticking(say, screen.report, first=_SILENT_SECONDS)


def _note_cpu(service: Service, client: OllamaClient, model: str, screen: Surface) -> None:
    """Say it when a service that was to have a GPU has answered without one."""
    gpu = service.snapshot().gpu or ""
    if gpu.startswith("no: ") and "--gpu off" not in gpu:
        screen.report(Event("note", f"on CPU ({gpu.removeprefix('no: ')})", keep=True))
    elif gpu.startswith("yes") and _is_on_cpu(client, model):
        screen.report(Event("note", "on CPU, though it was given a GPU", keep=True))


def _note_cut(client: OllamaClient, draft: Draft, request: Request, screen: Surface) -> None:
    """Say it when the server has cut the prompt, with the option that mends it."""
    read = draft.prompt_tokens
    if not read:
        return
    fewest = fewest_tokens(request.messages)
    size = request.options.get("num_ctx") or 0
    if not size and fewest > _LONG_PROMPT:
        size = _context_of(client, draft.model)
    if size > 0 and is_cut(read, fewest, size):
        text = cut_note(fewest, size, request.options.get("num_predict"))
        screen.report(Event("note", text, keep=True))


def _context_of(client: OllamaClient, model: str) -> int:
    """The tokens of context with which a model is loaded; 0 where that is not known."""
    from ..clients.names import same_model

    with suppress(ClientError):
        for entry in client.ps():
            if same_model(model, str(entry.get("name"))):
                return count(entry.get("context_length")) or 0
    return 0


def _is_on_cpu(client: OllamaClient, model: str) -> bool:
    from ..clients.names import same_model

    try:
        loaded = [entry for entry in client.ps() if same_model(model, str(entry.get("name")))]
    except ClientError:
        return False
    return bool(loaded) and loaded[0].get("size_vram") == 0
