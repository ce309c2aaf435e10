"""What only some of the speech services have: the voice of a recording, voices that are uploaded,
long texts in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel, seen
from support.media import tone
from support.services import Served, running, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


def folder(kernel: Kernel) -> Path:
    return Path(kernel.value("__import__('os').getcwd()"))


@pytest.fixture(scope="module")
def cloners(kernel: Kernel) -> Iterator[dict[str, Served]]:
    with running("chatterbox") as chatterbox, running("zonos") as zonos:
        found = {"chatterbox": chatterbox, "zonos": zonos}
        for name, served in found.items():
            assert not kernel.run(f"%mc load {served.url} --as {name}").error
        yield found
        for name in found:
            kernel.run(f"%mc remove {name}")


@pytest.mark.parametrize("name", ["chatterbox", "zonos"])
def test_a_voice_is_taken_from_a_recording(
    kernel: Kernel, cloners: dict[str, Served], name: str
) -> None:
    (folder(kernel) / "me.wav").write_bytes(tone(3.0, rate=16_000))
    assert not kernel.run(f"%%{name} --reference me.wav --out first\nHello").error
    got = kernel.run(f"%%{name} --reference first --out second\nHello again")
    assert not got.error, got.error
    assert kernel.value("[s.what for s in second.made.chain]") == ["speech", "speech"]
    names = kernel.value("[[i.name, bool(i.sha256)] for i in second.made.inputs]")
    assert names == [["text", True], ["first", True]]
    uploads = [one for one in cloners[name].requests() if one.get("parts")]
    assert len(uploads) >= 2
    missing = kernel.run(f"%%{name} --reference mee.wav\nHello").error
    assert missing.startswith("InputError: mee.wav: no such file\ndid you mean 'me.wav'?")


def test_a_fresh_chatterbox_is_given_a_voice(kernel: Kernel, cloners: dict[str, Served]) -> None:
    error = kernel.run("%%chatterbox\nHello").error
    assert error.splitlines()[0] == (
        "VoiceNotFoundError: chatterbox has no voice: it has none at all, as every fresh server"
    )
    assert "%chatterbox upload FILE" in error
    (folder(kernel) / "Anna.wav").write_bytes(tone(3.0, rate=16_000))
    said = kernel.run("%chatterbox upload Anna.wav").last["data"]["text/plain"]
    assert said == "Anna.wav is a voice of chatterbox now; next: %%chatterbox --voice Anna.wav"
    assert not kernel.run("%%chatterbox --voice Anna.wav\nHello").error
    assert not kernel.run("%%chatterbox --voice anna\nHello").error
    again = kernel.run("%chatterbox upload Anna.wav").error
    assert "has a voice Anna.wav already" in again
    assert not re.search(r"%chatterbox upload", kernel.run("%zonos --help").text)
    assert "%zonos has no verb 'upload'" in kernel.run("%zonos upload Anna.wav").error


def test_a_recording_to_go_on_from_is_an_input_too(
    kernel: Kernel, cloners: dict[str, Served]
) -> None:
    (folder(kernel) / "me.wav").write_bytes(tone(3.0, rate=16_000))
    assert not kernel.run("%%zonos --seed 3 --prefix me.wav --out said\nand so on").error
    assert kernel.value("[i.name for i in said.made.inputs]") == ["text", "me.wav"]
    assert kernel.value("said.settings['seed']") == 3


def test_a_long_text_is_one_sound(kernel: Kernel, cloners: dict[str, Served]) -> None:
    text = " ".join(f"This is the sentence with the number {n}." for n in range(40))
    got = kernel.run(f"%%zonos --seed 1 --format wav\n{text}")
    assert not got.error, got.error
    pieces = kernel.value("_answer.settings['pieces']")
    assert pieces > 1
    shown = [seen(m["data"]) for m in (*got.displays, *got.updates)]
    assert any(f"speaking 2 of {pieces}" in text for text in shown)
    assert len(got.outputs()) == 1
    assert f"draws a voice for each of the {pieces} pieces" in got.last["data"]["text/plain"]


def test_another_format_is_made_here_where_the_service_has_none(
    kernel: Kernel, cloners: dict[str, Served]
) -> None:
    got = kernel.run("%%zonos --format mp3 --save said.mp3\nHello")
    assert not got.error, got.error
    assert got.last["data"]["text/plain"].splitlines()[0].rsplit(", ", 2)[1] == "mp3"
    assert (folder(kernel) / "said.mp3").read_bytes()[:2] in (b"\xff\xfb", b"\xff\xf3", b"ID")
    assert kernel.value("_answer.settings['encoded_from']") == "wav"
    error = kernel.run("%%zonos --format doc\nHello").error
    assert error.startswith("ArgumentError: %%zonos: --format is 'doc': ")


def test_an_emotion_is_an_option_of_its_own(kernel: Kernel) -> None:
    assert kernel.run("%%zonos --emotion happy\nHello").error.splitlines() == [
        "ArgumentError: %%zonos: there is no option --emotion: each has its own: "
        "--happiness 0.8, --sadness, --anger, ...",
        "%%zonos --help",
    ]
    assert not kernel.run("%%zonos --happiness 0.8\nHello").error
