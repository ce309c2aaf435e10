"""Hundreds of megabytes through the magics of a real kernel: it and its notebook stay small.

The servers speak the API, count and keep nothing. The kernel reads its own peak (VmHWM) before,
when all is imported and a small request was made, and after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.big import GB, MB, MP4, sha256_of_zeros, sparse, wav_head
from support.kernel import Kernel, Messages
from support.media import png, tone
from support.scripted_service import Says, ScriptedService

MOST = 50 * MB  # by which the peak may grow
SIZE = 450 * MB
PEAK = "int(next(line for line in open('/proc/self/status') if 'VmHWM' in line).split()[1]) * 1024"
ROOT = {"service": "ffmpeg-service", "limits": {"maxFileSizeMB": 500, "maxFiles": 10}}
HEALTH = {"success": True, "data": {"ffmpegVersion": "5.1"}}
HEARD = {"text": "hi", "language": "en", "segments": []}
SMALL = {
    "/": Says(ROOT),
    "/health": Says(HEALTH),
    "/audio/convert": Says(tone(0.2), type="audio/wav"),
    "/video/filter": Says(MP4, type="video/mp4", size=1000),
    "/video/extractAudio": Says(tone(0.2), type="audio/wav"),
}
Grown = Callable[[str], tuple[Messages, int]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("big")
    (folder / "tmp").mkdir()
    sparse(folder / "small.wav", 1000, wav_head(1000))
    sparse(folder / "small.mp4", 1000)
    sparse(folder / "large.wav", SIZE, wav_head(SIZE))
    sparse(folder / "large.mp4", SIZE)
    sparse(folder / "giant.mp4", GB)
    return folder


@pytest.fixture
def kernel(folder: Path) -> Iterator[Kernel]:
    """One for each test: a peak is never lower than the one before."""
    env = {"MC_JUPYTER_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    kernel = Kernel(env, str(folder))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        yield kernel
        kernel.run("%reset -f")
    finally:
        kernel.close()
        for file in (folder / "mc-media").glob("*"):
            file.unlink()


@pytest.fixture
def ffmpeg(kernel: Kernel) -> Iterator[ScriptedService]:
    with ScriptedService(SMALL, hashes=False) as service:
        assert not kernel.run(f"%mc load {service.url} --as ffmpeg").error
        yield service


@pytest.fixture
def grown(kernel: Kernel, record_property: Any, capsys: pytest.CaptureFixture[str]) -> Grown:
    """Run a cell; return what came, and by how many bytes the kernel's peak grew."""

    def run(cell: str) -> tuple[Messages, int]:
        before = kernel.value(PEAK)
        got = kernel.run(cell)
        assert not got.error, got.error
        grew = kernel.value(PEAK) - before
        record_property("grew", grew)
        with capsys.disabled():
            print(f"\n  {cell.splitlines()[0]}: peak {before // MB} MB, grew by {grew / MB:.1f} MB")
        return got, grew

    return run


def test_450_mb_converted(
    kernel: Kernel, ffmpeg: ScriptedService, grown: Grown, folder: Path
) -> None:
    assert not kernel.run("%ffmpeg convert small.wav --save saved.wav").error
    ffmpeg.answers["/audio/convert"] = Says(
        wav_head(SIZE), type="audio/wav", size=SIZE - 44, headers={"X-Audio-Duration": "2343.75"}
    )
    got, grew = grown("%ffmpeg convert large.wav --save saved.wav --out sound")
    assert SIZE < ffmpeg.asked("/audio/convert")[-1].size < SIZE + 1000
    assert grew < MOST
    assert (folder / "saved.wav").stat().st_size == SIZE
    (output,) = got.outputs()
    assert len(str(output)) < 20_000
    assert output["data"]["text/plain"].startswith("sound, 39 min")
    (beside,) = (folder / "mc-media").glob("sound-*.wav")
    assert beside.stat().st_size == SIZE
    assert beside.name in output["data"]["text/html"]
    assert kernel.value("[sound.size, sound.content.sha256, sound.made.inputs[0].sha256]") == [
        SIZE,
        sha256_of_zeros(SIZE, wav_head(SIZE)),
        sha256_of_zeros(SIZE, wav_head(SIZE)),
    ]


