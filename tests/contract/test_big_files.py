"""Files of hundreds of megabytes pass through a client without lying in its memory.

The servers count and keep nothing. The client runs in a process of its own, whose peak memory is
read before the large request, when all is imported and a small one was made, and after it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.big import GB, MB, sha256_of_zeros, sparse
from support.scripted_service import Says, ScriptedService

from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import InputError

_MOST = 50 * MB  # by which the peak may grow
_CHILD = """
import json, re, sys
from pathlib import Path
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.ffmpeg import FfmpegClient
from mc_jupyter.clients.whisper import WhisperClient

def peak():
    # not ru_maxrss: a child begins with its parent's
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024

events = []
report = lambda event: events.append((event.text, event.current, event.total))
kind, url, small, large, target = sys.argv[1:]
found = {}
if kind == "whisper":
    client = WhisperClient(url)
    call = lambda path: client.transcribe(Upload.of(path), report=report)
else:
    client = FfmpegClient(url)
    call = lambda path: client.extract_audio(Upload.of(path), report=report)
call(small)
events.clear()
before = peak()
upload = Upload.of(large)
if kind == "whisper":
    client.transcribe(upload, report=report)
else:
    product = client.extract_audio(upload, report=report)
    found["saved"] = product.content.save(target).stat().st_size
    found["received sha256"] = product.content.sha256
    del product
found |= {"grew": peak() - before, "sha256": upload.sha256}
found["events"] = [events[0], events[-1], len(events)]
print(json.dumps(found))
"""


def run(kind: str, url: str, folder: Path, size: int) -> dict[str, Any]:
    """What the child found of itself; its temporary files lie in `folder`."""
    small, large = sparse(folder / "small.mp4", 1000), sparse(folder / "large.mp4", size)
    command = [sys.executable, "-c", _CHILD, kind, url, str(small), str(large)]
    done = subprocess.run(
        [*command, str(folder / "saved.wav")],
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    left = {path.name for path in folder.iterdir()} - {"small.mp4", "large.mp4", "saved.wav"}
    assert left == set()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")


@needs_proc
def test_a_gigabyte_through_whisper(tmp_path: Path) -> None:
    answer = Says({"text": "hi", "language": "en", "segments": []}, type="text/plain")
    with ScriptedService({"/asr": answer, "/": Says({})}, hashes=False) as service:
        found = run("whisper", service.url, tmp_path, GB)
        asked = service.asked("/asr")[-1]
    assert GB < asked.size < GB + 1000
    assert found["sha256"] == sha256_of_zeros(GB, b"\0\0\0\x20ftypisom")
    print(f"the peak grew by {found['grew'] / MB:.1f} MB")
    assert found["grew"] < _MOST
    first, last, count = found["events"]
    assert first[0].startswith("sending to whisper: ")
    assert last[1:] == [GB, GB]
    assert count < 200


@needs_proc
def test_450_megabytes_through_ffmpeg_and_back(tmp_path: Path) -> None:
    size = 450 * MB
    says = Says(type="audio/wav", size=size)
    with ScriptedService({"/video/extractAudio": says, "/": Says({})}, hashes=False) as service:
        found = run("ffmpeg", service.url, tmp_path, size)
        asked = service.asked("/video/extractAudio")[-1]
    assert size < asked.size < size + 1000
    assert found["saved"] == size
    assert found["received sha256"] == sha256_of_zeros(size)
    print(f"the peak grew by {found['grew'] / MB:.1f} MB")
    assert found["grew"] < _MOST
    assert found["events"][1][0].startswith("receiving from ffmpeg: ")


@pytest.mark.parametrize(("stated", "most"), [(None, 500), (100, 100)])
def test_over_the_limit_nothing_is_sent(tmp_path: Path, stated: int | None, most: int) -> None:
    """The published server states no limit (it has 500 MB); the bundled one does."""
    root = {"limits": {"maxFileSizeMB": stated}} if stated else {}
    large = Upload.of(sparse(tmp_path / "large.mp4", most * 1024 * 1024 + 1))
    with ScriptedService({"/": Says(root)}) as service, FfmpegClient(service.url) as client:
        for call in (client.extract_audio, client.info, client.frame, client.convert):
            with pytest.raises(InputError, match=r"large\.mp4 has \d+ MB: ffmpeg takes files up"):
                call(large)
        assert {(each.method, each.path) for each in service.requests} == {("GET", "/")}
        assert service.received == 0
