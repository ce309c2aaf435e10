"""``%whisper``: real recognition, in every form that a notebook can ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel
from support.services import Served, running, why_not
from support.spoken import DIGITS, digits

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


@pytest.fixture(scope="module")
def folder(kernel: Kernel) -> Path:
    """The kernel's folder, with a recording in it."""
    folder = Path(kernel.value("__import__('os').getcwd()"))
    (folder / "said.wav").write_bytes(digits())
    return folder


@pytest.fixture(scope="module", autouse=True)
def served(kernel: Kernel, folder: Path) -> Iterator[Served]:
    with running("whisper", "grammar=digits") as served:
        assert not kernel.run(f"%mc load {served.url} --as whisper").error
        yield served


def query(served: Served) -> str:
    return str(served.asked("/asr")[-1]["query"])


def test_what_is_said_in_a_file(kernel: Kernel, served: Served) -> None:
    got = kernel.run("%whisper said.wav --language english --out heard")
    (output,) = got.outputs()
    assert output["type"] == "display_data"
    assert output["data"]["text/plain"] == DIGITS
    assert DIGITS in output["data"]["text/html"]
    assert "language=en" in query(served)
    assert kernel.value("[heard is _answer is _, str(heard)]") == [True, DIGITS]
    assert kernel.value("heard.settings['language']") == "en"
    assert kernel.value("[i.name for i in heard.made.inputs]") == ["said.wav"]
    rows = kernel.value("heard.frame[['start', 'end', 'text']].to_dict('records')")
    assert [row["text"] for row in rows] == [DIGITS]
    assert 2 < rows[0]["end"] < 5


@pytest.mark.parametrize(
    ("output", "begins"),
    [
        ("text", "one two"),
        ("srt", "1\n00:00:00,"),
        ("vtt", "WEBVTT\n"),
        ("tsv", "start\tend\ttext\n"),
        ("json", "{\n"),
    ],
)
def test_every_output_is_shown_and_saved(
    kernel: Kernel, folder: Path, output: str, begins: str
) -> None:
    file = f"heard.{'txt' if output == 'text' else output}"
    got = kernel.run(f"%whisper said.wav --output {output} --save {file}")
    assert not got.error, got.error
    shown = got.last["data"]["text/plain"]
    assert shown.startswith(begins)
    assert shown.endswith(f"\nsaved as {file}")
    text = (folder / file).read_text()
    assert text.startswith(begins)
    assert (json.loads(text)["text"].strip() if output == "json" else DIGITS) in text


def test_the_suffix_says_what_is_saved(kernel: Kernel, folder: Path, served: Served) -> None:
    assert not kernel.run("%whisper said.wav --save other.vtt").error
    assert (folder / "other.vtt").read_text().startswith("WEBVTT")
    before = len(served.requests())
    error = kernel.run("%whisper said.wav --save heard.doc").error
    assert error.splitlines() == [
        "ArgumentError: heard.doc: a transcript is not written as .doc",
        "accepted: .txt, .md, .srt, .vtt, .tsv, .json",
    ]
    assert "there is no folder no" in kernel.run("%whisper said.wav --save no/x.txt").error
    assert len(served.requests()) == before


def test_words_have_their_times(kernel: Kernel, served: Served) -> None:
    assert not kernel.run("%whisper said.wav --word-timestamps").error
    words = kernel.value("[[w['word'].strip(), w['start'] < w['end']] for w in _answer.words]")
    assert words == [[word, True] for word in DIGITS.split()]
    assert "word_timestamps=true" in query(served)


def test_the_other_options_are_sent(kernel: Kernel, served: Served) -> None:
    kernel.run("names = 'Anna, Otto'")
    got = kernel.run("%whisper said.wav --task translate --prompt '{{names}}' --no-encode")
    assert not got.error, got.error
    assert "task=translate" in query(served)
    assert "initial_prompt=Anna%2C" in query(served)
    assert "encode=false" in query(served)
    assert "output=json" in query(served)
    error = kernel.run("%whisper said.wav --diarize").error
    assert "whisper would ignore diarize: only the engine whisperx reads it" in error


def test_the_language_is_told(kernel: Kernel, served: Served) -> None:
    kernel.run("_answer = 'as it was'")
    shown = kernel.run("%whisper said.wav --detect-language --out language")
    assert shown.last["data"]["text/plain"].split() == ["language", "en", "name", "english"]
    assert kernel.value("[language['language'], _answer]") == ["en", "as it was"]
    error = kernel.run("%whisper said.wav --detect-language --save x.txt").error
    assert "a language is not saved" in error


