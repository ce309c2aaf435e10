"""What a cell says while a service works: one line, few messages, and gone at the end."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.big import MB, sparse
from support.kernel import Kernel, Messages, seen
from support.media import tone
from support.scripted_service import Says, ScriptedService
from support.services import running, why_not
from support.spoken import DIGITS, digits
from support.wait import wait_until

needs_standins = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


def texts(messages: Messages) -> list[str]:
    """What the cell showed, one after the other."""
    states = (*messages.displays, *messages.updates)
    return [seen(m["data"]) for m in states]


def few(messages: Messages) -> bool:
    """At most four messages a second, besides the first and the last states."""
    return len(texts(messages)) <= 4 * messages.seconds + 4


@pytest.fixture(scope="module")
def folder(kernel: Kernel) -> Path:
    folder = Path(kernel.value("__import__('os').getcwd()"))
    (folder / "tone.wav").write_bytes(tone(1.0))
    sparse(folder / "large.wav", 60 * MB, b"RIFF\0\0\0\0WAVE")
    return folder


@pytest.fixture
def ffmpeg(kernel: Kernel, folder: Path) -> Iterator[ScriptedService]:
    root = {"service": "ffmpeg-service", "limits": {"maxFileSizeMB": 500, "maxFiles": 10}}
    answers = {"/": Says(root), "/health": Says({"success": True, "data": {"ffmpegVersion": "5"}})}
    with ScriptedService(answers, hashes=False) as service:
        assert not kernel.run(f"%mc load {service.url} --as ffmpeg").error
        yield service
        kernel.run("%mc remove ffmpeg")


def test_a_large_file_is_sent_and_comes_back(kernel: Kernel, ffmpeg: ScriptedService) -> None:
    ffmpeg.answers["/audio/convert"] = Says(type="audio/wav", size=50 * MB)
    ffmpeg.pace = 0.002
    got = kernel.run("%ffmpeg convert large.wav --save copy.wav")
    assert not got.error, got.error
    assert got.seconds > 2
    shown = texts(got)
    assert few(got), (len(shown), got.seconds)
    going = r"sending to ffmpeg: \d+ of 60 MB, \d+ MB/s(, about \d+ s left)? · \d+ %"
    coming = r"receiving from ffmpeg: \d+ of 50 MB, \d+ MB/s(, about \d+ s left)? · \d+ %"
    for line in (going, coming):
        assert [text for text in shown if re.fullmatch(line, text)], (line, shown)
    assert all("\n" not in text for text in shown[:-1])  # one line, updated in place
    (output,) = got.outputs()
    assert "sending" not in json.dumps(output)
    assert "receiving" not in json.dumps(output)


def test_a_service_at_work_is_counted(kernel: Kernel, ffmpeg: ScriptedService) -> None:
    free = threading.Event()
    ffmpeg.answers["/audio/convert"] = Says(tone(0.5), type="audio/wav", free=free)
    request = kernel.send("%ffmpeg convert tone.wav")
    seen: list[str] = []
    while not seen or "(2 s)" not in seen[-1]:
        kind = "update_display_data" if seen else "display_data"
        seen += texts(kernel.until(request, kind))
    free.set()
    assert seen == ["ffmpeg is converting (1 s)", "ffmpeg is converting (2 s)"]
    rest = kernel.receive(request)
    assert texts(rest) == ["sound, 0.50 s, 8 kHz mono, wav, 8 kB"]


def test_live_and_settled_save_the_same(kernel: Kernel, ffmpeg: ScriptedService) -> None:
    ffmpeg.answers["/audio/convert"] = Says(tone(0.5), type="audio/wav")
    live = kernel.run("%ffmpeg convert large.wav")
    assert len(texts(live)) > 1
    kernel.run("%config McJupyter.render = 'settled'")
    settled = kernel.run("%ffmpeg convert large.wav")
    kernel.run("%config McJupyter.render = ''")
    assert settled.types == ["execute_input", "display_data"]
    (first,), (second,) = live.outputs(), settled.outputs()
    assert (first["data"], first["metadata"]) == (second["data"], second["metadata"])


@needs_standins
def test_whisper_is_counted_and_waited_for(kernel: Kernel, folder: Path) -> None:
    (folder / "said.wav").write_bytes(digits())
    with running("whisper", "grammar=digits", "slow=2") as served:
        kernel.run(f"%mc load {served.url} --as whisper")
        got = kernel.run("%whisper said.wav")
        assert texts(got)[:2] == ["whisper is transcribing (1 s)", "whisper is transcribing (2 s)"]
        assert texts(got)[-1] == DIGITS
        assert few(got)
        kernel.run("%mc remove whisper")


@needs_standins
def test_a_whisper_at_work_for_another_is_waited_for(kernel: Kernel, folder: Path) -> None:
    (folder / "said.wav").write_bytes(digits())
    with running("whisper", "grammar=digits", "slow=4") as served:
        assert not kernel.run(f"%mc load {served.url} --as whisper --start").error
        other = threading.Thread(target=_ask, args=(served.url,))
        other.start()
        wait_until(lambda: not _answers(served.url), what="it is busy")
        busy = kernel.run("%whisper said.wav")
        other.join()
        assert not busy.error, busy.error
        assert any("busy" in text for text in texts(busy)), texts(busy)
        assert texts(busy)[-1] == DIGITS
        kernel.run("%mc remove whisper")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/openapi.json", timeout=0.3).read()
    except OSError:
        return False
    return True


def _ask(url: str) -> None:
    """Have the recording transcribed by somebody else."""
    head = b'--b\r\nContent-Disposition: form-data; name="audio_file"; filename="a.wav"\r\n\r\n'
    request = urllib.request.Request(
        f"{url}/asr?output=json",
        data=head + digits() + b"\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    urllib.request.urlopen(request, timeout=30).read()


@needs_standins
def test_the_chunks_of_chatterbox(kernel: Kernel) -> None:
    text = " ".join(f"This is sentence number {n} of a long text." for n in range(8))
    with running("chatterbox", "voices=Emily.wav", "slow=0.7") as served:
        kernel.run(f"%mc load {served.url} --as chatterbox")
        got = kernel.run(f"%%chatterbox\n{text}")
        shown = texts(got)
        chunks = [
            found[1] for text in shown if (found := re.match(r"chatterbox: chunk (\d)", text))
        ]
        assert list(dict.fromkeys(chunks)) == ["1", "2", "3"]
        assert "chatterbox: chunk 2 of 4 (25 %)" in shown, shown
        assert shown[-1].startswith("speech, ")
        assert few(got)
        kernel.run("%mc remove chatterbox")


@needs_standins
def test_the_seconds_that_kokoro_has_spoken(kernel: Kernel) -> None:
    text = " ".join(f"This is sentence number {n} of a long text." for n in range(6))
    with running("kokoro", "slow=0.5") as served:
        kernel.run(f"%mc load {served.url} --as kokoro")
        got = kernel.run(f"%%kokoro\n{text}")
        shown = texts(got)
        assert few(got), (len(shown), got.seconds)
        assert any(re.search(r"\d+ s", text) for text in shown[:-1]), shown
        assert shown[-1].startswith("speech, ")
        kernel.run("%config McJupyter.render = 'settled'")
        settled = kernel.run(f"%%kokoro\n{text}")
        kernel.run("%config McJupyter.render = ''")
        assert settled.types == ["execute_input", "display_data"]
        kernel.run("%mc remove kokoro")
