"""How a service runs: ``docker``, ``embedded`` or ``url``, each behind the same few calls."""

from __future__ import annotations

from ..errors import ArgumentError
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
    if name == "embedded":
        from .process import EmbeddedRuntime

        return EmbeddedRuntime()
    if name == "url":
        from .url import UrlRuntime

        return UrlRuntime()
    raise ArgumentError(f"there is no runtime {name!r}", "accepted: auto, docker, embedded, url")
