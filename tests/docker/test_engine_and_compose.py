"""Other Compose versions, a hung engine, and a kernel inside a container."""

from __future__ import annotations

import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from support import engine
from support.engine import Make, ready
from support.standin.build import ROOT

from mc_jupyter.errors import EngineUnavailableError
from mc_jupyter.events import silent
from mc_jupyter.runtimes.compose import ComposeRuntime
from mc_jupyter.runtimes.compose.engine import discover

COMPOSES = engine.compose_versions(ROOT / ".cache")


@pytest.mark.parametrize("program", COMPOSES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("way", ["plugin", "standalone"])
def test_other_versions_of_compose(
    program: Path,
    way: str,
    make: Make,
    base: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = engine.docker_config(tmp_path / "config", program)
    if way == "standalone":
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "docker-compose").symlink_to(program)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
        (config / "cli-plugins" / "docker-compose").unlink()
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    runtime = ComposeRuntime()
    if way == "standalone" and engine.has_compose():
        pytest.skip("this docker has a Compose plugin for all users")
    spec = make(engine.WEB + "    volumes: ['vol:/v', './own:/o']\nvolumes: {vol: }\n")
    runtime.start(spec, silent)
    assert ".".join(map(str, runtime.tools().compose_version)) == program.parent.name
    first = ready(runtime, spec)
    runtime.stop(spec)
    assert runtime.condition(spec).state == "stopped"
    runtime.start(spec, silent)
    assert ready(runtime, spec).url != first.url
    runtime.remove(spec, volumes=True)
    assert runtime.plan_removal(spec, volumes=True) == ()


def test_a_hung_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections and says nothing, as an engine does that is out of memory."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 's'}")
        began = time.monotonic()
        with pytest.raises(EngineUnavailableError, match="does not answer") as caught:
            ComposeRuntime().check()
        assert 4.5 < time.monotonic() - began < 8
        assert caught.value.hint is not None
        assert "systemctl restart docker" in caught.value.hint
        began = time.monotonic()
        assert discover() == []
        assert time.monotonic() - began < 5


def test_an_engine_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    for act in (ComposeRuntime().check, lambda: ComposeRuntime().condition(make(engine.WEB))):
        with pytest.raises(EngineUnavailableError, match="no Docker engine answers") as caught:
            act()
        assert (
            caught.value.hint == "start it: sudo systemctl start docker (or start Docker Desktop)"
        )
    assert discover() == []


@pytest.mark.parametrize("host", ["tcp://192.0.2.1:2375", "ssh://user@host"])
def test_a_remote_engine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineUnavailableError, match="remote") as caught:
        ComposeRuntime().check()
    assert host in caught.value.message
    assert discover() == []


def test_a_context_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """docker-py would quietly take another engine; the CLI, and we, do not."""
    monkeypatch.setenv("DOCKER_CONTEXT", "nonesuch")
    with pytest.raises(EngineUnavailableError, match="nonesuch"):
        ComposeRuntime().check()


def test_a_kernel_inside_a_container(base: str, runtime: ComposeRuntime) -> None:
    socket_path = runtime.tools().address.removeprefix("unix://")
    docker_program = Path(runtime.tools().docker).resolve()
    if "statically" not in subprocess.run(
        ["ldd", docker_program], capture_output=True, text=True
    ).stderr.replace("not a dynamic executable", "statically"):
        pytest.skip("the docker program is not static: it cannot be mounted into a container")
    check = (
        "from mc_jupyter.errors import EngineUnavailableError as E\n"
        "from mc_jupyter.runtimes.compose import detect\n"
        "try: detect.detect()\n"
        "except E as error: print(error)\n"
    )
    packages = sysconfig.get_paths()["purelib"]
    mounts = (f"{ROOT}:/src:ro", f"{packages}:/packages:ro", f"{socket_path}:/var/run/docker.sock")
    options = [part for mount in mounts for part in ("-v", mount)]
    options += ["-v", f"{docker_program}:/usr/bin/docker:ro", "-e", "PYTHONPATH=/src:/packages"]
    said = engine.docker("run", "--rm", *options, base, "python3", "-c", check)
    assert said.startswith("this kernel runs inside a container"), said
    named = ["--hostname", engine.docker("info", "--format", "{{.Name}}")]
    said = engine.docker("run", "--rm", *named, *options, base, "python3", "-c", check)
    assert said.startswith("this kernel runs inside a container"), said
    assert sys.version_info >= (3, 11)
