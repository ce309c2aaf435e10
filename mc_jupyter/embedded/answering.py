"""``/api/generate`` and ``/api/chat``: from a checked request to the lines of an answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from ..errors import OptionError, ResponseError
from . import options
from .engine import Engine, LoadSpec
from .models import Model
from .requests import Ask, Json, Kind, parse_ask, refuse_unsupported
from .server import Handler

# Tokens that come faster share a line, which leaves more of the processor to the engine: after
# each line it waits a twentieth of the answer's time so far, 20 ms at most.
_SHARE, _LONGEST = 0.05, 0.02
_TOKEN_LENGTH = 128  # characters; the longest tokens of all vocabularies are runs of blanks
NUM_BATCH = 256  # tokens: half a second of a small model's time on two slow cores


class AnswerHandler(Handler):
    """One of the two routes that answer a prompt."""

    kind: Kind

    async def post(self) -> None:
        """Answer."""
        await self.run(self._answer)

    async def _answer(self) -> None:
        began = time.perf_counter_ns()
        body = self.body()
        ask = parse_ask(self.kind, body)
        model = self.state.library.find(ask.model)
        if ask.empty and ask.keep_alive == 0:
            await self.state.residents.unload(model)
            self.finish(self._line(ask, "", {"done": True, "done_reason": "unload"}))
            return
        refuse_unsupported(body)
        wanted = options.check(ask.options, model.parameters)
        spec = self._spec(model, wanted)
        _check_size(ask, spec)
        async with self.state.residents.use(model, spec, ask.keep_alive) as engine:
            loaded = time.perf_counter_ns()
            if ask.empty:
                self.finish(self._line(ask, "", {"done": True, "done_reason": "load"}))
                return
            tokens = await _tokens(engine, ask, model)
            _check_length(tokens, spec, model)
            if ask.schema is not None:
                await engine.check_schema(ask.schema)
            sampling = _sampling(ask, wanted, spec, len(tokens))
            async with aclosing(engine.complete(tokens, sampling)) as batches:
                await self._send(ask, batches, began, loaded, len(tokens))

    async def _send(
        self,
        ask: Ask,
        batches: AsyncGenerator[list[Json], None],
        began: int,
        loaded: int,
        prompt: int,
    ) -> None:
        pieces: list[str] = []
        first: float | None = None
        async for batch in batches:
            text = "".join(chunk["content"] for chunk in batch)
            if text:
                pieces.append(text)
                if ask.stream:
                    await self.line(self._line(ask, text, {"done": False}))
            if batch[-1]["stop"]:
                last = _last(ask, batch[-1], "".join(pieces), prompt)
                last["total_duration"] = time.perf_counter_ns() - began
                last["load_duration"] = loaded - began
                if ask.stream:
                    await self.line(self._line(ask, "", last))
                self.finish(None if ask.stream else self._line(ask, "".join(pieces), last))
                return
            if text:
                now = time.perf_counter()
                first = first or now
                await asyncio.sleep(min((now - first) * _SHARE, _LONGEST))
        raise ResponseError("the engine ended before its answer did", status=500)

    def _line(self, ask: Ask, text: str, rest: Mapping[str, Any]) -> Json:
        line = {"model": ask.model, "created_at": datetime.now(UTC).isoformat()[:-6] + "Z"}
        if self.kind == "chat":
            return {**line, "message": {"role": "assistant", "content": text}, **rest}
        return {**line, "response": text, **rest}

    def _spec(self, model: Model, wanted: options.Options) -> LoadSpec:
        settings = self.state.settings
        most = model.header.context_length
        num_ctx = wanted.num_ctx
        if num_ctx and most and num_ctx > most:
            raise OptionError(
                f'option "num_ctx" is {num_ctx}, but {model.name} has {most} tokens of context'
            )
        if wanted.num_batch and wanted.num_batch < settings.parallel:
            raise OptionError(
                f'option "num_batch" is {wanted.num_batch}; the least is {settings.parallel}, '
                "a token for each request that is computed at once"
            )
        return LoadSpec(
            path=model.path,
            num_ctx=num_ctx or min(settings.num_ctx, most or settings.num_ctx),
            parallel=settings.parallel,
            num_batch=wanted.num_batch or NUM_BATCH,
            threads=wanted.num_thread or settings.threads,
        )


class GenerateHandler(AnswerHandler):
    """POST /api/generate."""

    kind: Kind = "generate"


class ChatHandler(AnswerHandler):
    """POST /api/chat."""

    kind: Kind = "chat"


async def _tokens(engine: Engine, ask: Ask, model: Model) -> list[int]:
    if ask.raw is not None:
        return await engine.tokens(ask.raw)
    messages = list(ask.messages)
    if model.system and not ask.system_given:
        messages.insert(0, {"role": "system", "content": model.system})
    return await engine.tokens(await engine.render(messages))


def _check_size(ask: Ask, spec: LoadSpec) -> None:
    """Refuse what no context holds, before the engine counts its tokens for minutes."""
    size = len(ask.raw or "") + sum(len(message["content"]) for message in ask.messages)
    most = spec.num_ctx * _TOKEN_LENGTH
    if size > most or len(ask.messages) > spec.num_ctx:
        raise ResponseError(
            f"the prompt has {size} characters in {max(len(ask.messages), 1)} messages, and the "
            f"context holds {spec.num_ctx} tokens (num_ctx): {most} characters and "
            f"{spec.num_ctx} messages at the very most",
            status=400,
        )


def _check_length(tokens: list[int], spec: LoadSpec, model: Model) -> None:
    if len(tokens) < spec.num_ctx:
        return
    most = model.header.context_length or spec.num_ctx
    more = f"; num_ctx can be up to {most}" if spec.num_ctx < most else ""
    raise ResponseError(
        f"the prompt has {len(tokens)} tokens and the context holds {spec.num_ctx} "
        f"(num_ctx), of which one must be left for the answer{more}",
        status=400,
    )


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        raise ResponseError("the engine did not keep to the format", status=500) from None


def _sampling(ask: Ask, wanted: options.Options, spec: LoadSpec, prompt: int) -> dict[str, Any]:
    room = spec.num_ctx - prompt
    limit = room if wanted.num_predict is None else min(wanted.num_predict, room)
    # -1 is the whole context; the engine takes memory for every token that is named
    last = wanted.sampling["repeat_last_n"]
    last = min(last, spec.num_ctx) if last >= 0 else spec.num_ctx
    sampling = {**wanted.sampling, "n_predict": limit, "repeat_last_n": last}
    if ask.schema is not None:
        sampling["json_schema"] = ask.schema
    return sampling


def _last(ask: Ask, chunk: Json, whole: str, prompt: int) -> dict[str, Any]:
    """Return what the last line says; durations in ns, as the engine measured them."""
    if ask.schema is not None and chunk["stop_type"] == "eos":
        _check_json(whole)
    timings = chunk["timings"]
    return {
        "done": True,
        "done_reason": "length" if chunk["stop_type"] == "limit" else "stop",
        "prompt_eval_count": prompt,
        "prompt_eval_duration": round(timings["prompt_ms"] * 1e6),
        "eval_count": timings["predicted_n"],
        "eval_duration": round(timings["predicted_ms"] * 1e6),
    }
