"""A stand-in for the huggingface service: pictures by Pillow, speech by espeak-ng.

Switches: ``slow=S`` works S s longer; ``fail=``, see app.py. Models whose name begins with
``missing/`` cannot be loaded. As in the real one generation blocks the event loop.
"""

from __future__ import annotations

import base64
import random
import time
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from support.standin.servers import app as common
from support.standin.servers import sound, speech
from support.standin.servers.picture import picture
from support.standin.servers.speech import Voice

ENGINE = "Pillow, espeak-ng"
_KEPT = 3  # models at once
_ALIASES = {
    "sd15": "runwayml/stable-diffusion-v1-5",
    "sd21": "stabilityai/stable-diffusion-2-1",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
    "flux-dev": "black-forest-labs/FLUX.1-dev",
    "flux-schnell": "black-forest-labs/FLUX.1-schnell",
    "lcm": "SimianLuo/LCM_Dreamshaper_v7",
}
_AUDIO = ("tts", "speech", "bark", "musicgen", "kokoro", "chatterbox", "audio", "xtts")


class Load(BaseModel):
    """What ``/models/load`` takes."""

    modelId: str
    force: bool = False
    precision: str = "fp16"
    device: str = "auto"


class Image(BaseModel):
    """What ``/generate`` takes."""

    modelId: str
    prompt: str
    negativePrompt: str | None = None
    width: int = 512
    height: int = 512
    numInferenceSteps: int = 20
    guidanceScale: float = 7.5
    seed: int | None = None
    scheduler: str | None = None


class Audio(BaseModel):
    """What ``/generate/audio`` takes."""

    modelId: str
    prompt: str
    voice: str = "default"
    speed: float = Field(1.0, ge=0.5, le=2)
    pitch: float = Field(0.0, ge=-1, le=1)
    volume: float = Field(1.0, ge=0, le=1)
    sampleRate: int = 22050
    format: str = "wav"
    language: str = "en"
    seed: int | None = None


class Models:
    """The models that are loaded; the one used longest ago goes first."""

    def __init__(self) -> None:
        self._loaded: dict[str, float] = {}

    def load(self, name: str) -> float:
        """Load a model; return the ms that it took. Raises ValueError where it cannot be."""
        full = _ALIASES.get(name, name)
        if full.startswith("missing/"):
            raise ValueError(f"{full} is not a local folder and is not a valid model identifier")
        took = self._loaded.pop(full, 25.0)
        self._loaded[full] = took
        while len(self._loaded) > _KEPT:
            del self._loaded[next(iter(self._loaded))]
        return took

    def drop(self, name: str) -> bool:
        """Unload one; whether it was there."""
        return self._loaded.pop(_ALIASES.get(name, name), None) is not None

    def names(self) -> list[str]:
        """Those that are loaded."""
        return list(self._loaded)

    def told(self, name: str) -> dict[str, Any]:
        """What the server says of one."""
        kind = "text-to-audio" if _is_audio(name) else "text-to-image"
        return {
            "modelId": name,
            "loaded": name in self._loaded,
            "memoryUsage": 100.0,
            "loadTime": self._loaded.get(name),
            "capabilities": [kind],
            "parameters": {},
        }


def _is_audio(name: str) -> bool:
    return any(part in name.lower() for part in _AUDIO)


def make_app(settings: common.Settings) -> FastAPI:
    """Return the app."""
    models = Models()
    app = common.make("huggingface", ENGINE, settings)
    _add_models(app, models)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        memory = {"total": 16000.0, "used": 100.0 * len(models.names())}
        names = models.names()
        return {"status": "healthy", "loadedModels": names, "memoryUsage": memory, "gpuInfo": None}

    @app.post("/generate")
    @app.post("/generate/image")
    async def image(request: Image) -> dict[str, Any]:
        _load(models, request.modelId)
        start = time.monotonic()
        time.sleep(settings.slow)
        seed = random.randrange(2**32) if request.seed is None else request.seed
        content = picture(request.prompt, request.width, request.height, seed)
        parameters = request.model_dump(exclude={"modelId", "prompt", "seed"})
        return {
            "success": True,
            "imageBase64": base64.b64encode(content).decode(),
            "metadata": {
                "modelId": _ALIASES.get(request.modelId, request.modelId),
                "generationTime": time.monotonic() - start,
                "parameters": parameters,
                "seed": seed,
            },
            "error": None,
        }

    @app.post("/generate/audio")
    async def audio(request: Audio) -> dict[str, Any]:
        if not request.prompt.strip():
            raise HTTPException(400, "Prompt cannot be empty")
        _load(models, request.modelId)
        time.sleep(settings.slow)
        return _speak(request)

    return app


def _load(models: Models, name: str) -> None:
    try:
        models.load(name)
    except ValueError as error:
        raise HTTPException(400, f"Failed to load model {name}: {error}") from None


def _speak(request: Audio) -> dict[str, Any]:
    start = time.monotonic()
    language = {"en": "en-us"}.get(request.language, request.language)
    voice = Voice(f"{language}+f2", int(np.clip(50 + 49 * request.pitch, 0, 99)))
    if request.format not in sound.TYPES or not speech.knows(voice.name):
        raise HTTPException(500, f"Audio generation failed: {request.format}, {request.language}")
    spoken = speech.say(request.prompt, voice, request.speed)
    samples = sound.resample(spoken.samples * np.float32(request.volume), spoken.rate, 22050)
    content = sound.encode(samples, 22050, request.format)
    parameters = request.model_dump(exclude={"modelId", "prompt"})
    return {
        "success": True,
        "audioBase64": base64.b64encode(content).decode(),
        "metadata": {
            "modelId": request.modelId,
            "generationTime": time.monotonic() - start,
            "parameters": parameters,
            "format": request.format,
            "sampleRate": 22050,  # what its model has, whatever was asked for
            "duration": spoken.seconds,
        },
        "error": None,
    }


def _add_models(app: FastAPI, models: Models) -> None:
    @app.post("/models/load")
    async def load(request: Load) -> dict[str, Any]:
        answer = {"success": True, "modelId": request.modelId, "loadTime": 0.0}
        try:
            answer["loadTime"] = models.load(request.modelId)
        except ValueError as error:
            return {**answer, "success": False, "memoryUsage": 0.0, "error": str(error)}
        return {**answer, "memoryUsage": 100.0, "error": None}

    @app.get("/models")
    async def listed() -> list[dict[str, Any]]:
        return [models.told(name) for name in models.names()]

    @app.get("/models/{name}")
    async def one(name: str) -> dict[str, Any]:
        if _ALIASES.get(name, name) not in models.names():
            raise HTTPException(404, f"Model {name} not found")
        return models.told(_ALIASES.get(name, name))

    @app.delete("/models/{name}")
    async def drop(name: str) -> dict[str, Any]:
        if not models.drop(name):
            raise HTTPException(404, f"Model {name} not found")
        return {"success": True, "message": f"Model {name} unloaded"}