def test_450_mb_filtered_and_on(
    kernel: Kernel, ffmpeg: ScriptedService, grown: Grown, folder: Path
) -> None:
    for cell in ("%%ffmpeg filter small.mp4\n[0:v]null", "%ffmpeg extract-audio _answer"):
        assert not kernel.run(cell).error
    big = SIZE - len(MP4)
    ffmpeg.answers["/video/filter"] = Says(MP4, type="video/mp4", size=big)
    got, grew = grown("%%ffmpeg filter large.mp4 --out video\n[0:v]null")
    assert grew < MOST
    assert got.bytes < 20_000
    (beside,) = (folder / "mc-media").glob("video-*.mp4")
    assert beside.stat().st_size == SIZE
    before = ffmpeg.received
    _, grew = grown("%ffmpeg extract-audio video")  # the result is sent on, from its file
    assert grew < MOST
    assert SIZE < ffmpeg.received - before < SIZE + 1000


def test_a_gigabyte_heard(kernel: Kernel, grown: Grown) -> None:
    answer = Says(HEARD, type="text/plain")
    openapi = Says({"info": {"version": "1"}, "paths": {"/asr": {}}})
    answers = {"/asr": answer, "/openapi.json": openapi, "/": Says({})}
    with ScriptedService(answers, hashes=False) as service:
        assert not kernel.run(f"%mc load {service.url} --as whisper").error
        assert not kernel.run("%whisper small.mp4").error
        got, grew = grown("%whisper giant.mp4 --out heard")
        assert GB < service.asked("/asr")[-1].size < GB + 1000
    assert grew < MOST
    assert got.last["data"]["text/plain"] == "hi"
    assert kernel.value("heard.made.inputs[0].sha256") == sha256_of_zeros(GB, MP4)


def test_a_file_over_the_limit_is_not_sent(
    kernel: Kernel, ffmpeg: ScriptedService, folder: Path
) -> None:
    large = sparse(folder / "over.mp4", 500 * 1024 * 1024 + 1)
    sparse(folder / "over.wav", 500 * 1024 * 1024 + 1, wav_head(1000))
    for cell in (
        "%ffmpeg extract-audio over.mp4",
        "%ffmpeg convert over.wav",
        "%ffmpeg info over.mp4",
        "%ffmpeg frame over.mp4",
        "%%ffmpeg filter small.mp4 over.mp4\n[0:v]null",
    ):
        lines = kernel.run(cell).error.splitlines()
        assert lines == [
            f"InputError: over.{'wav' if 'convert' in cell else 'mp4'} has 524 MB: "
            "ffmpeg takes files up to 524 MB",
            "a smaller file, or: %mc load ffmpeg --env MAX_FILE_SIZE=501, then %mc restart ffmpeg"
            "   (started elsewhere: set it there)",
        ], cell
    assert ffmpeg.received == 0
    assert {one.method for one in ffmpeg.requests} == {"GET"}
    large.unlink()


def test_large_frames_lie_beside_the_notebook(
    kernel: Kernel, ffmpeg: ScriptedService, folder: Path
) -> None:
    pictures = [png(64, 48, shade) + bytes(400_000) for shade in (1, 2, 3)]
    frames = [
        {"filename": f"f{n}.png", "path": f"/outputs/f{n}.png", "format": "png", "index": n}
        for n in range(3)
    ]
    data = {"frames": frames, "extractionOptions": {}, "totalFrames": 3}
    ffmpeg.answers |= {"/video/extractFrame": Says({"success": True, "data": data})} | {
        f"/outputs/f{n}.png": Says(picture, type="image/png") for n, picture in enumerate(pictures)
    }
    got = kernel.run("%ffmpeg frame small.mp4 --frame-rate 1 --save frame.png")
    assert not got.error, got.error
    assert got.bytes < 20_000
    assert len(list((folder / "mc-media").glob("frame-*.png"))) == 3
    assert got.last["data"]["text/plain"].splitlines()[-1] == (
        "saved as frame-1.png, frame-2.png, frame-3.png"
    )
    assert (folder / "frame-2.png").read_bytes() == pictures[1]
    kernel.run("%config McJupyter.max_inline = '10MB'")
    assert kernel.run("%ffmpeg frame small.mp4 --frame-rate 1").bytes > 3 * 400_000
