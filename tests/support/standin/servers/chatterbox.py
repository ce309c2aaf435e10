"""A stand-in for Chatterbox-TTS-Server (with the fork's asynchronous tasks) over espeak-ng.

Switches: ``voices=Emily.wav,...`` makes predefined voices (a fresh one has none);
``model_loaded=0`` has no model while health says healthy; ``slow=S`` takes S s longer for each
chunk; ``fail=task`` fails a task in its second chunk (or its only one); ``data=FOLDER`` keeps
files there; other ``fail=``, see app.py. A clone has the pitch of its reference. As in the real
one, ``/tts`` blocks the event loop, so that health is silent meanwhile.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, File, HTTPException, UploadFile
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from support.standin.servers import app as common
from support.standin.servers import sound, speech
from support.standin.servers.chatterbox_files import Folder
from support.standin.servers.chatterbox_tasks import TOO_MANY, Job, Tasks, chunks_of
from support.standin.servers.speech import Voice

ENGINE = "espeak-ng"
_NOT_LOADED = "TTS engine model is not currently loaded or available."
Files = Annotated[list[UploadFile], File()]


class Text(BaseModel):
    """What ``/tts`` takes."""

    text: str = Field(min_length=1)
    voice_mode: Literal["predefined", "clone"] = "predefined"
    predefined_voice_id: str | None = None
    reference_audio_filename: str | None = None
    output_format: Literal["wav", "opus", "mp3"] = "wav"
    split_text: bool = True
    chunk_size: int = Field(120, ge=50, le=500)
    temperature: float | None = Field(None, ge=0, le=1.5)
    exaggeration: float | None = Field(None, ge=0.25, le=2)
    cfg_weight: float | None = Field(None, ge=0.2, le=1)
    seed: int | None = Field(None, ge=0)
    speed_factor: float | None = Field(None, ge=0.25, le=4)
    language: str | None = None


class OpenAI(BaseModel):
    """What ``/v1/audio/speech`` takes."""

    model: str
    input: str = Field(min_length=1)
    voice: str
    response_format: Literal["wav", "opus", "mp3"] = "wav"
    speed: float = 1.0
    seed: int | None = None


class Server:
    """Its files, its tasks, and its model."""

    def __init__(self, settings: common.Settings) -> None:
        root = Path(settings["data"] or tempfile.mkdtemp(prefix="standin-chatterbox-"))
        self.settings = settings
        self.loaded = settings["model_loaded"] != "0"
        self.voices, self.references = Folder(root / "voices"), Folder(root / "reference_audio")
        self.tasks = Tasks(settings.slow, settings["fail"] == "task")
        for number, name in enumerate(filter(None, settings["voices"].split(","))):
            voice = Voice(("en-us+f2", "en-us+m3", "en-us+f3")[number % 3])
            spoken = speech.say("This is the voice of a stand-in, made by a machine.", voice)
            format = Path(name).suffix.removeprefix(".")
            (self.voices.path / name).write_bytes(sound.encode(spoken.samples, spoken.rate, format))

    def job(self, request: Text) -> Job:
        """Return what is to be spoken by whom; refuse as the real server does."""
        if not self.loaded:
            raise HTTPException(503, _NOT_LOADED)
        if request.voice_mode == "predefined":
            path = self._voice(request.predefined_voice_id)
        else:
            path = self._reference(request.reference_audio_filename)
        samples, rate = sound.decode(str(path))
        voice = speech.voice_like(samples, rate)
        moved = 50 if request.exaggeration is None else min(99, int(request.exaggeration * 50))
        voice = Voice(voice.name, voice.pitch, moved)
        chunks = chunks_of(request.text, request.chunk_size if request.split_text else None)
        return Job(chunks, voice, request.speed_factor or 1.0, request.output_format)

    def _voice(self, name: str | None) -> Path:
        if not name:
            detail = "Missing 'predefined_voice_id' for 'predefined' voice mode."
            raise HTTPException(400, detail)
        if (found := self.voices.find(name)) is None:
            raise HTTPException(404, f"Predefined voice file '{name}' not found.")
        return found

    def _reference(self, name: str | None) -> Path:
        if not name:
            raise HTTPException(400, "Missing 'reference_audio_filename' for 'clone' voice mode.")
        if (found := self.references.find(name)) is None:
            raise HTTPException(404, f"Reference audio file '{name}' not found.")
        return found

    def speak(self, request: Text) -> Response:
        """Speak a whole text, in the event loop's own thread."""
        return _audio(self.job(request).run(self.settings.slow), request.output_format)


