"""The docker runtime: a service's compose file, through the Compose CLI and a Docker engine."""

from __future__ import annotations

from .runtime import ComposeRuntime

__all__ = ["ComposeRuntime"]
