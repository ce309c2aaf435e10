"""Keys taken out of what a server sends: some quote the request, and a notebook is saved."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from urllib.parse import quote

_SHORTEST = 8
"""Characters that a key has to have to be taken out of a body: shorter ones are words, too."""


def secrets_in(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return what nobody may read again of a request's headers.

    Parameters
    ----------
    headers
        Those that were sent, by their lower-case names.
    """
    kind, _, sent = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic" or not sent:
        return (sent,) if sent else ()
    try:
        password = base64.b64decode(sent).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        password = ""
    return (sent, password) if password else (sent,)


class Redactor:
    """Takes secrets out of texts, headers and bodies.

    Parameters
    ----------
    secrets
        What is taken out, also as JSON, HTML and addresses spell it.
    """

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted((form.encode() for form in forms), key=len, reverse=True)
        self._long = [form for form in self._forms if len(form) >= _SHORTEST]
        self._held = b""

    def text(self, text: str) -> str:
        """Return a text without them."""
        for form in self._forms:
            text = text.replace(form.decode(), "***")
        return text

    def data(self, data: bytes) -> bytes:
        """Return bytes without them."""
        for form in self._forms:
            data = data.replace(form, b"***")
        return data

    def piece(self, piece: bytes | None) -> bytes | None:
        """Return the next piece of a body without them, as long as it was.

        What may be the beginning of one is held back until the next piece.

        Parameters
        ----------
        piece
            As it came; None at the end.
        """
        if not self._long:
            return piece
        if piece is None:
            last, self._held = self._held, b""
            return last or None
        data = self._held + piece
        for form in self._long:
            data = data.replace(form, b"*" * len(form))
        begun = max(_begun(data, form) for form in self._long)
        self._held = data[len(data) - begun :]
        return data[: len(data) - begun]


def _begun(data: bytes, form: bytes) -> int:
    """How much of a form's beginning the data ends with."""
    start = max(0, len(data) - len(form) + 1)
    while (start := data.find(form[:1], start)) >= 0:
        if form.startswith(data[start:]):
            return len(data) - start
        start += 1
    return 0


_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def _forms(secret: str) -> set[str]:
    written = json.dumps(secret, ensure_ascii=False)[1:-1]
    apostrophes = ("'", "&#x27;", "&#39;", "&apos;")
    quotes = ('"', "&quot;", "&#34;")
    escaped = {
        "".join({**_MARKUP, "'": one, '"': other}.get(sign, sign) for sign in secret)
        for one in apostrophes
        for other in quotes
    }
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        written,
        written.replace("/", "\\/"),
        *escaped,
    }
