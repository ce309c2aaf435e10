"""Control characters made visible: a terminal obeys them, and foreign text holds any."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, the two that turn any text round, and halves of surrogate pairs,
# which no message can hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff]")
_PICTURES = 0x2400  # U+2400 is the picture of U+0000, and so on


def make_visible(text: str) -> str:
    r"""Return a text that a terminal shows and does not obey.

    C0 characters become their pictures (``\x1b`` becomes ``␛``), C1 characters their escapes
    (``\x9b`` in four characters), as do the overrides of direction (U+202D, U+202E), and halves of
    surrogate pairs become U+FFFD. Newlines and tabs stay, and ``\r\n`` is a newline.

    Source: Unicode, Control Pictures (U+2400 to U+243F).
    """
    return _CONTROL.sub(_visible, text.replace("\r\n", "\n"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code >= 0xD800:
        return "\ufffd"
    if code >= 0x80:
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return chr(_PICTURES + (code if code < 0x20 else 0x21))  # DEL has the picture behind them


class VisibleStream:
    r"""Control characters of a text that comes in pieces; ``\r\n`` may be divided by two."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown after a piece."""
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        return make_visible(text[: len(text) - len(self._held)])

    def end(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return make_visible(held)
