"""Which files the FFMPEG client sends, under which type, and the frames that it fetches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.media_files import tone
from support.scripted_ffmpeg import FILM, failed, frames, published
from support.scripted_service import Says, ScriptedService

from mc_jupyter.clients.content import Content
from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import (
    InputError,
)
from mc_jupyter.events import Event


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with published() as service:
        yield service


@pytest.fixture
def client(service: ScriptedService) -> Iterator[FfmpegClient]:
    with FfmpegClient(service.url) as client:
        yield client


def posts(service: ScriptedService) -> list[str]:
    return [each.path for each in service.requests if each.method == "POST"]


@pytest.mark.parametrize(
    ("name", "head", "type", "sent"),
    [
        ("a.mp4", b"\0\0\0\x20ftypisom", "video/mp4", "a.mp4"),
        ("a.m4v", b"\0\0\0\x20ftypM4V ", "video/mp4", "a.m4v"),
        ("a.mov", b"\0\0\0\x14ftypqt  ", "video/mov", "a.mov"),
        ("a.mp4", b"\0\0\0\x14ftypqt  ", "video/mp4", "a.mp4"),
        ("a.mov", b"\0\0\0\x08wide", "video/mov", "a.mov"),
        ("a.m4a", b"\0\0\0\x20ftypM4A ", "audio/m4a", "a.m4a"),
        ("a.avi", b"RIFF\0\0\0\0AVI LIST", "video/avi", "a.avi"),
        ("a.mkv", b"\x1a\x45\xdf\xa3\x01\x42\x82\x88matroska", "video/mkv", "a.mkv"),
        ("a.webm", b"\x1a\x45\xdf\xa3\x01\x42\x82\x84webm", "video/webm", "a.webm"),
        ("a.wav", b"RIFF\0\0\0\0WAVEfmt ", "audio/wav", "a.wav"),
        ("a.wave", b"RIFF\0\0\0\0WAVEfmt ", "audio/wav", "a.wave"),
        ("a.mp3", b"ID3\x04", "audio/mp3", "a.mp3"),
        ("a.mp3", b"\xff\xfb\x90\x44", "audio/mp3", "a.mp3"),
        ("a.aac", b"\xff\xf1\x50\x80", "audio/aac", "a.aac"),
        ("a.flac", b"fLaC\0\0\0\x22", "audio/flac", "a.flac"),
        # the bytes know better than a name
        ("noname", b"fLaC\0\0\0\x22", "audio/flac", "noname.flac"),
        ("wrong.mp3", b"RIFF\0\0\0\0WAVEfmt ", "audio/wav", "wrong.wav"),
        # and where they say nothing, the name does
        ("stream.MP4", b"\x47\x40\0\x10", "video/mp4", "stream.mp4"),
    ],
)
def test_the_part_has_the_type_that_the_server_takes(
    client: FfmpegClient, service: ScriptedService, name: str, head: bytes, type: str, sent: str
) -> None:
    client.convert(Upload.of(head + bytes(100), name))
    (part,) = service.asked("/audio/convert")[0].files
    assert part.type == type
    assert str(part.filename).lower() == sent


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("a.ogg", b"OggS\0\x02", "does not take a.ogg: it is Ogg (.ogg, .opus)"),
        ("a.opus", b"OggS\0\x02", "it is Ogg"),
        ("a.mp3", b"OggS\0\x02", "it is Ogg"),
        ("a.gif", b"GIF89a", "a picture (GIF)"),
        ("a.wma", b"\x30\x26\xb2\x75", "Windows Media"),
        ("a.txt", b"hello", "it is .txt"),
        ("input", b"hello", "its first bytes do not tell"),
        ("a.bin", b"RIFF\0\0\0\0WEBP", "a.bin is a picture (WebP)"),
    ],
)
def test_files_of_other_kinds_are_refused(
    client: FfmpegClient, service: ScriptedService, name: str, head: bytes, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        client.convert(Upload.of(head + bytes(100), name))
    assert said in caught.value.message
    assert "it takes mp4 avi mov mkv webm mp3 wav flac m4a aac" in str(caught.value.hint)
    assert service.requests == []


def test_a_result_of_another_call_is_a_file(client: FfmpegClient, service: ScriptedService) -> None:
    content = Content(tone(), "audio/x-wav", name="spoken.wav")
    client.convert(Upload.of(content))
    assert service.asked("/audio/convert")[0].files[0].type == "audio/wav"


def sparse(folder: Path, size: int, name: str = "large.mp4") -> Upload:
    path = folder / name
    with path.open("wb") as file:
        file.write(b"\0\0\0\x20ftypisom")
        file.truncate(size)
    return Upload.of(path)


@pytest.mark.parametrize("stated", [None, 3])
def test_a_file_over_the_limit_is_not_sent(
    client: FfmpegClient, service: ScriptedService, tmp_path: Path, stated: int | None
) -> None:
    most = stated or 500
    if stated:
        limits = {"maxFileSizeMB": stated, "maxFiles": 2}
        service.answers["/"] = Says({"service": "ffmpeg-service", "limits": limits})
    large = sparse(tmp_path, most * 1024 * 1024 + 1)
    with pytest.raises(InputError) as caught:
        client.extract_audio(large)
    shown = {500: "524 MB", 3: "3.1 MB"}[most]
    assert caught.value.message == f"large.mp4 has {shown}: ffmpeg takes files up to {shown}"
    assert f"--env MAX_FILE_SIZE={most + 1}" in str(caught.value.hint)
    assert posts(service) == []
    assert service.received == 0


def test_more_files_than_it_takes(client: FfmpegClient, service: ScriptedService) -> None:
    with pytest.raises(InputError, match="takes 10 files at once, these are 11"):
        client.filter([FILM] * 11, "concat=n=11[final_video]")
    with pytest.raises(InputError, match="there is no file"):
        client.filter([], "null[final_video]")
    assert posts(service) == []


# frames


def test_frames_are_fetched_and_then_deleted(
    client: FfmpegClient, service: ScriptedService
) -> None:
    service.answers |= {
        "/video/extractFrame": frames("/outputs/f.png", frameTime=1.5, frameNumber=None),
        "GET /outputs/f.png": Says(b"\x89PNG1", 200, "image/png"),
        "DELETE /outputs/f.png": Says({"success": True}),
    }
    made = client.frame(FILM, times=[1.5, 2], format="png", width=64)
    assert [product.content.bytes for product in made] == [b"\x89PNG1"] * 2
    forms = [asked.form for asked in service.asked("/video/extractFrame")]
    assert forms == [
        {"format": "png", "width": "64", "frameTime": "1.5"},
        {"format": "png", "width": "64", "frameTime": "2"},
    ]
    assert [asked.method for asked in service.asked("/outputs/f.png")] == ["GET", "DELETE"] * 2
    assert made[0].settings == {"format": "png", "width": 64, "times": 1.5}
    assert made[0].facts == {"time": 1.5, "index": 0}


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({}, {}),
        ({"times": "0"}, {"frameTime": "0"}),
        (
            {"times": 2.5, "format": "jpg", "quality": 80},
            {"frameTime": "2.5", "quality": "80", "format": "jpg"},
        ),
        ({"number": 0}, {"frameNumber": "0"}),
        ({"frame_rate": 0.5}, {"frameRate": "0.5", "multiple": "true"}),
        ({"frame_rate": 2, "times": 1}, {"frameRate": "2", "multiple": "true", "frameTime": "1"}),
    ],
)
def test_moments(
    client: FfmpegClient, service: ScriptedService, options: Any, form: dict[str, str]
) -> None:
    service.answers["/video/extractFrame"] = frames("/outputs/a.jpg", "/outputs/b.jpg")
    for name in "ab":
        service.answers[f"GET /outputs/{name}.jpg"] = Says(b"\xff\xd8", 200, "")
    made = client.frame(FILM, **options)
    assert service.asked("/video/extractFrame")[0].form == form
    assert [product.content.content_type for product in made] == ["image/jpeg"] * 2


@pytest.mark.parametrize(("status", "notes"), [(404, 0), (405, 0), (500, 1)])
def test_a_server_that_keeps_its_frames(
    client: FfmpegClient, service: ScriptedService, status: int, notes: int
) -> None:
    """The published one knows no DELETE; anything else is told, and the frame is there."""
    service.answers |= {
        "/video/extractFrame": frames("/outputs/f.png"),
        "GET /outputs/f.png": Says(b"\x89PNG", 200, "image/png"),
        "DELETE /outputs/f.png": Says({"success": False, "error": "no"}, status),
    }
    events: list[Event] = []
    assert len(client.frame(FILM, report=events.append)) == 1
    assert len([event for event in events if event.keep]) == notes


@pytest.mark.parametrize("path", ["http://other.example/x.png", "//other.example/x", 7, None])
def test_a_frame_is_fetched_from_this_server_only(path: Any) -> None:
    error = failed("/video/extractFrame", frames(path), "frame")
    assert "named a frame's path" in error.message


def test_no_frame_there() -> None:
    """What the published server says of a moment past the end, and an empty list."""
    gone = Says({"success": False, "error": "File not found"}, 404)
    error = failed("/video/extractFrame", gone, "frame", times=99)
    assert isinstance(error, InputError)
    assert error.hint == "another moment: --times 0"
    assert isinstance(failed("/video/extractFrame", frames(), "frame"), InputError)
