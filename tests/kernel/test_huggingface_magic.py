"""``%%huggingface``: a picture and a sound of a prompt, and the models."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel
from support.services import Served, running, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")

PICTURES, SOUNDS = "stabilityai/sd-turbo", "suno/bark"
SMALL = "--width 64 --height 48"


@pytest.fixture(scope="module", autouse=True)
def served(kernel: Kernel) -> Iterator[Served]:
    with running("huggingface") as served:
        assert not kernel.run(f"%mc load {served.url} --as huggingface").error
        yield served


def test_no_models_are_said(kernel: Kernel) -> None:
    shown = kernel.run("%huggingface models --out models").last["data"]["text/plain"]
    assert shown == "no model is loaded yet: %huggingface load MODEL_ID"
    assert kernel.value("len(models)") == 0


def test_what_the_magic_does_is_a_whole_line(kernel: Kernel) -> None:
    line = kernel.run("%huggingface").text.splitlines()[1]
    assert line.startswith("%%huggingface MODEL_ID ")
    assert line.endswith(
        "  The lines below are the prompt of a picture; with --to audio, of a sound."
    )


def test_a_wrong_suffix_is_found_before_the_work(kernel: Kernel, served: Served) -> None:
    before = len(served.requests())
    for model, file, kind in ((PICTURES, "pic.jpg", "png"), (SOUNDS, "t.mp3", "wav")):
        assert kernel.run(f"%%huggingface {model} --save {file}\nhi").error.splitlines() == [
            f"ArgumentError: --save {file}: the format is {kind}",
            f"--save {file.partition('.')[0]}.{kind}",
        ]
    assert len(served.requests()) == before


def test_a_picture_of_a_prompt(kernel: Kernel, served: Served) -> None:
    kernel.run("animal = 'cow'")
    line = f"%%huggingface {PICTURES} {SMALL} --seed 4 --steps 3 --out cow"
    got = kernel.run(f"{line}\na {{{{animal}}}}")
    (output,) = got.outputs()
    assert output["data"]["text/plain"] == "picture, 64 × 48, png, 2 kB"
    assert base64.b64decode(output["data"]["image/png"])[:4] == b"\x89PNG"
    sent = served.asked("/generate/image")[-1]["json"]
    wanted = {"modelId": PICTURES, "prompt": "a cow", "seed": 4, "numInferenceSteps": 3}
    assert wanted.items() <= sent.items()
    assert kernel.value("[cow.width, cow.height, cow.made.model]") == [64, 48, PICTURES]
    assert kernel.value("[i.name for i in cow.made.inputs]") == ["prompt"]
    again = kernel.run(f"{line}\na {{{{animal}}}}")
    assert again.outputs()[0]["data"] == output["data"], "the seed gives the same picture"


def test_a_sound_of_a_prompt(kernel: Kernel, served: Served) -> None:
    got = kernel.run(f"%%huggingface {SOUNDS} --save bark.wav\nhello you")
    assert not got.error, got.error
    assert got.last["data"]["text/plain"].startswith("sound, ")
    assert "<audio" in got.last["data"]["text/html"]
    assert Path(kernel.value("__import__('os').getcwd()"), "bark.wav").read_bytes()[:4] == b"RIFF"


def test_what_it_makes_can_be_named(kernel: Kernel, served: Served) -> None:
    assert not kernel.run("%%huggingface some/model --to audio\nhi").error
    assert served.requests()[-1]["path"] == "/generate/audio"
    error = kernel.run(f"%%huggingface {PICTURES} --volume 1\na cow").error
    assert error.splitlines() == [
        "ArgumentError: --volume is not for image",
        "for the other: --to audio",
    ]
    error = kernel.run(f"%%huggingface {SOUNDS} --width 64\nhi").error
    assert error.splitlines()[0] == "ArgumentError: --width is not for audio"
    assert "there is no prompt" in kernel.run(f"%%huggingface {PICTURES}").error


def test_the_models(kernel: Kernel, served: Served) -> None:
    loaded = kernel.run("%huggingface load one/picture --device cpu").last["data"]["text/plain"]
    assert loaded == "one/picture is loaded"
    assert served.asked("/models/load")[-1]["json"] == {"modelId": "one/picture", "device": "cpu"}
    shown = kernel.run("%huggingface models --out models").last["data"]["text/plain"]
    assert shown.splitlines()[0].split() == ["MODEL", "LOADED", "MAKES"]
    assert "one/picture" in shown
    assert "one/picture" in [row["modelId"] for row in kernel.value("list(models)")]
    assert not kernel.run("%huggingface load sd15").error
    unloaded = kernel.run("%huggingface unload sd15").last["data"]["text/plain"]
    assert unloaded == "sd15 is unloaded"
    again = kernel.run("%huggingface unload sd15").error
    assert again.startswith("ModelNotFoundError: huggingface: ")
    assert "no address for an id with a /" in kernel.run("%huggingface unload one/picture").error


def test_a_model_that_is_not_there(kernel: Kernel) -> None:
    for cell in ("%huggingface load missing/one", "%%huggingface missing/one\na cow"):
        lines = kernel.run(cell).error.splitlines()
        assert lines[0].startswith("ModelNotFoundError: huggingface: "), cell
        assert "missing/one" in lines[0]
        assert lines[1] == "check the spelling: OWNER/NAME"


def test_a_wrong_value_is_said_with_what_is_accepted(kernel: Kernel) -> None:
    error = kernel.run(f"%%huggingface {PICTURES} --width 4\na cow").error
    assert error.splitlines() == [
        "OptionError: width is 4",
        "accepted: a whole number from 8 to 8192",
    ]
    assert "--width: 'big' is not a number" in kernel.run("%%huggingface m --width big\nx").error
    assert "MODEL_ID" in kernel.run("%%huggingface\na cow").error
