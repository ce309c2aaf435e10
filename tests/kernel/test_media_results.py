"""What a notebook receives of sounds, pictures and transcripts; a re-run changes nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from support.kernel import Kernel, Serve, prompt
from support.media import png, tone

_SETUP = """
import base64
from pathlib import Path
from mc_jupyter.clients.content import Content
from mc_jupyter.clients.whisper import Transcription
from mc_jupyter.lab.made import Input, Made
from mc_jupyter.lab.media import *
made = Made("speech", "kokoro", "github:MediaConduit/kokoro-service", None, "af_heart")
sound = Content(Path("tone.wav").read_bytes(), "audio/wav")
image = Content(Path("picture.png").read_bytes(), "image/png")
parts = [{"start": 0.0, "end": 1.0, "text": "one"}, {"start": 1.0, "end": 2.0, "text": "two"}]
heard = Transcription("one two", "en", parts, {"segments": parts})
"""
_SHOWN = (
    "Audio(sound, made)",
    "Audio(sound, made, inline_limit=10)",
    "Picture(image, Made('picture'))",
    "Picture(image, Made('picture'), inline_limit=10)",
    "Gallery([Picture(image, Made('frame'))] * 2)",
    "Video(Content(b'x' * 2_000_000, 'video/mp4'), Made('video'))",
    "File(Content(b'PK', 'application/zip'), Made('file'))",
    "Transcript(heard, Made('transcript'))",
    "Transcript(heard, Made('transcript'), output='srt')",
    "Audio(sound, made).chain",
    "Said('moo', Made('text'))",
)
# What a magic does: show on the cell's screen, then return the same object.
_MAGIC = """
def shown(result, quiet=False):
    from mc_jupyter.notebook import extension
    (loaded,) = extension._loaded.values()
    loaded._magics._screen(quiet).settle(result)
    return result
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    (folder / "tone.wav").write_bytes(tone(2.0))
    (folder / "picture.png").write_bytes(png(64, 48))
    return folder


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    kernel = Kernel({"MC_JUPYTER_HOME": str(folder / "home")}, str(folder))
    try:
        for code in ("%load_ext mc_jupyter", _SETUP, _MAGIC):
            assert not kernel.run(code).error
        yield kernel
    finally:
        kernel.close()


def test_a_result_that_is_left_at_the_end_of_a_cell_shows_itself(kernel: Kernel) -> None:
    (output,) = kernel.run("Audio(sound, made)").outputs()
    assert output["type"] == "execute_result"
    assert set(output["data"]) == {"text/plain", "text/html"}
    assert output["data"]["text/plain"] == "speech, 2.0 s, 8 kHz mono, wav, 32 kB"
    assert output["metadata"]["mc_jupyter"]["made"]["model"] == "af_heart"


@pytest.mark.parametrize(
    "result",
    ["Audio(sound, made)", "Transcript(heard, made)", "Gallery([Picture(image, made)] * 2)"],
)
def test_what_a_cell_has_shown_is_not_shown_again(kernel: Kernel, result: str) -> None:
    (output,) = kernel.run(f"shown({result})").outputs()
    assert output["type"] == "display_data"
    assert kernel.value("type(_).__name__") == result.partition("(")[0]
    assert [o["type"] for o in kernel.run("_").outputs()] == ["execute_result"]
    assert kernel.run(f"shown({result}, quiet=True)").outputs() == []
    again = kernel.run(f"x = shown({result})\nx")
    assert [o["type"] for o in again.outputs()] == ["display_data"]


def test_the_notebook_stays_small(kernel: Kernel, folder: Path) -> None:
    inline = kernel.run("Audio(sound, made)")
    beside = kernel.run("Audio(sound, made, inline_limit=10)")
    size = len(tone(2.0))
    assert size * 4 / 3 < inline.bytes < size * 4 / 3 + 10_000
    assert beside.bytes < 10_000
    picture = kernel.run("Picture(image, Made('picture'))")
    assert picture.bytes < len(png(64, 48)) * 4 / 3 + 3000  # once, not once for each type
    video = kernel.run("Video(Content(b'x' * 2_000_000, 'video/mp4'), Made('video'))")
    assert video.bytes < 4000
    (file,) = (folder / "mc-media").glob("video-*.mp4")
    assert file.stat().st_size == 2_000_000


def test_the_limit_is_a_setting(kernel: Kernel) -> None:
    limit = "mc_jupyter.registry.settings.max_inline"
    kernel.run("import mc_jupyter")
    assert kernel.value(limit) == 1_000_000
    kernel.run("%config McJupyter.max_inline = '0'")
    assert kernel.value(limit) == 0
    assert "is not a size" in kernel.run("%config McJupyter.max_inline = 'big'").streams
    kernel.run("%config McJupyter.max_inline = ''")
    assert kernel.value(limit) == 1_000_000


def test_a_second_run_saves_the_same_bytes(folder: Path) -> None:
    """The same through nbclient, which is what writes notebooks in CI."""
    first, files = _executed(folder)
    second, again = _executed(folder)
    assert [cell["outputs"] for cell in first.cells[1:]] != []
    assert json.dumps(first.cells) == json.dumps(second.cells)
    assert files == again  # nothing written anew
    assert len(files) == 3
    kinds = [set(cell["outputs"][0]["data"]) for cell in first.cells[1:]]
    assert kinds[2] == {"text/plain", "image/png"}
    for number, data in enumerate(kinds):
        assert number == 2 or data == {"text/plain", "text/html"}
    saved = json.dumps(first)
    assert str(folder) not in saved
    assert "127.0.0.1" not in saved


def _executed(folder: Path) -> tuple[Any, dict[str, int]]:
    cells = [
        nbformat.v4.new_code_cell(code, id=f"c{n}") for n, code in enumerate((_SETUP, *_SHOWN))
    ]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3", record_timing=False).execute(
        cwd=str(folder)
    )
    files = {file.name: file.stat().st_mtime_ns for file in (folder / "mc-media").iterdir()}
    return book, files


def test_a_picture_can_be_read_back_from_the_notebook(kernel: Kernel) -> None:
    (output,) = kernel.run("Picture(image, Made('picture'))").outputs()
    assert base64.b64decode(output["data"]["image/png"]) == png(64, 48)
    assert output["metadata"]["image/png"] == {"alt": output["data"]["text/plain"]}


def test_an_error_of_saving_is_one_line(kernel: Kernel) -> None:
    error = kernel.run("Audio(sound, made).save('x.mp3')").error
    assert error.splitlines() == [
        "ArgumentError: x.mp3: this is wav, and saving does not convert it",
        "%ffmpeg convert VARIABLE --format mp3 --save x.mp3",
    ]


def test_an_answer_keeps_the_chain_of_what_filled_its_prompt(kernel: Kernel, serve: Serve) -> None:
    kernel.run("talk = Transcript(heard, Made('transcript', inputs=(Input('_', made=made),)))")
    server = serve(tokens=["ok"])
    assert not kernel.run(prompt(server, body="Sum up: {{talk}}")).error
    assert kernel.value("[step.what for step in _answer.made.chain]") == [
        "speech",
        "transcript",
        "answer",
    ]
    assert kernel.value("_answer.made.identifier") is None  # an address is none
    (one,) = kernel.value("[i.name for i in _answer.made.inputs]")
    assert one == "prompt"
    assert not kernel.run(prompt(server, "--literal", "{{talk}}")).error
    assert kernel.value("[step.what for step in _answer.made.chain]") == ["answer"]
