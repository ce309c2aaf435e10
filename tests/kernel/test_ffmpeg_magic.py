"""``%ffmpeg`` and its one cell: what is typed wrong is said before a file is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel
from support.media import tone
from support.scripted_service import Says, ScriptedService


@pytest.fixture(scope="module")
def service(kernel: Kernel) -> Iterator[ScriptedService]:
    Path(kernel.value("__import__('os').getcwd()"), "talk.wav").write_bytes(tone(0.5))
    root = {"service": "ffmpeg-service", "limits": {"maxFileSizeMB": 500, "maxFiles": 10}}
    answers = {
        "/": Says(root),
        "/health": Says({"success": True, "data": {"ffmpegVersion": "5"}}),
        "/audio/convert": Says(tone(0.5), type="audio/wav"),
    }
    with ScriptedService(answers) as service:
        assert not kernel.run(f"%mc load {service.url} --as ffmpeg").error
        yield service


@pytest.mark.parametrize(
    ("cell", "first", "hint"),
    [
        (
            "%%ffmpeg info\ntalk.wav",
            "%%ffmpeg info: info is a line, not a cell",
            "%ffmpeg info talk.wav",
        ),
        (
            "%%ffmpeg extract_audio talk.wav --format mp3",
            "%%ffmpeg extract_audio: extract_audio is a line, not a cell",
            "%ffmpeg extract_audio talk.wav --format mp3",
        ),
        ("%%ffmpeg info\nmy talk.wav", "%%ffmpeg info: info is", '%ffmpeg info "my talk.wav"'),
        ("%%ffmpeg frame", "%%ffmpeg frame: frame is a line, not a cell", "%ffmpeg frame FILE"),
        ("%%ffmpeg flter talk.wav\nx", "%%ffmpeg: filter is 'flter': did you mean", None),
        (
            "%ffmpeg convert talk.wav --save talk.avi",
            "--save talk.avi: the format is wav",
            "--save talk.wav   or --format wav|",
        ),
        (
            "%ffmpeg convert talk.wav --save talk.mp3",
            "--save talk.mp3: the format is wav",
            "--format mp3 --save talk.mp3",
        ),
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_is_sent(
    kernel: Kernel, service: ScriptedService, cell: str, first: str, hint: str | None
) -> None:
    lines = kernel.run(cell).error.splitlines()
    assert lines[0].partition(": ")[2].startswith(first)
    assert len(lines) == 2
    if hint:
        assert lines[1].startswith(hint)
    assert service.asked("/audio/convert") == []


def test_the_cell_has_help_and_other_names_of_a_format_are_right(
    kernel: Kernel, service: ScriptedService
) -> None:
    assert kernel.run("%%ffmpeg info --help").text.startswith("usage: %%ffmpeg")
    for name in ("copy.wav", "copy.wave", "copy.take2"):
        assert not kernel.run(f"%ffmpeg convert talk.wav --save {name}").error, name
