"""``%%kokoro``, ``%%chatterbox``, ``%%zonos``: one wording, and real speech."""

from __future__ import annotations

import io
import json
import re
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel, Serve, prompt
from support.services import Served, why_not
from support.speakers import SPEAKERS, Speaker

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")

OWN = [one for one in SPEAKERS if one.name in ("kokoro", "chatterbox", "zonos")]
WORDING = (
    r"--voice VOICE +who speaks",
    r"--speed X +1 is the voice's own, 2 twice as fast",
    r"--format \S+\s+of the sound \(wav\)",
    r"-o NAME, --out NAME +variable that the result goes to \(besides _answer\)",
    r"--save PATH +write the sound to this file",
    r"--host HANDLE +which service, where there are several",
    r"--quiet +show nothing",
    r"--literal +\{\{\.\.\.\}\} means nothing",
)


@pytest.fixture(scope="module", params=OWN, ids=[one.name for one in OWN])
def speaker(request: pytest.FixtureRequest) -> Speaker:
    found: Speaker = request.param
    return found


@pytest.fixture(scope="module")
def served(speaker: Speaker, kernel: Kernel) -> Iterator[Served]:
    """Its stand-in, loaded under its own name."""
    with speaker.served() as served:
        assert not kernel.run(f"%mc load {served.url} --as {speaker.name}").error
        yield served
        kernel.run(f"%mc remove {speaker.name}")


def folder(kernel: Kernel) -> Path:
    return Path(kernel.value("__import__('os').getcwd()"))


def seconds(content: bytes) -> float:
    with wave.open(io.BytesIO(content)) as file:
        return file.getnframes() / file.getframerate()


# Each of the three


def test_a_text_is_spoken(kernel: Kernel, speaker: Speaker, served: Served) -> None:
    voice = f"--voice {speaker.voice}" if speaker.voice else ""
    got = kernel.run(f"%%{speaker.name} {voice} --out said --save {speaker.name}.wav\nHello you.")
    assert not got.error, got.error
    (output,) = got.outputs()
    text = output["data"]["text/plain"].splitlines()
    assert re.fullmatch(r"speech, 0\.\d+ s, \d\d(\.\d)? kHz mono, wav, \d+ kB", text[0])
    assert text[-1] == f"saved as {speaker.name}.wav"
    assert "<audio controls" in output["data"]["text/html"]
    assert str(served.url).rpartition(":")[2] not in json.dumps(
        [output["data"], output["metadata"]]
    )
    assert speaker.texts(served)[-1] == "Hello you."
    saved = (folder(kernel) / f"{speaker.name}.wav").read_bytes()
    assert 0.3 < seconds(saved) < 2
    assert kernel.value("[said is _answer is _, said.size]") == [True, len(saved)]
    if speaker.voice:
        assert speaker.voice in json.dumps(kernel.value("said.settings"))
    (step,) = kernel.value("[[s.what, [i.size for i in s.inputs]] for s in said.made.chain]")
    assert step == ["speech", [10]]


def test_the_wording_is_the_same(kernel: Kernel, speaker: Speaker, served: Served) -> None:
    for typed in (f"%%{speaker.name} --help", f"%{speaker.name} say --help"):
        shown = kernel.run(typed).text
        for line in WORDING:
            assert re.search(line, shown), (typed, line)


def test_its_voices(kernel: Kernel, speaker: Speaker, served: Served) -> None:
    shown = kernel.run(f"%{speaker.name} voices").last["data"]["text/plain"]
    if speaker.voice:
        assert shown.splitlines()[0].split()[0] == "VOICE"
        assert re.search(rf"(?m)^{re.escape(speaker.voice)}\b", shown)
    else:
        assert shown == (
            "zonos has no voices of its own: --reference FILE speaks with a recording's"
        )


def test_a_voice_that_is_not_there(kernel: Kernel, speaker: Speaker, served: Served) -> None:
    wrong = f"{speaker.voice or 'nobody'}x"
    asked = len(speaker.texts(served))
    lines = kernel.run(f"%%{speaker.name} --voice {wrong}\nHello").error.splitlines()
    assert lines[0].startswith(f"VoiceNotFoundError: {speaker.name} has no voice '{wrong}': ")
    if speaker.voice:
        assert f"did you mean '{speaker.voice}'?" in lines[0]
    assert len(lines) == 2
    assert len(speaker.texts(served)) == asked


def test_twice_as_fast_is_half_as_long(kernel: Kernel, speaker: Speaker, served: Served) -> None:
    text = "one two three four five six seven"
    lengths = []
    for speed in (1, 2):
        assert not kernel.run(f"%%{speaker.name} --speed {speed} --out said\n{text}").error
        lengths.append(kernel.value("said.duration"))
    assert lengths[1] < 0.75 * lengths[0]
    wrong = kernel.run(f"%%{speaker.name} --speed 40\n{text}").error
    assert wrong.startswith("OptionError: speed is 40.0\naccepted: a number from ")


def test_one_line_is_spoken_as_it_stands(kernel: Kernel, speaker: Speaker, served: Served) -> None:
    got = kernel.run(f'x = %{speaker.name} say It\'s me, "said" he.')
    assert not got.error
    assert speaker.texts(served)[-1] == 'It\'s me, "said" he.'
    assert kernel.value("x is _answer") is True


def test_an_answer_is_spoken_and_its_chain_is_kept(
    kernel: Kernel, speaker: Speaker, served: Served, serve: Serve
) -> None:
    assert not kernel.run(prompt(serve(tokens=["forty", "-two"]), "--out answer")).error
    assert not kernel.run(f"%%{speaker.name} --out said\nIt is {{{{answer}}}}.").error
    assert speaker.texts(served)[-1] == "It is forty-two."
    assert kernel.value("[s.what for s in said.made.chain]") == ["answer", "speech"]
    table = kernel.run("said.chain").text
    assert "1 answer" in table
    assert "2 speech" in table


def test_an_option_behind_the_text_is_not_spoken(
    kernel: Kernel, speaker: Speaker, served: Served
) -> None:
    got = kernel.run(f"%{speaker.name} say hello there --save hello.wav")
    assert got.error.splitlines() == [
        f"ArgumentError: %{speaker.name} say: --save stands behind the text, and options come "
        "first",
        f"%{speaker.name} say --save hello.wav hello there   or, to be spoken as it is, in a cell",
    ]


def test_a_sound_is_not_read_aloud(kernel: Kernel, speaker: Speaker, served: Served) -> None:
    assert not kernel.run(f"%{speaker.name} say --out digits one two").error
    before = len(speaker.texts(served))
    for cell in (
        f"%%{speaker.name}\nIt says {{{{digits}}}}",
        f"%{speaker.name} say {{{{digits}}}}",
    ):
        assert kernel.run(cell).error.splitlines() == [
            "TemplateError: digits is a sound, not a text",
            "%whisper digits   makes a text of it; as a file, without braces: digits",
        ]
    assert len(speaker.texts(served)) == before
    assert not kernel.run(f"%%{speaker.name}\nIt is {{{{digits.duration > 0}}}}").error
    assert speaker.texts(served)[-1] == "It is True"
