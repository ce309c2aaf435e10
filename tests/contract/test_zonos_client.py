"""What is Zonos' own: 29 inputs in order, those that cancel each other out, and Gradio's ways."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.services import Served, running, why_not
from support.spoken import digits

from mc_jupyter.clients import sound
from mc_jupyter.clients.content import Content, Product
from mc_jupyter.clients.speech import speak_all
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.zonos import ZonosClient
from mc_jupyter.errors import (
    InputError,
    OptionError,
    VoiceNotFoundError,
)
from mc_jupyter.events import Event

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
CALL = "/gradio_api/call/generate_audio"
TRANSFORMER, HYBRID = "Zyphra/Zonos-v0.1-transformer", "Zyphra/Zonos-v0.1-hybrid"
EMOTIONS = [1.0, 0.05, 0.05, 0.05, 0.05, 0.05, 0.1, 0.2]
# number of an input, counted from 0
LANGUAGE, SPEAKER, PREFIX, HAPPINESS, RATE, SEED, RANDOM, IGNORED = 2, 3, 4, 5, 16, 26, 27, 28


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("zonos") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[ZonosClient]:
    with ZonosClient(served.url) as client:
        yield client


def data(served: Served) -> list[Any]:
    """The inputs of the last call."""
    values: list[Any] = served.asked(CALL)[-1]["json"]["data"]
    return values


def me(name: str = "me.wav") -> Upload:
    return Upload.of(digits(), name)


# The 29 inputs


def test_what_is_sent_unasked(client: ZonosClient, served: Served) -> None:
    product = client.speak("One.")
    assert data(served) == [
        *(TRANSFORMER, "One.", "en-us", None, None),
        *EMOTIONS,
        *(0.78, 24000, 45, 15, 4, False),
        *(2, 0, 0, 0, 0.5, 0.4, 0),
        *(420, True, ["speaker", "emotion"]),
    ]
    assert product.model == TRANSFORMER
    assert product.settings["unconditional"] == ["speaker", "emotion"]
    assert product.settings["speaking_rate"] == 15
    assert not {"text", "reference", "prefix", "seed"} & set(product.settings)
    assert isinstance(product.facts["seed"], int)


def test_every_option_arrives_in_its_place(
    client: ZonosClient, served: Served, tmp_path: Path
) -> None:
    prefix = tmp_path / "before.wav"
    prefix.write_bytes(digits("one two"))
    feelings = {
        "happiness": 0.1,
        "sadness": 0.2,
        "disgust": 0.3,
        "fear": 0.4,
        "surprise": 0.5,
        "anger": 0.6,
        "other": 0.7,
        "neutral": 0.8,
    }
    given = {
        "model": HYBRID,
        "language": "de",
        **feelings,
        "vq_score": 0.6,
        "fmax": 22050.0,
        "pitch_std": 20.0,
        "speaking_rate": 12.5,
        "dnsmos": 3.0,
        "speaker_noised": True,
        "cfg_scale": 3.0,
        "top_p": 0.5,
        "min_k": 7,
        "min_p": 0.25,
        "linear": 0.75,
        "confidence": -0.5,
        "quadratic": 1.5,
        "seed": 2**32 - 1,
    }
    product = client.speak("Eins.", reference=me(), prefix=str(prefix), **given)
    sent = data(served)
    speaker, before = sent.pop(SPEAKER), sent.pop(PREFIX - 1)
    assert sent == [
        *(HYBRID, "Eins.", "de"),
        *feelings.values(),
        *(0.6, 22050, 20, 12.5, 3, True, 3, 0.5, 7, 0.25, 0.75, -0.5, 1.5),
        *(2**32 - 1, False, []),
    ]
    uploads = [one["parts"][0] for one in served.asked("/gradio_api/upload")][-2:]
    assert [part["sha256"] for part in uploads] == [me().sha256, Upload.of(prefix).sha256]
    for file, name in ((speaker, "me.wav"), (before, "before.wav")):
        assert file["path"].endswith(f"/{name}")
        assert file["meta"] == {"_type": "gradio.FileData"}
    assert product.settings == {
        **given,
        "reference": "me.wav",
        "prefix": "before.wav",
        "randomize_seed": False,
        "unconditional": [],
    }
    assert product.facts == {"seed": 2**32 - 1}


def test_the_sound_is_fetched_from_our_own_address(client: ZonosClient, served: Served) -> None:
    """The address in Gradio's answer is one that does not exist."""
    content = client.speak("One two three.").content
    known = sound.describe(content)
    assert known is not None
    assert (known.sample_rate, known.format) == (44_100, "wav")
    assert content.content_type == "audio/wav"
    fetched = [one for one in served.requests() if one["path"].startswith("/gradio_api/file=")]
    assert fetched[-1]["status"] == 200
    assert not [one for one in served.requests() if one["path"].startswith("/gradio_a/")]


