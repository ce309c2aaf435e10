"""What an FFMPEG service was seen to answer instead, in the published server's own words."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.background import Background
from support.scripted_ffmpeg import SOUND, failed, published
from support.scripted_service import Says, ScriptedService
from support.wait import wait_until

from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.errors import (
    ConnectionFailedError,
    ResponseError,
)

GENERIC = Says({"success": False, "error": "Internal Server Error", "timestamp": "2026"}, 500)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with published() as service:
        yield service


@pytest.fixture
def client(service: ScriptedService) -> Iterator[FfmpegClient]:
    with FfmpegClient(service.url) as client:
        yield client


@pytest.mark.parametrize(
    ("says", "said", "hint"),
    [
        (GENERIC, "it failed (500) and keeps the reason to itself", "%mc logs cutter"),
        (
            Says({"success": False, "error": "ffmpeg: No such filter: 'x'"}, 400),
            "ffmpeg: No such filter: 'x' (400)",
            None,
        ),
        (
            Says({"success": False, "error": "startTime is 9 s: a.wav is 1.000 s long"}, 400),
            "--start is 9 s: a.wav is 1.000 s long (400)",
            None,
        ),
        (
            Says({"success": False, "error": "filterComplex has a [ without its ]"}, 400),
            "the graph has a [ without its ] (400)",
            None,
        ),
        (Says({"success": False, "error": "Insufficient storage"}, 507), "Insufficient", None),
        (Says({"success": False, "error": "too large"}, 413), "too large (413)", None),
        (Says({"success": False, "error": "cut"}, 200), "cut", None),
        (Says({"success": False, "message": "no ffmpeg"}, 200), "failed: no ffmpeg", "%mc logs"),
        (
            Says({"success": True, "data": {"outputPath": "/outputs/a.wav"}}),
            "JSON that is no result: success, data",
            None,
        ),
        (Says("<html></html>", 200, "text/html"), "answered with text/html, not with audio", None),
        (Says(b"", 200, "audio/wav"), "answered with no bytes", "%mc logs"),
        (Says(b"x", 200, "video/mp4"), "answered with video/mp4, not with audio", None),
        (Says("bad gateway", 502, "text/plain"), "answered 502", None),
    ],
)
def test_faults_in_place_of_bytes(says: Says, said: str, hint: str | None) -> None:
    error = failed("/video/extractAudio", says, "extract_audio")
    assert isinstance(error, ResponseError)
    assert said in error.message
    assert hint is None or hint in str(error.hint)


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (GENERIC, "keeps the reason to itself"),
        (Says({"success": False, "error": "no stream"}), "no stream"),
        (Says({"success": True}), "JSON that is no result: success"),
        (Says(b"bytes", 200, "audio/wav"), "no JSON object"),
        (Says({"data": {"fps": 1}}), "JSON that is no result: data"),
    ],
)
def test_faults_in_place_of_json(says: Says, said: str) -> None:
    assert said in failed("/video/metadata", says, "info").message
    assert said in failed("/video/extractFrame", says, "frame").message


def test_health(client: FfmpegClient, service: ScriptedService) -> None:
    data = {"status": "healthy", "ffmpegVersion": "5.1", "activeJobs": 0}
    service.answers["/health"] = Says({"success": True, "data": data})
    assert client.health() == data
    service.answers["/health"] = Says({"success": False, "error": "FFmpeg not available"}, 503)
    with pytest.raises(ResponseError, match="FFmpeg not available"):
        client.health()
    service.answers["/health"] = Says({"status": "healthy"})
    with pytest.raises(ResponseError, match="no FFMPEG service"):
        client.health()


def test_nothing_listens() -> None:
    with ScriptedService() as service:
        pass
    with FfmpegClient(service.url) as client, pytest.raises(ConnectionFailedError):
        client.convert(SOUND)


def test_lines_and_the_cancel(client: FfmpegClient, service: ScriptedService) -> None:
    free = threading.Event()
    service.answers["/audio/convert"] = Says(b"", free=free)
    lines: list[str] = []
    work = Background(lambda: client.convert(SOUND, report=lambda event: lines.append(event.text)))
    wait_until(lambda: "ffmpeg is converting (1 s)" in lines, what="a line")
    work.cancel()
