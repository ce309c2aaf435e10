"""Answers in which one value is of a wrong kind: each is an error of ours, or passed over."""

from __future__ import annotations

import base64
import copy
import io
import json
import math
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from support.scripted_service import Says, ScriptedService

from mc_jupyter.clients import Limits, OllamaClient
from mc_jupyter.clients.chatterbox import ChatterboxClient
from mc_jupyter.clients.content import Product
from mc_jupyter.clients.cowsay import CowsayClient
from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.http import Http
from mc_jupyter.clients.huggingface import HuggingFaceClient
from mc_jupyter.clients.kokoro import KokoroClient
from mc_jupyter.clients.recognise import recognise
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.whisper import WhisperClient
from mc_jupyter.clients.zonos import ZonosClient
from mc_jupyter.clients.zonos_options import INPUTS
from mc_jupyter.errors import MediaConduitError
from mc_jupyter.lab.draft import Draft
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Transcript, show

WRONG: list[Any] = [None, True, -1, 10**400, float("nan"), "many", "", [], [None], {}, {"a": [{}]}]
LIMITS = Limits(2.0, 2.0, 2.0)
DEEP = 6  # levels of an answer that are changed


def sound() -> bytes:
    """A tenth of a second."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3200))
    return held.getvalue()


WAV = sound()
RECORDING = Upload.of(WAV, "a.wav")
CLIP = Upload.of(b"\0\0\0\x20ftypisom", "a.mp4")


def places(value: Any, depth: int = DEEP) -> Iterator[tuple[Any, ...]]:
    """The ways to every value in an answer, itself included."""
    yield ()
    if depth:
        inner = value.items() if isinstance(value, dict) else ()
        inner = enumerate(value[:3]) if isinstance(value, list) else inner
        for key, one in inner:
            yield from ((key, *way) for way in places(one, depth - 1))


def changed(value: Any, way: tuple[Any, ...], wrong: Any) -> Any:
    """The answer with something else in one place."""
    if not way:
        return wrong
    result = copy.deepcopy(value)
    at = result
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = wrong
    return result


def strict(result: Any) -> None:
    """What a result says of itself can be saved with a notebook."""
    if isinstance(result, Product):
        shown = show(result.content, Made("it"), settings=result.settings, facts=result.facts)
        json.dumps(shown._repr_mimebundle_(), allow_nan=False)
        numbers = [one for one in result.facts.values() if isinstance(one, int | float)]
        assert all(math.isfinite(one) and 0 <= one < 2**63 for one in numbers)


def sweep(
    answers: dict[str, Any], call: Callable[[str], Any], streams: tuple[str, ...] = ()
) -> None:
    """Change every value of every answer to each wrong one, and make the call.

    Parameters
    ----------
    answers
        By path; a list of one of `streams` is sent as lines.
    call
        Does it, given the address.
    """
    done = failed = longest = 0
    with ScriptedService({}) as service:

        def says(path: str, value: Any) -> Says:
            if isinstance(value, Says):
                return value
            if path in streams and isinstance(value, list):
                lines = "".join(json.dumps(line) + "\n" for line in value)
                return Says(lines, type="application/x-ndjson")
            return Says(json.dumps(value))

        service.answers.update({path: says(path, value) for path, value in answers.items()})
        strict(call(service.url))  # with nothing changed
        for path, right in answers.items():
            if isinstance(right, Says):
                continue
            for way in places(right):
                for wrong in WRONG:
                    service.answers[path] = says(path, changed(right, way, wrong))
                    try:
                        strict(call(service.url))
                        done += 1
                    except MediaConduitError as error:
                        longest = max(longest, len(str(error)))
                        failed += 1
                    except Exception as error:
                        raise AssertionError(f"{path} {way} = {wrong!r:.50}: {error!r}") from error
            service.answers[path] = says(path, right)
    assert done
    assert failed
    assert longest < 2000


FIGURES = {"total_duration": 5, "load_duration": 5, "prompt_eval_count": 5, "eval_count": 5}
ENTRY = {
    "name": "m:latest",
    "model": "m:latest",
    "size": 5,
    "size_vram": 5,
    "modified_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-01-01T00:00:00Z",
    "digest": "abc",
    "context_length": 4096,
    "details": {"family": "llama", "families": ["llama"], "parameter_size": "1B"},
}


def test_ollama_chat() -> None:
    lines = [
        {"message": {"role": "assistant", "content": "hi", "thinking": "oh"}},
        {"message": {"content": ""}, "done": True, "done_reason": "stop", **FIGURES},
    ]

    def call(url: str) -> None:
        draft = Draft("m")
        with OllamaClient(url, limits=LIMITS) as client:
            for chunk in client.chat("m", [{"role": "user", "content": "hi"}]):
                draft.feed(chunk)
        answer = draft.finish()
        json.dumps(answer._repr_mimebundle_(), allow_nan=False)
        assert answer.text in ("hi", "", "many", "himany")

    sweep({"/api/chat": lines}, call, ("/api/chat",))


def test_ollama_lists() -> None:
    shown = {"details": {}, "model_info": {"a.context_length": 5}, "capabilities": ["chat"]}

    def call(url: str) -> None:
        with OllamaClient(url, limits=LIMITS) as client:
            assert isinstance(client.version(), str)
            client.ensure_model("m", max_download=5)
            client.load("m")
            for entry in (*client.models(), *client.ps()):
                for name in ("size", "size_vram"):
                    assert 0 <= entry.get(name, 0) < 2**63
                assert isinstance(entry.get("details", {}), dict)
            client.show("m")

    answers = {"/api/version": {"version": "1"}, "/api/tags": {"models": [ENTRY]}}
    answers |= {"/api/ps": {"models": [ENTRY]}, "/api/show": shown}
    answers |= {"/api/generate": {"response": "", "done": True, "done_reason": "load"}}
    pull = [{"status": "p", "digest": "d", "total": 5, "completed": 3}, {"status": "success"}]
    sweep({**answers, "/api/pull": pull}, call, ("/api/pull",))


def test_ollama_pull() -> None:
    said = []

    def call(url: str) -> None:
        with OllamaClient(url, limits=LIMITS) as client:
            client.ensure_model("m", max_download=10**9, report=said.append)

    pull = [
        {"status": "pulling", "digest": "d", "total": 5, "completed": 3},
        {"status": "pulling", "digest": "d", "total": 5, "completed": 5},
        {"status": "success"},
    ]
    sweep({"/api/tags": {"models": []}, "/api/pull": pull}, call, ("/api/pull",))
    assert all(len(event.text) < 1000 for event in said)


def test_whisper() -> None:
    word = {"word": "one", "start": 0.0, "end": 1.0, "probability": 0.5}
    segment = {"id": 1, "start": 0.0, "end": 1.0, "text": "one", "words": [word]}
    answers = {
        "/asr": {"text": "one", "language": "en", "segments": [segment, [1, 0, 0.5, 1.5, "two"]]},
        "/detect-language": {"language_code": "en", "detected_language": "english"},
        "/openapi.json": {
            "info": {"title": "w", "version": "1"},
            "paths": {"/asr": {"post": {"parameters": [{"name": "vad_filter"}]}}},
        },
    }

    def call(url: str) -> None:
        with WhisperClient(url, limits=LIMITS) as client:
            client.health()
            client.detect_language(RECORDING)
            heard = client.transcribe(RECORDING, word_timestamps=True, vad_filter=True)
        result = Transcript(heard, Made("transcript"))
        json.dumps(result._repr_mimebundle_(), allow_nan=False)
        for each in (*heard.segments, *result.words):
            for name in ("start", "end"):
                assert math.isfinite(each.get(name, 0.0))
        _ = result.duration, str(result)
        for text in ("srt", "vtt", "tsv"):
            with suppress(MediaConduitError):
                getattr(result, text)

    sweep(answers, call)


def test_kokoro() -> None:
    schema = {"properties": {"normalization_options": {}, "lang_code": {}}}
    ref = {"schema": {"$ref": "#/components/schemas/S"}}
    post = {"requestBody": {"content": {"application/json": ref}}}
    answers = {
        "/health": {"status": "healthy"},
        "/v1/models": {"data": [{"id": "kokoro"}]},
        "/v1/audio/voices": {"voices": ["af_bella", {"id": "af_sky", "name": "Sky"}]},
        "/openapi.json": {
            "paths": {"/v1/audio/speech": {"post": post}},
            "components": {"schemas": {"S": schema}},
        },
        "/v1/audio/speech": Says(WAV, type="audio/wav"),
    }

    def call(url: str) -> Product:
        with KokoroClient(url, limits=LIMITS) as client:
            client.health()
            client.models()
            client.voices()
            return client.speak("hi", voice="af_bella", normalize=False)

    sweep(answers, call)


def test_chatterbox() -> None:
    status = {"status": "completed", "progress": 5, "total_chunks": 2, "completed_chunks": 1}
    answers = {
        "/health": {"status": "healthy", "model_loaded": True, "running_tasks": 0},
        "/get_predefined_voices": [{"filename": "Emily.wav", "display_name": "Emily"}],
        "/get_reference_files": ["a.wav"],
        "/upload_reference": {"uploaded_files": ["b.wav"], "errors": []},
        "/upload_predefined_voice": {"uploaded_files": ["c.wav"], "errors": []},
        "/tts/async": {"task_id": "1"},
        "/tts/task/1": {},
        "/tts/status/1": {**status, "current_stage": "x", "error_message": "y"},
        "/tts/result/1": Says(WAV, type="audio/wav"),
    }

    def call(url: str) -> Product:
        with ChatterboxClient(url, limits=Limits(0.3, 0.3, 0.3)) as client:
            client.health()
            client.voices()
            client.upload_voice(RECORDING)
            return client.speak("hi", reference=RECORDING)

    sweep(answers, call)


def test_zonos() -> None:
    inputs: list[dict[str, Any]] = [
        {"label": label, "parameter_has_default": True, "parameter_default": 1, "type": {}}
        for label in INPUTS.values()
    ]
    names = list(INPUTS)
    inputs[names.index("unconditional")]["parameter_default"] = ["emotion"]
    inputs[names.index("model")]["type"] = {"enum": ["a", "b"]}
    inputs[names.index("model")]["parameter_default"] = "a"
    events = 'event: complete\ndata: [{"path": "/tmp/a.wav"}, 5]\n\n'
    answers = {
        "/gradio_api/info": {"named_endpoints": {"/generate_audio": {"parameters": inputs}}},
        "/gradio_api/upload": ["/tmp/b.wav"],
        "/gradio_api/call/generate_audio": {"event_id": "1"},
        "/gradio_api/call/generate_audio/1": Says(events, type="text/event-stream"),
        "/gradio_api/file=/tmp/a.wav": Says(WAV, type="audio/wav"),
        "/config": {"dependencies": [{"id": 1, "api_name": "generate_audio"}]},
        "/gradio_api/cancel": {},
    }

    def call(url: str) -> Product:
        with ZonosClient(url, limits=LIMITS) as client:
            client.models()
            return client.speak("hi", reference=RECORDING)

    sweep(answers, call)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_zonos_says_of_its_work(wrong: Any) -> None:
    assert ZonosClient("http://127.0.0.1:9")._path([{"path": "a"}, wrong]) == "a"


def test_ffmpeg() -> None:
    frames = [{"path": "/frames/a.png", "frameTime": 0.5, "frameNumber": 5, "index": 0}]
    about = {"duration": 5.0, "size": 5, "width": 5, "height": "5", "fps": "30000/1001"}
    answers = {
        "/": {"service": "ffmpeg", "version": "1", "limits": {"maxFileSizeMB": 5, "maxFiles": 5}},
        "/health": {"success": True, "data": {"ffmpegVersion": "1"}},
        "/video/metadata": {"success": True, "data": {**about, "videoCodec": "h264"}},
        "/video/extractFrame": {"success": True, "data": {"frames": frames}},
        "/frames/a.png": Says(b"png", type="image/png"),
    }

    def call(url: str) -> Product:
        with FfmpegClient(url, limits=LIMITS) as client:
            client.health()
            found = client.info(CLIP)
            json.dumps(found, allow_nan=False)
            assert all(
                0 <= value < 2**63 for value in found.values() if isinstance(value, int | float)
            )
            return client.frame(CLIP, times=0.5)[0]

    sweep(answers, call)


def test_huggingface() -> None:
    about = {"generationTime": 5.0, "seed": 5, "modelId": "a/b", "sampleRate": 5, "duration": 1.0}
    made = {"success": True, "audioBase64": base64.b64encode(WAV).decode(), "metadata": about}
    answers = {
        "/health": {"status": "ok", "loadedModels": 1, "memoryUsage": {}, "gpuInfo": {}},
        "/models": [{"modelId": "a/b", "loaded": True, "capabilities": ["x"]}],
        "/models/load": {"success": True, "modelId": "a/b", "loadTime": 5},
        "/models/c": {"success": True, "message": "x"},
        "/generate/audio": made,
    }

    def call(url: str) -> Product:
        with HuggingFaceClient(url, limits=LIMITS) as client:
            client.health()
            client.models()
            client.load("a/b")
            client.unload("c")
            return client.speak("hi", model="a/b")

    sweep(answers, call)


def test_cowsay() -> None:
    answers = {"/health": {"service": "cowsay"}, "/cowsay": {"cowsayOutput": "moo"}}

    def call(url: str) -> None:
        with CowsayClient(url, limits=LIMITS) as client:
            client.health()
            client.say("moo")

    sweep(answers, call)


@pytest.mark.parametrize(
    "answers",
    [
        {"/openapi.json": {"paths": {"/asr": {}}, "info": {"version": "1"}}},
        {"/gradio_api/info": {"named_endpoints": {"/generate_audio": {}}}},
        {"/health": {"data": {"ffmpegVersion": "1", "version": "1"}}},
        {"/": {"service": "cowsay", "version": "1"}},
    ],
)
def test_recognising(answers: dict[str, Any]) -> None:
    with ScriptedService({}) as service:
        for path, right in answers.items():
            for way in places(right):
                for wrong in WRONG:
                    service.answers[path] = Says(json.dumps(changed(right, way, wrong)))
                    http = Http(service.url, limits=LIMITS)
                    kind, version = recognise(http)
                    http.close()
                    assert [type(kind), type(version)] == [str, str]


@pytest.mark.parametrize("status", [404, 422, 500])
def test_refusals(status: int) -> None:
    item = {"loc": ["body", "x"], "msg": "wrong", "type": "y"}
    rights: list[dict[str, Any]] = [
        {"detail": [item]},
        {"detail": {"message": "no", "error": "x"}},
        {"error": {"message": "no"}},
        {"success": False, "error": "no", "errors": [{"filename": "a", "error": "no"}]},
    ]
    kinds = [WhisperClient, KokoroClient, ChatterboxClient, ZonosClient, FfmpegClient, CowsayClient]
    with ScriptedService({}) as service:
        for kind in (*kinds, HuggingFaceClient, OllamaClient):
            client = kind(service.url, limits=LIMITS)  # type: ignore[abstract]
            for right in rights:
                for way in places(right):
                    for wrong in WRONG:
                        body = json.dumps(changed(right, way, wrong))
                        service.answers["/x"] = Says(body, status)
                        with pytest.raises(MediaConduitError) as raised:
                            client._http.call("POST", "/x", {"modelId": "a", "model": "b"})
                        assert len(str(raised.value)) < 2000
            client.close()
