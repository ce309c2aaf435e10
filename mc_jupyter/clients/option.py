"""Options of a service's call: their types and bounds, checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..errors import OptionError, did_you_mean


@dataclass(frozen=True)
class Option:
    """One option; also what a magic's ``--name`` is made from.

    Attributes
    ----------
    help
        What it does, with its unit; shown by ``--help``.
    type
        ``str``, ``int``, ``float`` or ``bool``.
    low, high
        The smallest and the largest value; None where there is no bound.
    choices
        The only values; empty where any is allowed.
    sent
        The service's own name of it, where that differs from ours (``outputFormat``).
    metavar
        What stands for its value in ``--help``.
    """

    help: str
    type: type = str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    sent: str = ""
    metavar: str = ""

    def check(self, name: str, value: Any) -> Any:
        """Return the value as it is sent.

        Raises
        ------
        OptionError
            It is of another type, or outside of the bounds.
        """
        if self.type is float and type(value) is int:
            with suppress(OverflowError):
                value = float(value)
        if not self._takes(value):
            raise OptionError(f"{name} is {value!r:.80}", f"accepted: {self.accepted}")
        return value

    def _takes(self, value: Any) -> bool:
        kind = type(value)
        if kind is not self.type or (self.choices and value not in self.choices):
            return False
        if kind is float and not math.isfinite(value):
            return False
        is_low = self.low is not None and value < self.low
        is_high = self.high is not None and value > self.high
        return not (is_low or is_high)

    @property
    def accepted(self) -> str:
        """What it takes, in words."""
        if self.choices:
            return ", ".join(self.choices)
        kind = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        words = kind[self.type]
        if self.low is not None and self.high is not None:
            return f"{words} from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{words}, {self.low:g} or more"
        return words


Options = Mapping[str, Option]


def check(known: Options, given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the options as they are sent, by the service's own names; None is left out.

    Parameters
    ----------
    known
        The options by our names.
    given
        What was asked for.
    what
        Whose options they are, for messages (``kokoro``).

    Raises
    ------
    OptionError
        One is not known (with the closest that is), or has a wrong value.
    """
    refuse_unknown(known, given, what)
    return {
        known[name].sent or name: known[name].check(name, value)
        for name, value in given.items()
        if value is not None
    }


def refuse_unknown(known: Collection[str], given: Collection[str], what: str) -> None:
    """Raise OptionError for the first name in `given` that is not in `known`."""
    for name in given:
        if name not in known:
            raise OptionError(f"{what} has no option {name!r}: {did_you_mean(name, known)}")
