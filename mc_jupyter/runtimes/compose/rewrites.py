"""What published services ask for that nobody who runs one in a notebook wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TUNNEL = "GRADIO_SHARE"
_BUILD_FOR = "RUNTIME"
_GPU_BUILDS = ("nvidia", "cuda", "rocm")


def apply(service: dict[str, Any], given: Mapping[str, str], has_gpu: bool) -> None:
    """Change one service of the model in place; what the user gave stays.

    Gradio opens a public tunnel to the service where ``GRADIO_SHARE`` is set (zonos): it is
    turned off. A build argument ``RUNTIME`` for a GPU (chatterbox) becomes ``cpu`` where there is
    none: the image would be gigabytes larger, and would not run.

    Parameters
    ----------
    service
        As Compose wrote it.
    given
        The user's own environment (``--env``).
    has_gpu
        Whether it gets a GPU.
    """
    environment = service.get("environment") or {}
    if _TUNNEL in environment and _TUNNEL not in given:
        environment[_TUNNEL] = "False"
    arguments = (service.get("build") or {}).get("args") or {}
    if not has_gpu and str(arguments.get(_BUILD_FOR, "")).lower() in _GPU_BUILDS:
        arguments[_BUILD_FOR] = given.get(_BUILD_FOR, "cpu")
