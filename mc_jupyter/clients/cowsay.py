"""The cowsay service: a text in, a cow that says it out."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from ..events import Report, silent
from .base import ServiceClient, at_work
from .option import Options
from .peer import Limits

OPTIONS: Options = {}
"""It has none."""
LONGEST = 1000
"""Characters of a text, as the service states it."""

_OURS = "cowsay-service"  # what the bundled server calls itself; the published one says "cowsay"


class CowsayClient(ServiceClient):
    """A client of one cowsay service.

    Parameters
    ----------
    url, token, limits, name, changed
        As for every client (:class:`~mc_jupyter.clients.base.ServiceClient`).
    """

    _kind = "cowsay"
    _limits = Limits(first_byte=60.0)

    def health(self) -> dict[str, Any]:
        """Return what the service says of itself: status, service, version.

        Raises
        ------
        ResponseError
            It has no cowsay, or it is no cowsay service.
        """
        said = self._http.get("/health")
        if not isinstance(said, dict) or "cowsay" not in str(said.get("service")):
            raise self._wrong("this is no cowsay service: /health does not say so")
        return said

    def say(self, text: str, *, report: Report = silent) -> str:
        """Return the picture of a cow that says a text.

        Parameters
        ----------
        text
            What it says, up to :data:`LONGEST` characters; an empty one is the service's Moo!
        report
            Told each second for how long it has taken.

        Raises
        ------
        InputError
            The text is too long, or the service would take it for something else.
        ResponseError
            The service failed.
        """
        if len(text) > LONGEST:
            raise InputError(
                f"{self.name} takes up to {LONGEST:,} characters, this text has {len(text):,}",
                "a shorter text",
            )
        if odd := next((c for c in text if c < " " and c not in "\n\t\r"), None):
            raise InputError(f"the text holds the control character {odd!r}", "take it out")
        said = text.strip()
        if said == "0" or text.startswith("-"):
            self._refuse_misread(text)
        with at_work(f"{self.name} is at it", report):
            answer = self._http.call("POST", "/cowsay", {"text": text} if said else {})
        cow = answer.get("cowsayOutput")
        if not isinstance(cow, str):
            raise self._wrong("/cowsay answered without 'cowsayOutput'")
        return cow

    def _refuse_misread(self, text: str) -> None:
        """Refuse what the published server hands to cowsay as an argument that means another thing.

        Ours hands the text over as input, where nothing of it means anything.
        """
        if self.health().get("service") == _OURS:
            return
        as_what = "an option of cowsay" if text.startswith("-") else "no text at all"
        raise InputError(
            f"{self.name} would take {text.split()[0]!r} for {as_what}",
            "put a word before it",
        )
