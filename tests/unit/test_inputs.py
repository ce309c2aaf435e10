"""What ``FILE|VARIABLE`` in a magic means, and that the chain is kept."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from IPython import display
from support import media as made_here

from mc_jupyter.clients import sound
from mc_jupyter.clients.content import Content, gather
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.whisper import Transcription
from mc_jupyter.errors import ArgumentError, InputError
from mc_jupyter.lab.answer import Answer
from mc_jupyter.lab.made import Input, Made
from mc_jupyter.lab.media import Audio, Gallery, Picture, Transcript
from mc_jupyter.lab.media.inputs import resolve
from mc_jupyter.lab.templates import fill

SPEECH = Made("speech", "kokoro")
TALK = Audio(Content(made_here.tone(), "audio/wav"), SPEECH)
ANSWER = Answer(
    "forty-two",
    "m",
    service="ollama",
    identifier="github:MediaConduit/ollama-service",
    commit="ab" * 20,
    messages=({"role": "user", "content": "What?"},),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.wav").write_bytes(made_here.tone())
    return tmp_path


def read(upload: Upload) -> bytes:
    with closing(upload.reader()) as reader:
        return reader.read()


def test_a_file() -> None:
    upload, one = resolve("talk.wav", {})
    assert (upload.name, upload.kind, read(upload)) == ("talk.wav", "audio/wav", made_here.tone())
    assert one == Input("talk.wav", None, len(made_here.tone()), None)


def test_no_folder_is_kept_of_a_path(folder: Path) -> None:
    assert resolve(f"{folder}/talk.wav", {})[1].name == "talk.wav"


@pytest.mark.parametrize("typed", ["_", "talk", "Out[3]", "kept['talk']", "holder.talk", "all[-1]"])
def test_a_result_in_a_name_keeps_its_chain(typed: str) -> None:
    holder = type("Holder", (), {"talk": TALK})()
    names = {"_": TALK, "talk": TALK, "Out": {3: TALK}, "kept": {"talk": TALK}}
    upload, one = resolve(typed, {**names, "holder": holder, "all": [TALK]})
    assert (upload.name, upload.kind, read(upload)) == ("speech.wav", "audio/wav", TALK.bytes)
    assert one.made is SPEECH
    assert (one.name, one.size) == (typed, TALK.size)
    assert upload.sha256 == hashlib.sha256(TALK.bytes).hexdigest()


@pytest.mark.parametrize(
    ("value", "name", "raw"),
    [
        (made_here.tone(), "x.wav", made_here.tone()),
        (bytearray(made_here.png()), "x.png", made_here.png()),
        (memoryview(made_here.JPEG), "x.jpg", made_here.JPEG),
        (io.BytesIO(made_here.GIF), "x.gif", made_here.GIF),
        (made_here.WEBP_LOSSY, "x.webp", made_here.WEBP_LOSSY),
        (b"fLaC...", "x.flac", b"fLaC..."),
        (b"ID3...", "x.mp3", b"ID3..."),
        (b"OggS" + bytes(24) + b"OpusHead", "x.opus", b"OggS" + bytes(24) + b"OpusHead"),
        (b"OggS" + bytes(40), "x.ogg", b"OggS" + bytes(40)),
        (b"\0\0\0\x20ftypisom", "x.mp4", b"\0\0\0\x20ftypisom"),
        (b"whatever", "x.bin", b"whatever"),
        (Content(b"abc", "audio/mpeg"), "input.mp3", b"abc"),
        (display.Audio(made_here.tone()), "x.wav", made_here.tone()),
        (display.Image(made_here.png()), "x.png", made_here.png()),
        (ANSWER, "answer.txt", b"forty-two"),
    ],
)
def test_values(value: Any, name: str, raw: bytes) -> None:
    upload, _ = resolve("x", {"x": value})
    assert (upload.name, read(upload)) == (name, raw)


def test_a_shown_file_that_does_not_hold_its_bytes() -> None:
    for value in (display.Video("talk.wav"), display.Image(filename="talk.wav", format="png")):
        assert read(resolve("x", {"x": value})[0]) == made_here.tone()


@pytest.mark.parametrize("value", ["talk.wav", Path("talk.wav")])
def test_a_name_that_holds_a_path(value: Any) -> None:
    upload, one = resolve("path", {"path": value})
    assert (upload.name, one.name) == ("talk.wav", "talk.wav")


def test_samples_with_their_rate() -> None:
    numpy = pytest.importorskip("numpy")
    samples = numpy.array([0.0, 0.5, -1.0, 2.0])
    for value in ((samples, 8000), (8000, samples.astype("float32"))):
        upload, _ = resolve("x", {"x": value})
        whole = Audio(Content(read(upload), "audio/wav"), SPEECH)
        assert (whole.sample_rate, whole.channels) == (8000, 1)
        assert numpy.abs(whole.samples() - [0, 0.5, -1, 1]).max() < 0.001
    stereo = (numpy.zeros((10, 2), "int16"), numpy.int64(44100))
    assert Audio(Content(read(resolve("x", {"x": stereo})[0]), "audio/wav"), SPEECH).channels == 2
    odd = numpy.array([0.0, numpy.inf, 1e300, 1.0])
    whole = Audio(Content(resolve("x", {"x": (odd, 8000)})[0].source), Made("x"))
    assert whole.bytes[44:] == b"\0\0" + 3 * b"\xff\x7f"
    half = resolve("x", {"x": (numpy.ones(2, "float16"), 8000)})[0].source
    assert half[44:] == 2 * b"\xff\x7f"
    for none in (numpy.zeros(0), numpy.zeros((5, 0)), numpy.float64(1)):
        with pytest.raises(ArgumentError, match="samples of the shape"):
            resolve("x", {"x": (none, 8000)})
    with pytest.raises(ArgumentError, match="x is of type tuple, which cannot be sent"):
        resolve("x", {"x": (samples, samples)})
    with pytest.raises(ArgumentError, match=r"not tell its sample rate\n.*pair = \(x, 16000\)"):
        resolve("x", {"x": samples})
    with pytest.raises(ArgumentError, match=r"shape \(2, 100\)"):
        resolve("x", {"x": (numpy.zeros((2, 100)), 8000)})
    with pytest.raises(ArgumentError, match="type int64"):
        resolve("x", {"x": (numpy.zeros(9, "int64"), 8000)})


def test_a_file_and_a_value_of_one_name_must_be_told_apart(folder: Path) -> None:
    (folder / "talk").write_bytes(b"the file")
    with pytest.raises(
        ArgumentError, match=r"a file in this folder and a name.*\nthe file: ./talk"
    ):
        resolve("talk", {"talk": TALK})
    assert read(resolve("./talk", {"talk": TALK})[0]) == b"the file"
    # no doubt: the name cannot be sent, or holds that very path
    assert read(resolve("talk", {"talk": 7})[0]) == b"the file"
    assert read(resolve("talk", {"talk": "talk"})[0]) == b"the file"


def test_samples_in_a_list() -> None:
    upload, _ = resolve("x", {"x": ([0.0, 1, -1.0], 8000)})
    assert read(upload)[44:] == b"\0\0\xff\x7f\x01\x80"
    assert read(upload) == read(resolve("x", {"x": (8000, [0.0, 1, -1.0])})[0])
    for none in ([], ["a"], [[0.0]], [True]):
        with pytest.raises(ArgumentError, match="of type tuple, which cannot be sent"):
            resolve("x", {"x": (none, 8000)})


def test_samples_that_are_no_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    odd = numpy.array([0.5, numpy.nan, 1.0])
    with pytest.raises(InputError, match=r"1 of 3 samples are no numbers \(NaN\)"):
        resolve("x", {"x": (odd, 8000)})
    assert resolve("x", {"x": (numpy.nan_to_num(odd), 8000)})[0].size == 50


@pytest.mark.parametrize("large", [False, True])
def test_bare_samples_go_as_a_wav(large: bool) -> None:
    raw = b"\1\2" * (9_000_000 if large else 12_000)
    content = gather([raw], "audio/pcm")
    assert (content.path is not None) == large
    for value in (Audio(content, SPEECH), content):
        upload, one = resolve("x", {"x": value})
        assert (upload.kind, upload.name[-4:], one.size) == ("audio/wav", ".wav", len(raw) + 44)
        heard = sound.describe(upload)
        assert heard == sound.Sound(len(raw) / 48_000, 24_000, 1, "wav")
        assert read(upload)[44:] == raw


def test_messages_name_what_was_typed(folder: Path) -> None:
    with pytest.raises(InputError, match=r"^e is empty$"):
        resolve("e", {"e": b""})
    (folder / "my notes.txt").write_text("text")
    upload, _ = resolve("my notes.txt", {})
    assert (upload.called, upload.line) == ("my notes.txt", "'my notes.txt'")
    upload, _ = resolve("t", {"t": TALK})
    assert (upload.name, upload.called, upload.line) == ("speech.wav", "t", "t")
    assert Upload.of(b"1", "a.wav").line == "VARIABLE"


@pytest.mark.parametrize("typed", ["{speech}", "{{ speech }}", "$speech"])
def test_a_name_as_other_magics_have_it(typed: str) -> None:
    with pytest.raises(InputError, match=r"\ndid you mean 'speech'\?"):
        resolve(typed, {"speech": TALK})


def test_no_text_is_offered(folder: Path) -> None:
    (folder / "a.srt").write_text("1")
    (folder / "a.txt").write_text("1")
    with pytest.raises(InputError, match=r"\nthere are: talk.wav$"):
        resolve("zzz", {})


@pytest.mark.parametrize("value", [None, "https://example.org/a.wav"])
def test_addresses_are_refused(value: str | None) -> None:
    typed = "x" if value else "http://example.org/a.wav"
    with pytest.raises(ArgumentError, match=r"not fetched from here\ndownload it first: !curl -LO"):
        resolve(typed, {"x": value})


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("talk.wv", r"^talk.wv: no such file\ndid you mean 'talk.wav'\?"),
        ("./talk.wv", r"^./talk.wv: no such file\ndid you mean './talk.wav'\?"),
        ("speach", r"^speach: neither a file here nor a name\ndid you mean 'speech'\?"),
        ("zzz", r"neither a file here nor a name\nthere are: speech, empty, talk.wav$"),
        ("nowhere/a.wav", r"there is no folder nowhere\nthis kernel is in "),
        (".", r"is a folder\nname a file in it"),
        ("number[0]", "neither a file here nor a name"),
        ("speech.nothing", "neither a file here nor a name"),
        ("text", r"text is the text no_such.wav, and there is no such file"),
        ("long", r"long is the text 'x+'..., and there is no such file"),
        ("empty", "is empty"),
        ("", "the name of a file is empty"),
        ("n" * 300, "neither a file here nor a name"),
        ("~no-such-user/a.wav", "there is no folder"),
        ("a\0.wav", "no such file"),
    ],
)
def test_what_is_not_there(typed: str, message: str) -> None:
    names = {"speech": TALK, "number": 7, "text": "no_such.wav", "long": "x" * 5000, "empty": b""}
    with pytest.raises(InputError, match=message):
        resolve(typed, names)


def test_what_cannot_be_sent() -> None:
    pictures = [Picture(Content(made_here.png(), "image/png"), Made("frame"))] * 2
    with pytest.raises(ArgumentError, match=r"frames is 2 pictures\none of them: frames\[0\]"):
        resolve("frames", {"frames": Gallery(pictures)})
    assert resolve("frames[1]", {"frames": Gallery(pictures)})[0].name == "frame.png"
    with pytest.raises(ArgumentError, match="of type int, which cannot be sent"):
        resolve("x", {"x": 7})


def test_nothing_is_evaluated() -> None:
    called: list[int] = []
    for typed in ("f()", "f(1).x", "a+b", "x[f()]", "x[0:1]"):
        with pytest.raises(InputError, match="no such file"):
            resolve(typed, {"f": called.append, "x": [TALK]})
    assert called == []


def test_an_answer_knows_how_it_was_made() -> None:
    made = ANSWER.made
    assert (made.what, made.service, made.model, made.commit) == (
        "answer",
        "ollama",
        "m",
        "ab" * 20,
    )
    assert made.inputs == (Input("prompt", hashlib.sha256(b"What?").hexdigest(), 5),)
    assert resolve("_", {"_": ANSWER})[1].made == made
    transcript = Made("transcript")
    asked = Answer("x", "m", inputs=(Input("prompt", made=transcript),))
    assert [step.what for step in asked.made.chain] == ["transcript", "answer"]


def test_a_filled_text_remembers_what_was_inserted() -> None:
    heard = Transcript(Transcription("one", "en", [], {}), Made("transcript"))
    used: list[object] = []
    text = fill("{{heard}} {{answer}} {{number}} {{answer.text}}", used_names(heard), used)
    assert text == "one forty-two 7 forty-two"
    assert used == [heard, ANSWER]
    assert fill("{{heard}}", used_names(heard)) == "one"


def used_names(heard: Transcript) -> dict[str, Any]:
    return {"heard": heard, "answer": ANSWER, "number": 7}


class Broken:
    """Whatever it is asked for raises."""

    def __getattribute__(self, name: str) -> object:
        raise RecursionError(name)

    def __getitem__(self, key: object) -> object:
        raise SystemExit(key)


class OddPath(os.PathLike[str]):
    def __fspath__(self) -> str:
        raise ValueError("no path")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("broken", "broken cannot be sent: RecursionError: made"),
        ("broken.x", "broken.x failed: RecursionError: x"),
        ("broken[0]", "broken[0] failed: SystemExit: 0"),
        ("path", "path cannot be sent: ValueError: no path"),
        ("half", "half cannot be sent: UnicodeEncodeError"),
    ],
)
def test_what_a_value_raises_is_an_error_of_ours(text: str, said: str) -> None:
    names = {"broken": Broken(), "path": OddPath(), "half": Answer(text="\ud800", model="m")}
    with pytest.raises(ArgumentError) as caught:
        resolve(text, names)
    assert str(caught.value).startswith(said)


def test_a_broken_value_does_not_hide_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="did you mean 'sound'"):
        resolve("soud", {"broken": Broken(), 7: 7, "sound": b"x"})  # type: ignore[dict-item]


def test_a_path_of_bytes_is_a_path(tmp_path: Path) -> None:
    class BytesPath(os.PathLike[bytes]):
        def __fspath__(self) -> bytes:
            return os.fsencode(tmp_path / "é.wav")

    (tmp_path / "é.wav").write_bytes(b"x")
    assert resolve("it", {"it": BytesPath()})[0].size == 1
