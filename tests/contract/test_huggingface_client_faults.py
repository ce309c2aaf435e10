"""What a Hugging Face service was seen to answer instead, and what the user then reads."""

from __future__ import annotations

import base64
import threading
from typing import Any

import pytest
from support.background import Background
from support.scripted_service import Says, ScriptedService
from support.wait import wait_until

from mc_jupyter.clients.huggingface import HuggingFaceClient
from mc_jupyter.errors import (
    MediaConduitError,
    ModelNotFoundError,
    ResponseError,
)
from mc_jupyter.events import Event

ERROR = Says({"success": False, "metadata": {}, "error": "CUDA out of memory"})


def failed(says: Says, call: str = "image", *args: Any, **options: Any) -> MediaConduitError:
    paths = ("/generate/image", "/generate/audio", "/models/load", "/models/sd15")
    with (
        ScriptedService(dict.fromkeys(paths, says)) as service,
        HuggingFaceClient(service.url, name="faces") as client,
        pytest.raises(MediaConduitError) as caught,
    ):
        getattr(client, call)(*(args or ("sd15", "a cat")), **options)
    assert len(str(caught.value).splitlines()) <= 2
    assert str(caught.value).startswith("faces: ")
    return caught.value


@pytest.mark.parametrize(
    ("says", "kind", "said"),
    [
        (ERROR, ResponseError, "CUDA out of memory"),
        (Says({"success": False, "metadata": {}}), ResponseError, "does not say why"),
        (Says({"success": True, "metadata": {}}), ResponseError, "holds no imageBase64"),
        (Says({"success": True, "imageBase64": "no base 64!"}), ResponseError, "no imageBase64"),
        (Says({"detail": "Invalid size"}, 500), ResponseError, "Invalid size (500)"),
        (
            Says({"detail": "Failed to load model sd15: no space"}, 400),
            ResponseError,
            "Failed to load model sd15: no space",
        ),
        (Says("Internal Server Error", 500, "text/plain"), ResponseError, "does not say why"),
        (Says("ok", 200, "text/plain"), ResponseError, "no JSON object"),
    ],
)
def test_faults(says: Says, kind: type[Exception], said: str) -> None:
    error = failed(says)
    assert isinstance(error, kind)
    assert said in error.message


def test_success_false_is_an_error_of_status_200() -> None:
    error = failed(ERROR)
    assert isinstance(error, ResponseError)
    assert error.status == 200
    assert "%mc logs faces" in str(error.hint)


def test_a_500_over_a_seed_says_so() -> None:
    says = Says("Internal Server Error", 500, "text/plain")
    assert "known to fail over a seed" in failed(says, seed=3).message
    assert "seed" not in failed(says).message


def test_the_real_server_unloads_with_success_false() -> None:
    says = Says({"success": False, "message": "Model runwayml/stable-diffusion-v1-5 not loaded"})
    error = failed(says, "unload", "sd15")
    assert isinstance(error, ModelNotFoundError)
    assert "not loaded" in error.message


def test_models_that_make_tones_are_told() -> None:
    sound = base64.b64encode(b"RIFFxxxxWAVE").decode()
    notes: list[Event] = []
    with ScriptedService({"/generate/audio": Says({"success": True, "audioBase64": sound})}) as it:
        HuggingFaceClient(it.url).speak("hi", model="hexgrad/Kokoro-82M", report=notes.append)
    assert [note.text for note in notes if note.keep] == [
        "huggingface makes tones, no speech, with hexgrad/Kokoro-82M"
    ]


def test_another_service() -> None:
    answers = {"/health": Says({"status": "healthy"}), "/models": Says({"data": []})}
    with ScriptedService(answers) as service, HuggingFaceClient(service.url) as client:
        for call in (client.health, client.models):
            with pytest.raises(ResponseError):
                call()


def test_a_cancel_reaches_the_server_and_changed_is_told() -> None:
    free = threading.Event()
    changes: list[int] = []
    with ScriptedService({"/generate/image": Says({}, free=free)}) as service:
        client = HuggingFaceClient(service.url, changed=lambda: changes.append(1))
        work = Background(lambda: client.image("sd15", "a cat"))
        wait_until(lambda: service.asked("/generate/image"), what="the request")
        work.cancel()
        assert changes == [1]
