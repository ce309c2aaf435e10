"""One vocabulary for every spelling of what services can do."""

from __future__ import annotations

import pytest

from mc_jupyter.capabilities import (
    CAPABILITIES,
    TAGS,
    asked_for,
    canonical,
    known_word,
    matches,
    vocabulary,
)
from mc_jupyter.errors import ArgumentError


def pascal(word: str) -> str:
    return "".join(part.upper() if part == "3d" else part.title() for part in word.split("-"))


@pytest.mark.parametrize("word", CAPABILITIES)
def test_four_spellings_are_one_word(word: str) -> None:
    upper = word.upper().replace("-", "_")
    for spelling in (word, upper, pascal(word), word.replace("-", " "), f" {word.title()} "):
        assert canonical(spelling) == word


@pytest.mark.parametrize(
    ("tag", "word"),
    [
        ("llm-inference", "text-to-text"),
        ("chat-completion", "text-to-text"),
        ("speech-recognition", "audio-to-text"),
        ("transcription", "audio-to-text"),
        ("Speech Synthesis", "text-to-audio"),
        ("IMAGE_GENERATION", "text-to-image"),
        ("DiffusionModels", "text-to-image"),
        ("video-processing", "video-to-video"),
        ("audio-processing", "audio-to-audio"),
    ],
)
def test_a_tag_that_means_a_word_becomes_it(tag: str, word: str) -> None:
    assert canonical(tag) == word
    assert matches([tag], word)
    assert matches([word], tag)


@pytest.mark.parametrize(
    ("tag", "implied"),
    [
        ("voice-cloning", "text-to-audio"),
        ("VoiceConditioning", "text-to-audio"),
        ("japanese-tts", "text-to-audio"),
        ("video-composition", "video-to-video"),
    ],
)
def test_a_tag_that_says_more_stays_and_implies(tag: str, implied: str) -> None:
    assert canonical(tag) != implied
    assert matches([tag], implied)
    assert matches([tag], tag)
    assert not matches([implied], tag), "not everything that speaks clones voices"


def test_published_lists_become_few_words() -> None:
    assert vocabulary(["TextToText"]) == ("text-to-text",)
    assert vocabulary(["text-to-audio", "speech-synthesis", "voice-cloning"]) == (
        "text-to-audio",
        "voice-cloning",
    )
    assert vocabulary(["voice-cloning"]) == ("voice-cloning", "text-to-audio")
    assert vocabulary(["", " "]) == ()


def test_what_nobody_knows_stays() -> None:
    assert canonical("my-own_Tag") == "my-own-tag"
    assert matches(["My Own Tag"], "my-own-tag")
    assert not matches(["my-own-tag"], "text-to-text")


def test_a_word_that_was_typed() -> None:
    assert known_word("TextToSpeech") == "text-to-audio"
    assert known_word("voice cloning") == "voice-cloning"
    assert known_word("My Tag", ["my-tag"]) == "my-tag"
    with pytest.raises(ArgumentError, match="did you mean 'text-to-audio'"):
        known_word("text-to-audi")
    with pytest.raises(ArgumentError, match=r"is no capability\n%mc find"):
        known_word("qqqqqq")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Speaking", ("text-to-audio",)),
        ("subtitles for a video", ("audio-to-text",)),
        ("translate", ("audio-to-text", "text-to-text")),
        ("cloning", ("voice-cloning",)),
        ("images", tuple(word for word in CAPABILITIES if "image" in word)),
        ("3d", ("text-to-3d", "image-to-3d")),
        ("txt-to-audio", ()),
        ("to", ()),
        ("", ()),
    ],
)
def test_everyday_words(typed: str, words: tuple[str, ...]) -> None:
    assert asked_for(typed) == words


def test_everyday_words_mean_words_that_there_are() -> None:
    known = {*CAPABILITIES, *TAGS}
    for word in ("speech", "voice", "sound", "picture", "chat", "transcript"):
        assert {*asked_for(word)} <= known
