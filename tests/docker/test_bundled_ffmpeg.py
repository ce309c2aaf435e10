"""The bundled ffmpeg service: every route, with real media."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import engine, media_files
from support.bundled import Server, ffmpeg_or_skip
from support.wait import wait_until

from mc_jupyter.runtimes.compose import ComposeRuntime

LIMIT = 8  # MB of an upload, instead of 500
KEPT = 2  # s that a frame is kept, instead of 600
ACCEPTED = [
    *(f"video/{kind}" for kind in ("mp4", "avi", "mov", "mkv", "webm")),
    *(f"audio/{kind}" for kind in ("mp3", "wav", "flac", "m4a", "aac")),
]
MAGIC = {"png": b"\x89PNG", "jpg": b"\xff\xd8\xff", "webp": b"RIFF"}
TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


@pytest.fixture(scope="module")
def server(shared_home: Path, runtime: ComposeRuntime) -> Iterator[Server]:
    settings = {"MAX_FILE_SIZE": str(LIMIT), "OUTPUT_SECONDS": str(KEPT)}
    with ffmpeg_or_skip(shared_home, runtime, **settings) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_is_left(server: Server) -> Iterator[None]:
    """After each test no job runs, and no upload lies about."""
    yield
    server.wait_until_idle()


def test_what_it_says_of_itself(server: Server) -> None:
    health = server.get("/health")
    assert (health["success"], health["data"]["status"]) == (True, "healthy")
    assert health["data"]["ffmpegVersion"][0].isdigit()
    assert health["data"]["activeJobs"] == 0
    detailed = server.get("/health/detailed")["data"]
    assert {"libx264", "libwebp", "libmp3lame"} <= set(detailed["codecs"])
    assert {"mp4", "wav", "matroska"} <= set(detailed["formats"])
    assert detailed["memory"]["peakBytes"] > 0
    index = server.get("/")
    assert index["service"] == "ffmpeg-service"
    assert index["limits"]["maxFileSizeMB"] == LIMIT
    assert index["limits"]["maxFiles"] == 10
    assert index["limits"]["acceptedTypes"] == ACCEPTED


def test_it_runs_as_nobody_in_particular(server: Server) -> None:
    (item,) = engine.containers(server.spec)
    assert engine.docker("exec", item["Id"], "id", "-un") == "media"
    assert item["HostConfig"]["CapDrop"] == ["ALL"]
    assert item["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert not item["HostConfig"]["DeviceRequests"]


@pytest.mark.parametrize(
    ("wanted", "kind", "codec"),
    [
        ("wav", "audio/wav", "pcm_s16le"),
        ("mp3", "audio/mpeg", "mp3"),
        ("flac", "audio/flac", "flac"),
        ("m4a", "audio/mp4", "aac"),
        ("aac", "audio/aac", "aac"),
        ("ogg", "audio/ogg", "vorbis"),
    ],
)
def test_extract_audio(server: Server, wanted: str, kind: str, codec: str) -> None:
    made = server.made("/video/extractAudio", server.mp4, outputFormat=wanted)
    assert made.headers["content-type"] == kind
    assert float(made.headers["x-audio-duration"]) == pytest.approx(2.0, abs=0.15)
    assert made.headers["x-audio-channels"] == "1"
    assert made.headers["x-audio-sample-rate"] == "44100"
    assert int(made.headers["content-length"]) == len(made.content)
    found = server.metadata(made.content, kind="audio/wav")
    assert (found["audioCodec"], found["videoCodec"]) == (codec, None)


def samples(content: bytes) -> tuple[int, int, float, int]:
    """Return the rate, the channels, the seconds and the loudest sample of a WAV file."""
    with wave.open(io.BytesIO(content)) as file:
        levels = memoryview(file.readframes(file.getnframes())).cast("h")
        seconds = len(levels) / file.getnchannels() / file.getframerate()
        return file.getframerate(), file.getnchannels(), seconds, max(levels)


def test_convert_audio_with_every_option(server: Server) -> None:
    tone = media_files.tone(2.0)
    given = ("audio", "audio/wav", "tone.wav")
    plain = samples(server.made("/audio/convert", tone, *given).content)
    assert plain == (8000, 1, 2.0, pytest.approx(12000, abs=10))
    options = {"sampleRate": "16000", "startTime": "00:00:00.5", "duration": "1", "volume": "0.5"}
    made = server.made("/audio/convert", tone, *given, **options)
    length, loudness = pytest.approx(1.0, abs=0.01), pytest.approx(6000, rel=0.05)
    assert samples(made.content) == (16000, 1, length, loudness)
    made = server.made("/audio/convert", tone, *given, channels="2")
    assert samples(made.content)[:3] == (8000, 2, 2.0)
    louder = server.made("/audio/convert", tone, *given, volume="0.05", normalize="true")
    quiet = server.made("/audio/convert", tone, *given, volume="0.05")
    assert samples(louder.content)[:2] == (8000, 1)  # not loudnorm's own 192 kHz
    assert samples(louder.content) != samples(quiet.content)
    sizes = [
        len(server.made("/audio/convert", tone, *given, outputFormat="mp3", **more).content)
        for more in ({"bitrate": "8k"}, {"bitrate": "64k"}, {"quality": "9"}, {"quality": "0"})
    ]
    assert sizes[0] < sizes[1]
    assert sizes[2] < sizes[3]


@pytest.mark.parametrize(
    ("wanted", "kind", "codec"),
    [
        ("mp4", "video/mp4", "h264"),
        ("mov", "video/quicktime", "h264"),
        ("mkv", "video/x-matroska", "h264"),
        ("avi", "video/x-msvideo", "mpeg4"),
        ("webm", "video/webm", "vp9"),
    ],
)
def test_filter_a_video(server: Server, wanted: str, kind: str, codec: str) -> None:
    graph = "[0:v]scale=80:-2,hue=s=0[final_video]"
    given = {"filterComplex": graph, "outputFormat": wanted}
    made = server.made("/video/filter", server.mp4, "video0", **given)
    assert made.headers["content-type"] == kind
    headers = {name: made.headers[f"x-video-{name}"] for name in ("width", "height", "fps")}
    assert headers == {"width": "80", "height": "60", "fps": "25/1"}
    assert made.headers["x-video-count"] == "1"
    assert float(made.headers["x-video-duration"]) == pytest.approx(2.0, abs=0.2)
    found = server.metadata(made.content)
    assert (found["videoCodec"], found["channels"]) == (codec, 1)  # with its sound


def test_filter_several_files(server: Server) -> None:
    graph = "[0:v][1:v]hstack[final_video];[0:a][1:a]amix[mixed_audio]"
    clip = ("clip.mp4", server.mp4, "video/mp4")
    answer = server.http.post(
        "/video/filter",
        files=[("video0", clip), ("video1", clip)],
        data={"filterComplex": graph, "customAudioMapping": "true"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-video-count"] == "2"
    assert (answer.headers["x-video-width"], answer.headers["x-video-height"]) == ("320", "120")


def test_filter_with_every_option(server: Server) -> None:
    options = {"filterComplex": "[0:v]null[v];[0:a]volume=2[a]", "videoOutputLabel": "v"}
    options |= {"audioOutputLabel": "[a]", "codec": "libx265", "bitrate": "200k", "fps": "10"}
    made = server.made("/video/filter", server.mp4, **options, resolution="64x48")
    found = server.metadata(made.content)
    assert (found["videoCodec"], found["fps"], found["framerate"]) == ("hevc", 10.0, 10.0)
    assert (found["width"], found["height"], found["audioCodec"]) == (64, 48, "aac")
    silent = {"filterComplex": "[0:v]null", "customAudioMapping": "false"}
    video = media_files.video()
    found = server.metadata(server.made("/video/filter", video, **silent).content)
    assert (found["audioCodec"], found["width"]) == (None, 32)


def test_metadata(server: Server) -> None:
    found = server.metadata(server.mp4)
    assert found["duration"] == pytest.approx(2.0, abs=0.15)
    assert found["size"] == len(server.mp4)
    assert (found["width"], found["height"], found["fps"]) == (160, 120, 25.0)
    assert (found["videoCodec"], found["audioCodec"]) == ("h264", "aac")
    assert (found["sampleRate"], found["channels"]) == (44100, 1)
    found = server.metadata(media_files.tone(), kind="audio/wav")
    assert (found["format"], found["duration"], found["fps"]) == ("wav", 1.0, None)


def frames(server: Server, content: bytes, **options: str) -> list[dict[str, Any]]:
    answer = server.send("/video/extractFrame", content, **options)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data["processingTime"] > 0
    assert data["totalFrames"] == len(data["frames"])
    assert set(data["extractionOptions"]) == set(options)
    found: list[dict[str, Any]] = data["frames"]
    return found


def grey(server: Server, frame: dict[str, Any]) -> int:
    """Return how bright a PNG frame is."""
    picture = server.http.get(frame["path"]).content
    (item,) = engine.containers(server.spec)
    name = f"/var/lib/media/outputs/{frame['filename']}"
    assert len(picture) == frame["size"]
    command = f"ffmpeg -v error -i {name} -f rawvideo -pix_fmt gray - | head -c 1 | od -An -tu1"
    return int(engine.docker("exec", item["Id"], "sh", "-c", command))


@pytest.mark.parametrize("wanted", TYPES)
def test_extract_a_frame(server: Server, wanted: str) -> None:
    (frame,) = frames(server, server.mp4, format=wanted, frameTime="0.5", width="80")
    assert (frame["format"], frame["frameTime"], frame["index"]) == (wanted, 0.5, 0)
    assert frame["path"] == f"/outputs/{frame['filename']}"
    answer = server.http.get(frame["path"])
    assert answer.headers["content-type"] == TYPES[wanted]
    assert answer.content.startswith(MAGIC[wanted])
    assert len(answer.content) == frame["size"]
    found = server.http.delete(frame["path"]).json()
    assert found == {"success": True, "data": {"deleted": frame["filename"]}}
    reason = server.refused(server.http.get(frame["path"]), 404)
    assert reason.endswith(f"outputs are kept for {KEPT} s")


def test_the_frame_is_the_one_that_was_asked_for(server: Server) -> None:
    video = media_files.video()  # 20 frames, 10 per second, frame N is the grey N * 10
    for options, expected in (
        ({"frameNumber": "0"}, 0),
        ({"frameNumber": "7"}, 70),
        ({"frameTime": "1.5"}, 150),
        ({}, 100),  # at 1 s
    ):
        (frame,) = frames(server, video, **options)
        assert grey(server, frame) == pytest.approx(expected, abs=4), options
    (frame,) = frames(server, media_files.video(frames=4))  # shorter than 1 s: its middle
    assert grey(server, frame) == pytest.approx(20, abs=4)
    several = frames(server, video, multiple="true", frameRate="5", frameTime="1")
    assert [grey(server, frame) for frame in several] == pytest.approx(
        [100, 120, 140, 160, 180], abs=14
    )
    assert [frame["frameTime"] for frame in several] == [1.0, 1.2, 1.4, 1.6, 1.8]
    small, large = (
        frames(server, server.mp4, format="jpg", quality=quality)[0]["size"]
        for quality in ("5", "100")
    )
    assert small < large


def test_frames_are_removed_in_time(server: Server) -> None:
    (frame,) = frames(server, server.mp4)
    assert server.http.get(frame["path"]).status_code == 200
    wait_until(lambda: server.http.get(frame["path"]).status_code == 404, what="gone")
    wait_until(lambda: server.files() == [], what="no file", timeout=KEPT * 4)
