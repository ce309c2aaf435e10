"""The FFMPEG client over HTTP: what the server gets, and every fault of the published server.

The answers are scripted, in the published server's words; the docker layer has the same client on
the real bundled server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.media_files import video
from support.scripted_ffmpeg import FILM, SOUND, published
from support.scripted_service import Says, ScriptedService

from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import (
    OptionError,
)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with published() as service:
        yield service


@pytest.fixture
def client(service: ScriptedService) -> Iterator[FfmpegClient]:
    with FfmpegClient(service.url) as client:
        yield client


# sound


def test_sound_of_a_video(client: FfmpegClient, service: ScriptedService) -> None:
    made = client.extract_audio(
        FILM,
        format="mp3",
        sample_rate=44100,
        channels=2,
        bitrate="128k",
        start=1.5,
        duration=0.1 + 0.2,
        volume=2,
        normalize=True,
    )
    (asked,) = service.asked("/video/extractAudio")
    assert asked.form == {
        "outputFormat": "mp3",
        "sampleRate": "44100",
        "channels": "2",
        "bitrate": "128k",
        "startTime": "1.5",
        "duration": "0.3",
        "volume": "2",
        "normalize": "true",
    }
    (part,) = asked.files
    assert (part.name, part.type, part.filename) == ("video", "video/avi", "film.avi")
    assert part.content == video()
    assert made.content.bytes == b"ID3sound"
    assert made.content.content_type == "audio/mpeg"
    assert made.facts == {"duration": 2.5, "channels": 2, "sample_rate": 44100, "seconds": 1.234}
    assert {type(value) for value in made.facts.values()} == {int, float}
    assert made.settings["start"] == 1.5
    assert FILM.sha256 == Upload.of(video()).sha256


def test_sound_converted(client: FfmpegClient, service: ScriptedService) -> None:
    made = client.convert(SOUND, format="ogg", quality=3)
    (asked,) = service.asked("/audio/convert")
    assert asked.form == {"outputFormat": "ogg", "quality": "3"}
    assert [(part.name, part.type) for part in asked.files] == [("audio", "audio/wav")]
    assert made.content.content_type == "audio/ogg"
    assert made.settings == {"format": "ogg", "quality": 3}


@pytest.mark.parametrize(
    ("call", "options", "said"),
    [
        ("convert", {"format": "wma"}, "accepted: wav, mp3, flac, m4a, aac, ogg"),
        ("convert", {"bitrate": "128k"}, "bitrate means nothing in wav"),
        ("convert", {"format": "flac", "quality": 3}, "quality means nothing in flac"),
        ("convert", {"format": "mp3", "bitrate": "128"}, "kilobits a second, like 128k"),
        ("convert", {"format": "mp3", "bitrate": "96k", "quality": 1}, "cannot both be met"),
        ("convert", {"duration": 0}, "duration is 0"),
        ("convert", {"volume": 0}, "volume is 0"),
        ("convert", {"samplerate": 8000}, "did you mean 'sample_rate'?"),
        ("convert", {"sample_rate": 44100.5}, "accepted: a whole number"),
        ("extract_audio", {"normalize": "yes"}, "accepted: true or false"),
        ("frame", {"times": -1}, "times is -1"),
        ("frame", {"times": "1,x"}, "times is '1,x'"),
        ("frame", {"times": []}, "times is []"),
        ("frame", {"multiple": True}, "frame_rate 1 takes one for each second"),
        ("frame", {"frame_rate": 1, "multiple": False}, "leave multiple out"),
        ("frame", {"number": 1, "times": 2}, "ignores times and frame_rate"),
        ("frame", {"frame_rate": 1, "times": [1, 2]}, "begins at one moment"),
        ("frame", {"quality": 50}, "quality is for jpg only"),
        ("frame", {"format": "gif"}, "accepted: png, jpg, webp"),
        ("info", {"format": "json"}, "ffmpeg info has no option 'format'"),
    ],
)
def test_what_would_be_ignored_is_refused(
    client: FfmpegClient, service: ScriptedService, call: str, options: Any, said: str
) -> None:
    with pytest.raises(OptionError) as caught:
        getattr(client, call)(FILM, **options)
    assert said in str(caught.value)
    assert service.requests == []


# video


def test_a_filter_over_several_files(client: FfmpegClient, service: ScriptedService) -> None:
    headers = {
        "X-Processing-Time": "2000",
        "X-Video-Duration": "4.2",
        "X-Video-Width": "1280",
        "X-Video-Height": "720",
        "X-Video-FPS": "30000/1001",
        "X-Video-Count": "2",
    }
    service.answers["/video/filter"] = Says(b"\x1a\x45\xdf\xa3", 200, "video/mp4", headers)
    graph = "[0:v][1:v]overlay=10:10[v];[1:a]volume=0.5[a]"
    made = client.filter(
        [FILM, SOUND],
        graph,
        format="webm",
        codec="libvpx-vp9",
        bitrate="1.5M",
        fps=25,
        video_label="v",
        audio_label="[a]",
    )
    (asked,) = service.asked("/video/filter")
    assert asked.form == {
        "filterComplex": graph,
        "outputFormat": "webm",
        "codec": "libvpx-vp9",
        "bitrate": "1.5M",
        "fps": "25",
        "videoOutputLabel": "v",
        "audioOutputLabel": "a",
        "customAudioMapping": "true",
    }
    parts = [(part.name, part.type) for part in asked.files]
    assert parts == [("video0", "video/avi"), ("video1", "audio/wav")]
    assert made.content.content_type == "video/webm"  # the server labels all of them video/mp4
    assert made.facts["fps"] == pytest.approx(29.97, abs=0.001)
    assert made.facts["width"] == 1280
    assert (made.facts["files"], made.facts["seconds"]) == (2, 2.0)
    assert made.settings["filter"] == graph


@pytest.mark.parametrize(
    ("graph", "options", "sent"),
    [
        ("[0:v]hflip[final_video]", {}, {}),
        ("[0:v]hflip", {}, {"filterComplex": "[0:v]hflip[final_video]"}),
        (
            "[0:v]hflip[x];[0:a]anull[mixed_audio];[x]null[final_video]",
            {},
            {"customAudioMapping": "true"},
        ),
    ],
)
def test_labels_are_found(
    client: FfmpegClient, service: ScriptedService, graph: str, options: Any, sent: dict[str, str]
) -> None:
    service.answers["/video/filter"] = Says(b"film", 200, "video/mp4")
    client.filter([FILM], graph, **options)
    assert service.asked("/video/filter")[0].form == {"filterComplex": graph, **sent}


@pytest.mark.parametrize(
    ("graph", "options", "said"),
    [
        ("", {}, "there is no filter graph"),
        ("[0:v]hflip[out]", {}, "or name its own: --video-label NAME"),
        ("[0:v]hflip[out]", {"video_label": "v"}, "no output [v]"),
        ("[0:v]hflip[final_video]", {"audio_label": "a"}, "or name its own: --audio-label NAME"),
        ("[0:v]hflip[final_video]", {"resolution": "64x64"}, "ignores resolution"),
        ("[0:v]hflip[final_video]", {"bitrate": "fast"}, "like 2M or 800k"),
        ("[0:v]hflip[final_video]", {"fps": 29.97}, "fps is 29.97"),
        ("[0:v]hflip[final_video]", {"codecs": "x"}, "did you mean 'codec'?"),
    ],
)
def test_a_graph_that_cannot_work_is_not_sent(
    client: FfmpegClient, service: ScriptedService, graph: str, options: Any, said: str
) -> None:
    with pytest.raises(OptionError) as caught:
        client.filter([FILM], graph, **options)
    assert said in str(caught.value)
    assert service.requests == []


def test_info_by_our_names_and_as_numbers(client: FfmpegClient, service: ScriptedService) -> None:
    data = {
        "format": "avi",
        "duration": "2.0",
        "size": 47000,
        "bitrate": "188000",
        "width": 32,
        "height": 24,
        "fps": 10,
        "framerate": 10,
        "videoCodec": "rawvideo",
        "audioCodec": None,
        "sampleRate": "44100",
    }
    service.answers["/video/metadata"] = Says({"success": True, "data": data})
    assert client.info(FILM) == {
        "format": "avi",
        "duration": 2.0,
        "size": 47000,
        "bitrate": 188000,
        "width": 32,
        "height": 24,
        "fps": 10,
        "video_codec": "rawvideo",
        "sample_rate": 44100,
    }
    assert [part.name for part in service.asked("/video/metadata")[0].files] == ["video"]
