"""The routes about the server and its models; :mod:`.answering` has the two that answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ..errors import ResponseError
from .answering import ChatHandler, GenerateHandler
from .models import Model, full_name, valid_name
from .requests import Json, field
from .residents import Resident
from .server import Handler, State
from .strict_json import short

#: Routes of Ollama's API that are not served here; said in words, unlike an unknown route.
_NOT_SERVED = ("embed", "embeddings", "create", "copy", "push", "blobs/.*")


def routes(state: State) -> list[tuple[str, type[Handler], dict[str, State]]]:
    """Return the table of routes."""
    table: dict[str, type[Handler]] = {
        "/": RootHandler,
        "/api/version": VersionHandler,
        "/api/tags": TagsHandler,
        "/api/ps": PsHandler,
        "/api/show": ShowHandler,
        "/api/generate": GenerateHandler,
        "/api/chat": ChatHandler,
        "/api/pull": PullHandler,
        "/api/delete": DeleteHandler,
        rf"/api/(?:{'|'.join(_NOT_SERVED)})": NotServedHandler,
    }
    return [(path, handler, {"state": state}) for path, handler in table.items()]


class RootHandler(Handler):
    """GET and HEAD /."""

    def get(self) -> None:
        """Say that the server is there."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("Ollama is running")

    head = get


class VersionHandler(Handler):
    """GET and HEAD /api/version."""

    def get(self) -> None:
        """Return the version."""
        self.finish({"version": self.state.settings.version})

    head = get


class TagsHandler(Handler):
    """GET and HEAD /api/tags."""

    async def get(self) -> None:
        """List the models that are here."""
        self.finish({"models": await asyncio.to_thread(self._models)})

    head = get

    def _models(self) -> list[Json]:
        library = self.state.library
        return [
            {
                **_summary(model, library.digest(model)),
                "modified_at": model.modified_at(),
                "size": model.size,
            }
            for model in library.models()
        ]


class PsHandler(Handler):
    """GET /api/ps."""

    async def get(self) -> None:
        """List the models in memory."""
        held = self.state.residents.all()
        self.finish({"models": [await asyncio.to_thread(self._describe, one) for one in held]})

    def _describe(self, resident: Resident) -> Json:
        model, spec = resident.model, resident.engine.spec
        return {
            **_summary(model, self.state.library.digest(model)),
            "size": resident.engine.memory(),
            "expires_at": resident.expires_at.isoformat(),
            "size_vram": 0,
            "context_length": spec.num_ctx,
        }


class ShowHandler(Handler):
    """POST /api/show."""

    async def post(self) -> None:
        """Describe a model."""
        await self.run(self._show)

    async def _show(self) -> None:
        body = self.body()
        name = _model_name(body, ("verbose",))
        field(body, "verbose", bool, False)
        model = self.state.library.find(name)
        metadata = dict(model.header.metadata)
        template = str(metadata.pop("tokenizer.chat_template", ""))
        self.finish(
            {
                "license": model.license,
                "modelfile": _modelfile(model),
                "parameters": "\n".join(f"{k:<30} {v}" for k, v in model.parameters.items()),
                "template": template,
                "system": model.system,
                "details": model.details(),
                "model_info": {**metadata, "general.parameter_count": model.header.parameters},
                "capabilities": ["completion"],
                "modified_at": model.modified_at(),
            }
        )


class PullHandler(Handler):
    """POST /api/pull."""

    async def post(self) -> None:
        """Fetch a model."""
        await self.run(self._pull)

    async def _pull(self) -> None:
        body = self.body()
        name = _model_name(body, ("stream", "insecure"))
        stream = field(body, "stream", bool, True)
        field(body, "insecure", bool, False)
        line: Json = {}
        async with aclosing(self._lines(name)) as lines:
            async for line in lines:
                if stream:
                    await self.line(line)
        if not stream and "error" in line:
            raise ResponseError(line["error"], status=500)
        self.finish(None if stream else line)

    async def _lines(self, name: str) -> Any:
        library = self.state.library
        entry = library.entry(name)
        local = {model.name.lower(): model for model in library.models() if not model.fetched}
        if model := local.get(full_name(name).lower()):
            yield {"status": f"{model.name} is the local file {model.path.name}"}
            yield {"status": "success"}
        elif entry is None and (why := library.why_left_out(name)):
            yield {"error": f"model '{short(name)}' not found: {why}"}
        elif entry is None:
            yield {"status": "pulling manifest"}
            why = f"pull model manifest: file does not exist: {library.offer()}"
            yield {"error": why}
        else:
            async with aclosing(self.state.pulls.lines(entry)) as lines:
                async for line in lines:
                    yield line


class DeleteHandler(Handler):
    """DELETE /api/delete."""

    async def delete(self) -> None:
        """Delete a model that was pulled."""
        await self.run(self._delete)

    async def _delete(self) -> None:
        name = _model_name(self.body(), ())
        library = self.state.library
        model = library.find(name)
        library.remove(name)
        await self.state.residents.unload(model)
        self.finish()


class NotServedHandler(Handler):
    """Routes of Ollama's API that only a real Ollama serves."""

    def _refuse(self, *_: str) -> None:
        self.fail(501, f"{self.request.path} is not served by this embedded server; Docker's is")

    get = post = head = _refuse


def _model_name(body: Json, others: tuple[str, ...]) -> str:
    for name in body:
        if name not in ("model", "name", *others):
            raise ResponseError(f'unknown field "{short(name)}"', status=400)
    wanted = field(body, "model", str, "") or field(body, "name", str, "")
    if not wanted:
        raise ResponseError("model is required", status=400)
    if not valid_name(wanted):
        raise ResponseError("invalid model name", status=400)
    return str(wanted)


def _summary(model: Model, sha256: str) -> Json:
    return {
        "name": model.name,
        "model": model.name,
        "digest": sha256,
        "details": model.details(),
    }


def _modelfile(model: Model) -> str:
    lines = ["# served by the embedded server of mc-jupyter", f"FROM ./{Path(model.path).name}"]
    if model.system:
        lines.append(f'SYSTEM """{model.system}"""')
    lines += [f"PARAMETER {name} {value}" for name, value in model.parameters.items()]
    return "\n".join(lines) + "\n"
