"""Starting a container: to its first HTTP 200, against Compose alone.

The service is of the published shape (health checks 30 s apart); its program is Python's own
http.server in the tests' base image. Ours and the rival run in turn, each from nothing.
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
from pathlib import Path

from common import Row, ratio, seconds

from support import engine  # isort: skip
from support.standin import build  # isort: skip

RUNS = 7
WAIT_RUNS = 2  # each takes half a minute

COMPOSE = """\
services:
  web:
    image: {image}
    command: python3 -m http.server 80
    container_name: web-service
    ports: ["${{WEB_HOST_PORT:-0}}:80"]
    restart: unless-stopped
    init: true
    healthcheck:
      test: ["CMD", "python3", "-c", "import urllib.request as u; u.urlopen('http://localhost:80')"]
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
  healthCheck: {url: "http://localhost:80/", interval: 30s}
"""

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


def until_200(folder: Path) -> None:
    """What a tight curl loop does, once the port is known."""
    port = compose(folder, "port", "web", "80").strip().rsplit(":", 1)[1]
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)


def up_and_curl(folder: Path) -> None:
    """`up -d`, then ask until it answers."""
    compose(folder, "up", "-d")
    until_200(folder)


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
    """Measure everything of this page; an empty page where there is no engine."""
    missing = engine.why_no_engine()
    if missing:
        print(f"  skipped: {missing}")
        return []
    build.set_up()
    from mc_jupyter.registry import ServiceRegistry

    with tempfile.TemporaryDirectory() as name:
        folder = engine.service_folder(
            Path(name) / "web-service", COMPOSE.format(image=build.BASE), MANIFEST, {}
        )
        service = ServiceRegistry().get_service(str(folder), runtime="docker")

        def down() -> str:
            return compose(folder, "down", "-v", "-t", "1")

        def gone() -> object:
            return service.remove(volumes=True)

        ours, theirs = [], []
        for run in range(RUNS + 1):  # the first pair warms up: imports, engine detection
            mine = from_nothing(service.start, gone)
            other = from_nothing(lambda: up_and_curl(folder), down)
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
