"""What `make demo` runs, without Docker: the answer in the terminal, an HTML file, nothing left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.embedded_server import weights
from support.git_server import GitServer, make_repository, redirect
from support.wait import wait_until

DEMO = Path(__file__).parents[2] / "notebooks" / "run_demo.py"


def processes_of(home: Path) -> list[str]:
    """Ids of the processes that were started with this home."""
    wanted = f"MC_JUPYTER_HOME={home}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


def test_the_demo_answers_and_leaves_nothing_behind(tmp_path: Path, mc_home: Path) -> None:
    with GitServer(tmp_path / "served") as server:
        make_repository(server.repository("MediaConduit/ollama-service"))
        environment = {
            **os.environ,
            **redirect(server.url),
            "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock",
            "IPYTHONDIR": str(tmp_path),
            "MC_JUPYTER_HOME": str(mc_home),
            "MC_JUPYTER_MODELS": str(weights()),
            "MC_JUPYTER_RUNTIME": "embedded",
        }
        demo = subprocess.run(
            [sys.executable, str(DEMO), str(tmp_path / "out")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "The capital of France is Paris" in demo.stdout
    page = tmp_path / "out" / "01-first-prompt.html"
    assert str(page) in demo.stdout
    assert "The capital of France is Paris" in page.read_text()
    wait_until(lambda: not processes_of(mc_home), 5, "the end of every process")
