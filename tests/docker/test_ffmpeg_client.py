"""The FFMPEG and cowsay clients on the real bundled services: real media in, real media out."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator

import pytest
from support import bundled, media_files
from support.bundled import Server, ffmpeg_or_skip
from support.standin import build, debian

from mc_jupyter.clients.cowsay import CowsayClient
from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import InputError, OptionError, ResponseError
from mc_jupyter.runtimes.compose import ComposeRuntime

LIMIT = 8  # MB of an upload


@pytest.fixture(scope="module")
def server(
    engine_or_reason: str | None,
    compose_config: object,
    tmp_path_factory: pytest.TempPathFactory,
    runtime: ComposeRuntime,
) -> Iterator[Server]:
    if engine_or_reason:
        pytest.skip(engine_or_reason)
    home = tmp_path_factory.mktemp("home")
    with ffmpeg_or_skip(home, runtime, MAX_FILE_SIZE=str(LIMIT)) as found:
        yield found


@pytest.fixture
def client(server: Server) -> Iterator[FfmpegClient]:
    with FfmpegClient(str(server.http.base_url)) as client:
        yield client


@pytest.fixture
def film(server: Server) -> Upload:
    return Upload.of(server.mp4, "film.mp4")


def rate_and_seconds(content: bytes) -> tuple[int, int, float]:
    with wave.open(io.BytesIO(content)) as sound:
        seconds = sound.getnframes() / sound.getframerate()
        return sound.getframerate(), sound.getnchannels(), seconds


def test_health(client: FfmpegClient) -> None:
    assert client.health()["status"] == "healthy"


def test_info(client: FfmpegClient, film: Upload) -> None:
    found = client.info(film)
    assert set(found) == {
        *("format", "duration", "size", "bitrate", "width", "height", "fps"),
        *("video_codec", "audio_codec", "channels", "sample_rate"),
    }
    assert found["duration"] == pytest.approx(2.0, abs=0.15)
    assert (found["width"], found["height"], found["fps"]) == (160, 120, 25.0)
    assert (found["video_codec"], found["audio_codec"]) == ("h264", "aac")
    assert (found["sample_rate"], found["channels"]) == (44100, 1)
    sound = client.info(Upload.of(media_files.tone(), "tone.wav"))
    assert (sound["audio_codec"], "width" in sound) == ("pcm_s16le", False)


def test_extract_audio(client: FfmpegClient, film: Upload) -> None:
    made = client.extract_audio(film, sample_rate=16000, channels=2, start=0.5, duration=1)
    rate, channels, seconds = rate_and_seconds(made.content.bytes)
    assert (rate, channels, seconds) == (16000, 2, pytest.approx(1.0, abs=0.05))
    assert made.facts["sample_rate"] == 16000
    assert made.facts["channels"] == 2
    assert made.facts["duration"] == pytest.approx(seconds, abs=0.01)
    assert made.facts["seconds"] > 0
    assert made.content.content_type == "audio/wav"


@pytest.mark.parametrize(
    ("format", "type", "codec"),
    [
        ("mp3", "audio/mpeg", "mp3"),
        ("flac", "audio/flac", "flac"),
        ("m4a", "audio/mp4", "aac"),
        ("aac", "audio/aac", "aac"),
    ],
)
def test_what_it_makes_it_takes_again(
    client: FfmpegClient, format: str, type: str, codec: str
) -> None:
    """A result goes into the next call, its part under the server's own name for it."""
    tone = Upload.of(media_files.tone(2.0), "tone.wav")
    made = client.convert(tone, format=format)
    assert made.content.content_type == type
    assert client.info(Upload.of(made.content))["audio_codec"] == codec


def test_ogg_comes_out_and_does_not_go_in(client: FfmpegClient) -> None:
    tone = Upload.of(media_files.tone(), "tone.wav")
    made = client.convert(tone, format="ogg", quality=5)
    assert made.content.bytes.startswith(b"OggS")
    with pytest.raises(InputError, match="it is Ogg"):
        client.convert(Upload.of(made.content), format="wav")


def test_convert(client: FfmpegClient) -> None:
    tone = Upload.of(media_files.tone(2.0), "tone.wav")
    small, large = (client.convert(tone, format="mp3", bitrate=rate) for rate in ("8k", "64k"))
    assert small.content.size < large.content.size
    loud = client.convert(tone, volume=2.0, normalize=False)
    assert rate_and_seconds(loud.content.bytes) == (8000, 1, 2.0)


