"""What is Kokoro's own: both lists of voices, mixes, heads without a length, older images."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any

import pytest
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not

from mc_jupyter.clients.kokoro import KokoroClient
from mc_jupyter.clients.speech import Voice
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import OptionError, ResponseError, VoiceNotFoundError
from mc_jupyter.events import Event

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
SPEECH = "/v1/audio/speech"
SENT = {"model": "kokoro", "response_format": "wav", "stream": True}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("kokoro") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[KokoroClient]:
    with KokoroClient(served.url) as client:
        yield client


def body(served: Served) -> Any:
    return served.asked(SPEECH)[-1]["json"]


def test_what_the_server_says_of_itself(client: KokoroClient) -> None:
    assert client.health() == {"status": "healthy"}
    assert {"kokoro", "tts-1", "tts-1-hd"} <= set(client.models())


def test_both_lists_of_voices(client: KokoroClient) -> None:
    with running("kokoro", "voices=strings") as older:
        listed = KokoroClient(older.url).voices()
    assert listed == client.voices()
    assert Voice("af_heart", "American English, female") in listed
    assert Voice("bm_george", "British English, male") in listed


def test_little_is_sent_unasked(client: KokoroClient, served: Served) -> None:
    product = client.speak("One.")
    assert body(served) == {**SENT, "input": "One."}
    assert product.settings == SENT
    assert product.model == "kokoro"


def test_every_option_arrives(client: KokoroClient, served: Served) -> None:
    product = client.speak(
        "One.",
        voice="af_bella",
        speed=1.25,
        format="mp3",
        model="tts-1-hd",
        language="fr",
        volume=0.5,
        normalize=True,
        normalize_units=True,
        normalize_urls=False,
        normalize_emails=False,
        normalize_phones=False,
        normalize_plurals=False,
    )
    sent = {
        "model": "tts-1-hd",
        "response_format": "mp3",
        "stream": True,
        "voice": "af_bella",
        "speed": 1.25,
        "lang_code": "f",
        "volume_multiplier": 0.5,
        "normalization_options": {
            "normalize": True,
            "unit_normalization": True,
            "url_normalization": False,
            "email_normalization": False,
            "phone_normalization": False,
            "optional_pluralization_normalization": False,
        },
    }
    assert body(served) == {**sent, "input": "One."}
    assert product.settings == sent
    assert product.model == "tts-1-hd"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("af_bella", "af_bella"),
        ("af_bella+am_adam", "af_bella+am_adam"),
        (" af_bella(2) + am_adam(1.5) ", "af_bella(2)+am_adam(1.5)"),
        ("af_bella(.5)+am_adam+bf_emma", "af_bella(.5)+am_adam+bf_emma"),
    ],
)
def test_mixes(client: KokoroClient, served: Served, typed: str, sent: str) -> None:
    client.speak("One.", voice=typed)
    assert body(served)["voice"] == sent


@pytest.mark.parametrize(
    "typed",
    ["", "+", "af_bella+", "+af_bella", "af_bella++am_adam", "af_bella(2", "af_bella(x)", "a b"],
)
def test_what_is_no_mix(client: KokoroClient, served: Served, typed: str) -> None:
    before = len(served.asked(SPEECH))
    with pytest.raises(OptionError, match="a mix like"):
        client.speak("One.", voice=typed)
    assert len(served.asked(SPEECH)) == before


def test_a_voice_that_is_not_there(client: KokoroClient, served: Served) -> None:
    before = len(served.asked(SPEECH))
    with pytest.raises(VoiceNotFoundError, match="did you mean 'am_adam'") as caught:
        client.speak("One.", voice="af_bella(2)+am_adan")
    assert caught.value.hint == "to see all: %kokoro voices"
    with (
        KokoroClient(served.url, name="alpha") as named,
        pytest.raises(VoiceNotFoundError) as caught,
    ):
        named.speak("One.", voice="af_belle")
    assert caught.value.hint == "to see all: %mc alpha voices"
    assert len(served.asked(SPEECH)) == before


def test_openais_voices_are_left_to_the_server(client: KokoroClient, served: Served) -> None:
    with pytest.raises(VoiceNotFoundError, match="kokoro has no voice 'alloy': known: af_bella"):
        client.speak("One.", voice="alloy")
    assert body(served)["voice"] == "alloy"


def test_the_head_of_a_wav_tells_its_length(client: KokoroClient, served: Served) -> None:
    """Upstream never fills it in, streamed or not; 0xFFFFFFFF means unknown."""
    content = client.speak("One two three. Four five six.", voice="af_heart").content
    with wave.open(io.BytesIO(content.bytes)) as file:
        assert file.getframerate() == 24_000
        assert file.getnframes() * 2 == content.size - 44
    assert 1 < (content.size - 44) / 48_000 < 10


def test_how_much_is_there_is_told() -> None:
    events: list[Event] = []
    with running("kokoro", "slow=0.4") as slow, KokoroClient(slow.url) as client:
        client.speak("One two three. Four five six. Seven eight nine.", report=events.append)
    said = [event for event in events if event.text.endswith("s are there")]
    assert len(said) >= 2
    assert [event.current for event in said] == sorted(event.current or 0 for event in said)


def test_refusals_in_words(client: KokoroClient) -> None:
    with pytest.raises(ResponseError, match=r"^kokoro: Unsupported language code: z \(400\)$") as c:
        client.speak("One.", language="zh")
    assert c.value.status == 400
    with pytest.raises(ResponseError, match="no encoder for aac"):
        client.speak("One.", format="aac")
    with pytest.raises(OptionError, match="chatterbox and zonos can"):
        client.speak("One.", reference=Upload("x.wav", b"x"))


def described(*fields: str) -> Says:
    """What FastAPI says of a server whose speech takes these fields."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Speech"}}}
    return Says(
        {
            "paths": {SPEECH: {"post": {"requestBody": {"content": content}}}},
            "components": {"schemas": {"Speech": {"properties": {name: {} for name in fields}}}},
        }
    )


