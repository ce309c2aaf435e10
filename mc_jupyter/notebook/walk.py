"""Where a line that is being typed stands in the grammar of its parser."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

from .arguments import THINK_LEVELS, Parser

_REPEATED = (argparse._AppendAction, argparse._CountAction)


@dataclass
class Walk:
    """How far a parser is behind the whole words of a line.

    Attributes
    ----------
    parser
        Whose arguments they are.
    places
        The arguments by place that are still to come.
    given
        What was given, by the argument's `dest`.
    expects
        The option whose value comes next.
    may_level
        Whether a level of ``--think`` may come next.
    is_filled, is_text
        Whether an argument by place was given, and whether a text has begun behind all of them.
    """

    parser: Parser
    places: list[argparse.Action] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)
    expects: argparse.Action | None = None
    may_level: bool = False
    is_filled: bool = False
    is_text: bool = False

    def __post_init__(self) -> None:
        self.places = [action for action in self.parser._actions if not action.option_strings]

    def take(self, word: str) -> None:
        """Take one word."""
        expects, may_level = self.expects, self.may_level
        self.expects, self.may_level = None, False
        if expects is not None:
            self.given[expects.dest].append(word)
            return
        action = self.parser.option(word)
        if action is not None:
            values = self.given.setdefault(action.dest, [])
            _, equals, value = word.partition("=")
            if equals:
                values.append(value)
            elif self.parser.takes_value(word):
                self.expects = action
            self.may_level = word == "--think"
        elif may_level and word in THINK_LEVELS:
            self.given["think"].append(word)
        elif self.places and not word.startswith("-"):
            self.is_filled = True
            place = self.places[0]
            self.given.setdefault(place.dest, []).append(word)
            if place.nargs not in ("+", "*"):
                self.places.pop(0)
        elif not self.places and (word == "--" or not word.startswith("-")):
            self.is_text = True

    def options(self, typed: str, after: str) -> list[str]:
        """Return the options that may still be given, in the spelling that was begun.

        Parameters
        ----------
        typed
            What stands there of the option's name.
        after
            The rest of the line, which may have some already.
        """
        given = set(self.given)
        given.update(action.dest for word in after.split() if (action := self.parser.option(word)))
        names: list[str] = []
        for action in self.parser._actions:
            if action.dest in given and not isinstance(action, _REPEATED):
                continue
            long = [name for name in action.option_strings if name.startswith("--")]
            names += action.option_strings if typed == "-" else long
        if "_" in typed:
            names = [f"--{name[2:].replace('-', '_')}" for name in names]
        return names
