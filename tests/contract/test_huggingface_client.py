"""The Hugging Face client against its stand-in, and against the faults of the real one."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Iterator
from typing import Any

import pytest
from support.scripted_service import ScriptedService
from support.services import Served, running, why_not

from mc_jupyter.clients.huggingface import HuggingFaceClient, makes_audio
from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.speech import SpeechClient
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import (
    InputError,
    ModelNotFoundError,
    OptionError,
    ResponseError,
    TimeLimitError,
)

needs_standin = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
SPEECH = "facebook/mms-tts-eng"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("huggingface") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[HuggingFaceClient]:
    with HuggingFaceClient(served.url) as client:
        yield client


@needs_standin
def test_a_picture(client: HuggingFaceClient, served: Served) -> None:
    made = client.image(
        "sd15",
        "a cat",
        negative_prompt="dogs",
        width=64,
        height=48,
        steps=4,
        guidance_scale=3,
        seed=7,
    )
    assert served.asked("/generate/image")[-1]["json"] == {
        "modelId": "sd15",
        "prompt": "a cat",
        "negativePrompt": "dogs",
        "width": 64,
        "height": 48,
        "numInferenceSteps": 4,
        "guidanceScale": 3.0,
        "seed": 7,
    }
    content = made.content.bytes
    assert made.content.content_type == "image/png"
    assert content.startswith(b"\x89PNG")
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (64, 48)
    assert made.model == "sd15"
    assert made.settings["guidance_scale"] == 3
    assert made.facts["seed"] == 7
    assert made.facts["model"] == "runwayml/stable-diffusion-v1-5"
    assert made.facts["seconds"] > 0


@needs_standin
def test_nothing_is_sent_that_was_not_asked_for(client: HuggingFaceClient, served: Served) -> None:
    made = client.image("sd15", "a cat")
    assert served.asked("/generate/image")[-1]["json"] == {"modelId": "sd15", "prompt": "a cat"}
    assert made.settings == {}
    assert isinstance(made.facts["seed"], int)  # the one that it drew


@needs_standin
def test_speech_in_the_wording_of_all(served: Served) -> None:
    client: SpeechClient = HuggingFaceClient(served.url)
    assert (client.formats, client.clones, client.voices()) == (("wav",), False, [])
    made = client.speak(
        "Hello there.",
        voice="anna",
        speed=1.5,
        format="wav",
        model=SPEECH,
        language="en",
        pitch=0.5,
        volume=0.8,
        sample_rate=16000,
        seed=1,
    )
    assert served.asked("/generate/audio")[-1]["json"] == {
        "modelId": SPEECH,
        "prompt": "Hello there.",
        "voice": "anna",
        "speed": 1.5,
        "format": "wav",
        "language": "en",
        "pitch": 0.5,
        "volume": 0.8,
        "sampleRate": 16000,
        "seed": 1,
    }
    with wave.open(io.BytesIO(made.content.bytes)) as sound:
        assert sound.getframerate() == made.facts["sample_rate"] == 22050  # the model's own
        assert sound.getnframes() > 5000
    assert made.settings["sample_rate"] == 16000
    assert made.content.content_type == "audio/wav"
    assert made.model == SPEECH


@needs_standin
def test_models_are_loaded_listed_and_unloaded(client: HuggingFaceClient, served: Served) -> None:
    changes: list[int] = []
    with HuggingFaceClient(served.url, changed=lambda: changes.append(1)) as client:
        assert client.load("sdxl", device="cpu", force=True)["success"] is True
        full = "stabilityai/stable-diffusion-xl-base-1.0"
        assert full in [model["modelId"] for model in client.models()]
        assert full in client.health()["loadedModels"]
        client.unload(full)  # by its short name, for the service has no address with a /
        assert full not in [model["modelId"] for model in client.models()]
        assert len(changes) == 2
        with pytest.raises(ModelNotFoundError) as caught:
            client.unload("sdxl")
    assert served.asked("/models/load")[-1]["json"] == {
        "modelId": "sdxl",
        "force": True,
        "device": "cpu",
    }
    assert [each["path"] for each in served.requests() if each["method"] == "DELETE"] == [
        "/models/sdxl",
        "/models/sdxl",
    ]
    assert caught.value.hint == "those that are: %huggingface models"


@needs_standin
def test_an_id_with_a_slash_has_no_address(client: HuggingFaceClient, served: Served) -> None:
    client.load(SPEECH)
    before = len(served.requests())
    with pytest.raises(ResponseError) as caught:
        client.unload(SPEECH)
    assert "no address for an id with a /" in caught.value.message
    assert "%mc restart huggingface" in str(caught.value.hint)
    assert len(served.requests()) == before


@needs_standin
def test_a_model_that_cannot_be_had(client: HuggingFaceClient) -> None:
    """With HTTP 400 where it is asked to generate, with 200 and success false where to load."""
    for call in (
        lambda: client.image("missing/model", "a cat"),
        lambda: client.speak("hello", model="missing/tts"),
        lambda: client.load("missing/model"),
    ):
        with pytest.raises(ModelNotFoundError) as caught:
            call()
        assert "not a valid model identifier" in caught.value.message
        assert caught.value.hint == "check the spelling: OWNER/NAME"


@needs_standin
def test_it_is_silent_while_it_works_and_the_client_is_not() -> None:
    lines: list[str] = []
    with running("huggingface", "slow=4") as served:
        first, second = HuggingFaceClient(served.url), HuggingFaceClient(served.url)
        began = threading.Event()
        got: list[int] = []

        def paint() -> None:
            made = first.image("sd15", "a cat", report=lambda event: began.set())
            got.append(made.content.size)

        work = threading.Thread(target=paint)
        work.start()
        assert began.wait(10)
        short = HuggingFaceClient(served.url, limits=Limits(silence=0.5))
        with pytest.raises(TimeLimitError):
            short.health()
        made = second.image("sd15", "a dog", report=lambda event: lines.append(event.text))
        work.join()
    assert got
    assert made.content.size
    assert lines[0] == "waiting for huggingface: it takes one request at a time and is busy"


@pytest.mark.parametrize(
    ("call", "options", "said"),
    [
        ("image", {"scheduler": "ddim"}, "huggingface ignores scheduler"),
        ("image", {"precision": "fp32"}, "huggingface ignores precision"),
        ("load", {"precision": "fp32"}, "DEFAULT_PRECISION=fp32"),
        ("image", {"widht": 64}, "did you mean 'width'?"),
        ("image", {"width": 63}, "a multiple of 8"),
        ("image", {"steps": 0}, "steps is 0"),
        ("image", {"guidance_scale": float("nan")}, "guidance_scale is nan"),
        ("image", {"seed": -1}, "seed is -1"),
        ("load", {"device": "tpu"}, "accepted: auto, cuda, cpu"),
        ("speak", {"model": SPEECH, "speed": 3.0}, "accepted: a number from 0.5 to 2"),
        ("speak", {"model": SPEECH, "format": "mp3"}, "accepted: wav"),
        ("speak", {"model": SPEECH, "steps": 4}, "has no option 'steps'"),
        ("speak", {}, "which model?"),
    ],
)
def test_what_would_be_ignored_is_refused(call: str, options: dict[str, Any], said: str) -> None:
    with ScriptedService() as service, HuggingFaceClient(service.url) as client:
        words = ("sd15", "a cat") if call == "image" else ("sd15",)
        with pytest.raises(OptionError) as caught:
            getattr(client, call)(*words, **options)
        assert service.requests == []
    assert said in str(caught.value)


def test_input_that_is_none() -> None:
    with ScriptedService() as service, HuggingFaceClient(service.url) as client:
        for call in (
            lambda: client.image("sd15", "  "),
            lambda: client.speak(" ", model=SPEECH),
            lambda: client.speak("x" * 501, model=SPEECH),
            lambda: client.speak("hi", model=SPEECH, reference=Upload.of(b"x", "a.wav")),
        ):
            with pytest.raises(InputError):
                call()
        assert service.requests == []


@pytest.mark.parametrize(
    ("model", "audio"),
    [
        (SPEECH, True),
        ("suno/bark", True),
        ("facebook/musicgen-small", True),
        ("hexgrad/Kokoro-82M", True),
        ("sd15", False),
        ("black-forest-labs/FLUX.1-dev", False),
    ],
)
def test_what_the_service_takes_a_model_for(model: str, audio: bool) -> None:
    assert makes_audio(model) is audio