@pytest.mark.parametrize("format", ["mp4", "mov", "mkv", "avi", "webm"])
def test_filter(client: FfmpegClient, film: Upload, format: str) -> None:
    made = client.filter([film], "[0:v]scale=80:-2[final_video]", format=format)
    assert (made.facts["width"], made.facts["height"], made.facts["fps"]) == (80, 60, 25.0)
    assert made.facts["files"] == 1
    again = client.info(Upload.of(made.content))  # it is taken as what it is
    assert (again["width"], again["channels"]) == (80, 1)


def test_filter_of_several_files_with_labels(client: FfmpegClient, film: Upload) -> None:
    graph = "[0:v][1:v]hstack[v];[0:a][1:a]amix[a]"
    options = {"video_label": "v", "audio_label": "a", "fps": 10, "codec": "libx264"}
    made = client.filter([film, film], graph, bitrate="200k", **options)
    assert (made.facts["width"], made.facts["height"], made.facts["files"]) == (320, 120, 2)
    assert made.facts["fps"] == 10.0
    assert client.filter([film], "[0:v]hflip").facts["width"] == 160  # its end is the output


def test_frames(client: FfmpegClient) -> None:
    grey = Upload.of(media_files.video(), "grey.avi")  # 20 frames in 2 s
    at = client.frame(grey, times=[0, 1.5], width=16)
    assert [product.facts["time"] for product in at] == [0, 1.5]
    assert len({product.content.sha256 for product in at}) == 2
    assert {product.content.content_type for product in at} == {"image/png"}
    assert client.frame(grey, number=15, width=16)[0].content.sha256 == at[1].content.sha256
    many = client.frame(grey, frame_rate=5, format="jpg", quality=80)
    assert len(many) == 10
    assert [product.facts["index"] for product in many] == list(range(10))
    (webp,) = client.frame(grey, times="0.5", format="webp")
    assert webp.content.bytes.startswith(b"RIFF")


def test_frames_are_not_left_on_the_server(
    client: FfmpegClient, server: Server, film: Upload
) -> None:
    assert client.frame(film, frame_rate=2)
    assert server.files() == []


def test_refusals_have_ffmpegs_own_words(client: FfmpegClient, film: Upload) -> None:
    with pytest.raises(ResponseError, match="No such filter: 'nonsense'"):
        client.filter([film], "[0:v]nonsense[final_video]")
    with pytest.raises(ResponseError, match=r"2\.\d+ s long"):
        client.frame(film, times=99)
    broken = Upload.of(b"\0\0\0\x20ftypisom" + bytes(500), "broken.mp4")
    with pytest.raises(ResponseError, match=r"broken\.mp4 cannot be read"):
        client.info(broken)
    with pytest.raises(ResponseError, match="has no sound"):
        client.extract_audio(Upload.of(media_files.video(), "grey.avi"))
    with pytest.raises(OptionError):
        client.filter([film], "[0:v]null[final_video]", resolution="64x48")


def test_the_limit_that_it_states(client: FfmpegClient, server: Server) -> None:
    large = Upload.of(b"\0\0\0\x20ftypisom" + bytes(LIMIT * 1024 * 1024), "large.mp4")
    before = server.get("/health")["data"]["totalProcessed"]
    with pytest.raises(InputError, match=r"takes files up to 8\.4 MB"):
        client.info(large)
    assert server.get("/health")["data"]["totalProcessed"] == before


def test_cowsay(tmp_path_factory: pytest.TempPathFactory, runtime: ComposeRuntime) -> None:
    """Ours takes what the published server would take for an option, and anything else alike."""
    try:
        debian.built("cowsay")
        debian.debian_image()
    except build.CannotBuild as reason:
        pytest.skip(str(reason))
    home = tmp_path_factory.mktemp("home")
    with bundled.running("cowsay", home, runtime) as (_, url), CowsayClient(url) as client:
        assert client.health()["status"] == "healthy"
        assert "< hello >" in client.say("hello")
        assert "< -f dragon >" in client.say("-f dragon")
        assert "< 0 >" in client.say("0")
        assert "< Moo! >" in client.say("")
        assert "Zoë" in client.say("Zoë")
