"""The stop button while a service works: within a second, and nothing half is left anywhere."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.big import MB, sparse
from support.kernel import Kernel, Messages, seen
from support.media import tone
from support.scripted_service import Says, ScriptedService
from support.services import running, why_not
from support.speakers import SPEAKERS, Speaker
from support.wait import wait_until

from mc_jupyter.clients.content import Content

OWN = [one for one in SPEAKERS if one.name in ("kokoro", "chatterbox", "zonos")]
TEXT = " ".join(f"This is sentence number {n} of a long text." for n in range(12))
needs_standins = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupt")
    (folder / "tmp").mkdir()
    (folder / "tone.wav").write_bytes(tone(1.0))
    sparse(folder / "large.mp4", 400 * MB)
    return folder


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    """One whose temporary files can be seen."""
    env = {"MC_JUPYTER_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    kernel = Kernel(env, str(folder))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        yield kernel
    finally:
        kernel.close()


@pytest.fixture
def ffmpeg(kernel: Kernel) -> Iterator[ScriptedService]:
    root = {"service": "ffmpeg-service", "limits": {"maxFileSizeMB": 500, "maxFiles": 10}}
    answers = {"/": Says(root), "/health": Says({"success": True, "data": {"ffmpegVersion": "5"}})}
    with ScriptedService(answers, hashes=False) as service:
        assert not kernel.run(f"%mc load {service.url} --as ffmpeg").error
        yield service
        kernel.run("%mc remove ffmpeg")


def media(folder: Path) -> list[str]:
    """Our temporary files, of the answer that comes."""
    return [one.name for one in (folder / "tmp").iterdir() if one.name.startswith("mc-jupyter-")]


def interrupt(kernel: Kernel, request: str, magic: str) -> Messages:
    """Press the button, and check what holds for every interrupt."""
    kernel.interrupt()
    got = kernel.receive(request)
    assert got.seconds < 1.0, got.seconds
    said = f"Interrupted: {magic} was interrupted"
    if "whisper" in magic:
        said += "; a recording that the service has begun it goes on with"
    assert got.error == said
    shown = [seen(message["data"]) for message in (*got.displays, *got.updates)]
    assert len(got.displays) <= 1
    assert not shown or shown[-1].splitlines()[-1] == "stopped: nothing was kept"
    assert got.reply["ename"] == "Interrupted"
    return got


def nothing_is_left(folder: Path) -> None:
    files = {one.name for one in folder.iterdir()} - {"home", "tmp", "tone.wav", "large.mp4", "k"}
    assert {name for name in files if "saved" in name or name.endswith(".part")} == set()
    assert media(folder) == []


@needs_standins
@pytest.mark.parametrize("speaker", OWN, ids=[one.name for one in OWN])
def test_speech(kernel: Kernel, folder: Path, speaker: Speaker) -> None:
    with speaker.served("slow=1") as served:
        kernel.run(f"%mc load {served.url} --as {speaker.name}\n_answer = 'as it was'")
        request = kernel.send(f"%%{speaker.name} --save saved.wav --out said\n{TEXT}")
        after = kernel.send("after = 1")
        wait_until(lambda: speaker.texts(served), what="the text arrives")
        interrupt(kernel, request, f"%%{speaker.name}")
        assert kernel.receive(after).reply["status"] == "aborted"
        wait_until(lambda: speaker.freed(served), 10, "the server is told")
        nothing_is_left(folder)
        assert kernel.value("[_answer, 'said' in globals()]") == ["as it was", False]
        kernel.run(f"%mc remove {speaker.name}")


@needs_standins
@pytest.mark.parametrize("by", ["interrupt", "death"])
def test_the_pieces_that_were_spoken_are_kept(kernel: Kernel, folder: Path, by: str) -> None:
    with running("zonos", "slow=3") as served:
        kernel.run(f"%mc load {served.url} --as zonos\n_answer = None")
        request = kernel.send(f"%%zonos --save saved.mp3 --format mp3 --out said\n{TEXT}")
        while "speaking 2 of 2: " not in _line(kernel, request):
            pass
        if by == "interrupt":
            kernel.interrupt()
        else:
            served.process.kill()
        got = kernel.receive(request)
    if by == "interrupt":
        assert got.seconds < 1.0
        assert got.error == "Interrupted: %%zonos was interrupted"
    else:
        assert got.error.startswith("ConnectionFailedError: zonos")
    shown = got.last["data"]
    note = "broken off after 1 of 2 pieces: what was spoken is in _answer as wav, the rest "
    assert shown["text/plain"].splitlines()[1].startswith(note)
    assert "<audio" in shown["text/html"] or "<a " in shown["text/html"]
    assert kernel.value("[said is _answer, said.settings['pieces'], said.duration > 5]") == [
        True,
        1,
        True,
    ]
    assert kernel.value("said.told['rest']").endswith("number 11 of a long text.")
    nothing_is_left(folder)
    kernel.run("%mc remove zonos")


@needs_standins
def test_the_task_of_chatterbox_is_deleted(kernel: Kernel) -> None:
    with running("chatterbox", "voices=Emily.wav", "slow=1") as served:
        kernel.run(f"%mc load {served.url} --as chatterbox")
        request = kernel.send(f"%%chatterbox\n{TEXT}")
        wait_until(lambda: _chunk(kernel, request), what="the second chunk")
        pressed = time.time()
        stopped = interrupt(kernel, request, "%%chatterbox")
        assert len(stopped.updates) >= 1, "the progress was shown, and says that it ended"
        deleted = wait_until(
            lambda: [one for one in served.requests() if one["method"] == "DELETE"], 5
        )
        assert deleted[0]["path"].startswith("/tts/task/")
        assert deleted[0]["at"] - pressed < 1.0
        kernel.run("%mc remove chatterbox")


def _line(kernel: Kernel, request: str) -> str:
    shown = kernel.until(request, "update_display_data").updates[-1]
    return seen(shown["data"])


def _chunk(kernel: Kernel, request: str) -> bool:
    return "chunk 2 of" in _line(kernel, request)


@needs_standins
@pytest.mark.parametrize("line", ["%whisper tone.wav --save saved.txt", "%%mc whisper tone.wav"])
def test_whisper(kernel: Kernel, folder: Path, line: str) -> None:
    with running("whisper", "fail=hang") as served:
        kernel.run(f"%mc load {served.url} --as whisper")
        request = kernel.send(line)
        wait_until(lambda: served.asked("/asr"), what="the recording arrives")
        interrupt(kernel, request, "%whisper")
        wait_until(lambda: served.asked("/asr")[0]["gone"], 1.0, "the server sees it go")
        nothing_is_left(folder)
        kernel.run("%mc remove whisper")


def test_ffmpeg_while_it_works(kernel: Kernel, folder: Path, ffmpeg: ScriptedService) -> None:
    ffmpeg.answers["/audio/convert"] = Says(free=threading.Event())
    request = kernel.send("%ffmpeg convert tone.wav --save saved.wav")
    wait_until(lambda: ffmpeg.asked("/audio/convert"), what="the file arrives")
    interrupt(kernel, request, "%ffmpeg")
    wait_until(lambda: ffmpeg.left == ["/audio/convert"], 1.0, "the server sees it go")
    nothing_is_left(folder)


def test_in_the_middle_of_an_upload(kernel: Kernel, folder: Path, ffmpeg: ScriptedService) -> None:
    ffmpeg.pace = 0.05
    request = kernel.send("%ffmpeg extract-audio large.mp4 --save saved.wav")
    wait_until(lambda: ffmpeg.received > 100_000, what="some of the file")
    interrupt(kernel, request, "%ffmpeg")
    ffmpeg.pace = 0.0  # what lies in the socket is read away
    wait_until(lambda: ffmpeg.left == ["/video/extractAudio"], 2.0, "the server sees it go")
    assert ffmpeg.received < 100 * MB
    nothing_is_left(folder)


def test_in_the_middle_of_an_answer(kernel: Kernel, folder: Path, ffmpeg: ScriptedService) -> None:
    ffmpeg.answers["/audio/convert"] = Says(type="audio/wav", size=400 * MB)
    ffmpeg.pace = 0.001
    request = kernel.send("%ffmpeg convert tone.wav --save saved.wav")
    wait_until(lambda: media(folder), 30, "so much that it is in a file")
    interrupt(kernel, request, "%ffmpeg")
    wait_until(lambda: ffmpeg.left == ["/audio/convert"], 2.0, "the server sees it go")
    nothing_is_left(folder)


def test_a_call(kernel: Kernel, ffmpeg: ScriptedService) -> None:
    ffmpeg.answers["/slow"] = Says(free=threading.Event())
    request = kernel.send("%mc call ffmpeg GET /slow")
    wait_until(lambda: ffmpeg.asked("/slow"), what="the request arrives")
    interrupt(kernel, request, "%mc call")
    wait_until(lambda: ffmpeg.left == ["/slow"], 1.0, "the server sees it go")


def test_in_a_cell_that_awaits(kernel: Kernel, ffmpeg: ScriptedService) -> None:
    ffmpeg.answers["/audio/convert"] = Says(free=threading.Event())
    line = "%ffmpeg convert tone.wav"
    request = kernel.send(f"import asyncio\nawait asyncio.sleep(0)\n{line}")
    wait_until(lambda: ffmpeg.asked("/audio/convert"), what="the file arrives")
    interrupt(kernel, request, "%ffmpeg")


def test_the_kernel_goes_on(kernel: Kernel, ffmpeg: ScriptedService) -> None:
    ffmpeg.answers["/audio/convert"] = Says(tone(0.5), type="audio/wav")
    got = kernel.run("%ffmpeg convert tone.wav")
    assert got.last["data"]["text/plain"] == "sound, 0.50 s, 8 kHz mono, wav, 8 kB"


def test_a_file_that_is_being_saved_is_whole_or_not_there(tmp_path: Path) -> None:
    content = Content(sparse(tmp_path / "source", 4_000 * MB), "video/mp4")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            content.save(tmp_path / "target.mp4")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert os.listdir(tmp_path) == ["source"]
