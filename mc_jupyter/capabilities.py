"""What services can do, in one vocabulary: every published spelling, and the free tags.

The words are those of the platform (``text-to-audio``). Service files spell them in four ways and
add tags of their own; a tag that means one of the words becomes it, a tag that says more
(``voice-cloning``) stays what it is and implies the word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import ArgumentError, did_you_mean

CAPABILITIES = (
    "text-to-text",
    "text-to-image",
    "image-to-image",
    "image-to-text",
    "text-to-video",
    "image-to-video",
    "video-to-video",
    "video-to-image",
    "video-to-audio",
    "text-to-audio",
    "audio-to-text",
    "audio-to-audio",
    "text-to-3d",
    "image-to-3d",
)
"""The platform's own words."""

_MEANS = {
    "llm-inference": "text-to-text",
    "chat-completion": "text-to-text",
    "text-generation": "text-to-text",
    "speech-synthesis": "text-to-audio",
    "text-to-speech": "text-to-audio",
    "tts": "text-to-audio",
    "speech-recognition": "audio-to-text",
    "speech-to-text": "audio-to-text",
    "transcription": "audio-to-text",
    "asr": "audio-to-text",
    "stt": "audio-to-text",
    "image-generation": "text-to-image",
    "diffusion-models": "text-to-image",
    "video-processing": "video-to-video",
    "audio-processing": "audio-to-audio",
}

_IMPLIES = {
    "voice-cloning": "text-to-audio",
    "voice-conditioning": "text-to-audio",
    "japanese-tts": "text-to-audio",
    "video-composition": "video-to-video",
}

_ASKED = {  # words of people who look for something; no service declares them
    "speak": ("text-to-audio",),
    "voice": ("text-to-audio",),
    "speech": ("text-to-audio", "audio-to-text"),
    "sound": ("text-to-audio", "video-to-audio", "audio-to-audio"),
    "clone": ("voice-cloning",),
    "transcribe": ("audio-to-text",),
    "transcript": ("audio-to-text",),
    "subtitle": ("audio-to-text",),
    "translate": ("audio-to-text", "text-to-text"),
    "chat": ("text-to-text",),
    "picture": ("text-to-image", "video-to-image"),
}

TAGS = tuple(sorted(_IMPLIES))
"""Free tags that say more than a word of the platform, and stay."""

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z]|3D)|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN = re.compile(r"[\s_-]+")


def spelled(text: str) -> str:
    """Return a word in lower case with dashes, whatever its spelling: ``TEXT_TO_TEXT``.

    Parameters
    ----------
    text
        ``text-to-text``, ``TextToText``, ``TEXT_TO_TEXT`` or ``Text to text``.
    """
    return _BETWEEN.sub("-", _HUMP.sub("-", text.strip())).strip("-").lower()


def canonical(text: str) -> str:
    """Return the one word for a capability: ``text-to-audio`` for ``speech-synthesis``.

    Parameters
    ----------
    text
        In any spelling. A word that nobody knows stays, spelled with dashes.
    """
    word = spelled(text)
    return _MEANS.get(word, word)


def vocabulary(declared: Iterable[str]) -> tuple[str, ...]:
    """Return declared capabilities as canonical words, each once, with what tags imply."""
    words = [canonical(text) for text in declared]
    implied = [_IMPLIES[word] for word in words if word in _IMPLIES]
    return tuple(dict.fromkeys(word for word in (*words, *implied) if word))


def matches(declared: Iterable[str], wanted: str) -> bool:
    """Whether something that declares these capabilities can do what is wanted.

    Parameters
    ----------
    declared
        As a service spells them.
    wanted
        In any spelling; a tag such as ``voice-cloning`` is met only by the same tag.
    """
    return canonical(wanted) in vocabulary(declared)


def asked_for(text: str) -> tuple[str, ...]:
    """Return the canonical words that an everyday word stands for; none where it is none.

    Parameters
    ----------
    text
        ``speak``, ``clone a voice``; or what goes in or comes out of a capability: ``audio``.
    """
    word = spelled(text)
    for one in word.split("-"):  # of several the first that says something
        for form in (one, one.removesuffix("s"), one.removesuffix("ing"), f"{one[:-3]}e"):
            if form in _ASKED:
                return _ASKED[form]
    parts = (word, word.removesuffix("s"))
    return tuple(one for one in CAPABILITIES if any(part in one.split("-to-") for part in parts))


def known_word(text: str, more: Iterable[str] = ()) -> str:
    """Return the canonical word for what was typed.

    Parameters
    ----------
    text
        What was typed.
    more
        Further words that would be right: tags of loaded services, names.

    Raises
    ------
    ArgumentError
        Nobody knows the word; with the closest one.
    """
    word = canonical(text)
    others = {canonical(one) for one in more}
    if word in CAPABILITIES or word in _IMPLIES or word in others:
        return word
    guess = did_you_mean(spelled(text), {*CAPABILITIES, *_MEANS, *_IMPLIES, *others})
    tail = f": {guess}" if guess.startswith("did") else ""
    raise ArgumentError(f"{text!r} is no capability{tail}", "%mc find   lists them all")
