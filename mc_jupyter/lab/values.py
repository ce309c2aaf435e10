"""What a value of the notebook raises when it is looked at becomes an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import MediaConduitError

_LONGEST = 200
"""Characters of what an exception says."""


@contextmanager
def raise_as(make: Callable[[str], MediaConduitError]) -> Iterator[None]:
    """Turn whatever is raised in the block into an error of ours; an interrupt stays one.

    SystemExit, GeneratorExit and what else is no Exception are turned, too: ``{{exit()}}`` in a
    prompt must not end the kernel.

    Parameters
    ----------
    make
        Gives the error for what was raised, told in one line.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise make(problem_of(error)) from error


def problem_of(error: BaseException) -> str:
    """Return the type and the first line of an exception, also where its text raises."""
    name = type(error).__name__
    try:
        lines = str(error).splitlines()
    except KeyboardInterrupt:
        raise
    except BaseException:
        return name
    return f"{name}: {lines[0][:_LONGEST]}" if lines else name