@pytest.mark.parametrize(
    "value",
    [
        "Path('said.wav').read_bytes()",
        "Path('said.wav')",
        "'said.wav'",
        "__import__('IPython').display.Audio(filename='said.wav')",
        "{'take': [Path('said.wav').read_bytes()]}",
    ],
)
def test_a_variable_is_heard(kernel: Kernel, value: str) -> None:
    kernel.run(f"from pathlib import Path; recording = {value}")
    name = "recording['take'][0]" if value.startswith("{'take'") else "recording"
    got = kernel.run(f"%whisper {name}")
    assert not got.error, got.error
    assert str(kernel.value("_answer.text")) == DIGITS


def test_a_cell_and_the_house_are_the_same(kernel: Kernel, served: Served) -> None:
    for cell in ("%%whisper said.wav", "%mc whisper said.wav", "%%mc whisper said.wav"):
        assert kernel.run(cell).last["data"]["text/plain"] == DIGITS, cell
    assert kernel.run("%%whisper said.wav\nsome text").error.splitlines() == [
        "ArgumentError: %%whisper takes no text below",
        "%whisper FILE",
    ]
    for cell, line in (
        ("%%whisper\nsaid.wav", "%whisper said.wav"),
        ("%%whisper --language en\n\nmy talk.wav\n", '%whisper --language en "my talk.wav"'),
        ("%%mc whisper\nsaid.wav", "%whisper said.wav"),
    ):
        assert kernel.run(cell).error.splitlines() == [
            "ArgumentError: %%whisper: the recording is named in the line, not below it",
            line,
        ]
    assert kernel.run("%whisper").text.startswith("What to type next:\n%whisper FILE|VARIABLE ")


@pytest.mark.parametrize(
    ("line", "first", "hint"),
    [
        ("saidd.wav", "InputError: saidd.wav: no such file", "did you mean 'said.wav'?"),
        ("nothing", "InputError: nothing: neither a file here nor a name", None),
        ("https://x/y.wav", "ArgumentError: https://x/y.wav: addresses are not fetched", None),
        (
            "said.wav --language klingon",
            "OptionError: whisper knows no language 'klingon': ",
            "auto, or no language at all, has it found out",
        ),
        (
            "said.wav --output doc",
            "ArgumentError: %whisper: --output is 'doc': known: json, srt, text, tsv, vtt",
            "%whisper --help",
        ),
        (
            "said.wav more.wav",
            "ArgumentError: %whisper: unrecognized arguments: more.wav",
            "%whisper FILE",
        ),
        (
            "said.wav --lang de",
            "ArgumentError: %whisper: there is no option --lang: did you mean '--language'?",
            "%whisper --help",
        ),
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_is_sent(
    kernel: Kernel, served: Served, line: str, first: str, hint: str | None
) -> None:
    before = len(served.requests())
    lines = kernel.run(f"%whisper {line}").error.splitlines()
    assert lines[0].startswith(first)
    assert len(lines) <= 2
    if hint:
        assert lines[1] == hint
    assert [one["path"] for one in served.requests()[before:]] in ([], ["/"]), "at most a look"


def test_what_is_no_sound(kernel: Kernel, folder: Path) -> None:
    (folder / "broken.wav").write_bytes(b"this is no sound at all")
    (folder / "empty.wav").touch()
    broken = kernel.run("%whisper broken.wav").error
    assert broken.startswith("ResponseError: whisper: ")
    assert len(broken.splitlines()) <= 2
    assert kernel.run("%whisper empty.wav").error == "InputError: empty.wav is empty"


def test_a_result_goes_into_a_prompt(kernel: Kernel) -> None:
    kernel.run("%whisper said.wav --out heard")
    shown = kernel.run("%%ollama m --dry-run\nSum up: {{heard}}").text
    assert json.loads(shown.partition("\n")[2])["messages"][0]["content"] == f"Sum up: {DIGITS}"


def test_a_text_is_no_recording(kernel: Kernel, folder: Path, served: Served) -> None:
    (folder / "notes.txt").write_text("hello")
    before = len(served.asked("/asr"))
    error = kernel.run("%whisper notes.txt").error
    assert error.splitlines() == [
        "InputError: whisper: notes.txt is text/plain, and no recording",
        "a sound or video file, or a result that is one",
    ]
    assert len(served.asked("/asr")) == before


def test_a_result_in_braces_is_no_file(kernel: Kernel, folder: Path, served: Served) -> None:
    kernel.run(
        "from mc_jupyter.clients.content import Content\n"
        "from mc_jupyter.lab.made import Made\n"
        "from mc_jupyter.lab.media import Audio\n"
        "content = Content(open('said.wav', 'rb').read(), 'audio/wav')\n"
        "results = [Audio(content, Made('speech'))]"
    )
    before = len(served.asked("/asr"))
    assert kernel.run("%whisper {{results[0]}}").error.splitlines() == [
        "TemplateError: results[0] is a sound, not a text",
        "%whisper results[0]   makes a text of it; as a file, without braces: results[0]",
    ]
    assert len(served.asked("/asr")) == before
    assert not kernel.run("%whisper results[0]").error
