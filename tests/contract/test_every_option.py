"""Every option of the tables reaches its server, under the server's own name for it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from support.scripted_service import Says, ScriptedService

from mc_jupyter.clients.base import as_text
from mc_jupyter.clients.ffmpeg import OPTIONS as FFMPEG
from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.huggingface import (
    AUDIO_OPTIONS,
    IMAGE_OPTIONS,
    LOAD_OPTIONS,
    HuggingFaceClient,
)
from mc_jupyter.clients.option import Option
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.whisper import OPTIONS as WHISPER
from mc_jupyter.clients.whisper import WhisperClient
from mc_jupyter.errors import OptionError

MADE = base64.b64encode(b"made").decode()
ENGINES = [{"name": name} for name in ("vad_filter", "diarize", "min_speakers", "max_speakers")]
SOUND, FRAME = Says(b"x", type="audio/wav"), {"path": "/outputs/a.png"}
ANSWERS = {
    "/": Says({}),
    "/health": Says({}),
    "/openapi.json": Says({"paths": {"/asr": {"post": {"parameters": ENGINES}}}}),
    "/asr": Says({"text": "one", "segments": []}),
    "/generate/image": Says({"success": True, "imageBase64": MADE}),
    "/generate/audio": Says({"success": True, "audioBase64": MADE}),
    "/models/load": Says({"success": True}),
    "/video/extractAudio": SOUND,
    "/audio/convert": SOUND,
    "/video/filter": Says(b"x", type="video/mp4"),
    "/video/extractFrame": Says({"success": True, "data": {"frames": [FRAME]}}),
    "/outputs/a.png": Says(b"x", type="image/png"),
}
GRAPH = "[0:v]split[final_video][own];[0:a]anull[own]"
VALUES = {"language": "de", "width": 64, "height": 64, "times": 2.0, "bitrate": "128k"}
BESIDE: Mapping[tuple[str, str], dict[str, Any]] = {  # what has no meaning alone
    ("extract-audio", "bitrate"): {"format": "mp3"},
    ("extract-audio", "quality"): {"format": "mp3"},
    ("convert", "bitrate"): {"format": "mp3"},
    ("convert", "quality"): {"format": "mp3"},
    ("frame", "quality"): {"format": "jpg"},
    ("frame", "multiple"): {"frame_rate": 1.0},
}


@pytest.fixture(scope="module")
def service() -> Iterator[ScriptedService]:
    with ScriptedService(ANSWERS) as service:
        yield service


def value_for(name: str, option: Option) -> Any:
    if name in VALUES:
        return VALUES[name]
    if option.choices:
        return option.choices[-1]
    low, high = option.low or 0, 1e6 if option.high is None else option.high
    return {bool: True, str: "own", int: int(min(low + 1, high)), float: min(low + 0.5, high)}[
        option.type
    ]


@pytest.mark.parametrize("name", WHISPER)
def test_whisper(service: ScriptedService, name: str) -> None:
    value = value_for(name, WHISPER[name])
    with WhisperClient(service.url) as client:
        client.transcribe(Upload.of(b"RIFF", "a.wav"), **{name: value})
    assert (WHISPER[name].sent or name, as_text(value)) in service.asked("/asr")[-1].query


@pytest.mark.parametrize(
    ("path", "name", "option"),
    [
        (path, name, option)
        for path, options in (
            ("/generate/image", IMAGE_OPTIONS),
            ("/generate/audio", AUDIO_OPTIONS),
            ("/models/load", LOAD_OPTIONS),
        )
        for name, option in options.items()
    ],
)
def test_huggingface(service: ScriptedService, path: str, name: str, option: Option) -> None:
    given = {name: value_for(name, option)}
    with HuggingFaceClient(service.url) as client:
        if path == "/generate/image":
            client.image("a/model", "a cow", **given)
        elif path == "/generate/audio":
            client.speak("one", model="a/tts", **given)
        else:
            client.load("a/model", **given)
    assert service.asked(path)[-1].json[option.sent or name] == given[name]


@pytest.mark.parametrize(
    ("verb", "name"), [(verb, name) for verb, options in FFMPEG.items() for name in options]
)
def test_ffmpeg(service: ScriptedService, verb: str, name: str) -> None:
    option, clip = FFMPEG[verb][name], Upload.of(b"\0\0\0\x20ftypisom", "a.mp4")
    value = value_for(name, option)
    given = {name: value, **BESIDE.get((verb, name), {})}
    with FfmpegClient(service.url) as client:
        if verb == "extract-audio":
            client.extract_audio(clip, **given)
        elif verb == "convert":
            client.convert(clip, **given)
        elif verb == "frame":
            client.frame(clip, **given)
        else:
            client.filter([clip], GRAPH, **given)
    form = next(each for each in reversed(service.requests) if each.method == "POST").form
    assert form["frameTime" if name == "times" else option.sent or name] == as_text(value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (Option("", int, 0, 5), True),
        (Option("", int), "٣"),
        (Option("", int), 1.0),
        (Option("", float), float("nan")),
        (Option("", float, 0), float("inf")),
        (Option("", float), -float("inf")),
        (Option("", float, 0), 10**400),
        (Option("", float), True),
        (Option("", bool), 1),
        (Option("", str), 1),
        (Option("", str, choices=("a",)), "A"),
        (Option("", str, choices=("a",)), ["a"]),
    ],
)
def test_what_is_no_value_of_an_option(option: Option, value: object) -> None:
    with pytest.raises(OptionError, match=r"^it is ") as raised:
        option.check("it", value)
    assert len(raised.value.message) < 100
