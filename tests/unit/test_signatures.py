"""Files are what their first bytes say: what is refused before it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import media as made_here
from support import media_files

from mc_jupyter.clients.content import Content
from mc_jupyter.clients.faults import Fault, model_refusal
from mc_jupyter.clients.parts import as_part
from mc_jupyter.clients.signatures import signature
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.whisper import WhisperClient
from mc_jupyter.errors import ArgumentError, InputError
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Gallery, Picture
from mc_jupyter.lab.media.inputs import picture

HEIC = (Path(__file__).parents[1] / "data" / "h.heic").read_bytes()
FTYP = b"\0\0\0\x18ftyp"
OTHERS = [
    (b"<html><body>404 not found</body></html>", "a web page (HTML)"),
    (b"\n<!DOCTYPE html>\n<html>", "a web page (HTML)"),
    (b'{"error": "no"}', "text (JSON)"),
    (b"[]", "text (JSON)"),
    (b"<?xml version='1.0'?><a/>", "text (XML)"),
    (b"PK\x03\x04", "a file (ZIP)"),
    (b"%PDF-1.7", "a file (PDF)"),
]
SOUNDS = [
    (made_here.tone(), "a sound (WAV)"),
    (b"ID3\x03\0\0\0\0\0\0", "a sound (MP3)"),
    (b"\xff\xfb\x90\x64", "a sound (MP3)"),
    (b"\xff\xf3\x40\xc4", "a sound (MP3)"),
    (b"\xff\xf1\x50\x80", "a sound (AAC)"),
    (b"OggS" + bytes(24) + b"OpusHead", "a sound (Opus)"),
    (FTYP + b"M4A \0\0\0\0M4A mp42", "a sound (M4A)"),
    (FTYP + b"isom\0\0\0\0isommp41", "a video (MP4)"),
    (FTYP + b"qt  \0\0\0\0qt  ", "a video (MOV)"),
    (media_files.video(), "a video (AVI)"),
]
PICTURES = [
    (made_here.png(), "a picture (PNG)"),
    (made_here.JPEG, "a picture (JPEG)"),
    (made_here.GIF, "a picture (GIF)"),
    (made_here.WEBP_LOSSY, "a picture (WebP)"),
    (HEIC, "a picture (HEIC)"),
    (FTYP + b"mif1\0\0\0\0mif1heic", "a picture (HEIC)"),
    (FTYP + b"mif1\0\0\0\0mif1avif", "a picture (AVIF)"),
    (FTYP + b"avif\0\0\0\0avifmif1", "a picture (AVIF)"),
    (b"II*\0\x08\0\0\0", "a picture (TIFF)"),
    (b"BM\x46\0\0\0\0\0\0\0\x36", "a picture (BMP)"),
    (b"<svg xmlns=''/>", "a picture (SVG)"),
]


@pytest.mark.parametrize(("raw", "words"), [*OTHERS, *SOUNDS, *PICTURES])
def test_first_bytes_tell(raw: bytes, words: str) -> None:
    assert str(signature(raw)) == words


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", b"RIFF", b"hello", bytes(600), b"{x", b"\xff\xff\xff"]
)
def test_what_they_do_not_tell(raw: bytes) -> None:
    assert signature(raw) is None


@pytest.mark.parametrize(("raw", "words"), [*OTHERS, *SOUNDS, (b"only text", "text")])
def test_what_is_no_picture_is_not_shown_to_a_model(raw: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(raw)
    with pytest.raises(InputError) as caught:
        picture(str(path), {})
    assert str(caught.value) == f"page.png is {words}, and no picture\na picture: png or jpg"


@pytest.mark.parametrize(("raw", "words"), PICTURES)
def test_pictures_are_taken_whatever_they_are_called(
    raw: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "still.wav"
    path.write_bytes(raw)
    assert picture(str(path), {})[0] == raw


def test_a_picture_of_the_notebook_is_taken() -> None:
    made = Made("frame", "ffmpeg")
    frame = Picture(Content(made_here.png(), "image/png"), made)
    names: dict[str, Any] = {"fr": frame, "two": Gallery([frame, frame]), "raw": frame.bytes}
    raw, used = picture("fr", names)
    assert (raw, used.made, used.sha256) == (frame.bytes, made, frame.content.sha256)
    assert picture("two[1]", names)[0] == picture("raw", names)[0] == frame.bytes
    with pytest.raises(ArgumentError, match=r"two is 2 pictures\none of them: two\[0\]"):
        picture("two", names)
    with pytest.raises(InputError, match="neither a file here nor a name"):
        picture("other", names)


@pytest.mark.parametrize("name", ["photo.heic", "photo.mp4", "photo.wav"])
def test_a_picture_is_no_sound_by_whatever_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(HEIC)
    with pytest.raises(InputError) as caught:
        as_part(Upload.of(path), "ffmpeg")
    said = f"{name} is a picture (HEIC): ffmpeg does not take it"
    assert str(caught.value).splitlines()[0] == said


@pytest.mark.parametrize(("raw", "words"), [*OTHERS, *PICTURES])
def test_no_recording_by_its_bytes_is_not_sent(raw: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(raw)
    for send in (
        lambda: as_part(Upload.of(path), "ffmpeg"),
        lambda: WhisperClient("http://127.0.0.1:9").transcribe(Upload.of(path)),
    ):
        with pytest.raises(InputError) as caught:
            send()
        assert f"talk.wav is {words}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "has_image", "is_said"),
    [
        ("invalid image type: image/webp", True, True),
        ("Failed to load image or audio file", True, True),
        ("image: unknown format", True, True),
        ("this model is missing data required for image input", True, False),
        ("invalid image type: image/webp", False, False),
    ],
)
def test_a_picture_that_the_server_refuses(text: str, has_image: bool, is_said: bool) -> None:
    message = {"role": "user", "content": "?"} | ({"images": ["AA=="]} if has_image else {})
    request = {"model": "m", "messages": [message]}
    fault = Fault("o", "http://127.0.0.1:1", "/api/chat", request, 500, {"error": text}, text)
    error = model_refusal(fault)
    assert (error is not None and error.hint == "save it as png or jpg") is is_said