def test_a_seed(client: ZonosClient, served: Served) -> None:
    product = client.speak("One.", seed=7)
    assert product.facts == {"seed": 7}
    assert product.settings["seed"] == 7
    assert (data(served)[SEED], data(served)[RANDOM]) == (7, False)
    drawn = {client.speak("One.").facts["seed"] for _ in range(3)}
    assert len(drawn) == 3
    client.speak("One.", randomize_seed=False)
    assert data(served)[RANDOM] is False


def test_an_emotion_counts(client: ZonosClient, served: Served) -> None:
    """The page ignores all emotions unless `emotion` is taken off its list."""
    product = client.speak("One.", fear=0.9)
    assert data(served)[HAPPINESS : HAPPINESS + 8] == [1.0, 0.05, 0.05, 0.9, 0.05, 0.05, 0.1, 0.2]
    assert data(served)[IGNORED] == product.settings["unconditional"] == ["speaker"]


def test_speed_is_a_rate(client: ZonosClient, served: Served) -> None:
    product = client.speak("One.", speed=1.5)
    assert data(served)[RATE] == product.settings["speaking_rate"] == 22.5
    for speed in (0.33, 2.01):
        with pytest.raises(OptionError, match=r"accepted: a number from 0\.33\d* to 2"):
            client.speak("One.", speed=speed)


@pytest.mark.parametrize(
    ("typed", "sent"), [("en", "en-us"), ("zh", "cmn"), ("fr", "fr-fr"), ("en-gb", "en-gb")]
)
def test_languages(client: ZonosClient, served: Served, typed: str, sent: str) -> None:
    assert sent in client.languages()
    client.speak("One.", language=typed)
    assert data(served)[LANGUAGE] == sent


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"language": "en-uk"}, "language is 'en-uk': did you mean"),
        ({"model": "Zyphra/Zonos"}, f"model is 'Zyphra/Zonos': did you mean '{TRANSFORMER[:6]}"),
        ({"speed": 1, "speaking_rate": 15.0}, "speed and speaking_rate are one thing"),
        ({"seed": 1, "randomize_seed": True}, "randomize_seed is true"),
        ({"fear": 1.0, "unconditional": "emotion"}, "count for nothing"),
        ({"speed": 1, "unconditional": "fmax, speaking_rate"}, "unconditional speaking_rate would"),
        ({"unconditional": "emotions"}, "did you mean 'emotion'"),
        ({"vq_score": 0.6}, "transformer would ignore vq_score"),
        ({"dnsmos": 3.0, "model": TRANSFORMER}, "transformer would ignore dnsmos"),
        ({"speaker_noised": True, "model": HYBRID}, "speaker_noised is about a reference"),
    ],
)
def test_what_would_count_for_nothing(
    client: ZonosClient, served: Served, given: dict[str, Any], words: str
) -> None:
    before = len(served.asked(CALL))
    with pytest.raises(OptionError, match=words):
        client.speak("One.", **given)
    assert len(served.asked(CALL)) == before


def test_a_reference_that_would_count_for_nothing(client: ZonosClient, served: Served) -> None:
    before = len(served.asked("/gradio_api/upload"))
    with pytest.raises(OptionError, match="unconditional speaker would make the speaker"):
        client.speak("One.", reference=me(), unconditional="speaker")
    assert len(served.asked("/gradio_api/upload")) == before


# Voices


def test_it_has_no_voices(client: ZonosClient) -> None:
    with pytest.raises(VoiceNotFoundError, match="none of its own") as caught:
        client.speak("One.", voice="af_heart")
    assert caught.value.hint is not None
    assert "--reference FILE" in caught.value.hint


def deep() -> Upload:
    """A recording of a hum at 100 Hz."""
    target, at = io.BytesIO(), np.arange(22_050 * 2) / 22_050
    hum = sum(np.sin(at * 2 * np.pi * 100 * n) / n for n in range(1, 6))
    soundfile.write(target, 0.3 * np.asarray(hum), 22_050, format="WAV")
    return Upload.of(target.getvalue(), "hum.wav")


