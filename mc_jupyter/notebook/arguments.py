"""What is typed after a magic's name: split as a shell does it, parsed, and explained.

IPython's own argument parsing keeps quotes in values and answers a mistake with ``UsageError``,
which no test runner sees; so this is ``shlex`` and ``argparse`` with our errors.
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import paths
from ..errors import ArgumentError, TemplateError, did_you_mean
from ..lab.templates import parse
from .actions import Once, OnceConst, Switch

# Unicode's private use: stands for one {{field}} while a line is split
_FIRST_HIDDEN, _LAST_HIDDEN = 0xE000, 0xF8FF
_HIDDEN = re.compile("[\ue000-\uf8ff]")
THINK_LEVELS = ("on", "off", "low", "medium", "high", "max")


def as_is(text: str) -> str:
    """Return a value as it was typed."""
    return text


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=88)


class Parser(argparse.ArgumentParser):
    """The arguments of one magic or verb.

    Parameters
    ----------
    prog
        What the user types (``%mc load``).
    description
        What it does.
    hint
        The next step after a mistake; ``--help`` if not given.
    """

    def __init__(self, prog: str, description: str, hint: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            add_help=False,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self.color = False  # Python 3.14 colours help
        self.register("action", None, Once)
        self.register("action", "store", Once)
        self.register("action", "store_const", OnceConst)
        self.register("action", "switch", Switch)
        self.hint = hint or f"{prog} --help"
        self.instead: dict[str, str] = {}  # by a name that is likely to be tried, what there is
        self.unfilled: set[str] = set()  # by dest, the options whose value is an expression
        self._fill: Callable[[str], str] = as_is

    def read(self, tokens: Sequence[str], fill: Callable[[str], str] = as_is) -> argparse.Namespace:
        """Parse tokens; every value goes through `fill`, and ``@file`` is read from that file.

        Raises
        ------
        ArgumentError
            An unknown option, a missing or a wrong value.
        """
        tokens = [_normal(token) for token in tokens]
        self._refuse_unknown(tokens)
        self._fill = fill
        try:
            return self.parse_args(tokens)
        finally:
            self._fill = as_is

    def _refuse_unknown(self, tokens: Sequence[str]) -> None:
        known = self._option_string_actions
        for token in tokens:
            name = token.partition("=")[0]
            is_option = re.match(r"-{1,2}[A-Za-z]", token) and not re.search(r"\s", name)
            if is_option and name not in known and (token[:2] == "--" or token[:2] not in known):
                self.error(f"there is no option {name}{self._instead_of(name.lstrip('-'))}")

    def _instead_of(self, bare: str) -> str:
        """What was meant by an option; compared without dashes, which would make all alike."""
        if said := self.instead.get(bare):
            return f": {said}"
        known = [one[2:] for one in self._option_string_actions if one.startswith("--")]
        guess = did_you_mean(bare, known)
        return ": " + guess.replace("'", "'--", 1) if guess.startswith("did") else ""

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        if action.option_strings and action.nargs is None and arg_strings == ["--"]:
            return self._get_value(action, "--")  # argparse drops it, and hands on an empty list
        return super()._get_values(action, arg_strings)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        # Here, and not before parsing: a filled value may begin with a dash.
        if action.option_strings and arg_string.startswith("@"):
            if arg_string.startswith("@@"):
                arg_string = self._fill(arg_string[1:])
            else:
                arg_string = _content(
                    self._fill(arg_string[1:])
                )  # as it is: it may be anybody's file
        elif action.dest not in self.unfilled:
            arg_string = self._fill(arg_string)
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            name = "/".join(action.option_strings) or str(action.metavar or action.dest)
            choices = [str(choice) for choice in action.choices]
            self.error(f"{name} is {value!r}: {did_you_mean(str(value), choices)}")

    def error(self, message: str) -> NoReturn:
        """Raise ArgumentError: argparse's way out would end the kernel."""
        message = re.sub(r"^argument (\S+: )", r"\1", message)
        message = re.sub(r"invalid (?:int|float) value: (.*)", r"\1 is not a number", message)
        # a misspelt option needs the list of options, not what a stray word needs
        hint = self.hint if message.startswith("unrecognized") else f"{self.prog} --help"
        raise ArgumentError(f"{self.prog}: {message}", hint)

    def option(self, token: str) -> argparse.Action | None:
        """The option that a token names, with or without its ``=VALUE``."""
        return self._option_string_actions.get(_normal(token).partition("=")[0])

    def takes_value(self, token: str) -> bool:
        """Whether the token after this option belongs to it."""
        action = self._option_string_actions.get(_normal(token))
        return action is not None and action.nargs is None and token != "--think"


def _normal(token: str) -> str:
    """``--top_p=1`` as ``--top-p=1``."""
    if not token.startswith("--"):
        return token
    name, equals, value = token.partition("=")
    return name.replace("_", "-") + equals + value


