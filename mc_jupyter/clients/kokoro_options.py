"""The options of Kokoro's speech by our names, and what they are sent as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .option import Option, Options, check

SPEED = Option("how fast", float, low=0.25, high=4.0)
_LANGUAGES = {
    "a": "American English",
    "b": "British English",
    "e": "Spanish",
    "f": "French",
    "h": "Hindi",
    "i": "Italian",
    "j": "Japanese",
    "p": "Brazilian Portuguese",
    "z": "Mandarin Chinese",
}
_CODES = {
    "en": "a",
    "en-us": "a",
    "en-gb": "b",
    "es": "e",
    "fr": "f",
    "fr-fr": "f",
    "hi": "h",
    "it": "i",
    "ja": "j",
    "pt": "p",
    "pt-br": "p",
    "zh": "z",
    "cmn": "z",
}
_NORMALIZE = {  # our option: the name inside normalization_options
    "normalize": "normalize",
    "normalize_units": "unit_normalization",
    "normalize_urls": "url_normalization",
    "normalize_emails": "email_normalization",
    "normalize_phones": "phone_normalization",
    "normalize_plurals": "optional_pluralization_normalization",
}
NEWER = ("lang_code", "volume_multiplier", "normalization_options")  # older images ignore them
OPTIONS: Options = {
    "model": Option(
        "the name that is sent; all are the one Kokoro model",
        choices=("kokoro", "tts-1", "tts-1-hd"),
    ),
    "language": Option(
        f"of the text: {', '.join(_CODES)}, or Kokoro's letter; unasked the voice's own",
        choices=(*_LANGUAGES, *_CODES),
        sent="lang_code",
        metavar="LANGUAGE",
    ),
    "volume": Option("times as loud", float, low=0.0, sent="volume_multiplier"),
    "normalize": Option("read numbers, addresses and so on as words (true)", bool),
    "normalize_units": Option("read 10KB as 10 kilobytes (false)", bool),
    "normalize_urls": Option("make web addresses speakable (true)", bool),
    "normalize_emails": Option("make mail addresses speakable (true)", bool),
    "normalize_phones": Option("make telephone numbers speakable (true)", bool),
    "normalize_plurals": Option("read (s) as s (true)", bool),
}


def sent_as(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return options as the request's body has them.

    Raises
    ------
    OptionError
        One is not known, or has a wrong value.
    """
    sent = check(OPTIONS, options, name)
    if "lang_code" in sent:
        sent["lang_code"] = _CODES.get(sent["lang_code"], sent["lang_code"])
    inner = {_NORMALIZE[name]: sent.pop(name) for name in list(sent) if name in _NORMALIZE}
    return {**sent, "normalization_options": inner} if inner else sent


def about(id: str) -> str:
    """Return what the two letters before a voice's name say; empty where they say nothing."""
    if not re.match(r"[a-z][fm]_", id) or id[0] not in _LANGUAGES:
        return ""
    return f"{_LANGUAGES[id[0]]}, {'female' if id[1] == 'f' else 'male'}"
