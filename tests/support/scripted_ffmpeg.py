"""The published FFMPEG server's answers, scripted, for the tests of its client."""

from __future__ import annotations

from typing import Any

import pytest
from support.media_files import tone, video
from support.scripted_service import Says, ScriptedService

from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import MediaConduitError

FILM = Upload.of(video(), "film.avi")
SOUND = Upload.of(tone(), "tone.wav")
ROOT = Says({"service": "FFMPEG Service", "version": "1.0.0", "endpoints": {}})  # no limits
HEADERS = {
    "X-Processing-Time": "1234",
    "X-Audio-Duration": "2.5",
    "X-Audio-Channels": "2",
    "X-Audio-Sample-Rate": "44100",
    "Content-Disposition": 'attachment; filename="audio_1.mp3"',
}


def published() -> ScriptedService:
    """Return a server that makes sound of anything."""
    sound = Says(b"ID3sound", 200, "audio/mpeg", HEADERS)
    return ScriptedService({"/": ROOT, "/video/extractAudio": sound, "/audio/convert": sound})


def frames(*paths: Any, **more: Any) -> Says:
    """Return what ``/video/extractFrame`` says of frames under these paths."""
    found = [{"path": path, "format": "png", "index": n, **more} for n, path in enumerate(paths)]
    return Says({"success": True, "data": {"frames": found, "totalFrames": len(paths)}})


def failed(path: str, says: Says, call: str, **options: Any) -> MediaConduitError:
    """Return the error of a call, where the server answers so; it has at most two lines."""
    with (
        ScriptedService({"/": ROOT, path: says}) as service,
        FfmpegClient(service.url, name="cutter") as client,
        pytest.raises(MediaConduitError) as caught,
    ):
        getattr(client, call)(FILM, **options)
    assert len(str(caught.value).splitlines()) <= 2
    assert str(caught.value).startswith("cutter: ")
    return caught.value
