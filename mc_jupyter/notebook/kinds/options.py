"""The options of the services' magics: those that all have, and those of a client."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...clients.content import content_type_of
from ...clients.option import Option, Options
from ...errors import ArgumentError, MediaConduitError
from ...lab.media.base import is_other_format
from ...paths import expanded
from ..arguments import Parser


def add_common(
    parser: Parser, *, save: str | None = "write the result to this file", host: bool = True
) -> Parser:
    """Add the options that every service's magics have, in the same words; return the parser.

    Parameters
    ----------
    save
        What ``--save`` does; None where there is nothing to write.
    host
        Whether the line does not name the service already.
    """
    add = parser.add_argument
    out = "variable that the result goes to" + (" (besides _answer)" if save else "")
    add("-o", "--out", metavar="NAME", help=out)
    if save:
        add("--save", metavar="PATH", help=save)
    if host:
        add("--host", metavar="HANDLE", help="which service, where there are several")
    add("--quiet", action="store_true", help="show nothing")
    add("--literal", action="store_true", help="{{...}} means nothing")
    return parser


def add_options(parser: Parser, options: Options, leave_out: Sequence[str] = ()) -> Parser:
    """Add a client's options, ``-`` for ``_``; return the parser."""
    for name, option in options.items():
        if name not in leave_out:
            _add_option(parser, name, option)
    return parser


def _add_option(parser: Parser, name: str, option: Option) -> None:
    long = name.replace("_", "-")
    text = option.help.replace("%", "%%")
    if option.type is bool:
        parser.add_argument(f"--{long}", f"--no-{long}", dest=name, action="switch", help=text)
        return
    kind: Any = option.type
    shown = {int: "N", float: "X"}.get(kind, "TEXT")
    parser.add_argument(
        f"--{long}",
        dest=name,
        type=kind if kind in (int, float) else str,
        choices=option.choices or None,
        metavar="|".join(option.choices) if _is_short(option.choices) else option.metavar or shown,
        help=text,
    )


def _is_short(choices: Sequence[str]) -> bool:
    return 0 < len("|".join(choices)) <= 40


def given_options(given: argparse.Namespace, options: Options) -> dict[str, Any]:
    """Return those of a client's options that were given, by their names."""
    found = {name: getattr(given, name, None) for name in options}
    return {name: value for name, value in found.items() if value is not None}


def check_save(path: str | None, formats: Sequence[str] = (), chosen: str | None = None) -> None:
    """Refuse what ``--save`` names before minutes of work, where that can be known.

    Parameters
    ----------
    path
        What was given.
    formats, chosen
        The formats that could have been asked for, and the one that was.

    Raises
    ------
    ArgumentError
        There is no such folder, it is a folder, or its suffix is another format's.
    """
    if path is None:
        return
    target = expanded(path)
    if not os.path.isdir(target.parent):
        raise ArgumentError(
            f"--save {path}: there is no folder {target.parent}", f"make it: !mkdir {target.parent}"
        )
    if os.path.isdir(target) or not target.name:
        raise ArgumentError(f"--save {path}: this is a folder", "name a file in it")
    ending = target.suffix.removeprefix(".").lower()
    if not chosen or ending == chosen:
        return
    if ending in formats:
        raise ArgumentError(
            f"--save {path}: the format is {chosen}", f"--format {ending} --save {path}"
        )
    if is_other_format(target.name, content_type_of(f"x.{chosen}")):
        others = f"   or --format {'|'.join(formats)}" if len(formats) > 1 else ""
        raise ArgumentError(
            f"--save {path}: the format is {chosen}",
            f"--save {Path(path).with_suffix(f'.{chosen}')}{others}",
        )


def saved(shown: Any, path: str) -> tuple[str | None, MediaConduitError | None]:
    """Save a result; return what to say of it, and what went wrong: the result is there anyway."""
    try:
        files: Path | list[Path] = shown.save(path)
    except MediaConduitError as error:
        error.hint = "; ".join(filter(None, (error.hint, "the result is in _answer")))
        return None, error
    names = ", ".join(map(str, files)) if isinstance(files, list) else str(files)
    return f"saved as {names}", None
