"""How a service runs: ``docker``, ``native``, ``embedded`` or ``url``, behind the same calls."""

from __future__ import annotations

from ..errors import ArgumentError
from ..settings import RUNTIMES
from .base import Condition, Gpu, Runtime, Spec

__all__ = ["Condition", "Gpu", "Runtime", "Spec", "make"]


def make(name: str) -> Runtime:
    """Return a new runtime of that name; its libraries are imported only now.

    Raises
    ------
    ArgumentError
        When there is no runtime of that name.
    """
    if name == "docker":
        from .compose import ComposeRuntime

        return ComposeRuntime()
    if name == "native":
        from .native import NativeRuntime

        return NativeRuntime()
    if name == "embedded":
        from .process import EmbeddedRuntime

        return EmbeddedRuntime()
    if name == "url":
        from .url import UrlRuntime

        return UrlRuntime()
    raise ArgumentError(f"there is no runtime {name!r}", f"accepted: {', '.join(RUNTIMES)}")
