"""What is Zonos' own: 29 inputs in order, those that cancel each other out, and Gradio's ways."""

from __future__ import annotations

import io
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.background import Background
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not
from support.spoken import digits
from support.wait import wait_until

from mc_jupyter.clients import sound
from mc_jupyter.clients.content import Content, Upload
from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.speech import speak_all
from mc_jupyter.clients.zonos import ZonosClient
from mc_jupyter.errors import (
    InputError,
    OptionError,
    ResponseError,
    StreamCutError,
    TimeLimitError,
    VoiceNotFoundError,
)

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


def data(served: Served | ScriptedService) -> list[Any]:
    """The inputs of the last call."""
    last = served.asked(CALL)[-1]
    values: list[Any] = (last["json"] if isinstance(last, dict) else last.json)["data"]
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


def test_a_long_text_goes_in_pieces_of_500(client: ZonosClient, served: Served) -> None:
    text = "This sentence has forty characters here. " * 30
    before = len(served.asked(CALL))
    product = speak_all(client, text, format="mp3", reference=me(), seed=5)
    texts = [one["json"]["data"][1] for one in served.asked(CALL)[before:]]
    assert [len(one) <= 500 for one in texts] == [True] * 3
    assert " ".join(texts) == text.strip()
    assert product.content.content_type == "audio/mpeg"
    assert product.facts == {"seed": [5, 5, 5]}


def test_formats_are_not_made_silently(client: ZonosClient) -> None:
    with pytest.raises(OptionError, match=r"format is 'mp3'\naccepted: wav"):
        client.speak("One.", format="mp3")
    with pytest.raises(OptionError, match="opus cannot hold 44100 Hz"):
        speak_all(client, "One.", format="opus")
    product = speak_all(client, "One.", format="flac")
    assert product.settings["encoded_from"] == "wav"
    assert "pieces" not in product.settings


# Gradio


def test_what_the_server_says_of_itself(client: ZonosClient) -> None:
    assert client.health() == {"status": 200}
    assert client.models() == [TRANSFORMER, HYBRID]


def test_a_call_that_was_given_up_does_not_block_the_next() -> None:
    """Gradio works on one call at a time, and cannot stop what a function does."""
    with running("zonos", "slow=6") as slow, ZonosClient(slow.url) as client:
        work = Background(lambda: client.speak("One."))
        wait_until(lambda: len(slow.requests()) >= 3, what="the call")
        work.cancel()
        wait_until(lambda: slow.asked("/gradio_api/cancel"), 3, "the end of the call")
        began = time.monotonic()
        assert client.speak("Two.").content.size > 1000
        assert time.monotonic() - began < 10  # 6 s for its own work


def test_a_call_that_waits_in_the_queue_leaves_it() -> None:
    with running("zonos", "slow=2") as slow, ZonosClient(slow.url) as client:
        first: list[float] = []

        def speak() -> None:
            client.speak("One.")
            first.append(time.monotonic())

        thread = threading.Thread(target=speak)
        thread.start()
        wait_until(lambda: len(slow.asked(CALL)) == 1, what="the first call")
        work = Background(lambda: client.speak("Two."))
        wait_until(lambda: len(slow.asked(CALL)) == 2, what="the second call")
        work.cancel()
        thread.join()
        wait_until(lambda: slow.asked("/gradio_api/cancel"), 3, "the end of the second call")
        client.speak("Three.")
        assert time.monotonic() - first[0] < 3.9  # without the 2 s of the second


@pytest.fixture(scope="module")
def info(served: Served) -> Any:
    """What the server says of its functions."""
    with urllib.request.urlopen(f"{served.url}/gradio_api/info") as answer:
        return json.load(answer)


def scripted(info: Any, stream: bytes | Says, **answers: Says) -> dict[str, Says]:
    says = stream if isinstance(stream, Says) else Says(stream, type="text/event-stream")
    return {
        "/gradio_api/info": Says(info),
        f"POST {CALL}": answers.get("begin", Says({"event_id": "e1"})),
        f"{CALL}/e1": says,
        "/gradio_api/file=/x/audio.wav": Says(digits(), type="audio/wav"),
        "/config": Says({"dependencies": [{"id": 2, "api_name": "generate_audio"}]}),
        "/gradio_api/cancel": Says({"success": True}),
    }


DONE = b'event: complete\ndata: [{"path": "/x/audio.wav", "url": "http://elsewhere:1/x"}, 9]\n\n'


@pytest.mark.parametrize(
    "stream",
    [
        DONE,
        b"event: heartbeat\ndata: null\n\n" * 3 + b"event: generating\ndata: null\n\n" + DONE,
        DONE.replace(b"\n", b"\r\n"),
        b": a comment\n\n" + DONE,
        DONE.rstrip(),
        DONE.replace(b'"/x/audio.wav", ', b'"/x/audio.wav",\ndata: '),
    ],
    ids=["plain", "signs of life", "crlf", "comment", "no empty line", "two data lines"],
)
def test_streams_that_are_right(info: Any, stream: bytes) -> None:
    with ScriptedService(scripted(info, stream)) as odd, ZonosClient(odd.url) as client:
        product = client.speak("One.")
        assert product.content.bytes == digits()
        assert product.facts == {"seed": 9}
        assert not odd.asked("/gradio_api/cancel")


