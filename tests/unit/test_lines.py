"""The lines that errors end with can be typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support import media as made_here

from mc_jupyter.clients import sound
from mc_jupyter.clients.chatterbox_files import reference_name
from mc_jupyter.clients.content import Content
from mc_jupyter.clients.huggingface_options import ignored, not_loaded
from mc_jupyter.clients.lines import log, magic, setting
from mc_jupyter.clients.parts import as_part
from mc_jupyter.errors import InputError
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Audio
from mc_jupyter.lab.media.inputs import resolve

WAV = Content(made_here.tone(), "audio/wav")


def recorded(format: str) -> Audio:
    return Audio(sound.convert(WAV, format), Made("speech"))


def refused(typed: str, names: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        reference_name(resolve(typed, names)[0], "chatterbox")
    return str(caught.value)


def test_magics_by_any_handle() -> None:
    assert magic("kokoro", "kokoro", "voices") == "%kokoro voices"
    assert magic("kokoro", "alpha", "voices") == "%mc alpha voices"
    assert not_loaded("huggingface", "http://h", "m", "").hint == (
        "those that are: %huggingface models"
    )
    assert not_loaded("faces", "http://h", "m", "").hint == "those that are: %mc faces models"


def test_settings_and_logs() -> None:
    assert setting("whisper", "whisper", "A=b").startswith(
        "%mc load whisper --env A=b, then %mc restart whisper "
    )
    assert "%mc load IDENTIFIER --as ear --env A=b, then %mc restart ear" in setting(
        "ear", "whisper", "A=b"
    )
    assert "%mc load github:MediaConduit/huggingface-service --env DEFAULT_PRECISION=fp32" in str(
        ignored("huggingface", "precision").hint
    )
    assert log("ear") == "its log may say more: %mc logs ear   (where it was started from here)"


def test_a_flac_is_made_a_wav() -> None:
    said = refused("fl", {"fl": recorded("flac")})
    assert said.splitlines() == [
        "chatterbox clones from wav and mp3, fl is flac",
        "a wav of it: %ffmpeg convert fl --out part, then --reference part",
    ]
    assert as_part(resolve("fl", {"fl": recorded("flac")})[0], "ffmpeg").kind == "audio/flac"


@pytest.mark.parametrize("what", ["result", "file", "bytes"])
@pytest.mark.parametrize("format", ["ogg", "opus"])
def test_what_ffmpeg_does_not_take_goes_as_samples(
    what: str, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talk = recorded(format)
    typed = "talk" if what != "file" else talk.save("my talk").name
    names: dict[str, Any] = {"result": {"talk": talk}, "bytes": {"talk": talk.bytes}}.get(what, {})
    said = refused(typed, names)
    made = re.search(r"\nsamples of it: (.*), then --reference part$", said)
    assert made, said
    exec(made[1], names)
    assert reference_name(resolve("part", names)[0], "chatterbox").endswith(".wav")
    with pytest.raises(InputError, match=r"then part in its place") as caught:
        as_part(resolve(typed, names)[0], "ffmpeg")
    assert made[1] in str(caught.value)


def test_a_text_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    said = refused(str(tmp_path / "a.txt"), {})
    assert "a.txt is text/plain\na wav or mp3 file with a voice" in said


def test_a_video_has_its_sound_taken() -> None:
    said = refused("film", {"film": Content(made_here.tone()[:3] + bytes(50), "video/mp4")})
    assert "%ffmpeg extract-audio film --out part" in said


def test_a_long_recording_is_cut() -> None:
    said = refused("long", {"long": (31 * 8000 * [0.0], 8000)})
    assert said.splitlines() == [
        "long is 31.0 s long; chatterbox clones from at most 30 s",
        "10 s of clear speech are enough: %ffmpeg convert long --duration 10 --out part, "
        "then --reference part",
    ]