def _audio(content: bytes, format: str) -> Response:
    name = f"tts_output_{time.strftime('%Y%m%d_%H%M%S')}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=sound.TYPES[format], headers=headers)


def make_app(settings: common.Settings) -> FastAPI:
    """Return the app."""
    server = Server(settings)
    app = common.make("chatterbox", ENGINE, settings)

    @app.post("/tts")
    async def tts(request: Text) -> Response:
        return server.speak(request)

    @app.post("/v1/audio/speech")
    async def openai(request: OpenAI) -> Response:
        text = Text(
            text=request.input,
            output_format=request.response_format,
            speed_factor=request.speed,
            seed=request.seed,
        )
        key = "predefined_voice_id"
        if server.voices.find(request.voice) is None and server.references.find(request.voice):
            text.voice_mode, key = "clone", "reference_audio_filename"
        return server.speak(text.model_copy(update={key: request.voice}))

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {
            "status": "healthy",
            "model_loaded": server.loaded,
            "running_tasks": server.tasks.running,
            "max_concurrent_tasks": TOO_MANY,
            "timestamp": time.time(),
            "version": "2.0.2",
        }

    _add_files(app, server)
    _add_tasks(app, server)
    return app


def _add_files(app: FastAPI, server: Server) -> None:
    @app.get("/get_reference_files")
    async def references() -> list[str]:
        return server.references.names()

    @app.get("/get_predefined_voices")
    async def voices() -> list[dict[str, str]]:
        return server.voices.shown()

    @app.post("/upload_reference")
    async def upload_reference(files: Files) -> JSONResponse:
        content, status = await server.references.take(files, limit=30.0)
        content["all_reference_files"] = server.references.names()
        return JSONResponse(content, status)

    @app.post("/upload_predefined_voice")
    async def upload_voice(files: Files) -> JSONResponse:
        content, status = await server.voices.take(files, limit=None)
        content["all_predefined_voices"] = server.voices.shown()
        return JSONResponse(content, status)


def _add_tasks(app: FastAPI, server: Server) -> None:
    tasks = server.tasks

    @app.post("/tts/async")
    async def begin(request: Text) -> dict[str, str]:
        job = server.job(request)
        if tasks.running >= TOO_MANY:
            raise HTTPException(503, f"Too many concurrent tasks (maximum {TOO_MANY}).")
        task = tasks.begin(job)
        return {"task_id": task.id, "status": "queued", "message": "Task queued"}

    @app.get("/tts/status/{id}")
    async def status(id: str) -> dict[str, Any]:
        return tasks.get(id).told()

    @app.get("/tts/result/{id}")
    async def result(id: str) -> Response:
        task = tasks.get(id)
        if task.status in ("queued", "processing"):
            raise HTTPException(202, f"Task is {task.status}")
        if task.result is None:
            raise HTTPException(404, f"Task {task.status}: {task.error or 'no result'}")
        return _audio(task.result, task.job.format)

    @app.delete("/tts/task/{id}")
    async def end(id: str) -> dict[str, str]:
        return {"message": tasks.end(id)}

    @app.get("/tts/tasks")
    async def listed() -> dict[str, Any]:
        every = [task.told() for task in tasks.every()]
        return {"tasks": every, "total_count": len(every), "running_count": tasks.running}
