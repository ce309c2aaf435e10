"""The Whisper client against the stand-in that listens: what it sends, and what comes back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from support.background import Background
from support.services import Served, running, why_not
from support.spoken import DIGITS, digits
from support.wait import wait_until

from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.whisper import WhisperClient, srt, tsv, vtt
from mc_jupyter.errors import (
    ConnectionFailedError,
    OptionError,
    ResponseError,
    StreamCutError,
    TimeLimitError,
)
from mc_jupyter.events import Event

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("whisper", "grammar=digits") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[WhisperClient]:
    with WhisperClient(served.url) as client:
        yield client


def recording(content: bytes | None = None) -> Upload:
    return Upload.of(content or digits(), "digits.wav")


def last(served: Served) -> tuple[dict[str, list[str]], list[dict[str, object]]]:
    """Query and parts of the last transcription that was asked for."""
    asked = served.asked("/asr")[-1]
    return parse_qs(asked["query"]), asked["parts"]


def test_speech_becomes_text(client: WhisperClient, served: Served) -> None:
    upload = recording()
    heard = client.transcribe(upload)
    assert heard.text == DIGITS
    assert heard.language == "en"
    assert heard.facts == {"engine": "openai_whisper"}
    assert "".join(each["text"] for each in heard.segments).strip() == DIGITS
    assert 0 <= heard.segments[0]["start"] < heard.segments[-1]["end"] < 4
    assert heard.raw["segments"] == heard.segments
    query, parts = last(served)
    assert query == {
        "output": ["json"],
        "task": ["transcribe"],
        "word_timestamps": ["false"],
        "encode": ["true"],
    }
    (part,) = parts
    assert part == {
        "name": "audio_file",
        "type": "audio/wav",
        "size": len(digits()),
        "sha256": upload.sha256,
        "filename": "digits.wav",
    }


def test_every_option_is_a_query_parameter(client: WhisperClient, served: Served) -> None:
    heard = client.transcribe(
        recording(),
        language="German",
        task="translate",
        word_timestamps=True,
        prompt="names: Zoë & Bob + 50%",
        encode=True,
    )
    query, parts = last(served)
    assert query == {
        "output": ["json"],
        "language": ["de"],
        "task": ["translate"],
        "word_timestamps": ["true"],
        "initial_prompt": ["names: Zoë & Bob + 50%"],
        "encode": ["true"],
    }
    assert [part["name"] for part in parts] == ["audio_file"]
    assert heard.settings["language"] == "de"
    words = [word for segment in heard.segments for word in segment["words"]]
    assert [word["word"].strip() for word in words] == DIGITS.split()
    assert all(word["start"] < word["end"] for word in words)


@pytest.mark.parametrize("language", [None, "auto"])
def test_auto_is_no_language(client: WhisperClient, served: Served, language: str | None) -> None:
    client.transcribe(recording(), language=language)
    assert "language" not in last(served)[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"language": "klingon"}, "knows no language 'klingon'"),
        ({"task": "summarise"}, "task is 'summarise'"),
        ({"word_timestamps": "yes"}, "word_timestamps is 'yes'"),
        ({"temperature": 0.2}, "no option 'temperature'"),
        ({"word_timestamp": True}, "did you mean 'word_timestamps'?"),
        ({"min_speakers": 0}, "min_speakers is 0"),
    ],
)
def test_what_would_be_ignored_is_not_sent(
    client: WhisperClient, served: Served, options: dict[str, object], said: str
) -> None:
    before = len(served.asked("/asr"))
    with pytest.raises(OptionError) as caught:
        client.transcribe(recording(), **options)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert len(served.asked("/asr")) == before


def test_an_option_of_another_engine(client: WhisperClient, served: Served) -> None:
    before = len(served.asked("/asr"))
    with pytest.raises(OptionError, match="would ignore diarize: only the engine whisperx"):
        client.transcribe(recording(), diarize=True)
    with pytest.raises(
        OptionError, match="would ignore vad_filter: only the engine faster_whisper"
    ):
        client.transcribe(recording(), vad_filter=True)
    assert len(served.asked("/asr")) == before


def test_subtitles_are_what_the_service_itself_writes(
    client: WhisperClient, served: Served
) -> None:
    """One transcription gives all formats; they are compared with a run for each."""
    client.transcribe(recording())  # the recogniser adapts itself to the first sound it hears
    segments = client.transcribe(recording()).segments
    for output, text in (("srt", srt(segments)), ("vtt", vtt(segments)), ("tsv", tsv(segments))):
        assert client.render(recording(), output, language="en") == text
        assert last(served)[0] == {"output": [output], "language": ["en"]}
    assert client.render(recording(), "text").strip() == DIGITS
    assert last(served)[0] == {"output": ["txt"]}
    with pytest.raises(OptionError, match="output is 'docx'"):
        client.render(recording(), "docx")


def test_the_language_is_found_out(client: WhisperClient, served: Served) -> None:
    assert client.detect_language(recording()) == {"language": "en", "name": "english"}
    assert served.asked("/detect-language")[-1]["query"] == "encode=true"


def test_health(client: WhisperClient) -> None:
    assert client.health()["version"]


@pytest.mark.parametrize("call", ["transcribe", "detect_language"])
def test_a_file_that_is_no_sound(served: Served, call: str) -> None:
    with WhisperClient(served.url, name="ear") as client, pytest.raises(ResponseError) as caught:
        getattr(client, call)(Upload.of(b"this is a text, not a sound. " * 50, "notes.wav"))
    assert caught.value.status == 500
    said, hint = str(caught.value).splitlines()
    assert said.startswith("ear: it failed (500) and does not say why: the file may hold no sound")
    assert hint == "its log says it: %mc logs ear   (where it was started from here)"


def test_a_part_that_is_missing() -> None:
    """FastAPI's refusals come as words, not as JSON."""
    with (
        running("whisper", "fail=422") as served,
        WhisperClient(served.url) as client,
        pytest.raises(ResponseError) as caught,
    ):
        client.transcribe(recording())
    assert str(caught.value) == "whisper: the stand-in was told to fail (422)"


