"""How a result was made: service, commit, model, options, and what it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


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
        return tuple(dict((id(step), step) for step in self._steps()).values())

    def _steps(self) -> Iterator[Made]:
        for one in self.inputs:
            if one.made is not None:
                yield from one.made._steps()
        yield self

    @property
    def words(self) -> str:
        """The step in a line: ``speech by kokoro (af_heart)``."""
        by = f" by {self.service}" if self.service else ""
        return f"{self.what}{by}{f' ({self.model})' if self.model else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it, inputs and how they were made included."""
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
                    "made": one.made.as_dict() if one.made else None,
                }
                for one in self.inputs
            ],
        }
