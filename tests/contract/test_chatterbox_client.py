"""What is Chatterbox's own: tasks that are watched and ended, voices that are files, cloning."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not
from support.spoken import digits

from mc_jupyter.clients import sound
from mc_jupyter.clients.chatterbox import ChatterboxClient
from mc_jupyter.clients.content import Content
from mc_jupyter.clients.speech import Voice
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import (
    InputError,
    OptionError,
    ResponseError,
    VoiceNotFoundError,
)

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


@pytest.fixture(scope="module")
def fresh() -> Iterator[Served]:
    """As it is after its first start: without voices."""
    with running("chatterbox") as served:
        yield served


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("chatterbox", "voices=Bob.mp3,Emily.wav") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[ChatterboxClient]:
    with ChatterboxClient(served.url) as client:
        yield client


def body(served: Served) -> Any:
    return served.asked("/tts/async")[-1]["json"]


def me(name: str = "me.wav", seconds: float = 0.0) -> Upload:
    """A recording of somebody: of digits, or of so many seconds."""
    if not seconds:
        return Upload.of(digits(), name)
    target = io.BytesIO()
    noise = np.random.default_rng(1).uniform(-0.1, 0.1, round(seconds * 8000))
    soundfile.write(target, noise, 8000, format="WAV")
    return Upload.of(target.getvalue(), name)


# Voices


def test_a_fresh_service_has_no_voices(fresh: Served) -> None:
    with ChatterboxClient(fresh.url) as client:
        assert client.voices() == []
        for voice in (None, "Abigail.wav"):
            with pytest.raises(VoiceNotFoundError, match="it has none at all") as caught:
                client.speak("One.", voice=voice)
            assert caught.value.hint is not None
            assert "--reference FILE" in caught.value.hint
            assert "%chatterbox upload FILE" in caught.value.hint
    assert not fresh.asked("/tts/async")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [(None, "Emily.wav"), ("Bob.mp3", "Bob.mp3"), ("bob", "Bob.mp3"), ("EMILY.WAV", "Emily.wav")],
)
def test_a_voice_is_a_file(
    client: ChatterboxClient, served: Served, typed: str | None, sent: str
) -> None:
    product = client.speak("One.", voice=typed)
    assert body(served) == {
        "text": "One.",
        "voice_mode": "predefined",
        "predefined_voice_id": sent,
        "output_format": "wav",
    }
    assert product.settings["predefined_voice_id"] == sent


def test_the_first_voice_where_the_usual_one_is_not_there() -> None:
    with running("chatterbox", "voices=Zoe.wav") as served, ChatterboxClient(served.url) as client:
        client.speak("One.")
        assert body(served)["predefined_voice_id"] == "Zoe.wav"


def test_a_voice_that_is_not_there(client: ChatterboxClient) -> None:
    with pytest.raises(VoiceNotFoundError, match=r"did you mean 'Emily\.wav'"):
        client.speak("One.", voice="Emile.wav")


def test_a_voice_that_has_just_gone() -> None:
    answers = {
        "/get_predefined_voices": Says([{"display_name": "Bob", "filename": "Bob.wav"}]),
        "/tts/async": Says({"detail": "Predefined voice file 'Bob.wav' not found."}, 404),
    }
    with ScriptedService(answers) as odd, ChatterboxClient(odd.url) as client:
        with pytest.raises(VoiceNotFoundError, match=r"Bob\.wav' not found") as caught:
            client.speak("One.")
        assert caught.value.hint == "to see all: %chatterbox voices"


def test_a_voice_is_added_under_the_servers_name() -> None:
    changes: list[int] = []
    with running("chatterbox") as served:
        client = ChatterboxClient(served.url, changed=lambda: changes.append(1))
        assert client.upload_voice(me("my own voice.wav")) == "my_own_voice.wav"
        assert changes == [1]
        assert client.voices() == [Voice("my_own_voice.wav", client.voices()[0].about)]
        client.speak("One.", voice="my_own_voice")
        with pytest.raises(InputError, match=r"has a voice my_own_voice\.wav already"):
            client.upload_voice(me("my own voice.wav"))
        before = len(served.asked("/upload_predefined_voice"))
        with pytest.raises(InputError, match=r"takes voices as \.wav and \.mp3 files, not x\.ogg"):
            client.upload_voice(me("x.ogg"))
        assert len(served.asked("/upload_predefined_voice")) == before
        with pytest.raises(InputError, match=r"chatterbox does not take x\.wav: .*orrupt"):
            client.upload_voice(Upload.of(b"no sound", "x.wav"))


# Cloning


def test_a_reference_is_sent_once(fresh: Served) -> None:
    recording = me()
    name = f"mcj-{recording.sha256[:16]}.wav"
    with ChatterboxClient(fresh.url) as client:
        product = client.speak("One.", reference=recording)
        assert product.settings["voice_mode"] == "clone"
        assert product.settings["reference_audio_filename"] == name
        assert "predefined_voice_id" not in body(fresh)
        assert client.reference_files() == [name]
    with ChatterboxClient(fresh.url) as other:
        other.speak("Two.", reference=me("another name.wav"))
    (upload,) = fresh.asked("/upload_reference")
    (part,) = upload["parts"]
    assert part == {
        "name": "files",
        "filename": name,
        "type": "audio/wav",
        "size": recording.size,
        "sha256": recording.sha256,
    }
    assert body(fresh)["reference_audio_filename"] == name


def test_a_result_is_a_reference_and_its_format_names_it(fresh: Served) -> None:
    spoken = sound.convert(Content(digits(), "audio/wav"), "mp3")
    with ChatterboxClient(fresh.url) as client:
        client.speak("One.", reference=Upload.of(spoken, "wrong.wav"))
    assert body(fresh)["reference_audio_filename"] == f"mcj-{spoken.sha256[:16]}.mp3"


def test_references_that_are_not_sent(client: ChatterboxClient, served: Served) -> None:
    ogg = sound.convert(Content(digits(), "audio/wav"), "ogg")
    for recording, words in (
        (Upload.of(ogg, "me.ogg"), r"clones from wav and mp3, me\.ogg is ogg"),
        (Upload.of(ogg, "me.wav"), r"clones from wav and mp3, me\.wav is ogg"),
        (Upload.of(b"text", "me.txt"), r"clones from wav and mp3, me\.txt is text/plain"),
        (me("long.wav", 30.2), r"long\.wav is 30\.2 s long; chatterbox clones from at most 30 s"),
    ):
        with pytest.raises(InputError, match=words):
            client.speak("One.", reference=recording)
    with pytest.raises(OptionError, match="give one of the two"):
        client.speak("One.", voice="Emily.wav", reference=me())
    assert not served.asked("/upload_reference")
    client.upload_reference(me("right.wav", 29.9))


def answers(upload: Says) -> dict[str, Says]:
    """Those of a server that speaks at once."""
    return {
        "/get_reference_files": Says([]),
        "/upload_reference": upload,
        "/tts/async": Says({"task_id": "t"}),
        "/tts/status/t": Says({"task_id": "t", "status": "completed"}),
        "/tts/result/t": Says(b"sound", type="audio/wav"),
    }


def test_the_servers_name_of_an_upload_counts() -> None:
    upload = Says({"uploaded_files": ["its_name.wav"], "errors": []})
    with ScriptedService(answers(upload)) as odd, ChatterboxClient(odd.url) as client:
        client.speak("One.", reference=me())
        assert odd.asked("/tts/async")[0].json["reference_audio_filename"] == "its_name.wav"


@pytest.mark.parametrize("status", [200, 400])
def test_an_upload_that_is_refused(status: int) -> None:
    errors = [{"filename": "a.wav", "error": "Audio is too quiet."}]
    answer = {"message": "Processed 1.", "uploaded_files": [], "errors": errors}
    with (
        ScriptedService(answers(Says(answer, status))) as odd,
        ChatterboxClient(odd.url) as client,
    ):
        with pytest.raises(InputError, match=r"does not take a\.wav: Audio is too quiet\."):
            client.speak("One.", reference=me())
        assert not odd.asked("/tts/async")


def test_every_option_arrives(client: ChatterboxClient, served: Served) -> None:
    given = {
        "temperature": 0.7,
        "exaggeration": 0.5,
        "cfg_weight": 0.4,
        "seed": 42,
        "language": "en",
        "split_text": False,
        "chunk_size": 200,
    }
    product = client.speak("One.", voice="Bob", speed=1.5, format="opus", **given)
    sent = {
        **given,
        "voice_mode": "predefined",
        "predefined_voice_id": "Bob.mp3",
        "speed_factor": 1.5,
        "output_format": "opus",
    }
    assert body(served) == {**sent, "text": "One."}
    assert product.settings == sent


@pytest.mark.parametrize("answer", [{}, {"voices": []}, "text"])
def test_lists_that_are_none(answer: Any) -> None:
    answers = {"/get_predefined_voices": Says(answer), "/get_reference_files": Says(answer)}
    with ScriptedService(answers) as odd, ChatterboxClient(odd.url) as client:
        for look in (client.voices, client.reference_files):
            with pytest.raises(ResponseError):
                look()