def test_an_answer_that_is_cut() -> None:
    with (
        running("whisper", "grammar=digits", "fail=cut") as served,
        WhisperClient(served.url) as client,
        pytest.raises(ConnectionFailedError) as caught,
    ):
        client.transcribe(recording())
    assert not isinstance(caught.value, StreamCutError)
    assert "broke in the middle of the answer" in str(caught.value)


def test_it_says_how_long_it_takes() -> None:
    events: list[Event] = []
    slow = running("whisper", "grammar=digits", "slow=2.3")
    with slow as served, WhisperClient(served.url) as client:
        assert client.transcribe(recording(), report=events.append).text == DIGITS
    assert [(event.step, event.text) for event in events][:2] == [
        ("work", "whisper is transcribing (1 s)"),
        ("work", "whisper is transcribing (2 s)"),
    ]


def test_no_answer_is_waited_for_without_a_limit_unless_one_is_set() -> None:
    with running("whisper", "fail=hang") as served:
        short = WhisperClient(served.url, limits=Limits(first_byte=0.3))
        with short, pytest.raises(TimeLimitError, match=r"for 0.3 s \(limit first_byte\)"):
            short.transcribe(recording())
        with WhisperClient(served.url) as client:
            work = Background(lambda: client.transcribe(recording()))
            wait_until(lambda: len(served.asked("/asr")) == 2, what="the request")
            work.cancel()
            wait_until(lambda: served.asked("/asr")[1]["gone"], 1.0, "the server sees it go")


def test_an_interrupt_ends_it_within_a_second() -> None:
    """The twin of the cancel, on the main thread: SIGINT while it waits."""
    with running("whisper", "fail=hang") as served, WhisperClient(served.url) as client:
        sent: list[float] = []

        def interrupt() -> None:
            wait_until(lambda: served.asked("/asr"), what="the request")
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            client.transcribe(recording())
        assert time.monotonic() - sent[0] < 1.0
        thread.join()
        wait_until(lambda: served.asked("/asr")[0]["gone"], 1.0, "the server sees it go")


def test_a_busy_service_is_waited_for_and_that_is_said() -> None:
    """It takes one request at a time, and even its health is silent meanwhile."""
    lines: list[str] = []
    with running("whisper", "grammar=digits", "slow=4") as served:
        first, second = WhisperClient(served.url), WhisperClient(served.url)
        with first, second:
            got: list[str] = []
            work = threading.Thread(
                target=lambda: got.append(
                    first.transcribe(recording(), report=lambda event: began.set()).text
                )
            )
            began = threading.Event()
            work.start()
            assert began.wait(10)  # its first line: it has been at work for a second
            third = WhisperClient(served.url, limits=Limits(connect=1.0, silence=0.5))
            with third, pytest.raises(TimeLimitError):
                third.health()
            heard = second.transcribe(recording(), report=lambda event: lines.append(event.text))
            work.join()
    assert got == [heard.text] == [DIGITS]
    waiting = "waiting for whisper: it takes one request at a time and is busy"
    assert lines[0] == waiting
    assert f"{waiting} (1 s)" in lines
