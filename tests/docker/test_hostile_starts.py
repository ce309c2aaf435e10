"""Repositories of tests/hostile, started for real: nothing of the host or of others gets out.

At each run 30 of them, all with ``make test-long`` (MC_TEST_HOSTILE).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hostile.repositories import HARMLESS, IMAGE, LOOT, REPOSITORIES, Repository
from hostile.scene import Scene, scene, swapped
from support import engine
from support.wait import wait_until

from mc_jupyter.errors import MediaConduitError, StartError
from mc_jupyter.events import silent
from mc_jupyter.manifest import read_manifest
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime, labels

IS_LONG = bool(os.environ.get("MC_TEST_HOSTILE"))
STARTED = [case for case in REPOSITORIES if case.is_started or IS_LONG]
SWAPS = 300 if IS_LONG else 10
_MINE = "mc-jupyter-test.hostile"


@pytest.fixture(scope="module")
def other(
    engine_or_reason: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A scene with a container, a network and a volume of somebody else's, which have the secret."""
    if engine_or_reason:
        pytest.skip(engine_or_reason)
    with scene(tmp_path_factory.mktemp("scene").resolve()) as made:
        made.other = f"mc-hostile-{made.secret[-8:]}"
        label = ("--label", _MINE)
        engine.docker("network", "create", *label, made.other)
        engine.docker("volume", "create", *label, made.other)
        keeps = f"mkdir -p /v; echo {made.secret} | tee /v/index.html /v/leak; cd /v; exec python3 -m http.server 80"
        run = (
            "run",
            "-d",
            *label,
            "--name",
            made.other,
            "--network",
            made.other,
            "-v",
            f"{made.other}:/v",
        )
        engine.docker(*run, "-e", f"LEAK={made.secret}", IMAGE, "sh", "-c", keeps)
        try:
            yield made
        finally:
            engine.docker("rm", "-f", "-v", made.other)
            engine.docker("network", "rm", made.other)
            engine.docker("volume", "rm", made.other)


@pytest.fixture
def home(mc_home: Path, base: str) -> Iterator[Path]:
    yield mc_home
    engine.sweep(mc_home)


def spec_of(folder: Path, home: Path) -> Spec:
    if not (folder / "MediaConduit.service.yml").is_file():
        pytest.skip("no service")
    spec = engine.spec_for(folder, home)
    return replace(spec, manifest=read_manifest(folder), environment={})


def printed(runtime: ComposeRuntime, spec: Spec) -> str:
    """What the service's containers printed, once they have done what they wanted to."""
    found = engine.containers(spec)
    for item in found:
        name = str(item["Id"])

        def is_done(name: str = name) -> bool:
            is_running = engine.inspect(name)["State"]["Status"] == "running"
            return not is_running or "end-of-loot" in engine.docker("logs", name)

        wait_until(is_done, 20)
    return "".join(engine.docker("logs", str(item["Id"])) for item in found)


def judge(place: Scene, spec: Spec, runtime: ComposeRuntime, home: Path) -> list[str]:
    """What got out of one start."""
    found = []
    try:
        runtime.start(spec, silent)
    except MediaConduitError as error:
        found += ["a secret in the error"] if place.has_secret(error) else []
    text = printed(runtime, spec)
    found += ["a secret was printed"] if place.has_secret(text) else []
    found += ["processes of the host"] if "dockerd" in text else []
    for item in engine.containers(spec):
        facts = engine.inspect(str(item["Id"]))
        wishes = facts["HostConfig"]
        found += (
            ["privileged"] if wishes["Privileged"] or wishes["CapAdd"] or wishes["Devices"] else []
        )
        found += [f"bound {bind}" for bind in wishes["Binds"] or () if str(place.outside) in bind]
        for key in ("PidMode", "IpcMode", "UTSMode", "UsernsMode", "NetworkMode"):
            found += [key] if wishes[key].startswith(("host", "container:")) else []
        networks = facts["NetworkSettings"]["Networks"]
        found += [f"network {name}" for name in networks if not name.startswith(spec.project)]
        found += (
            [f"home {facts['Config']['Labels'][labels.HOME]}"]
            if (facts["Config"]["Labels"][labels.HOME] != labels.home_of(home / "data"))
            else []
        )
    images = engine.docker("image", "inspect", IMAGE).count('"Id"')
    found += [] if images == 1 else ["the base image is gone"]
    return found + place.leaks(home / "data")


@pytest.mark.parametrize("case", STARTED, ids=lambda case: case.name)
def test_nothing_gets_out(
    case: Repository, other: Scene, runtime: ComposeRuntime, home: Path, tmp_path: Path
) -> None:
    other.requests.clear()
    number = REPOSITORIES.index(case)
    folder = other.repository(number, case)
    try:
        spec = spec_of(folder, home)
    except MediaConduitError:
        return
    assert judge(other, spec, runtime, home) == []


# --- the judge sees a leak where there is one

