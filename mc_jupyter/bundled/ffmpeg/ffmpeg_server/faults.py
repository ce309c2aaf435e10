"""What goes wrong, by whose fault."""

from __future__ import annotations


class Refused(Exception):
    """What the caller did wrong: bad input, a bad option."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Broken(Exception):
    """What is our fault, or the machine's."""


class Gone(Exception):
    """The caller closed the connection."""
