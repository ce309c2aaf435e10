"""An interrupt, or the kernel's death, in the middle of a pull, a build or a start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import engine
from support.engine import Make, ready
from support.registry import published_slowly, why_no_registry
from support.wait import wait_until

from mc_jupyter.events import silent
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime

_START = """
import sys
from pathlib import Path
from support import engine
from mc_jupyter.runtimes.compose import ComposeRuntime
spec = engine.spec_for(Path(sys.argv[1]), Path(sys.argv[2]))
try:
    ComposeRuntime().start(spec, lambda event: print(event.step, event.text, flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@contextmanager
def starting(spec: Spec, home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that starts the service, as a kernel would."""
    command = [sys.executable, "-c", _START, str(spec.folder), str(home)]
    tests = str(Path(engine.__file__).parents[1])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tests, start_new_session=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def read_until(child: subprocess.Popen[str], text: str) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never said")


def interrupt(child: subprocess.Popen[str]) -> None:
    """Interrupt it as Jupyter does (its process group), and see it end within a second."""
    assert child.stdout is not None
    began = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)
    assert child.stdout.read().endswith("interrupted\n")
    assert child.wait(5) == 0
    assert time.monotonic() - began < 1.0


def running_compose(spec: Spec) -> list[str]:
    """Command lines of Compose that still work on this project."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
            except OSError:
                continue
            if spec.project in line:
                found.append(line)
    return found


def test_in_a_build(make: Make, base: str, mc_home: Path) -> None:
    dockerfile = f"FROM {base}\nRUN echo building for long; sleep 60\n"
    compose = "services: {web: {build: ., command: sleep 600}}\n"
    spec = make(compose, files={"Dockerfile": dockerfile})
    with starting(spec, mc_home) as child:
        read_until(child, "building for long")
        interrupt(child)
    wait_until(lambda: not running_compose(spec), what="the end of Compose")


def test_in_a_start_that_waits_for_a_helper(
    make: Make, base: str, mc_home: Path, runtime: ComposeRuntime
) -> None:
    compose = f"""\
services:
  web:
    image: {base}
    command: python3 -m http.server 80
    ports: ["80"]
    depends_on: {{helper: {{condition: service_healthy}}}}
  helper:
    image: {base}
    command: sleep 600
    healthcheck: {{test: ["CMD", "false"], interval: 1s, retries: 600}}
"""
    spec = make(compose)
    with starting(spec, mc_home) as child:
        read_until(child, "helper-1 Waiting")
        interrupt(child)
    wait_until(lambda: not running_compose(spec), what="the end of Compose")
    healthy = make(compose.replace('"false"', '"true"'))
    runtime.start(healthy, silent)
    assert ready(runtime, healthy).state == "running"


def test_in_a_pull_which_then_ends_in_the_engine_too(
    make: Make, base: str, mc_home: Path, tmp_path: Path
) -> None:
    if reason := why_no_registry():
        pytest.skip(reason)
    slowly = published_slowly(tmp_path / "registry", base, "slow", 20_000_000)
    with slowly as (image, broken):
        spec = make(engine.WEB.replace(base, image))
        with starting(spec, mc_home) as child:
            read_until(child, "layer 2 of 2")
            interrupt(child)
        wait_until(broken.is_set, what="the engine's end of the pull")


def test_the_kernel_dies_in_a_start(
    make: Make, base: str, mc_home: Path, runtime: ComposeRuntime
) -> None:
    spec = make(engine.WEB)
    for words in ("starting web", "Network", "web-1 Creating", "web-1 Starting"):
        with starting(spec, mc_home) as child:
            read_until(child, words)
            child.send_signal(signal.SIGKILL)
            child.wait(5)
        runtime.start(spec, silent)
        assert ready(runtime, spec).state == "running"
        assert len(engine.containers(spec)) == 1
        runtime.remove(spec, volumes=False)
