"""Options that may be given once, for :class:`~mc_jupyter.notebook.arguments.Parser`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class _Given(argparse.Action):
    """An option that may be given once: a second value would silently drop the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if option_string and self.dest in _seen(namespace):
            parser.error(f"{option_string} is given twice")
        super().__call__(parser, namespace, values, option_string)
        if option_string:
            _seen(namespace).add(self.dest)


class Once(_Given, argparse._StoreAction):
    """With a value."""


class OnceConst(_Given, argparse._StoreConstAction):
    """Without one, where it shares its place with another option."""


class Switch(_Given, argparse._StoreConstAction):
    """``--x`` is True and ``--no-x`` is False; one line of the help."""

    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:
        super().__init__(list(option_strings), dest, const=None, **more)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Take it, in either spelling."""
        super().__call__(parser, namespace, values, option_string)
        setattr(namespace, self.dest, not (option_string or "").startswith("--no-"))

    def format_usage(self) -> str:
        """Return how the usage line has it."""
        return f"--[no-]{self.option_strings[0].removeprefix('--')}"


def _seen(namespace: argparse.Namespace) -> set[str]:
    seen: set[str] = namespace.__dict__.setdefault("_given", set())
    return seen
