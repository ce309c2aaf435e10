"""``POST /video/extractAudio`` and ``POST /audio/convert``: the same, from another field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from . import facts, programs, values
from .faults import Refused
from .form import Form, Upload
from .service import Made, of

# format: encoder, muxer, content type
_FORMATS = {
    "wav": ("pcm_s16le", "wav", "audio/wav"),
    "mp3": ("libmp3lame", "mp3", "audio/mpeg"),
    "flac": ("flac", "flac", "audio/flac"),
    "m4a": ("aac", "ipod", "audio/mp4"),
    "aac": ("aac", "adts", "audio/aac"),
    "ogg": ("libvorbis", "ogg", "audio/ogg"),
}
_LOSSLESS = ("wav", "flac")
OPTIONS: values.Options = {
    "outputFormat": values.one_of(*_FORMATS),
    "sampleRate": values.whole(1000, 384000),
    "channels": values.whole(1, 8),
    "bitrate": values.bitrate,
    "quality": values.number(0, 10),
    "startTime": values.seconds,
    "duration": values.seconds,
    "volume": values.number(0, 100),
    "normalize": values.flag,
}


async def extract_audio(request: web.Request) -> web.StreamResponse:
    """Take the sound out of a video."""
    return await _serve(request, "video")


async def convert(request: web.Request) -> web.StreamResponse:
    """Convert a sound."""
    return await _serve(request, "audio")


async def _serve(request: web.Request, field_name: str) -> web.StreamResponse:
    service = of(request)

    async def work(form: Form, folder: Path) -> Made:
        given, file, limits = form.given, form.files[0], service.limits
        wanted = given.get("outputFormat", "wav")
        encoder, muxer, content_type = _FORMATS[wanted]
        _check_together(given, wanted)
        found = await programs.probe(file, limits)
        seek = _seek(given, found, file)
        output = folder / f"output.{wanted}"
        arguments = ["-map", "0:a:0", "-vn", *_arguments(given, found), "-c:a", encoder]
        arguments += [*programs.size_limit(limits), "-f", muxer]
        await programs.convert(form, output, arguments, limits, seek)
        programs.check_size(output, limits)
        made = await programs.probe(Upload(output, "the result"), limits)
        return Made(output, content_type, facts.audio_headers(made))

    return await service.serve(request, OPTIONS, field_name, work)


def _check_together(given: dict[str, Any], wanted: str) -> None:
    for name in ("bitrate", "quality"):
        if name in given and wanted in _LOSSLESS:
            raise Refused(f"{name} means nothing for {wanted}: leave it out")
    if "bitrate" in given and "quality" in given:
        raise Refused("bitrate and quality exclude each other")
    if given.get("duration") == 0:
        raise Refused("duration is 0: nothing would be left")


def _seek(given: dict[str, Any], found: dict[str, Any], file: Upload) -> list[str]:
    if facts.stream(found, "audio") is None:
        raise Refused(f"{file.name} has no sound")
    length = facts.duration(found)
    start = given.get("startTime", 0.0)
    if start and length is not None and start >= length:
        raise Refused(f"startTime is {start:g} s: {file.name} is {length:.3f} s long")
    seek = ["-ss", f"{start:.6f}"] if start else []
    return [*seek, "-t", f"{given['duration']:.6f}"] if "duration" in given else seek


def _arguments(given: dict[str, Any], found: dict[str, Any]) -> list[str]:
    arguments = []
    filters = []
    rate = given.get("sampleRate")
    if given.get("normalize"):
        filters.append("loudnorm")
        # which works at 192 kHz, and would leave it at that
        rate = rate or (facts.stream(found, "audio") or {}).get("sample_rate")
    if "volume" in given:
        filters.append(f"volume={given['volume']:f}")
    if filters:
        arguments += ["-af", ",".join(filters)]
    for name, value in (
        ("-ar", rate),
        ("-ac", given.get("channels")),
        ("-b:a", given.get("bitrate")),
        ("-q:a", given.get("quality")),
    ):
        if value is not None:
            arguments += [name, f"{value:g}" if isinstance(value, float) else str(value)]
    return arguments
