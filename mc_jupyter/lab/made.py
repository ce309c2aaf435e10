"""How a result was made: service, commit, model, options, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MOST_STEPS = 100  # that are saved


@dataclass(frozen=True)
class Input:
    """What something was made from.

    Attributes
    ----------
    name
        The file's name, ``text`` for a text, or what was typed.
    sha256
        Of its bytes (of a text: its UTF-8), in hexadecimal.
    size
        Bytes.
    made
        How it was made itself, where that is known.
    """

    name: str
    sha256: str | None = None
    size: int | None = None
    made: Made | None = None


@dataclass(frozen=True)
class Made:
    """One step: what a service made of its inputs.

    Attributes
    ----------
    what
        In a word: ``speech``, ``transcript``, ``answer``, ``image``, ``frame``, ``info``...
    service
        The handle of the service.
    identifier
        What loads it, with its ref; None where it is an address.
    commit
        Of its repository; None outside git.
    model
        The model's name, where there is one.
    options
        What was sent.
    inputs
        See :class:`Input`.
    """

    what: str
    service: str | None = None
    identifier: str | None = None
    commit: str | None = None
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()

    @property
    def chain(self) -> tuple[Made, ...]:
        """All steps that led here, each once, what came first at the beginning."""
        found: dict[int, Made] = {}
        waiting = [(self, False)]
        while waiting:
            step, has_all_before = waiting.pop()
            if has_all_before:
                found[id(step)] = step
            elif id(step) not in found:
                before = [one.made for one in reversed(step.inputs) if one.made]
                waiting += [(step, True), *((one, False) for one in before)]
        return tuple(found.values())

    @property
    def words(self) -> str:
        """The step in a line: ``speech by kokoro (af_heart)``."""
        by = f" by {self.service}" if self.service else ""
        return f"{self.what}{by}{f' ({self.model})' if self.model else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it, inputs and how they were made included.

        What a step was made from is told once, and for the last hundred steps: in a loop, a result
        may have been fed to the next a thousand times, or twice to each.
        """
        return self._as_dict(set())

    def _as_dict(self, told: set[int]) -> dict[str, Any]:
        is_new = id(self) not in told and len(told) < _MOST_STEPS
        told.add(id(self))
        return {
            "what": self.what,
            "service": self.service,
            "identifier": self.identifier,
            "commit": self.commit,
            "model": self.model,
            "options": dict(self.options),
            "inputs": [
                {
                    "name": one.name,
                    "sha256": one.sha256,
                    "size": one.size,
                    "made": one.made._as_dict(told) if one.made else None,
                }
                for one in (self.inputs if is_new else ())
            ],
        }
