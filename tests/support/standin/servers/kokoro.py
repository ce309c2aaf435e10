"""A stand-in for Kokoro-FastAPI: its API over espeak-ng.

Switches: ``voices=strings`` lists voices as the older images do (default: objects); ``slow=S``
takes S s longer for each sentence; ``fail=``, see app.py. Not there: aac, combined voice files.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from typing import Any, Literal

import numpy as np
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field
from support.standin.servers import app as common
from support.standin.servers import sound, speech
from support.standin.servers.speech import Samples, Voice

ENGINE = "espeak-ng"
RATE = 24000
MODELS = ("tts-1", "tts-1-hd", "kokoro", "gpt-4o-mini-tts")
VOICES = {
    "af_bella": Voice("en-us+f3"),
    "af_heart": Voice("en-us+f2"),
    "af_nicole": Voice("en-us+whisperf"),
    "af_sarah": Voice("en-us+f1"),
    "am_adam": Voice("en-us+m3"),
    "am_michael": Voice("en-us+m1"),
    "bf_emma": Voice("en+f2"),
    "bm_george": Voice("en+m3"),
    "ef_dora": Voice("es+f2"),
    "ff_siwis": Voice("fr+f2"),
}
_LANGUAGES = {"a": "en-us", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "p": "pt-br"}
_PART = re.compile(r"^([a-z]{2}_[a-z0-9_]+)(?:\((\d*\.?\d+)\))?$")


class Speech(BaseModel):
    """What ``/v1/audio/speech`` takes."""

    model: str = "kokoro"
    input: str
    voice: str = "af_heart"
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    download_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    speed: float = Field(1.0, ge=0.25, le=4.0)
    stream: bool = True
    return_download_link: bool = False
    lang_code: str | None = None
    volume_multiplier: float | None = 1.0
    normalization_options: dict[str, Any] | None = None


def make_app(settings: common.Settings) -> FastAPI:
    """Return the app."""
    app = common.make("kokoro", ENGINE, settings)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(name) for name in MODELS]}

    @app.get("/v1/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        if name not in MODELS:
            raise _refused(404, "model_not_found", f"Model '{name}' not found")
        return _model(name)

    @app.get("/v1/audio/voices")
    async def voices(legacy: bool = False) -> dict[str, Any]:
        if legacy or settings["voices"] == "strings":
            return {"voices": list(VOICES)}
        return {"voices": [{"id": name, "name": name} for name in VOICES]}

    @app.post("/v1/audio/speech")
    async def speak(request: Speech) -> Response:
        speaker, language = _checked(request)
        sounds = _sentences(request, _in(speaker, language), settings.slow)
        kind = sound.TYPES[request.response_format]
        headers = {
            "Content-Disposition": f"attachment; filename=speech.{request.response_format}",
            "Cache-Control": "no-cache",
        }
        if request.stream:
            headers["X-Accel-Buffering"] = "no"
            return StreamingResponse(
                _streamed(sounds, request.response_format), media_type=kind, headers=headers
            )
        whole = np.concatenate([piece async for piece in sounds])
        content = sound.encode(whole, RATE, request.response_format)
        return Response(content, media_type=kind, headers=headers)

    @app.post("/dev/captioned_speech")
    async def captioned(request: Speech) -> dict[str, Any]:
        voice = _in(*_checked(request))
        spoken = speech.say(request.input, voice, request.speed)
        samples = sound.resample(spoken.samples, spoken.rate, RATE)
        content = sound.encode(samples, RATE, request.response_format)
        ends = [start for _, start in spoken.words[1:]] + [spoken.seconds]
        return {
            "audio": base64.b64encode(content).decode(),
            "audio_format": sound.TYPES[request.response_format],
            "timestamps": [
                {"word": word, "start_time": start, "end_time": end}
                for (word, start), end in zip(spoken.words, ends, strict=True)
            ],
        }

    return app


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1686935002, "owned_by": "kokoro"}


def _refused(status: int, error: str, message: str) -> HTTPException:
    detail = {"error": error, "message": message, "type": "invalid_request_error"}
    return HTTPException(status, detail)


def _checked(request: Speech) -> tuple[Voice, str]:
    """Return who speaks in which language, or refuse as the real server does."""
    if request.model not in MODELS:
        raise _refused(400, "invalid_model", f"Unsupported model: {request.model}")
    if not request.input.strip():
        raise _refused(400, "validation_error", "Input text is empty")
    if request.response_format == "aac":
        raise _refused(400, "validation_error", "the stand-in has no encoder for aac")
    try:
        voice = _mixed(request.voice)
    except ValueError as error:
        raise _refused(400, "validation_error", str(error)) from None
    code = request.lang_code or request.voice.strip()[0]
    if code not in _LANGUAGES:
        raise _refused(400, "validation_error", f"Unsupported language code: {code}")
    return voice, _LANGUAGES[code]


def _mixed(text: str) -> Voice:
    """Return the voice of ``name``, ``name+name`` or ``name(2)+name(1)``: the heaviest part's,
    at the weighted pitch of all."""
    weights: dict[str, float] = {}
    for part in text.replace(" ", "").split("+"):
        match = _PART.match(part)
        name = match[1] if match else part
        if name not in VOICES:
            known = ", ".join(sorted(VOICES))
            raise ValueError(f"Voice {name} not found. Available voices: {known}")
        weights[name] = weights.get(name, 0) + float(match[2] or 1 if match else 1)
    total = sum(weights.values()) or 1
    first = VOICES[max(weights, key=lambda name: weights[name])]
    if len(weights) == 1:
        return first
    height = {name: 65 if name[1] == "f" else 35 for name in weights}
    return Voice(first.name, round(sum(height[n] * w for n, w in weights.items()) / total))


def _in(voice: Voice, language: str) -> Voice:
    variant = voice.name.partition("+")[2]
    return Voice(f"{language}+{variant}", voice.pitch, voice.range)


async def _sentences(request: Speech, voice: Voice, slow: float) -> AsyncIterator[Samples]:
    for sentence in re.split(r"(?<=[.!?])\s+", request.input.strip()):
        await asyncio.sleep(slow)
        spoken = await asyncio.to_thread(speech.say, sentence, voice, request.speed)
        loud = spoken.samples * np.float32(request.volume_multiplier or 1.0)
        yield sound.resample(loud, spoken.rate, RATE)


async def _streamed(sounds: AsyncIterator[Samples], format: str) -> AsyncIterator[bytes]:
    """Send each sentence when it is spoken; what needs an encoder comes at the end."""
    kept: list[Samples] = []
    if format == "wav":
        yield sound.wav_head(RATE)
    async for piece in sounds:
        if format in ("wav", "pcm"):
            yield sound.pcm(piece)
        else:
            kept.append(piece)
    if kept:
        content = sound.encode(np.concatenate(kept), RATE, format)
        for start in range(0, len(content), 8192):
            yield content[start : start + 8192]
