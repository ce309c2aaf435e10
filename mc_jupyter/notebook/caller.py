"""The names that the caller of a magic sees: its own, those around it, then its module's.

IPython gives a cell magic the notebook's names, whoever calls it, and a line magic in a lambda
nothing. So the frame that called is found here. Names are looked up when they are needed; no
frame is kept beyond the call.

One case cannot be told from Python 3.12 on, where a comprehension has no frame: a lambda that a
comprehension of an earlier cell has made, outside functions, looks as if it stood in the cell.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

_calls = threading.local()
_AROUND = {"<locals>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
"""In a qualified name, what stands behind a function, and what a comprehension is called."""


@dataclass(frozen=True)
class Scope:
    """What an expression may use.

    Attributes
    ----------
    names
        By name; in a notebook's cell these are the notebook's names themselves.
    missing
        By name, why it is not among them though there is one elsewhere: a sentence's end.
    """

    names: dict[str, Any]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Call:
    """One magic that runs: who called it, and what is to be said of its values."""

    frame: FrameType | None
    notes: list[str] = field(default_factory=list)


@contextmanager
def magic_call() -> Iterator[None]:
    """Know, within the block, who called the magic that runs in this thread."""
    stack: list[_Call] = _calls.__dict__.setdefault("stack", [])
    stack.append(_Call(_caller()))
    try:
        yield
    finally:
        stack.pop()


def _running() -> _Call | None:
    stack: list[_Call] = _calls.__dict__.get("stack", [])
    return stack[-1] if stack else None


def add_note(text: str) -> None:
    """Keep a line for the display of the running magic."""
    call = _running()
    if call is not None and text not in call.notes:
        call.notes.append(text)


def take_notes() -> list[str]:
    """Return the lines for the display of the running magic, and forget them."""
    call = _running()
    if call is None:
        return []
    notes, call.notes = call.notes, []
    return notes


def scope(notebook: dict[str, Any]) -> Scope:
    """Return the names of the caller of the running magic; the notebook's where there is none.

    Parameters
    ----------
    notebook
        The notebook's names.
    """
    call = _running()
    frame = call.frame if call is not None else None
    if frame is None:
        return Scope(notebook)
    if frame.f_locals is frame.f_globals:
        return Scope(frame.f_globals)
    frames, is_whole = _frames_around(frame)
    names, missing = dict(frame.f_globals), dict[str, str]()
    if not is_whole:
        around = frames[-1].f_code.co_qualname.rpartition(".")[0].removesuffix(".<locals>")
        reason = f"may be the notebook's or a variable of {around}, whose call cannot be found here"
        missing = dict.fromkeys(names, reason)
        names = {}
    for one in reversed(frames):
        found = dict(one.f_locals)
        names.update(found)
        for name in found.keys() & missing.keys():
            del missing[name]
        unbound = _variables(one.f_code) - found.keys()
        if one is not frame and not one.f_code.co_flags & inspect.CO_OPTIMIZED:
            # from Python 3.12 on, variables of comprehensions: of those that have ended, what is
            # found is the global of that name
            of_module = one.f_globals
            inlined = one.f_code.co_varnames
            gone = (n for n in inlined if n not in found or found[n] is of_module.get(n))
            unbound.update(gone)
        for name in unbound:
            # Python would say so, too, and not take a global of the same name
            names.pop(name, None)
            missing[name] = f"has no value now in {one.f_code.co_qualname}"
    return Scope(names, missing)


def _caller() -> FrameType | None:
    """The nearest frame that is neither ours nor IPython's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in ("mc_jupyter", "IPython", "contextlib", "decorator"):
            return frame
        frame = frame.f_back
    return None


def _variables(code: CodeType) -> set[str]:
    """The variables of a function; none for a class or a module, whose names may be global."""
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return set()
    # a free variable of a class's method, __class__, is no name that anybody types
    return {*code.co_varnames, *code.co_cellvars, *code.co_freevars} - {"__class__"}


def _frames_around(frame: FrameType) -> tuple[list[FrameType], bool]:
    """The frame and those around it that run, and whether those of all functions were found."""
    frames = [frame]
    while (around := _frame_around(frames[-1])) is not None:
        frames.append(around)
    return frames, not _is_nested(frames[-1].f_code)


def _is_nested(code: CodeType) -> bool:
    """Whether a function or a comprehension stands around this code."""
    return not _AROUND.isdisjoint(code.co_qualname.split(".")[:-1])


def _frame_around(inner: FrameType) -> FrameType | None:
    """The frame of what `inner` stands in; None where that does not run in this thread.

    Names of a class are not seen in its methods, so its body is passed over. Several calls of a
    function may run: it is the one whose variables `inner` has; where that does not tell, none.
    """
    found: list[FrameType] = []
    frame = inner.f_back
    while frame is not None:
        is_class = "__qualname__" in frame.f_code.co_names and "__qualname__" in frame.f_locals
        is_around = not is_class and _holds(frame.f_code, inner.f_code)
        if is_around and _shares_variables(frame, inner):
            found.append(frame)
        frame = frame.f_back
    return found[0] if len(found) == 1 else None


def _holds(outer: CodeType, code: CodeType) -> bool:
    """Whether code was written in a function's body, be it in a class there."""
    for one in outer.co_consts:
        if one is code:
            return True
        is_class = isinstance(one, CodeType) and not one.co_flags & inspect.CO_OPTIMIZED
        if is_class and _holds(one, code):
            return True
    return False


def _shares_variables(outer: FrameType, inner: FrameType) -> bool:
    mine, theirs = inner.f_locals, outer.f_locals
    shared = [name for name in inner.f_code.co_freevars if name in mine and name in theirs]
    return all(mine[name] is theirs[name] for name in shared)
