"""What others did to a container, its network or the disk: said at once, with what helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import engine
from support.engine import Make, ready
from support.small_disk import small_disk

from mc_jupyter.errors import ConnectionFailedError, PolicyError, StartError
from mc_jupyter.events import silent
from mc_jupyter.prompting import live_client
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime
from mc_jupyter.service import Service

SOON = 5.0
"""Seconds within which an error comes; without one it was waited for as long as it lives."""


@pytest.fixture
def web(make: Make, base: str, runtime: ComposeRuntime) -> Spec:
    """A service that answers."""
    spec = make(engine.WEB)
    runtime.start(spec, silent)
    ready(runtime, spec)
    return spec


@pytest.fixture
def loaded(mc_home: Path, tmp_path: Path, base: str) -> Service:
    """The same, as a kernel has it."""
    folder = engine.service_folder(tmp_path / "web-service", engine.WEB, engine.MANIFEST, {})
    service = ServiceRegistry().get_service(str(folder), runtime="docker")
    service.start()
    return service


@pytest.fixture(autouse=True)
def _swept(mc_home: Path) -> Iterator[None]:
    yield
    engine.sweep(mc_home)


def disconnect(spec: Spec) -> str:
    """Take a service's container out of its network, and return the network's name."""
    (container,) = engine.containers(spec)
    (network,) = container["NetworkSettings"]["Networks"]
    engine.docker("network", "disconnect", "-f", network, container["Id"])
    return str(network)


def error_of(act: Callable[[], object], kind: type[Exception]) -> list[str]:
    """The lines of an error that comes soon."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        act()
    assert time.monotonic() - began < SOON
    return str(caught.value).splitlines()


def test_a_paused_service_is_called_so_and_start_lets_it_go_on(
    web: Spec, runtime: ComposeRuntime
) -> None:
    (container,) = engine.containers(web)
    engine.docker("pause", container["Id"])
    assert runtime.condition(web).state == "paused"
    assert error_of(lambda: ready(runtime, web), StartError) == ["web is paused", "%mc start web"]
    assert runtime.start(web, silent).notes == ("web was paused, and goes on",)
    ready(runtime, web)
    assert engine.containers(web)[0]["Id"] == container["Id"], "it was not made again"


def test_a_paused_service_is_stopped(web: Spec, runtime: ComposeRuntime) -> None:
    engine.docker("pause", engine.containers(web)[0]["Id"])
    runtime.stop(web)
    assert runtime.condition(web).state == "stopped"


def test_a_paused_service_is_asked_after_it_was_let_go_on(loaded: Service) -> None:
    (container,) = engine.containers(loaded.placement.spec)
    engine.docker("pause", container["Id"])
    assert live_client(loaded, silent).call("GET", "/").status == 200
    engine.docker("pause", container["Id"])
    assert loaded.status().state == "paused"
    assert error_of(loaded.client, ConnectionFailedError) == ["web is paused", "%mc start web"]


def test_one_without_its_network_says_so_and_restart_mends_it(loaded: Service) -> None:
    disconnect(loaded.placement.spec)
    wanted = ["web is cut off from its Docker network", "%mc restart web"]
    assert error_of(lambda: live_client(loaded, silent), StartError) == wanted
    assert error_of(loaded.start, StartError) == wanted
    assert loaded.status().state == "disconnected"
    assert error_of(loaded.client, ConnectionFailedError) == wanted
    assert loaded.restart().healthy
    assert live_client(loaded, silent).call("GET", "/").status == 200


def test_one_whose_network_was_removed_while_it_ran_is_mended_by_restart(loaded: Service) -> None:
    engine.docker("network", "rm", disconnect(loaded.placement.spec))
    assert error_of(loaded.start, StartError)[1] == "%mc restart web"
    assert loaded.restart().healthy


def test_one_whose_network_was_removed_while_it_was_stopped_starts(
    web: Spec, runtime: ComposeRuntime
) -> None:
    (network,) = engine.containers(web)[0]["NetworkSettings"]["Networks"]
    runtime.stop(web)
    engine.docker("network", "rm", network)
    runtime.start(web, silent)
    ready(runtime, web)


def test_one_that_is_stopped_on_a_full_disk_did_not_end_by_itself(
    make: Make, base: str, runtime: ComposeRuntime, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        spec = make(engine.WEB, data=disk / "data" / "web")
        try:
            runtime.start(spec, silent)
            with pytest.raises(OSError, match="No space left"), open(disk / "full", "wb") as file:
                file.write(bytes(2**21))
            runtime.stop(spec)
            assert runtime.condition(spec).state == "stopped"
        finally:
            engine.sweep(disk)


@pytest.mark.parametrize("image", ["", "image: ''", "image: ${NOWHERE_SET}"])
def test_a_service_without_an_image_is_told_so(
    make: Make, base: str, runtime: ComposeRuntime, image: str
) -> None:
    spec = make(f'services:\n  web:\n    ports: ["80"]\n    {image}\n')
    with pytest.raises(StartError, match=r"neither an image nor a build"):
        runtime.start(spec, silent)


@pytest.mark.parametrize("place", ["/proc/1/root", "./circle", "./" + "a" * 300, "./file/x"])
def test_a_bind_that_leads_nowhere_is_an_error_of_ours(
    make: Make, base: str, runtime: ComposeRuntime, place: str
) -> None:
    spec = make(engine.WEB + f'    volumes: ["{place}:/in"]\n', files={"file": ""})
    assert spec.folder is not None
    (spec.folder / "circle").symlink_to("circle")
    with pytest.raises(PolicyError, match="not allowed"):
        runtime.start(spec, silent)
