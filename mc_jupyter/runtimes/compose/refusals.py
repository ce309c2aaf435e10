"""What is not allowed, and one error for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import PolicyError
from ..base import Spec

NOT_YET = "a later version can allow more; until then, load a changed copy: %mc load ./FOLDER"
_MOST = 20


@dataclass(frozen=True)
class Refusal:
    """One thing that a repository asks for and does not get.

    Attributes
    ----------
    where
        The key's path (``services.web.devices``).
    value
        What stands there.
    reason
        Why not, in a few words; empty where nothing is known of the key.
    """

    where: str
    value: object
    reason: str = ""

    @property
    def place(self) -> str:
        """The key's path and what stands there, short."""
        text = repr(self.value)
        return f"{self.where} ({text if len(text) <= 80 else text[:77] + '...'})"


def error(
    refusals: Sequence[Refusal], file: str, spec: Spec, unset: Sequence[str] = ()
) -> PolicyError:
    """Return the one error that names every refusal.

    Parameters
    ----------
    refusals
        At least one.
    file
        The compose file's path within the repository.
    spec
        The service: in a folder of the user's own, the next step is to change the file.
    unset
        Variables that are blank, which may be why a path lies elsewhere.
    """
    once = dict.fromkeys((refusal.place, refusal.reason) for refusal in refusals)
    lines = [f"{place}: {reason}" if reason else place for place, reason in once]
    if len(lines) == 1:
        place, reason = next(iter(once))
        message = f"{file}: {place} is not allowed" + (f": {reason}" if reason else "")
    else:
        shown = lines[:_MOST] + ([f"and {len(lines) - _MOST} more"] if lines[_MOST:] else [])
        message = "\n  ".join(
            [f"{file} asks for {len(lines)} things that are not allowed:", *shown]
        )
    if unset:
        message += f"\n  (blank, as nothing gives them a value: {', '.join(unset[:_MOST])})"
    if spec.is_own_folder:
        what = "this" if len(lines) == 1 else "these"
        return PolicyError(message, f"change {what} in {spec.folder}/{file}")
    return PolicyError(message, NOT_YET)