def pitch(content: bytes) -> float:
    """The pitch of a voice in Hz: where a sound is most like itself a little later."""
    samples = sound.samples(Content(content, "audio/wav"))
    similar = np.fft.irfft(np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2)
    low, high = 44_100 // 350, 44_100 // 60
    return 44_100 / (low + int(np.argmax(similar[low:high])))


def test_an_earlier_voice_does_not_stay() -> None:
    """The server keeps the voice of the last reference and goes on with it; we switch it off."""
    with running("zonos") as fresh, ZonosClient(fresh.url) as client:
        own = client.speak("One two.").content.bytes
        cloned = client.speak("One two.", reference=deep()).content.bytes
        after = client.speak("One two.").content.bytes
        values = data(fresh)
        values[IGNORED] = ["emotion"]
        as_the_page_asks = plainly(fresh.url, values)
    assert pitch(cloned) < 0.8 * pitch(own)  # the reference is heard
    assert pitch(after) == pytest.approx(pitch(own), rel=0.1)
    assert pitch(as_the_page_asks) == pytest.approx(pitch(cloned), rel=0.1)  # the trap is there


def plainly(url: str, values: list[Any]) -> bytes:
    """The sound of a call as anybody makes it."""
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"data": values}).encode()
    with urllib.request.urlopen(urllib.request.Request(url + CALL, body, headers)) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}{CALL}/{event}") as answer:
        lines = answer.read().decode().splitlines()
    path = json.loads(lines[1].removeprefix("data: "))[0]["path"]
    with urllib.request.urlopen(f"{url}/gradio_api/file={path}") as answer:
        return bytes(answer.read())


def test_files_that_are_no_sound(client: ZonosClient, served: Served) -> None:
    before = len(served.asked("/gradio_api/upload"))
    with pytest.raises(InputError, match=r"x\.wav cannot be read as sound"):
        client.speak("One.", reference=Upload.of(b"no sound", "x.wav"))
    with pytest.raises(InputError, match=r"/no/such/file cannot be read"):
        client.speak("One.", prefix="/no/such/file")
    with pytest.raises(InputError, match="prefix is 7"):
        client.speak("One.", prefix=7)
    assert len(served.asked("/gradio_api/upload")) == before


# Long texts and other formats


def test_a_long_text_goes_in_pieces(client: ZonosClient, served: Served) -> None:
    text = "This sentence has forty characters here. " * 20
    before = len(served.asked(CALL))
    product = speak_all(client, text, format="mp3", reference=me(), seed=5)
    texts = [one["json"]["data"][1] for one in served.asked(CALL)[before:]]
    assert [len(one) <= 300 for one in texts] == [True] * 3
    assert " ".join(texts) == text.strip()
    assert product.content.content_type == "audio/mpeg"
    assert product.facts == {"seed": [5, 5, 5]}


def test_what_is_cut_off_is_said(client: ZonosClient) -> None:
    events: list[Event] = []
    product = client.speak("One two three. " * 19, speed=0.34, report=events.append)
    assert product.facts["cut_off"] is True
    (note,) = [event for event in events if event.keep]
    assert note.text == "zonos stops after 30 s of sound: the end of this text is missing"
    assert "cut_off" not in client.speak("One.", report=events.append).facts
    assert len([event for event in events if event.keep]) == 1


def test_formats_are_not_made_silently(client: ZonosClient) -> None:
    with pytest.raises(OptionError, match=r"format is 'mp3'\naccepted: wav"):
        client.speak("One.", format="mp3")
    spoken: list[Product] = []
    with pytest.raises(OptionError, match="opus cannot hold 44100 Hz"):
        speak_all(client, "One.", format="opus", partly=spoken.append)
    assert [one.settings["format"] for one in spoken] == ["wav"], "what was spoken is not lost"
    product = speak_all(client, "One.", format="flac")
    assert product.settings["encoded_from"] == "wav"
    assert "pieces" not in product.settings


def test_a_result_of_another_service_is_a_reference(client: ZonosClient, served: Served) -> None:
    mp3 = sound.convert(Content(digits(), "audio/wav"), "mp3")
    client.speak("One.", reference=Upload.of(mp3))
    assert served.asked("/gradio_api/upload")[-1]["parts"][0]["sha256"] == mp3.sha256
