"""A stand-in for whisper-asr-webservice: its API over PocketSphinx, which hears English only.

Switches: ``grammar=digits`` hears the ten digits and nothing else; ``slow=S`` works S s longer;
``fail=``, see app.py. As in the real one, options are query parameters and form fields are not
read; the model runs inside the async handler, so nothing else is answered meanwhile.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, File, Query, UploadFile
from fastapi.responses import RedirectResponse, StreamingResponse
from support.standin.servers import app as common
from support.standin.servers import hearing, sound

ENGINE = "PocketSphinx"
_LANGUAGES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he "
    "hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne "
    "nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk "
    "ur uz vi yi yo yue zh"
)


def make_app(settings: common.Settings) -> FastAPI:
    """Return the app; its model is loaded before the port answers, as the real one's is."""
    ear = hearing.Ear(settings["grammar"])
    app = common.make("whisper", ENGINE, settings)

    @app.get("/", include_in_schema=False)
    async def index() -> RedirectResponse:
        return RedirectResponse("/docs")

    @app.post("/asr", tags=["Endpoints"])
    async def asr(
        audio_file: Annotated[UploadFile, File()],
        encode: bool = True,
        task: str = Query("transcribe", enum=["transcribe", "translate"]),
        language: str | None = None,
        initial_prompt: str | None = None,
        vad_filter: bool | None = Query(False, include_in_schema=False),  # not of this engine
        word_timestamps: bool = False,
        output: str = Query("txt", enum=["txt", "vtt", "srt", "tsv", "json"]),
    ) -> StreamingResponse:
        if language is not None and language not in _LANGUAGES.split():
            raise ValueError(f"Unsupported language: {language}")
        time.sleep(settings.slow)
        result = _transcribe(ear, audio_file, language or "en", word_timestamps)
        text = _WRITERS.get(output, _txt)(result)
        name = f"{quote(audio_file.filename or 'file')}.{output}"
        headers = {
            "Asr-Engine": "openai_whisper",
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        return StreamingResponse(iter([text]), media_type="text/plain", headers=headers)

    @app.post("/detect-language", tags=["Endpoints"])
    async def detect(
        audio_file: Annotated[UploadFile, File()], encode: bool = True
    ) -> dict[str, Any]:
        sound.decode(audio_file.file, hearing.RATE)
        return {"detected_language": "english", "language_code": "en", "confidence": 1.0}

    return app


def _transcribe(
    ear: hearing.Ear, file: UploadFile, language: str, with_words: bool
) -> dict[str, Any]:
    samples, _ = sound.decode(file.file, hearing.RATE)
    parts = hearing.segments(ear.hear(samples))
    segments = [_segment(number, words, with_words) for number, words in enumerate(parts)]
    text = "".join(segment["text"] for segment in segments)
    return {"text": text, "segments": segments, "language": language}


def _segment(number: int, words: list[hearing.Word], with_words: bool) -> dict[str, Any]:
    text = "".join(f" {word.text}" for word in words)
    found: dict[str, Any] = {
        "id": number,
        "seek": 0,
        "start": words[0].start,
        "end": words[-1].end,
        "text": text,
        "tokens": [zlib.crc32(word.text.encode()) % 50257 for word in words],
        "temperature": 0.0,
        "avg_logprob": sum(math.log(w.probability or 1e-9) for w in words) / len(words),
        "compression_ratio": len(text) / len(zlib.compress(text.encode())),
        "no_speech_prob": 0.0,
    }
    if with_words:
        found["words"] = [
            {
                "word": f" {word.text}",
                "start": word.start,
                "end": word.end,
                "probability": word.probability,
            }
            for word in words
        ]
    return found


def _stamp(seconds: float, point: str, hours: bool) -> str:
    ms = round(seconds * 1000)
    hour, ms = divmod(ms, 3_600_000)
    minute, ms = divmod(ms, 60_000)
    second, ms = divmod(ms, 1000)
    head = f"{hour:02d}:" if hours or hour else ""
    return f"{head}{minute:02d}:{second:02d}{point}{ms:03d}"


def _txt(result: dict[str, Any]) -> str:
    return "".join(segment["text"].strip() + "\n" for segment in result["segments"])


def _vtt(result: dict[str, Any]) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_stamp(s['start'], '.', False)} --> {_stamp(s['end'], '.', False)}\n"
        f"{s['text'].strip()}\n\n"
        for s in result["segments"]
    )


def _srt(result: dict[str, Any]) -> str:
    return "".join(
        f"{number}\n{_stamp(s['start'], ',', True)} --> {_stamp(s['end'], ',', True)}\n"
        f"{s['text'].strip()}\n\n"
        for number, s in enumerate(result["segments"], 1)
    )


def _tsv(result: dict[str, Any]) -> str:
    lines = [
        f"{round(1000 * s['start'])}\t{round(1000 * s['end'])}\t{s['text'].strip()}\n"
        for s in result["segments"]
    ]
    return "start\tend\ttext\n" + "".join(lines)


_WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "txt": _txt,
    "vtt": _vtt,
    "srt": _srt,
    "tsv": _tsv,
    "json": json.dumps,
}
