"""What Tab offers: the texts, and what they stand for in the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from IPython.core.completer import SimpleCompletion

from .cursor import Fragment

HELP = "--help"


@dataclass(frozen=True)
class Offer:
    """What Tab offers.

    Attributes
    ----------
    fragment
        What stands before the cursor and is replaced.
    matches
        Texts, and the kind of each.
    """

    fragment: str
    matches: list[tuple[str, str]]


class Nothing(list[SimpleCompletion]):
    """No completion, where we know that there is none.

    IPython lets a matcher keep the others out only if it has something to offer, and would mix
    file names and Python names into the line; so this says that it is not empty.
    """

    def __len__(self) -> int:
        return 1


def fitting(here: Fragment, known: Sequence[tuple[str, str]]) -> Offer:
    """Return the known texts that begin as typed; behind a dash also ``--help``."""
    start = here.text.lower()
    if start.startswith("-") and HELP not in (text for text, _ in known):
        known = [*known, (HELP, "option")]
    return Offer(here.since(0), [item for item in known if item[0].lower().startswith(start)])


def as_options(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return options as what may be offered."""
    return [(name, "option") for name in names]
