"""What a service at an address made is saved without that address: another run has another port."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel
from support.media import png, tone
from support.scripted_service import Says, ScriptedService

ANSWERS = {
    "/": Says({}),
    "/health": Says({}),
    "/asr": Says({"text": "one", "language": "en", "segments": []}, type="text/plain"),
    "/video/metadata": Says({"success": True, "data": {"format": "wav", "duration": 1}}),
    "/audio/convert": Says(tone(0.2), type="audio/wav", headers={"X-Audio-Duration": "0.2"}),
    "/generate/image": Says(
        {"success": True, "imageBase64": base64.b64encode(png(7, 5)).decode(), "metadata": {}}
    ),
    "/cowsay": Says({"cowsayOutput": "< moo >"}),
    "/thing": Says({"a": 1}),
    "/big": Says(type="application/zip", size=2_000_000),
}


@pytest.fixture(scope="module")
def service(kernel: Kernel) -> Iterator[ScriptedService]:
    folder = Path(kernel.value("__import__('os').getcwd()"))
    (folder / "tone.wav").write_bytes(tone(0.5))
    with ScriptedService(ANSWERS) as service:
        yield service


@pytest.mark.parametrize(
    ("client", "cell"),
    [
        ("whisper", "%mc {} tone.wav"),
        ("ffmpeg", "%mc {} info tone.wav"),
        ("ffmpeg", "%mc {} convert tone.wav --format wav"),
        ("huggingface", "%%mc {} a/model\na cow"),
        ("cowsay", "%%mc {}\nmoo"),
        ("plain", "%mc call {} GET /thing"),
        ("plain", "%mc call {} GET /big"),
    ],
)
def test_no_address(kernel: Kernel, service: ScriptedService, client: str, cell: str) -> None:
    loaded = kernel.run(f"%mc load {service.url} --client {client}")
    assert not loaded.error, loaded.error
    port = service.url.rpartition(":")[2]
    handle = f"127-0-0-1-{port}"
    ran = kernel.run(cell.format(handle))
    assert not ran.error, ran.error
    saved = json.dumps(ran.outputs())
    assert ran.displays
    assert port not in saved, saved
