"""The lines to type that errors end with, true for any handle and wherever a service runs."""

from __future__ import annotations

from pathlib import Path

from .upload import Upload


def magic(kind: str, name: str, rest: str) -> str:
    """Return a service's own magic; for a handle that is not its kind's name through ``%mc``.

    Parameters
    ----------
    kind
        The service's kind, whose name the magic has.
    name
        Its handle, or what messages call it.
    rest
        The verb and what follows it.
    """
    return f"%{kind} {rest}" if name == kind else f"%mc {name} {rest}"


def log(name: str, words: str = "its log may say more") -> str:
    """Return the line that shows a service's log, which only who started it can read."""
    return f"{words}: %mc logs {name}   (where it was started from here)"


def setting(name: str, kind: str, given: str, source: str = "") -> str:
    """Return the lines that change a service's environment.

    Parameters
    ----------
    name, kind
        As for :func:`magic`.
    given
        ``NAME=VALUE``.
    source
        What loads it under its kind's name; by default that name.
    """
    load = source or kind if name == kind else f"IDENTIFIER --as {name}"
    again = f"%mc load {load} --env {given}, then %mc restart {name}"
    return f"{again}   (started elsewhere: set it there)"


def decoded(upload: Upload) -> str:
    """Return the line that makes samples, which every service takes, of sound in any format.

    It is for what libsndfile reads; `part` is the name that the line gives them.
    """
    if isinstance(upload.source, bytes):
        return f"import io, soundfile; part = soundfile.read(io.BytesIO({upload.line}))"
    if not isinstance(upload.source, Path):
        return f"part = ({upload.line}.samples(), {upload.line}.sample_rate)"
    return f"import soundfile; part = soundfile.read({upload.typed or 'FILE'!r})"
