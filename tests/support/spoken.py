"""Real speech for the tests of what listens: digits, from the stand-in that speaks."""

from __future__ import annotations

import json
import urllib.request
from functools import cache

from support.services import running

DIGITS = "one two three four five six seven eight nine"


@cache
def digits(text: str = DIGITS) -> bytes:
    """Return a WAV file in which a voice says the text; made once."""
    asked = {"model": "kokoro", "input": text, "voice": "af_heart", "response_format": "wav"}
    with running("kokoro") as served:
        request = urllib.request.Request(
            f"{served.url}/v1/audio/speech",
            data=json.dumps({**asked, "stream": False}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
    return content
