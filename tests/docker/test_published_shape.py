"""The published shape of a service: fixed name, 30 s health interval, dynamic port, a volume."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import engine
from support.engine import Make, ready
from support.wait import wait_until

from mc_jupyter.events import silent
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime
from mc_jupyter.runtimes.compose.engine import discover


@pytest.fixture
def spec(make: Make, ollama_standin: str) -> Spec:
    return make(engine.PUBLISHED_COMPOSE, engine.PUBLISHED_MANIFEST)


@pytest.fixture
def foreign(base: str) -> Iterator[str]:
    """A user's own container that bears the name which the compose file wants."""
    there = engine.docker("ps", "-q", "--filter", "name=^/ollama-service$")
    if there:
        yield there
        return
    number = engine.docker("run", "-d", "--name", "ollama-service", base, "sleep", "600")
    yield number
    engine.docker("rm", "-f", number)


def models(url: str | None) -> list[str]:
    with urllib.request.urlopen(f"{url}/api/tags", timeout=5) as answer:
        return [model["name"] for model in json.load(answer)["models"]]


def test_answers_in_3_s_on_loopback_beside_a_foreign_container(
    spec: Spec, runtime: ComposeRuntime, foreign: str
) -> None:
    runtime.check()
    began = time.monotonic()
    runtime.start(spec, silent)
    condition = ready(runtime, spec)
    took = time.monotonic() - began
    assert took < 3.0
    assert models(condition.url) == ["smollm2:135m"]
    assert condition.docker_health == "starting"
    assert condition.gpu == "no: Docker has no NVIDIA runtime"
    (item,) = engine.containers(spec)
    bindings = item["NetworkSettings"]["Ports"]["11434/tcp"]
    assert [binding["HostIp"] for binding in bindings] == ["127.0.0.1"]
    assert engine.inspect(foreign)["State"]["Status"] == "running"
    runtime.remove(spec, volumes=True)
    assert engine.inspect(foreign)["State"]["Status"] == "running"


def test_the_port_moves_and_the_volume_stays(spec: Spec, runtime: ComposeRuntime) -> None:
    runtime.start(spec, silent)
    first = ready(runtime, spec)
    runtime.stop(spec)
    stopped = runtime.condition(spec)
    assert (stopped.state, stopped.url) == ("stopped", None)
    runtime.stop(spec)  # once more is no error
    runtime.start(spec, silent)
    second = ready(runtime, spec)
    assert second.url != first.url
    assert models(second.url) == ["smollm2:135m"]


def test_a_second_ref_runs_beside_and_shares_the_models(
    spec: Spec, make: Make, runtime: ComposeRuntime
) -> None:
    other = make(engine.PUBLISHED_COMPOSE, engine.PUBLISHED_MANIFEST, ref="v1.0")
    runtime.start(spec, silent)
    runtime.start(other, silent)
    one, two = ready(runtime, spec), ready(runtime, other)
    assert one.url != two.url
    mounts = [engine.containers(s)[0]["Mounts"][0]["Name"] for s in (spec, other)]
    assert mounts == [f"{spec.volume_scope}_ollama_data"] * 2
    gone = runtime.remove(spec, volumes=True)
    assert f"(kept, in use: volume {mounts[0]})" in gone
    assert models(runtime.condition(other).url) == ["smollm2:135m"]


def test_start_of_a_running_one_leaves_it_and_names_restart(
    spec: Spec, runtime: ComposeRuntime
) -> None:
    runtime.start(spec, silent)
    first = ready(runtime, spec)
    again = runtime.start(spec, silent)
    assert (again.url, again.started_at) == (first.url, first.started_at)
    assert again.notes == ("ollama was already running",)
    other = ComposeRuntime()  # as another kernel would have it
    changed = replace(spec, environment={"OLLAMA_NUM_PARALLEL": "2"})
    adopted = other.start(changed, silent)
    assert adopted.started_at == first.started_at
    assert "%mc restart ollama" in adopted.notes[0]
    runtime.stop(changed)
    runtime.start(changed, silent)
    (item,) = engine.containers(spec)
    assert engine.environment_of(item["Id"])["OLLAMA_NUM_PARALLEL"] == "2"


_START = """
import sys, pickle
from pathlib import Path
from support import engine
from support.engine import Make, ready
from mc_jupyter.runtimes.compose import ComposeRuntime
spec = engine.spec_for(Path(sys.argv[1]), Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
condition = ComposeRuntime().start(spec, lambda event: None)
print(condition.state, condition.url)
"""


def test_two_processes_start_at_once(spec: Spec, runtime: ComposeRuntime, mc_home: Path) -> None:
    assert spec.folder is not None
    command = [sys.executable, "-c", _START, str(spec.folder), str(mc_home)]
    tests = str(Path(engine.__file__).parents[1])
    children = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tests
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    answers = {child.communicate(timeout=60)[0] for child in children}
    assert [child.returncode for child in children] == [0] * 4
    assert len(answers) == 1, answers
    assert answers.pop().startswith("running http://127.0.0.1:")
    assert len(engine.containers(spec)) == 1
    network = f"name={spec.project}_default"
    assert len(engine.docker("network", "ls", "-q", "--filter", network).split()) == 1


def test_found_by_a_kernel_that_did_not_load_it(spec: Spec, runtime: ComposeRuntime) -> None:
    runtime.start(replace(spec, commit="c" * 40), silent)
    condition = ready(runtime, spec)
    (found,) = discover(spec.data.parent)
    assert (found.project, found.identifier) == (spec.project, spec.canonical)
    assert (found.ref, found.handle, found.commit) == ("HEAD", "ollama", "c" * 40)
    assert (found.state, found.url) == ("running", condition.url)
    assert found.project in {other.project for other in discover()}
    runtime.stop(spec)
    assert discover(spec.data.parent) == []


def test_a_killed_container_is_not_a_stopped_one(spec: Spec, runtime: ComposeRuntime) -> None:
    runtime.start(spec, silent)
    ready(runtime, spec)
    (item,) = engine.containers(spec)
    engine.docker("kill", item["Id"])
    condition = wait_until(
        lambda: (c := runtime.condition(spec)).state == "exited" and c, what="exited"
    )
    assert (condition.detail, condition.exit_code) == ("was killed (exit code 137)", 137)
    runtime.start(spec, silent)
    assert models(ready(runtime, spec).url) == ["smollm2:135m"]
