"""Starting a container: to its first HTTP 200, against Compose alone.

The service is of the published shape (health checks 30 s apart). Its program is Python's own
http.server in the tests' base image, or Ollama where only the image ollama/ollama is here: to
build the base takes debootstrap, as root. Ours and the rival run in turn, each from nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from common import CannotRun, Row, ratio, seconds

from support import engine  # isort: skip
from support.standin import build  # isort: skip

RUNS = 7
WAIT_RUNS = 2  # each takes half a minute

COMPOSE = """\
services:
  web:
    image: {image}
    command: {command}
    container_name: web-service
    ports: ["${{WEB_HOST_PORT:-0}}:{port}"]
    restart: unless-stopped
    init: true
    healthcheck:
      test: {check}
      interval: 30s
      timeout: 10s
      retries: 5
      start_period: 60s
"""

MANIFEST = """\
name: web-service
version: "1.0.0"
docker:
  composeFile: docker-compose.yml
  serviceName: web
  healthCheck: {{url: "http://localhost:{port}/", interval: 30s}}
"""


@dataclass(frozen=True)
class Program:
    """What the service runs.

    Attributes
    ----------
    image, command, port
        Its image, the command there, and the port on which it answers ``/``.
    check
        What Docker's health check runs.
    """

    image: str
    command: str
    port: int
    check: tuple[str, ...]

    def compose(self) -> str:
        """Return the compose file."""
        check = json.dumps(["CMD", *self.check])
        return COMPOSE.format(image=self.image, command=self.command, port=self.port, check=check)

    def manifest(self) -> str:
        """Return the MediaConduit.service.yml."""
        return MANIFEST.format(port=self.port)


_ASK = "import urllib.request as u; u.urlopen('http://localhost:80')"
HTTP = Program(build.BASE, "python3 -m http.server 80", 80, ("python3", "-c", _ASK))
OLLAMA = Program(build.OLLAMA, "serve", 11434, ("ollama", "list"))


def choose() -> Program:
    """Return what can run here without a download, else what can be built.

    Raises
    ------
    CannotRun
        There is no engine or no Compose, or no image and none can be built.
    """
    if missing := engine.why_no_engine():
        raise CannotRun(missing)
    if not engine.has_compose():
        raise CannotRun("docker compose does not work")
    if build.label_of(HTTP.image) is None and build.label_of(OLLAMA.image) is not None:
        return OLLAMA
    try:
        build.set_up_base()
    except (build.CannotBuild, subprocess.CalledProcessError) as reason:
        raise CannotRun(f"no image {OLLAMA.image}, and none can be built: {reason}") from reason
    return HTTP


COLD = """
import json, sys, time
start = time.perf_counter()
import mc_jupyter
service = mc_jupyter.load(sys.argv[1], runtime="docker")
service.start()
print(json.dumps(time.perf_counter() - start))
service.remove(volumes=True)
"""


def compose(folder: Path, *arguments: str) -> str:
    """Run docker compose on the file as it is."""
    command = ["docker", "compose", "-p", "mc-bench", "--project-directory", str(folder)]
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def until_200(folder: Path, inside: int) -> None:
    """What a tight curl loop does, once the port is known."""
    port = compose(folder, "port", "web", str(inside)).strip().rsplit(":", 1)[1]
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)


def up_and_curl(folder: Path, inside: int) -> None:
    """`up -d`, then ask until it answers."""
    compose(folder, "up", "-d")
    until_200(folder, inside)


def up_wait(folder: Path) -> None:
    """`up -d --wait`: what Docker's own health state says."""
    compose(folder, "up", "-d", "--wait")


def from_nothing(action: object, undo: object) -> float:
    """Time one start, and take away what it made."""
    assert callable(action)
    assert callable(undo)
    try:
        return seconds(action)
    finally:
        undo()


def rows() -> list[Row]:
    """Measure everything of this page."""
    chosen = choose()
    print(f"  the program is that of {chosen.image}")
    from mc_jupyter.registry import ServiceRegistry

    with tempfile.TemporaryDirectory() as name:
        folder = engine.service_folder(
            Path(name) / "web-service", chosen.compose(), chosen.manifest(), {}
        )
        service = ServiceRegistry().get_service(str(folder), runtime="docker")

        def down() -> str:
            return compose(folder, "down", "-v", "-t", "1")

        def gone() -> object:
            return service.remove(volumes=True)

        ours, theirs = [], []
        for run in range(RUNS + 1):  # the first pair warms up: imports, engine detection
            mine = from_nothing(service.start, gone)
            other = from_nothing(lambda: up_and_curl(folder, chosen.port), down)
            if run:
                ours.append(mine)
                theirs.append(other)
        waits = [from_nothing(lambda: up_wait(folder), down) for _ in range(WAIT_RUNS)]
        cold = []
        for _ in range(RUNS):
            command = [sys.executable, "-c", COLD, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            cold.append(float(json.loads(done.stdout)))
    return [
        Row("start to the first 200", tuple(ours), "s"),
        Row("  docker compose up -d, then a tight curl loop", tuple(theirs), "s"),
        ratio("  ratio", ours, theirs, 1.6),
        Row("  docker compose up -d --wait", tuple(waits), "s"),
        ratio("  ratio", ours[:WAIT_RUNS], waits, 0.1),
        Row("  cold: a new process, imports and engine detection included", tuple(cold), "s"),
    ]


if __name__ == "__main__":
    os.environ.setdefault("MC_JUPYTER_HOME", tempfile.mkdtemp())
    print(*rows(), sep="\n")