PLAIN = ["key: host's network", "key: folder of the host", "key: pid host", "key: another's network",
         "top: network of others", "top: volume of others", "env: by name", "build: ADD"]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_compose_alone_lets_it_out(name: str, other: Scene, home: Path, base: str) -> None:
    (case,) = [case for case in REPOSITORIES if case.name == name]
    other.requests.clear()
    folder = other.repository(1000 + REPOSITORIES.index(case), case)
    file = folder / "docker-compose.yml"
    file.write_text(file.read_text().replace('ports: ["80"]', "tty: false"))
    compose = ["docker", "compose", "-p", other.other, "-f", str(file)]
    try:
        subprocess.run([*compose, "up", "-d", "--build"], capture_output=True, timeout=60)
        text = ""

        def is_out() -> bool:
            nonlocal text
            text = subprocess.run([*compose, "logs"], capture_output=True, text=True).stdout
            return bool(other.has_secret(text) or other.requests or "dockerd" in text)

        wait_until(is_out, 20)
    finally:
        subprocess.run([*compose, "down", "--rmi", "local", "-t", "0"], capture_output=True)
        for left in other.outside.glob("mark*"):
            left.unlink()
        other.requests.clear()


SWAPPER = f"""services:
  web:
    image: {IMAGE}
    command: ["sh", "-c", "cd /w; while :; do mv in on; ln -s @OUTSIDE@ in; rm in; mv on in; done"]
    volumes: [".:/w"]
"""
SWAPPED = f"""services:
  web:
    image: {IMAGE}
    command: ["sh", "-c", "{LOOT}"]
    volumes: ["./in:/loot"]
"""


@pytest.mark.timeout(1800)
def test_files_that_change_while_it_is_started(
    other: Scene, runtime: ComposeRuntime, home: Path, tmp_path: Path
) -> None:
    """A folder that is bound stays where it is: see docs/security.md."""
    other.requests.clear()
    compose = SWAPPED.replace("volumes:", "env_file: a.env\n    volumes:")
    files = {**HARMLESS, "docker-compose.yml": compose}
    folder = other.write(files, tmp_path / "repositories" / "swapped")
    del files["in/x"]
    spec = spec_of(folder, home)
    stop = threading.Event()
    thread = threading.Thread(target=swapped, args=(other, folder, files, stop))
    thread.start()
    starts = 0
    try:
        for number in itertools.count():
            assert judge(other, spec, runtime, home) == []
            starts += bool(engine.containers(spec))
            runtime.remove(spec, volumes=True)
            if number >= SWAPS and starts >= SWAPS // 10:
                break
    finally:
        stop.set()
        thread.join()


def test_a_container_that_changes_what_another_service_binds(
    other: Scene, runtime: ComposeRuntime, home: Path, tmp_path: Path
) -> None:
    files = {**HARMLESS, "docker-compose.yml": SWAPPER}
    folder = other.write(files, tmp_path / "repositories" / "shared")
    swapper = spec_of(folder, home)
    runtime.start(swapper, silent)
    other.write({"docker-compose.yml": SWAPPED}, folder)
    later = replace(swapper, project=f"{swapper.project}-2", data=home / "data" / "second")
    for _ in range(10):
        assert judge(other, later, runtime, home) == []
        runtime.remove(later, volumes=True)


def test_a_folder_that_another_service_can_write_around(
    other: Scene, runtime: ComposeRuntime, home: Path, tmp_path: Path
) -> None:
    holds = f"services: {{web: {{image: '{IMAGE}', command: sleep 60, volumes: ['.:/w']}}}}\n"
    folder = other.write({**HARMLESS, "docker-compose.yml": holds}, tmp_path / "around")
    first = spec_of(folder, home)
    runtime.start(first, silent)
    other.write({"docker-compose.yml": SWAPPED}, folder)
    later = replace(first, project=f"{first.project}-2", data=home / "data" / "second")
    with pytest.raises(StartError, match=r"can write to .*/around around it"):
        runtime.start(later, silent)
    runtime.remove(first, volumes=True)
    runtime.start(later, silent)
    assert len(engine.containers(later)) == 1


def test_a_container_that_changes_what_its_next_version_binds(
    other: Scene, runtime: ComposeRuntime, home: Path, tmp_path: Path
) -> None:
    files = {**HARMLESS, "docker-compose.yml": SWAPPER}
    folder = other.write(files, tmp_path / "repositories" / "fetched")
    first = replace(spec_of(folder, home), commit="1" * 40)
    later = replace(first, commit="2" * 40)
    for _ in range(5):
        other.write({"docker-compose.yml": SWAPPER}, folder)
        runtime.start(first, silent)
        other.write({"docker-compose.yml": SWAPPED}, folder)
        with contextlib.suppress(MediaConduitError):
            runtime.start(later, silent)  # it runs, and is left as it is
        runtime.stop(first)
        assert judge(other, later, runtime, home) == []
        runtime.remove(later, volumes=False)
