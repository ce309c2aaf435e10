"""One suite over all clients that speak: the same words mean the same with each."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.background import Background
from support.services import Served, running, why_not
from support.speakers import SPEAKERS, Speaker
from support.wait import wait_until

from mc_jupyter.clients import sound
from mc_jupyter.clients.content import Content
from mc_jupyter.clients.speech import speak_all
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import (
    ConnectionFailedError,
    InputError,
    MediaConduitError,
    OptionError,
    ResponseError,
    TimeLimitError,
    VoiceNotFoundError,
)
from mc_jupyter.events import Event

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
TEXT = "One two three. Four five six. Seven eight nine."


@pytest.fixture(scope="module", params=SPEAKERS, ids=lambda one: one.name)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def served(speaker: Speaker) -> Iterator[Served]:
    with speaker.served() as served:
        yield served


@pytest.fixture(scope="module")
def slow(speaker: Speaker) -> Iterator[Served]:
    """The same, at work for 4 s for each sentence, chunk or call."""
    with speaker.served("slow=4") as served:
        yield served


@pytest.fixture
def client(speaker: Speaker, served: Served) -> Iterator[Any]:
    with speaker.connect(served.url) as client:
        yield client


def duration(content: Content) -> float:
    known = sound.describe(content)
    assert known is not None
    return known.duration


def refused(served: Served, speaker: Speaker, call: Callable[[], object]) -> MediaConduitError:
    """The error of a call, which the server was not asked to speak for."""
    before = len(served.asked(speaker.path))
    with pytest.raises(MediaConduitError) as caught:
        call()
    assert len(served.asked(speaker.path)) == before
    assert len(str(caught.value).splitlines()) <= 2
    return caught.value


def speaking(client: Any, **given: Any) -> Callable[[], object]:
    return lambda: client.speak(TEXT, **given)


def test_a_text_is_spoken(client: Any, speaker: Speaker, served: Served) -> None:
    product = client.speak(TEXT, **speaker.given)
    known = sound.describe(product.content)
    assert known is not None
    assert known.format == client.formats[0] == "wav"
    assert product.content.content_type == "audio/wav"
    assert 2 < known.duration < 10
    assert max(sound.peaks(product.content, 50)) > 0.1  # there is something to hear
    assert speaker.texts(served)[-1] == TEXT
    assert TEXT not in str(product.settings)


def test_every_format_is_what_it_is_called(client: Any, speaker: Speaker) -> None:
    for format in client.formats:
        if format == "aac":  # neither the stand-in nor libsndfile has it
            continue
        content = client.speak("One two.", format=format, **speaker.given).content
        known = sound.describe(content)
        assert known is not None, format
        assert known.format == format
        assert content.content_type == sound.ENCODINGS[format][2]


def test_speed(client: Any, speaker: Speaker) -> None:
    normal, fast, slow = (
        duration(client.speak(TEXT, speed=speed, **speaker.given).content)
        for speed in (1, 1.6, 0.7)
    )
    assert fast < 0.8 * normal
    assert slow > 1.2 * normal


def test_the_text_arrives_as_it_is(client: Any, speaker: Speaker, served: Served) -> None:
    text = "  „Grüße“ — {x} \\n <b>&amp;</b> 今日は 😀 $5\u2028end  "
    client.speak(text, **speaker.given)
    assert speaker.texts(served)[-1] == text


def test_what_cannot_be_spoken(client: Any, speaker: Speaker, served: Served) -> None:
    for text in ("", " \n"):
        error = refused(served, speaker, lambda text=text: client.speak(text, **speaker.given))
        assert isinstance(error, InputError)
        assert "no text" in str(error)
        with pytest.raises(InputError, match="no text"):
            speak_all(client, text, **speaker.given)
    long = "a" * (client.longest + 1)
    error = refused(served, speaker, lambda: client.speak(long, **speaker.given))
    assert isinstance(error, InputError)
    assert f"{client.longest} characters" in str(error)


def test_options_are_sent_or_refused(client: Any, speaker: Speaker, served: Served) -> None:
    for given, words in (
        ({"format": "wma"}, "format is 'wma'"),
        *(({"speed": speed}, f"speed is {speed}") for speed in speaker.wrong_speeds),
        ({"speed": "fast"}, "speed is 'fast'"),
        ({"pitch_of": 1}, "has no option 'pitch_of'"),
    ):
        error = refused(
            served, speaker, lambda given=given: client.speak(TEXT, **{**speaker.given, **given})
        )
        assert isinstance(error, OptionError)
        assert words in str(error)
    for name, option in client.options.items():
        wrong = {str: 7, bool: "yes"}.get(option.type, "many")
        error = refused(served, speaker, speaking(client, **{**speaker.given, name: wrong}))
        assert isinstance(error, OptionError | InputError), name
        assert name in str(error)
        if option.high is not None:
            high = option.type(option.high + 1)
            error = refused(served, speaker, speaking(client, **{**speaker.given, name: high}))
            assert f"{name} is {high}" in str(error)


def test_voices(client: Any, speaker: Speaker, served: Served) -> None:
    ids = [voice.id for voice in client.voices()]
    if speaker.voice is None:
        assert ids == []
    else:
        assert speaker.voice in ids
        product = client.speak("One.", voice=speaker.voice, **speaker.given)
        assert speaker.voice in product.settings.values()
    if not speaker.lists_voices:
        return
    error = refused(served, speaker, lambda: client.speak(TEXT, voice="nobody", **speaker.given))
    assert isinstance(error, VoiceNotFoundError)
    assert f"{speaker.name} has no voice 'nobody'" in str(error)


def test_a_reference_is_taken_or_refused(client: Any, speaker: Speaker, served: Served) -> None:
    reference = Upload.of(client.speak("One two three.", **speaker.given).content, "me.wav")

    def speak() -> Any:
        return client.speak("Four.", reference=reference, **speaker.given)

    if client.clones:
        speak()
        sent = [part for one in served.requests() for part in one.get("parts", ())]
        assert reference.sha256 in [part["sha256"] for part in sent]
        text = Upload.of(b"no sound", "me.txt")
        error = refused(
            served, speaker, lambda: client.speak(TEXT, reference=text, **speaker.given)
        )
        assert isinstance(error, InputError)
    else:
        assert isinstance(refused(served, speaker, speak), OptionError | InputError)


def test_a_short_text_is_the_services_own_bytes(client: Any, speaker: Speaker) -> None:
    product = speak_all(client, TEXT, **speaker.given)
    assert "encoded_from" not in product.settings
    assert "pieces" not in product.settings
    assert duration(product.content) > 2


def test_a_long_text_is_spoken_in_pieces(client: Any, speaker: Speaker, served: Served) -> None:
    client.longest = 20
    before, events = len(speaker.texts(served)), list[Event]()
    product = speak_all(client, TEXT, pause=1.5, report=events.append, **speaker.given)
    assert speaker.texts(served)[before:] == [
        "One two three.",
        "Four five six.",
        "Seven eight nine.",
    ]
    assert product.settings["pieces"] == 3
    assert product.settings["pause"] == 1.5
    expected = [f"speaking {number} of 3" for number in (1, 2, 3)]
    assert [event.text for event in events if event.text in expected] == expected
    pieces = [
        client.speak(text, **speaker.given).content
        for text in ("One two three.", "Four five six.", "Seven eight nine.")
    ]
    assert duration(product.content) == pytest.approx(sum(map(duration, pieces)) + 3, abs=0.05)
    doubts = [event for event in events if event.keep]
    assert bool(doubts) == (client.clones and speaker.voice is None)


@pytest.mark.parametrize("format", ["mp3", "flac", "ogg"])
def test_pieces_in_any_format(client: Any, speaker: Speaker, format: str) -> None:
    client.longest = 20
    product = speak_all(client, TEXT, format=format, **speaker.given)
    known = sound.describe(product.content)
    assert known is not None
    assert known.format == format
    assert product.settings["format"] == format
    assert product.settings["encoded_from"] == "wav"


def test_a_format_that_nobody_can_write(client: Any, speaker: Speaker, served: Served) -> None:
    client.longest = 20
    for format in ("aac", "wma"):
        error = refused(
            served,
            speaker,
            lambda format=format: speak_all(client, TEXT, format=format, **speaker.given),
        )
        assert isinstance(error, OptionError)
        assert f"format is '{format}'" in str(error)


class Working:
    """Takes reports, and knows when one of them says that the service is at work."""

    def __init__(self, start: str = "") -> None:
        self._start, self._begun = start, threading.Event()

    def __call__(self, event: Event) -> None:
        if event.step == "work" and event.text.startswith(self._start):
            self._begun.set()

    def wait(self) -> None:
        assert self._begun.wait(10)


def test_a_cancel_frees_the_server(speaker: Speaker, slow: Served) -> None:
    with speaker.connect(slow.url) as client:
        client.longest = 20
        before, working = len(slow.asked(speaker.path)), Working("speaking 1 of 3: ")
        work = Background(lambda: speak_all(client, TEXT, report=working, **speaker.given))
        working.wait()
        work.cancel()
        wait_until(lambda: speaker.is_told(slow), 2, "the server is told")
        assert len(slow.asked(speaker.path)) == before + 1  # no further piece


def test_what_was_spoken_is_handed_over(speaker: Speaker) -> None:
    parts: list[Any] = []
    with speaker.served("slow=1") as slow, speaker.connect(slow.url) as client:
        client.longest = 20
        working, given = Working("speaking 3 of 3: "), {"partly": parts.append, **speaker.given}
        work = Background(lambda: speak_all(client, TEXT, report=working, format="mp3", **given))
        working.wait()
        assert parts == []
        work.cancel()
        wait_until(lambda: parts, 5, "what was spoken")
    (part,) = parts
    heard = sound.describe(part.content)
    assert heard is not None
    assert heard.format == part.settings["format"] == "wav"
    assert (part.settings["pieces"], part.settings["pieces_missing"]) == (2, 1)
    assert part.facts["rest"] == "Seven eight nine."
    assert heard.duration > 1


def test_an_interrupt_frees_the_server(speaker: Speaker) -> None:
    with speaker.served("slow=4") as slow, speaker.connect(slow.url) as client:
        sent, working = list[float](), Working()

        def interrupt() -> None:
            working.wait()
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        def speak() -> None:
            client.speak(TEXT, report=working, **speaker.given)
            thread.join()  # so that an interrupt that comes late hits nobody else

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            speak()
        assert time.monotonic() - sent[0] < 1.0
        thread.join()
        wait_until(lambda: speaker.is_told(slow), 2, "the server is told")


def test_work_is_told_of(speaker: Speaker, slow: Served) -> None:
    events: list[Event] = []
    with speaker.connect(slow.url) as client:
        client.speak("One.", report=events.append, **speaker.given)
    assert any(event.step == "work" and speaker.name in event.text for event in events)


def test_nothing_answers(speaker: Speaker) -> None:
    client = speaker.connect("http://127.0.0.1:9")
    for call in (client.health, lambda: client.speak(TEXT, **speaker.given)):
        with pytest.raises(ConnectionFailedError, match="nothing answers at http:"):
            call()


def test_a_server_that_fails(speaker: Speaker) -> None:
    with speaker.served("fail=500") as served, speaker.connect(served.url) as client:
        with pytest.raises(ResponseError, match="told to fail") as caught:
            client.speak(TEXT, **speaker.given)
        assert caught.value.status == 500
        assert str(caught.value).startswith(f"{speaker.name}: ")
        assert f"%mc logs {speaker.name}" in str(caught.value)


def test_a_server_that_never_answers(speaker: Speaker) -> None:
    with (
        speaker.served("fail=hang") as served,
        speaker.connect(served.url, first_byte=0.5) as client,
        pytest.raises(TimeLimitError, match="limit first_byte"),
    ):
        client.speak(TEXT, **speaker.given)


def test_an_answer_that_breaks_off(speaker: Speaker) -> None:
    with (
        speaker.served("fail=cut") as served,
        speaker.connect(served.url) as client,
        pytest.raises(ConnectionFailedError, match="broke in the middle"),
    ):
        client.speak(TEXT, **speaker.given)


def test_another_service_at_the_address(speaker: Speaker) -> None:
    with running("whisper") as other, speaker.connect(other.url) as client:
        with pytest.raises(ResponseError, match=r"does not know .* \(404") as caught:
            client.speak(TEXT, **speaker.given)
        assert "something else may answer there" in str(caught.value)
