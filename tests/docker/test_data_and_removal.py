"""What stays and what goes: volumes, folders, a repository that was deleted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support import engine
from support.engine import Make, ready

from mc_jupyter.errors import MediaConduitError, PolicyError, StartError
from mc_jupyter.events import silent
from mc_jupyter.runtimes.compose import ComposeRuntime

WRITES = """\
services:
  web:
    image: mc-jupyter-test/base:1
    command: sh -c "echo kept >> /out/log; echo kept >> /vol/log; cat /in/text; exec python3 -m http.server 80"
    ports: ["80"]
    volumes: ["./out:/out", "./in:/in:ro", "vol:/vol"]
volumes: {vol: {name: fixed_name}}
networks: {default: {name: fixed_network}}
"""  # noqa: E501


def test_what_the_repository_lacks_lies_in_the_data(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    spec = make(WRITES, files={"in/text": "from the repository"})
    assert spec.folder is not None
    for _ in range(2):
        runtime.start(spec, silent)
        ready(runtime, spec)
        runtime.stop(spec)
    assert (spec.data / "binds" / "out" / "log").read_text() == "kept\n" * 2
    assert not (spec.folder / "out").exists()
    assert "from the repository" in runtime.logs(spec, 10)

    planned = runtime.plan_removal(spec, volumes=False)
    assert planned == (
        f"container {spec.project}-web-1",
        f"network {spec.project}_default",
    )
    assert runtime.remove(spec, volumes=False) == planned
    assert runtime.condition(spec).state == "absent"
    assert (spec.data / "binds" / "out" / "log").exists()

    everything = runtime.plan_removal(spec, volumes=True)
    assert everything == (f"volume {spec.volume_scope}_vol", f"folder {spec.data}")
    assert runtime.remove(spec, volumes=True) == everything
    assert not spec.data.exists()
    assert runtime.plan_removal(spec, volumes=True) == ()
    assert runtime.remove(spec, volumes=True) == ()


def test_odd_characters_in_the_path(make: Make, base: str, runtime: ComposeRuntime) -> None:
    """Compose interpolates the generated file, too."""
    name = "a $HOME of ${its} own"
    spec = make(engine.WEB, name=name, canonical=f"/x/{name}")
    runtime.start(spec, silent)
    ready(runtime, spec)
    (item,) = engine.containers(spec)
    assert item["Config"]["Labels"]["io.mediaconduit.jupyter.identifier"] == f"/x/{name}"
    binds = make(WRITES, name=name, files={"in/text": "hello"})
    with pytest.raises(PolicyError, match="dollar sign"):
        runtime.start(binds, silent)


def test_stop_and_remove_without_the_repository(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    spec = make(engine.WEB)
    assert spec.folder is not None
    runtime.start(spec, silent)
    shutil.rmtree(spec.folder)
    runtime.stop(spec)
    assert runtime.condition(spec).state == "stopped"
    runtime.remove(spec, volumes=True)
    assert engine.containers(spec) == []


def test_stop_of_what_was_never_started(make: Make, runtime: ComposeRuntime) -> None:
    spec = make(engine.WEB)
    runtime.stop(spec)
    assert runtime.condition(spec).state == "absent"
    assert runtime.logs(spec, 10) == ""


def test_the_manifest_s_volumes_where_nothing_is_mounted(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    manifest = """\
name: web-service
docker:
  serviceName: web
  volumes: ["other:/root/.cache", "models:/models", "./voices:/voices:ro"]
  healthCheck: {endpoint: /}
"""
    compose = engine.WEB + '    volumes: ["models:/models"]\nvolumes: {models: }\n'
    spec = make(compose, manifest)
    runtime.start(spec, silent)
    ready(runtime, spec)
    mounts = {mount["Destination"]: mount for mount in engine.containers(spec)[0]["Mounts"]}
    assert mounts["/models"]["Name"] == f"{spec.volume_scope}_models"
    assert mounts["/root/.cache"]["Name"] == f"{spec.volume_scope}_other"
    assert mounts["/voices"]["Source"] == str(spec.data / "binds" / "voices")
    assert not mounts["/voices"]["RW"]


def test_a_gpu_that_is_not_there(make: Make, base: str, runtime: ComposeRuntime) -> None:
    if runtime.tools().nvidia:
        pytest.skip("this engine has NVIDIA's runtime")
    device = "{driver: nvidia, count: 1, capabilities: [gpu]}"
    reserves = engine.WEB + (
        f"    deploy: {{resources: {{reservations: {{devices: [{device}]}}, "
        "limits: {memory: 512M}}}\n"
    )
    spec = make(reserves)
    runtime.start(spec, silent)
    assert ready(runtime, spec).gpu == "no: Docker has no NVIDIA runtime"
    assert engine.containers(spec)[0]["HostConfig"]["Memory"] == 512 * 1024**2
    old = make(engine.WEB + "    runtime: nvidia\n", name="old", gpu="off")
    runtime.start(old, silent)
    assert ready(runtime, old).gpu == "no: --gpu off"
    with pytest.raises(StartError, match="no NVIDIA runtime"):
        runtime.start(make(reserves, name="must", gpu="on"), silent)


def test_a_data_folder_that_cannot_be_written(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    spec = make(engine.WEB)
    spec.data.parent.mkdir(parents=True)
    spec.data.write_text("a file in the folder's place")
    with pytest.raises(MediaConduitError, match="cannot be written"):
        runtime.start(spec, silent)
    spec.data.unlink()


WRITES_ALL = """\
services:
  web:
    image: mc-jupyter-test/base:1
    command: sh -c "echo changed > /w/MediaConduit.service.yml; echo x > /w/.git/config; echo y > /w/new;
      ls -a /w; exec python3 -m http.server 80"
    ports: ["80"]
    volumes: [".:/w"]
