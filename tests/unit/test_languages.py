"""Whisper's languages: codes and names, and what is said of anything else."""

from __future__ import annotations

import pytest

from mc_jupyter.clients.languages import LANGUAGES, language_code
from mc_jupyter.errors import OptionError


def test_there_are_99_and_cantonese() -> None:
    assert len(LANGUAGES) == 100
    assert len(set(LANGUAGES) - {"yue"}) == 99
    assert len(set(LANGUAGES.values())) == 100


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("German", "de"),
        (" japanese ", "ja"),
        ("haitian creole", "ht"),
        ("Flemish", "nl"),
        ("mandarin", "zh"),
        ("yue", "yue"),
        ("auto", None),
        (None, None),
    ],
)
def test_codes_and_names(given: str | None, code: str | None) -> None:
    assert language_code(given, "whisper") == code


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("germn", "did you mean 'german'?"),
        ("Engl", "did you mean 'english'?"),
        ("de-DE", "did you mean 'de'?"),
        ("qqqq", "a code like en, de or ja"),
        ("", "a code like"),
    ],
)
def test_others_are_refused(given: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        language_code(given, "whisper")
    assert caught.value.message.startswith(f"whisper knows no language {given!r}")
    assert said in caught.value.message