def _content(path: str) -> str:
    try:
        text = paths.read(paths.expanded(path)).decode()
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ArgumentError(
            f"@{path} cannot be read: {problem}", "a value that begins with @ is written @@..."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def wants_help(tokens: Sequence[str]) -> bool:
    """Whether ``--help``, ``-h`` or a ``?`` of its own was typed."""
    return "--help" in tokens or "-h" in tokens or tuple(tokens[-1:]) == ("?",)


def expand_think(tokens: Sequence[str]) -> list[str]:
    """``--think`` with the level behind it, if one is there: it never swallows a model's name."""
    expanded: list[str] = []
    for before, token in zip(("", *tokens), tokens, strict=False):
        if before == "--think" and token in THINK_LEVELS:
            expanded[-1] = f"--think={token}"
        else:
            expanded.append("--think=on" if token == "--think" else token)
    return expanded


def split(line: str, *, literal: bool = False) -> list[str]:
    """Split a line into words as a shell does; a ``{{field}}`` stays whole, quotes and all.

    Parameters
    ----------
    literal
        Braces mean nothing.

    Raises
    ------
    ArgumentError
        A quotation mark that is not closed.
    """
    return split_head(line, None, literal=literal)[0]


def split_line(
    line: str, parser: Parser | None = None, *, is_text: bool = False, is_behind: bool = False
) -> tuple[list[str], str, bool]:
    """Split as :func:`split_head` does, and tell whether ``--literal`` is one of the words.

    A field that cannot be read is no mistake where it is. In a quoted value, in a field, or in
    the raw rest, ``--literal`` is text.
    """
    try:
        words, rest = split_head(line, parser, is_text=is_text, is_behind=is_behind)
    except TemplateError:
        words, rest = split_head(line, parser, literal=True, is_text=is_text, is_behind=is_behind)
        if "--literal" not in words:
            raise
        return words, rest, True
    if "--literal" not in words:
        return words, rest, False
    return *split_head(line, parser, literal=True, is_text=is_text, is_behind=is_behind), True


def split_head(
    line: str,
    parser: Parser | None,
    *,
    literal: bool = False,
    is_text: bool = False,
    is_behind: bool = False,
) -> tuple[list[str], str]:
    """Split off the words up to the first that is no option of `parser`; the rest stays raw.

    Parameters
    ----------
    is_text
        That first word belongs to the rest (``say It's me``), not to the words.
    is_behind
        Options may stand behind that first word, too, up to the next that is none, or ``--``.

    Returns
    -------
    tuple
        The words, that first one included, and the rest of the line as it was typed. Without
        `parser` all words.
    """
    hidden, fields = (line, {}) if literal else _hide(line)
    stream = io.StringIO(hidden)
    lexer = shlex.shlex(stream, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    is_value = is_found = False
    try:
        while True:
            ahead = hidden[stream.tell() :].lstrip()
            if is_found and not is_value and re.match(r"--(\s|$)", ahead):
                lexer.get_token()
                break
            following = (ahead.split(None, 1) or [""])[0]
            is_level_ahead = words[-1:] == ["--think"] and following in THINK_LEVELS
            is_option = bool(re.match(r"--?[A-Za-z]", ahead))
            if is_found and not (is_value or is_level_ahead or is_option):
                break  # the text begins
            if is_text and not is_value and not is_option:
                break  # before it is read: a quotation mark in a text means nothing
            if (word := lexer.get_token()) is None:
                break
            words.append(word)
            if parser is None:
                continue
            is_level = words[-2:-1] == ["--think"] and word in THINK_LEVELS
            if not (is_value or is_level or word.startswith("-")):
                is_found = is_behind
                if not is_behind:
                    break
            is_value = not is_value and parser.takes_value(word)
    except ValueError as error:
        raise ArgumentError(
            "a quotation mark is not closed", 'a value with an apostrophe: "it\'s"'
        ) from error

    def show(text: str) -> str:
        return _HIDDEN.sub(lambda match: fields.get(match[0], match[0]), text)

    return [show(word) for word in words], show(hidden[stream.tell() :]).strip()


def _hide(line: str) -> tuple[str, dict[str, str]]:
    """The line with one character in place of each field, and what each stands for."""
    fields: dict[str, str] = {}
    shown: list[str] = []
    signs = (chr(n) for n in range(_FIRST_HIDDEN, _LAST_HIDDEN + 1) if chr(n) not in line)
    for piece in parse(line):
        if isinstance(piece, str) and piece != "{{":
            shown.append(piece)
            continue
        sign = next(signs)
        fields[sign] = "\\{{" if isinstance(piece, str) else piece.source
        shown.append(sign)
    return "".join(shown), fields