"""  # noqa: E501


def test_a_container_never_writes_into_a_fetched_repository(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    spec = make(WRITES_ALL, commit="1" * 40)
    assert spec.folder is not None
    before = {path: path.read_bytes() for path in spec.folder.rglob("*") if path.is_file()}
    for _ in range(2):
        runtime.start(spec, silent)
        ready(runtime, spec)
        runtime.stop(spec)
    assert before == {path: path.read_bytes() for path in spec.folder.rglob("*") if path.is_file()}
    repo = spec.data / "repo"
    assert (repo / "new").read_text() == "y\n"
    assert (repo / "MediaConduit.service.yml").read_text() == "changed\n"


KEEPS = """\
services:
  web:
    image: mc-jupyter-test/base:1
    command: sh -c "cat /w/in/text; echo mine >> /w/in/text; echo mine >> /w/log; rm -rf /w/deep;
      ln -s /outside /w/deep; exec python3 -m http.server 80"
    ports: ["80"]
    volumes: [".:/w"]
"""


def test_what_a_container_wrote_stays_over_a_new_commit(
    make: Make, base: str, runtime: ComposeRuntime, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    compose = KEEPS.replace("/outside", str(tmp_path / "outside"))
    files = {"in/text": "first\n", "deep/file": "1", "other": "1"}
    first = make(compose, files=files, commit="1" * 40)
    runtime.start(first, silent)
    ready(runtime, first)
    runtime.stop(first)
    assert first.folder is not None
    repo = first.data / "repo"
    assert (repo / "deep").is_symlink()

    (first.folder / "other").write_text("2")  # in/text is the same in this commit
    (first.folder / "deep" / "file").write_text("2")
    second = replace(first, commit="2" * 40)
    condition = runtime.start(second, silent)
    assert condition.notes[0] == f"changed files are kept in {repo}: deep.before-22222222"
    ready(runtime, second)
    runtime.stop(second)
    assert (repo / "in" / "text").read_text() == "first\nmine\nmine\n"
    assert (repo / "log").read_text() == "mine\nmine\n"
    assert (repo / "other").read_text() == "2"

    (first.folder / "in" / "text").write_text("third\n")
    third = replace(first, commit="3" * 40)
    condition = runtime.start(third, silent)
    assert "in/text.before-33333333" in condition.notes[0]
    ready(runtime, third)
    runtime.stop(third)
    assert (repo / "in" / "text").read_text() == "third\nmine\n"
    assert (repo / "in" / "text.before-33333333").read_text() == "first\nmine\nmine\n"
    assert list((tmp_path / "outside").iterdir()) == []
    assert (first.folder / "in" / "text").read_text() == "third\n"


def test_a_clone_of_one_s_own_is_read_only(make: Make, base: str, runtime: ComposeRuntime) -> None:
    spec = make(WRITES_ALL, files={".git/config": "mine"})
    assert spec.folder is not None
    condition = runtime.start(spec, silent)
    assert condition.notes[0].startswith("/w is read-only in the container: ")
    ready(runtime, spec)
    assert (spec.folder / ".git" / "config").read_text() == "mine"
    assert not (spec.folder / "new").exists()
    runtime.remove(spec, volumes=True)

    (spec.folder / ".git" / "config").unlink()
    (spec.folder / ".git").rmdir()
    condition = runtime.start(spec, silent)
    assert condition.notes[0] == f"web can write to {spec.folder.resolve()}"
    ready(runtime, spec)
    assert (spec.folder / "new").read_text() == "y\n"
