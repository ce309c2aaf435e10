"""A transcript: text first, then segments, a table, and subtitles."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mc_jupyter.clients.whisper import Transcription
from mc_jupyter.errors import ArgumentError, InputError
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Transcript

SEGMENTS = [
    {"id": 0, "start": 0.0, "end": 2.5, "text": " one two <three>", "avg_logprob": -0.25},
    {
        "id": 1,
        "start": 2.5,
        "end": 5.25,
        "text": " four five",
        "words": [
            {"word": " four", "start": 2.5, "end": 3.0, "probability": 0.9},
            {"word": " five", "start": 3.0, "end": 5.25, "probability": 0.8},
        ],
    },
]
TEXT = "one two <three> four five"


def transcript(output: str = "text", segments: Any = SEGMENTS, text: str = TEXT) -> Transcript:
    raw = {"text": text, "language": "en", "segments": segments}
    heard = Transcription(text, "en", segments, raw, {"task": "transcribe"}, {"engine": "x"})
    return Transcript(heard, Made("transcript", "whisper"), output=output)


def bundle(shown: Transcript) -> dict[str, Any]:
    data: dict[str, Any] = shown._repr_mimebundle_()[0]
    return data


def test_it_is_its_text() -> None:
    heard = transcript()
    assert str(heard) == heard.text == bundle(heard)["text/plain"] == TEXT
    assert heard.bytes == TEXT.encode()
    assert (heard.language, heard.duration, len(heard.segments)) == ("en", 5.25, 2)
    assert heard.summary == "en, 2 segments, 5.2 s"
    assert heard.settings == {"task": "transcribe"}
    assert heard.told == {"engine": "x"}
    assert f"{heard}" == TEXT
    assert repr(heard).startswith("<Transcript of en, 2 segments, 5.2 s: 'one two")


def test_words_have_their_times() -> None:
    assert [(w["word"], w["start"], w["end"]) for w in transcript().words] == [
        (" four", 2.5, 3.0),
        (" five", 3.0, 5.25),
    ]
    assert transcript(segments=[]).words == []


def test_the_text_comes_first_and_the_segments_are_folded() -> None:
    html = bundle(transcript())["text/html"]
    assert html.index("one two &lt;three&gt; four five") < html.index("<details>")
    assert "<summary>2 segments with their times</summary>" in html
    assert ">0:02.5</td>" in html
    assert "<th scope=" in html
    assert "<details" not in bundle(transcript(segments=SEGMENTS[:1]))["text/html"]


def test_thousands_of_segments_do_not_make_the_notebook_slow() -> None:
    many = [{"start": i, "end": i + 1, "text": "x" * 40} for i in range(5000)]
    html = bundle(transcript(segments=many))["text/html"]
    assert len(html) < 80_000
    assert "4,700 more: .frame or .segments has all" in html


def test_silence_is_said() -> None:
    nothing = transcript(segments=[], text="")
    assert "nothing was heard" in bundle(nothing)["text/html"]
    assert str(nothing) == ""
    assert nothing.summary == "en, 0 segments"


@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        ("srt", "1\n00:00:00,000 --> 00:00:02,500\none two <three>\n\n2\n"),
        ("vtt", "WEBVTT\n\n00:00.000 --> 00:02.500\n"),
        ("tsv", "start\tend\ttext\n0\t2500\tone two <three>\n"),
        ("json", '{\n  "text": "one two'),
        ("txt", "one two <three> four five"),
    ],
)
def test_what_was_asked_for_is_shown(output: str, beginning: str) -> None:
    heard = transcript(output)
    assert bundle(heard)["text/plain"].startswith(beginning)
    assert heard.bytes.decode().startswith(beginning)
    assert str(heard) == TEXT
    assert "&lt;three&gt;" in bundle(heard)["text/html"]
    assert "<three>" not in bundle(heard)["text/html"]
    assert heard.suffix == f".{output}"


def test_an_unknown_output_lists_the_known() -> None:
    with pytest.raises(ArgumentError, match="output is 'doc'\naccepted: text, srt"):
        transcript("doc")


def test_all_texts_are_there_whatever_was_asked_for() -> None:
    heard = transcript()
    assert heard.srt == transcript("srt").bytes.decode()
    assert heard.vtt.startswith("WEBVTT")
    assert heard.tsv.count("\n") == 3
    assert json.loads(heard.json)["segments"][1]["words"][0]["probability"] == 0.9


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("x.srt", "1\n00:"),
        ("x.VTT", "WEBVTT"),
        ("x.tsv", "start\t"),
        ("x.txt", "one "),
        ("x", "1\n"),
    ],
)
def test_the_suffix_says_what_is_written(tmp_path: Path, name: str, beginning: str) -> None:
    path = transcript("srt").save(tmp_path / name)
    assert path.name == (name if "." in name else "x.srt")
    text = path.read_text()
    assert text.startswith(beginning)
    assert text.endswith("\n")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"accepted: .txt, .md, .srt, .vtt, .tsv, .json"):
        transcript().save(tmp_path / "x.docx")
    assert list(tmp_path.iterdir()) == []


def test_without_times_there_are_no_subtitles(tmp_path: Path) -> None:
    heard = transcript(segments=[{"text": "one"}])
    assert str(heard) == TEXT
    bundle(heard)
    with pytest.raises(InputError, match="no start and end"):
        heard.save(tmp_path / "x.srt")


def test_a_frame_without_pandas_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ArgumentError, match="a frame needs pandas\n%pip install pandas"):
        _ = transcript().frame


def test_a_frame_has_a_row_for_each_segment() -> None:
    pytest.importorskip("pandas")
    frame = transcript().frame
    assert list(frame.columns) == ["start", "end", "text", "avg_logprob"]
    assert frame["end"].tolist() == [2.5, 5.25]
    assert frame["text"].tolist() == ["one two <three>", "four five"]
    assert len(transcript(segments=[]).frame) == 0


def test_no_text_is_in_the_metadata() -> None:
    facts = transcript().facts()
    assert (facts["language"], facts["segments"]) == ("en", 2)
    assert "three" not in json.dumps(facts)


@pytest.mark.parametrize("output", ["text", "srt", "json"])
def test_a_very_long_one_is_saved_short(tmp_path: Path, output: str) -> None:
    segments = [{"start": 0.0, "end": 1.0, "text": "word " * 60_000}]
    heard = transcript(output, segments, "word " * 60_000)
    shown = bundle(heard)
    assert "more characters: str() of this, or .save(path)" in shown["text/plain"]
    assert sum(map(len, shown.values())) < 250_000
    assert len(heard.bytes) > 299_000
    assert len(heard.save(tmp_path / "a.txt").read_text()) > 299_000


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -1.0, 10**400, "1", None, True])
def test_times_that_are_none(time: object) -> None:
    heard = transcript(segments=[{"start": time, "end": time, "text": "one"}] * 2)
    assert "2 segments" in heard.summary
    assert bundle(heard)["text/html"].count("<tr>") == 3


def test_a_note_stands_in_the_place_of_no_text() -> None:
    heard = Transcription("", "en", [], {"text": ""})
    said = "nothing was heard: no speech in 2.0 s of sound"
    quiet = Transcript(heard, Made("transcript", "whisper"), notes=(said,))
    data = bundle(quiet)
    assert data["text/plain"] == said
    assert data["text/html"].count("nothing was heard") == 1
    assert quiet.text == ""