@pytest.mark.parametrize(
    ("stream", "expected", "words"),
    [
        (b"event: error\ndata: null\n\n", ResponseError, "failed while it worked and does not say"),
        (b'event: error\ndata: "no memory"\n\n', ResponseError, "while it worked: no memory"),
        (b"event: heartbeat\ndata: null\n\n", StreamCutError, "ended the answer before"),
        (b"", StreamCutError, "ended the answer before"),
        (b"event: complete\ndata: null\n\n", ResponseError, "no list of outputs"),
        (b"event: complete\ndata: [null, 3]\n\n", ResponseError, "answered without a file"),
        (b"event: complete\ndata: []\n\n", ResponseError, "answered without a file"),
        (Says({"detail": "Session not found."}, 404), ResponseError, "Session not found"),
    ],
)
def test_streams_that_are_wrong(
    info: Any, stream: bytes | Says, expected: type[Exception], words: str
) -> None:
    with ScriptedService(scripted(info, stream)) as odd, ZonosClient(odd.url) as client:
        with pytest.raises(expected, match=words) as caught:
            client.speak("One.")
        assert str(caught.value).startswith("zonos: ")


def test_a_queue_that_is_full(info: Any) -> None:
    begin = Says({"detail": "Queue is full. Max size is 1 and size is 1."}, 503)
    with (
        ScriptedService(scripted(info, DONE, begin=begin)) as odd,
        ZonosClient(odd.url) as client,
        pytest.raises(ResponseError, match=r"Queue is full.* \(503\)"),
    ):
        client.speak("One.")


def test_work_that_never_ends(info: Any) -> None:
    silent = Says(DONE, type="text/event-stream", free=threading.Event())
    limits = Limits(first_byte=0.5)
    with (
        ScriptedService(scripted(info, silent)) as stuck,
        ZonosClient(stuck.url, limits=limits) as client,
    ):
        with pytest.raises(TimeLimitError, match="limit first_byte"):
            client.speak("One.")
        wait_until(lambda: stuck.asked("/gradio_api/cancel"), 2, "the end of the call")


def test_an_interrupt_before_the_calls_number_is_known(info: Any) -> None:
    free = threading.Event()
    begin = Says({"event_id": "e1"}, free=free)
    with (
        ScriptedService(scripted(info, DONE, begin=begin)) as slow,
        ZonosClient(slow.url) as client,
    ):
        work = Background(lambda: client.speak("One."))
        wait_until(lambda: slow.asked(CALL), what="the call")
        work.cancel()
        assert not slow.asked(f"{CALL}/e1")
        free.set()
        wait_until(lambda: slow.asked("/gradio_api/cancel"), 3, "the end of the call")
        sent = slow.asked("/gradio_api/cancel")[0].json
        assert sent == {"session_hash": "e1", "fn_index": 2, "event_id": "e1"}
        assert slow.asked(f"{CALL}/e1")  # it is heard and left: only that takes it off the queue


def test_the_prefix_of_the_page_itself(info: Any) -> None:
    """The real page begins with a tenth of a second of silence, a file of the server's own."""
    info = json.loads(json.dumps(info))
    file = {"path": "/cache/silence_100ms.wav", "url": None, "meta": {"_type": "gradio.FileData"}}
    parameter = info["named_endpoints"]["/generate_audio"]["parameters"][PREFIX]
    parameter |= {"parameter_has_default": True, "parameter_default": file}
    with ScriptedService(scripted(info, DONE)) as odd, ZonosClient(odd.url) as client:
        product = client.speak("One.")
        assert data(odd)[PREFIX]["path"] == "/cache/silence_100ms.wav"
        assert product.settings["prefix"] == "silence_100ms.wav"


def changed(info: Any, change: str) -> Any:
    info = json.loads(json.dumps(info))
    named = info["named_endpoints"]
    parameters = named["/generate_audio"]["parameters"]
    if change == "swapped":
        parameters[5], parameters[6] = parameters[6], parameters[5]
    elif change == "one more":
        parameters.append({**parameters[5], "label": "Volume"})
    elif change == "one less":
        del parameters[28]
    elif change == "another function":
        named["/predict"] = named.pop("/generate_audio")
    elif change == "no list":
        return {"named": []}
    return info


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("swapped", "29 in place of 29, number 6 is 'Sadness', not 'Happiness'"),
        ("one more", "30 in place of 29, number 30 is 'Volume', not None"),
        ("one less", "28 in place of 29, number 29 is None, not 'Unconditional Keys'"),
        ("another function", "no function generate_audio, but update_ui, update_ui_1, predict"),
        ("no list", "no list of functions"),
    ],
)
def test_other_inputs_are_refused(info: Any, change: str, words: str) -> None:
    answers = scripted(changed(info, change), DONE)
    with ScriptedService(answers) as odd, ZonosClient(odd.url) as client:
        with pytest.raises(ResponseError, match=words):
            client.speak("One.", reference=me())
        assert [one.path for one in odd.requests] == ["/gradio_api/info"]


def test_a_result_of_another_service_is_a_reference(client: ZonosClient, served: Served) -> None:
    mp3 = sound.convert(Content(digits(), "audio/wav"), "mp3")
    client.speak("One.", reference=Upload.of(mp3))
    assert served.asked("/gradio_api/upload")[-1]["parts"][0]["sha256"] == mp3.sha256
