"""What a service wants of the machine, in words, and when that is a refusal."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from mc_jupyter.errors import StartError
from mc_jupyter.events import Event, silent
from mc_jupyter.manifest import Requirements, parse_manifest
from mc_jupyter.placement import choose
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.requirements import There, compare, look_before_start
from mc_jupyter.runtimes import make
from mc_jupyter.runtimes.base import Condition, Spec, State
from mc_jupyter.runtimes.compose import ComposeRuntime, detect

GB = 1024**3
HERE = There(memory=int(7.7 * GB), memory_free=int(5.1 * GB), cpus=2, disk_free=30 * GB, gpu=False)


def less(there: There = HERE, **wants: float) -> str:
    wishes = compare(Requirements(**wants), there)  # type: ignore[arg-type]
    assert wishes.never == ()
    return "; ".join(wishes.less)


def never(there: There = HERE, **wants: float) -> str:
    return "; ".join(compare(Requirements(**wants), there).never)  # type: ignore[arg-type]


def test_what_is_there_is_not_spoken_of() -> None:
    assert less(memory_bytes=4 * GB, cpu=2.0, disk_bytes=20 * GB) == ""
    assert less(There(), memory_bytes=4 * GB, cpu=64, disk_bytes=20 * GB, gpu=True) == ""


def test_short_memory_is_a_word() -> None:
    assert less(memory_bytes=6 * GB) == "6 GB of memory, 5.1 GB free"
    assert less(memory_bytes=8 * GB) == "8 GB of memory, 5.1 GB free", "sold as 8 GB"
    small = replace(HERE, memory_free=200 * 1024**2)
    assert less(small, memory_bytes=512 * 1024**2) == "512 MB of memory, 200 MB free"


def test_memory_that_can_never_be_had_is_a_refusal() -> None:
    assert never(memory_bytes=9 * GB) == "9 GB of memory, and this machine has 7.7 GB in all"


def test_in_a_virtual_machine_only_all_of_its_memory_is_known() -> None:
    there = replace(HERE, memory_free=None, disk_free=None, place="Docker's virtual machine")
    assert less(there, memory_bytes=6 * GB) == ""
    assert less(there, memory_bytes=8 * GB) == (
        "8 GB of memory, Docker's virtual machine has 7.7 GB in all"
    )
    assert never(there, memory_bytes=16 * GB).endswith("Docker's virtual machine has 7.7 GB in all")
    assert less(there, disk_bytes=900 * GB) == ""


def test_disk_that_is_not_free_is_a_refusal() -> None:
    assert never(disk_bytes=31 * GB) == "31 GB of disk, 30 GB free"


def test_cores_and_a_gpu_are_words_only() -> None:
    assert less(cpu=4.0) == "4 cores, this machine has 2"
    assert less(gpu=True) == "a GPU, which Docker has not"
    assert less(replace(HERE, gpu=True), gpu=True) == ""
    assert compare(Requirements(gpu=True), HERE, "off").less == ()


# before a start --------------------------------------------------------------------------------


class Docker(ComposeRuntime):
    """The docker runtime of an engine that has nothing of ours; stands in for a real one."""

    def __init__(self, state: State = "absent") -> None:
        super().__init__()
        self.seen = Condition(state)
        self._tools = detect.Tools(
            docker="docker",
            compose=("docker", "compose"),
            compose_version=(2, 40, 3),
            address="unix:///x/.docker/run/docker.sock",
            engine_version=(28,),
            nvidia=False,
            root="/var/lib/docker",
            architecture="x86_64",
            memory=8 * GB,
            cpus=2,
        )

    def condition(self, spec: Spec) -> Condition:
        return self.seen


def spec(tmp_path: Path, wants: str) -> Spec:
    text = f"name: toy\ndocker: {{serviceName: toy}}\nrequirements: {wants}\n"
    return Spec(
        handle="toy",
        canonical="/toy",
        manifest=parse_manifest(text),
        project="mcj-toy",
        volume_scope="mcj-toy",
        data=tmp_path / "data",
        locks=tmp_path / "locks",
    )


def test_it_is_said_in_one_kept_line(tmp_path: Path) -> None:
    said: list[Event] = []
    notes = look_before_start(
        Docker(), spec(tmp_path, "{gpu: true, memory: 8GB, cpu: 4.0}"), False, said.append
    )
    line = (
        "toy wants 4 cores, Docker's virtual machine has 2; a GPU, which Docker has not: "
        "starting anyway"
    )
    assert notes == (line,)
    assert said == [Event("note", line, settled=True)]


def test_a_refusal_names_the_line_that_overrides_it(tmp_path: Path) -> None:
    wanted = spec(tmp_path, "{memory: 64GB}")
    with pytest.raises(StartError) as caught:
        look_before_start(Docker(), wanted, False, silent)
    assert str(caught.value) == (
        "toy wants 64 GB of memory, and Docker's virtual machine has 8 GB in all\n"
        "%mc start toy --force   tries all the same"
    )
    (note,) = look_before_start(Docker(), wanted, True, silent)
    assert note.endswith("8 GB in all: starting anyway")


def test_the_memory_of_ollama_is_that_of_its_models(tmp_path: Path) -> None:
    """The published 8 GB would keep a small model from a small machine."""
    wanted = spec(tmp_path, "{gpu: true, memory: 64GB, cpu: 4.0}")
    text = "name: toy\ndocker: {serviceName: ollama}\nrequirements: {gpu: true, memory: 64GB}\n"
    ollama = replace(wanted, manifest=parse_manifest(text))
    assert look_before_start(Docker(), ollama, False, silent) == ()
    with pytest.raises(StartError):
        look_before_start(Docker(), wanted, False, silent)


def test_what_runs_already_is_not_checked(tmp_path: Path) -> None:
    running = Docker("running")
    wanted = spec(tmp_path, "{memory: 64GB}")
    assert look_before_start(running, wanted, False, silent, ("said before",)) == ("said before",)


@pytest.mark.parametrize("name", ["url", "native", "embedded"])
def test_only_docker_is_checked(tmp_path: Path, name: str) -> None:
    wanted = spec(tmp_path, "{gpu: true, memory: 9000GB, cpu: 99}")
    said: list[Event] = []
    assert look_before_start(make(name), wanted, False, said.append) == ()
    assert said == []


def test_nothing_wanted_is_nothing_looked_at(tmp_path: Path) -> None:
    """A runtime that has not found Docker yet is not made to look for it."""
    assert look_before_start(ComposeRuntime(), spec(tmp_path, "{}"), False, silent) == ()


def test_a_service_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "MediaConduit.service.yml").write_text(
        "name: toy\ndocker: {serviceName: toy}\nrequirements: {memory: 64GB}\n"
    )
    registry = ServiceRegistry()
    registry._runtimes["docker"] = Docker()
    for runtime in ("docker", "auto"):
        service = registry.get_service(str(tmp_path), runtime=runtime)
        with pytest.raises(StartError, match=r"%mc start .* --force"):
            service.start()
        assert service.snapshot().state == "loaded"


def test_choose_asks_before_it_starts(tmp_path: Path) -> None:
    asked: list[str] = []

    def refuse(runtime: object) -> None:
        asked.append(getattr(runtime, "name", "?"))
        raise StartError("not now")

    (tmp_path / "MediaConduit.service.yml").write_text("name: t\ndocker: {serviceName: t}\n")
    service = ServiceRegistry().get_service(str(tmp_path), runtime="embedded")
    with pytest.raises(StartError, match="not now"):
        choose(service.placement, service.placement.spec, silent, refuse)
    assert asked == ["embedded"]


def test_the_engine_tells_its_memory_and_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = {
        "ServerVersion": "28.2.2",
        "MemTotal": 8232820736,
        "NCPU": 4,
        "Name": socket.gethostname(),
        "ClientInfo": {"Plugins": [{"Name": "compose", "Version": "v2.40.3"}]},
    }
    program = tmp_path / "docker"
    endpoint = '{"docker":{"Host":"unix:///var/run/docker.sock"}}'
    program.write_text(
        f"#!/bin/sh\ncase $1 in context) echo '{endpoint}';; info) echo '{json.dumps(info)}';;\n"
        "*) exit 1;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    tools = detect.detect()
    assert (tools.memory, tools.cpus) == (8232820736, 4)
