"""Specs and tools as the registry and the engine's detection make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mc_jupyter.manifest import parse_manifest
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import detect

TOOLS = detect.Tools(
    docker="docker",
    compose=("docker", "compose"),
    compose_version=(2, 40, 3),
    address="unix:///var/run/docker.sock",
    engine_version=(20, 10, 24),
    nvidia=False,
    root="/var/lib/docker",
    architecture="x86_64",
)


def spec(folder: Path, manifest: str = "", **changes: Any) -> Spec:
    text = "name: web-service\ndocker:\n  serviceName: web\n" + manifest
    values: dict[str, Any] = {
        "handle": "web",
        "canonical": "github:me/web-service",
        "manifest": parse_manifest(text),
        "project": "mcj-me-web-11111111",
        "volume_scope": "mcj-me-web-00000000",
        "data": folder / "data" / "mcj-me-web-11111111",
        "locks": folder / "data" / "locks",
        "folder": folder,
    }
    return Spec(**(values | changes))
