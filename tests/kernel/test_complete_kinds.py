"""Tab behind the magics of services: options, choices, voices, results and files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.kernel import Kernel
from support.media import tone
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not
from support.tabs import tab
from support.wait import wait_until

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")

SETUP = """
from mc_jupyter.clients.content import Content
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Audio
song = Audio(Content(open("tone.wav", "rb").read(), "audio/wav"), Made("speech"))
_hidden, number, sound_bytes = song, 3, b"RIFF"
"""
ROOT = {"service": "ffmpeg-service"}
HEALTH = {"success": True, "data": {"ffmpegVersion": "5.1"}}


@pytest.fixture(scope="module")
def chatterbox() -> Iterator[Served]:
    with running("chatterbox", "voices=Emily.wav,Bob.mp3") as served:
        yield served


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory, chatterbox: Served) -> Iterator[Kernel]:
    """A kernel in which services are loaded, none of them started."""
    folder = tmp_path_factory.mktemp("complete")
    (folder / "tone.wav").write_bytes(tone(0.5))
    (folder / "take two.wav").write_bytes(tone(0.5))
    (folder / "sub").mkdir()
    kernel = Kernel({"MC_JUPYTER_HOME": str(folder / "home")}, str(folder))
    answers = {"/": Says(ROOT), "/health": Says(HEALTH)}
    with ExitStack() as stack:
        stack.callback(kernel.close)
        kernel.run(f"%load_ext mc_jupyter\n{SETUP}")
        urls = {"ffmpeg": stack.enter_context(ScriptedService(answers)).url}
        for name in ("kokoro", "whisper", "zonos", "huggingface"):
            urls[name] = stack.enter_context(running(name)).url
        urls["chatterbox"] = chatterbox.url
        for name, url in urls.items():
            assert not kernel.run(f"%mc load {url} --as {name}").error
        kernel.run(f"%mc load {urls['kokoro']} --as voice")
        tab(kernel, "%%kokoro --voice ")  # whatever is slow the first time
        yield kernel


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("%whis", ["%whisper", "%%whisper"]),
        ("%%chatt", ["%%chatterbox"]),
        # options and choices
        ("%%kokoro --vo", ["%%kokoro --voice", "%%kokoro --volume"]),
        ("%%kokoro --no-normalize-ur", ["%%kokoro --no-normalize-urls"]),
        ("%%kokoro --normalize --no-normalize-ur", ["%%kokoro --normalize --no-normalize-urls"]),
        ("%%kokoro --normalize-urls --no-normalize-ur", []),
        ("%%kokoro --format f", ["%%kokoro --format flac"]),
        ("%%kokoro --format=f", ["%%kokoro --format=flac"]),
        ("%%kokoro --speed ", []),
        ("%whisper tone.wav --output s", ["%whisper tone.wav --output srt"]),
        (
            "%whisper tone.wav --task tr",
            [f"%whisper tone.wav --task {task}" for task in ("transcribe", "translate")],
        ),
        (
            "%ffmpeg convert tone.wav --format m",
            [f"%ffmpeg convert tone.wav --format {f}" for f in ("mp3", "m4a")],
        ),
        ("%ffmpeg frame tone.wav --format p", ["%ffmpeg frame tone.wav --format png"]),
        # verbs
        ("%ffmpeg ex", ["%ffmpeg extract-audio"]),
        ("%ffmpeg f", ["%ffmpeg frame", "%ffmpeg filter"]),
        ("%%ffmpeg f", ["%%ffmpeg filter"]),
        ("%kokoro v", ["%kokoro voices"]),
        ("%chatterbox u", ["%chatterbox upload"]),
        ("%huggingface unl", ["%huggingface unload"]),
        # voices: of that service only
        ("%%kokoro --voice bf", ["%%kokoro --voice bf_emma"]),
        ("%kokoro say --voice bm", ["%kokoro say --voice bm_george"]),
        ("%%mc kokoro --voice bf", ["%%mc kokoro --voice bf_emma"]),
        ("%%mc voice --voice bf", ["%%mc voice --voice bf_emma"]),
        ("%mc voice say --voice bf", ["%mc voice say --voice bf_emma"]),
        ("%%kokoro --host voice --voice bf", ["%%kokoro --host voice --voice bf_emma"]),
        ("%%chatterbox --voice e", ["%%chatterbox --voice Emily.wav"]),
        ("%%chatterbox --voice bf", []),
        ("%%zonos --voice ", []),
        # results and files
        ("%whisper to", ["%whisper tone.wav"]),
        ("%whisper so", ["%whisper song", "%whisper sound_bytes"]),
        ("%whisper ta", ["%whisper take\\ two.wav"]),
        ("%whisper 'ta", ["%whisper 'take two.wav'"]),
        ("%whisper num", []),
        ("%whisper su", ["%whisper sub/"]),
        ("%mc whisper to", ["%mc whisper tone.wav"]),
        ("%%whisper to", ["%%whisper tone.wav"]),
        ("%ffmpeg info so", ["%ffmpeg info song", "%ffmpeg info sound_bytes"]),
        (
            "%%ffmpeg filter tone.wav so",
            [f"%%ffmpeg filter tone.wav so{e}" for e in ("ng", "und_bytes")],
        ),
        ("%%chatterbox --reference to", ["%%chatterbox --reference tone.wav"]),
        ("%%zonos --prefix to", ["%%zonos --prefix tone.wav"]),
        ("%chatterbox upload to", ["%chatterbox upload tone.wav"]),
        ("%%kokoro --save su", ["%%kokoro --save sub/"]),
        # handles
        ("%%mc ko", ["%%mc kokoro"]),
        ("%mc whi", ["%mc whisper"]),
        ("%mc kokoro s", ["%mc kokoro say"]),
        ("%%kokoro --host ", ["%%kokoro --host kokoro", "%%kokoro --host voice"]),
        ("%mc call ff", ["%mc call ffmpeg"]),
        ("%mc call ffmpeg PO", ["%mc call ffmpeg POST"]),
        (
            "%mc call ffmpeg GET /x --file video=to",
            ["%mc call ffmpeg GET /x --file video=tone.wav"],
        ),
        ("%mc call ffmpeg GET /x --file v", []),
        ("%%mc call ffmpeg POST / --j", ["%%mc call ffmpeg POST / --json"]),
        ("# above\n%%kokoro --voice bf|\nhi", ["# above\n%%kokoro --voice bf_emma|\nhi"]),
        ("x = %whisper to", ["x = %whisper tone.wav"]),
    ],
)
def test_tab(kernel: Kernel, typed: str, whole: list[str]) -> None:
    assert tab(kernel, typed) == whole


def test_the_models_that_were_loaded(kernel: Kernel) -> None:
    assert not kernel.run("%huggingface load one/picture").error
    for typed in ("%%huggingface on", "%huggingface unload on", "%%mc huggingface on"):
        wait_until(lambda typed=typed: tab(kernel, typed))  # type: ignore[misc]
        assert tab(kernel, typed) == [f"{typed}e/picture"]


def test_a_text_is_left_to_ipython(kernel: Kernel) -> None:
    kernel.run("starry = 1")
    assert "%%kokoro\nstarry|" in tab(kernel, "%%kokoro\nstarr|")
    assert not any("--" in one for one in tab(kernel, "%kokoro say Hello st"))


def test_nothing_is_started_by_looking(kernel: Kernel) -> None:
    states = "[s.snapshot().state for s in __import__('mc_jupyter').registry.services()]"
    before = kernel.value(states)
    for typed in ("%%kokoro --voice ", "%%chatterbox --voice ", "%ffmpeg info ", "%%mc "):
        assert tab(kernel, typed), typed
    assert kernel.value(states) == before


def test_a_new_voice_is_offered(kernel: Kernel, chatterbox: Served) -> None:
    assert not kernel.run("%chatterbox upload tone.wav").error
    wait_until(lambda: tab(kernel, "%%chatterbox --voice t") == ["%%chatterbox --voice tone.wav"])


def test_a_server_that_hangs_does_not_hold_up_tab(kernel: Kernel) -> None:
    free = threading.Event()
    openapi = {"paths": {"/v1/audio/voices": {}}, "info": {"version": "1"}}
    voices = Says({"voices": ["slow_voice"]}, free=free)
    answers = {"/openapi.json": Says(openapi), "/health": Says({}), "/v1/audio/voices": voices}
    with ScriptedService(answers) as stuck:
        assert not kernel.run(f"%mc load {stuck.url} --as stuck").error
        began = time.monotonic()
        assert tab(kernel, "%%mc stuck --voice s") == []
        first = time.monotonic() - began
        assert tab(kernel, "%%mc stuck --voice s") == []
        both = time.monotonic() - began
        assert tab(kernel, "%%kokoro --host kokoro --voice bf")[0].endswith(" bf_emma")
        assert first < 0.8
        assert both < 1.2
        free.set()
        wait_until(
            lambda: tab(kernel, "%%mc stuck --voice s") == ["%%mc stuck --voice slow_voice"], 20
        )
    kernel.run("%mc remove stuck")


def test_a_removed_service_is_forgotten(kernel: Kernel) -> None:
    kernel.run("%mc remove zonos")
    assert tab(kernel, "%%zon") == []
    assert tab(kernel, "%%mc zo") == []
