"""Specs and tools as the registry and the engine's detection make them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from support import engine

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


def real_tools() -> detect.Tools | None:
    """Return tools with the real Compose, which reads files without an engine; None without it."""
    program = engine.compose_program()
    if program is None:
        listed = subprocess.run(
            ["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"], capture_output=True
        )
        plugins = json.loads(listed.stdout or b"[]") or []
        found = [plugin["Path"] for plugin in plugins if plugin.get("Name") == "compose"]
        program = Path(found[0]) if found else None
    return None if program is None else replace(TOOLS, compose_program=str(program))


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files into a new folder; return it."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