def test_an_older_image_would_ignore_options() -> None:
    answers = {"/openapi.json": described("input", "lang_code")}
    answers[SPEECH] = Says(b"\1\2" * 100, type="audio/mpeg")
    with ScriptedService(answers) as older, KokoroClient(older.url) as client:
        for given, name in (
            ({"volume": 2.0}, "volume: this image does not know volume_multiplier"),
            ({"normalize_urls": False}, "normalize: this image does not know normalization_opt"),
        ):
            with pytest.raises(OptionError, match=f"kokoro would ignore {name}"):
                client.speak("One.", format="mp3", **given)  # type: ignore[arg-type]
        assert not older.asked(SPEECH)
        client.speak("One.", format="mp3", language="en-gb")
        assert older.asked(SPEECH)[0].json["lang_code"] == "b"
        older.answers["/openapi.json"] = Says({"openapi": "3.1"})  # it tells nothing
        client.speak("One.", format="mp3", volume=2.0)
        assert older.asked(SPEECH)[1].json["volume_multiplier"] == 2


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (Says(b"", type="audio/wav"), "answered with no sound at all"),
        (Says({"ok": True}), "answered with application/json, no sound"),
        (Says(b"<html>", type="text/html"), "answered with text/html, no sound"),
        (
            Says({"detail": [{"loc": ["body", "speed"], "msg": "too fast"}]}, 422),
            r"^kokoro: speed: too fast \(422\)$",
        ),
        (
            Says({"detail": {"error": "processing_error", "message": "no memory"}}, 500),
            r"^kokoro: no memory \(500\)",
        ),
    ],
)
def test_answers_that_are_no_sound(says: Says, words: str) -> None:
    with (
        ScriptedService({SPEECH: says}) as odd,
        KokoroClient(odd.url) as client,
        pytest.raises(ResponseError, match=words),
    ):
        client.speak("One.")


@pytest.mark.parametrize("answer", [{}, {"voices": None}, {"voices": "af"}, []])
def test_a_list_that_is_none(answer: Any) -> None:
    answers = {"/v1/audio/voices": Says(answer), "/v1/models": Says(answer)}
    with ScriptedService(answers) as odd, KokoroClient(odd.url) as client:
        for look in (client.voices, client.models):
            with pytest.raises(ResponseError, match=r"no list of|no JSON object"):
                look()
