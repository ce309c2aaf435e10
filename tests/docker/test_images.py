"""Images that are not here: real pulls from a registry on loopback, and builds."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest
from support import engine
from support.engine import Make, ready
from support.registry import registry, why_no_registry

from mc_jupyter.errors import DownloadLimitError, ImageUnavailableError, StartError
from mc_jupyter.events import Event, silent
from mc_jupyter.runtimes.compose import ComposeRuntime
from mc_jupyter.runtimes.compose.engine import Engine


@pytest.fixture(scope="module")
def published(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of 40 MB that is in the registry and not here."""
    if reason := why_no_registry() or images.get("no base"):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("registry")
    (folder / "blob").write_bytes(os.urandom(40_000_000))
    (folder / "Dockerfile").write_text(f"FROM {images['base']}\nCOPY blob /blob\n")
    with registry(folder) as address:
        name = f"{address}/mc-jupyter-test/web:1"
        engine.docker("build", "-q", "-t", name, str(folder))
        engine.docker("push", "-q", name)
        engine.docker("rmi", name)
        yield name
        engine.docker("rmi", "-f", name)


@pytest.fixture
def missing(published: str) -> Iterator[str]:
    yield published
    engine.docker("rmi", "-f", published)


def web(image: str) -> str:
    return engine.WEB.replace("mc-jupyter-test/base:1", image)


def test_a_pull_shows_its_progress_and_starts(
    make: Make, missing: str, runtime: ComposeRuntime
) -> None:
    spec, events = make(web(missing)), list[Event]()
    runtime.start(spec, events.append)
    assert ready(runtime, spec).image == missing
    pulls = [event for event in events if event.step == "image"]
    assert pulls[0].text == f"pulling {missing}"
    sizes = [event for event in pulls if event.total]
    assert sizes
    assert all(0 <= (event.current or 0) <= (event.total or 0) for event in sizes)
    assert f"pulling {missing}: layer " in sizes[-1].text
    (kept,) = [event for event in pulls if event.settled]
    assert kept.text == f"pulled {missing} (40 MB)"
    events.clear()
    runtime.stop(spec)
    runtime.start(spec, events.append)
    assert not [event for event in events if event.step == "image"]


def test_the_download_limit_is_said_before_anything_is_fetched(
    make: Make, missing: str, runtime: ComposeRuntime
) -> None:
    spec = make(web(missing), max_download=10_000_000)
    with pytest.raises(DownloadLimitError, match=r"is \d+ MB, more than the limit of 10 MB") as e:
        runtime.start(spec, silent)
    assert " GB free" in e.value.message
    assert e.value.hint == f"fetch it yourself: docker pull {missing}"
    nothing = make(web(missing), max_download=0)
    with pytest.raises(DownloadLimitError, match="is not here, and nothing may be fetched"):
        runtime.start(nothing, silent)


def test_an_image_that_does_not_exist(make: Make, published: str, runtime: ComposeRuntime) -> None:
    nowhere = published.replace("web:1", "web:2")
    with pytest.raises(ImageUnavailableError, match="cannot be pulled") as caught:
        runtime.start(make(web(nowhere)), silent)
    assert "manifest" in caught.value.message or "not found" in caught.value.message
    assert caught.value.hint == f"try it yourself: docker pull {nowhere}"


def test_a_registry_that_is_not_there(make: Make, runtime: ComposeRuntime) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        image = f"127.0.0.1:{free.getsockname()[1]}/a/b:1"
    with pytest.raises(ImageUnavailableError, match="connection refused"):
        runtime.start(make(web(image)), silent)


def test_a_registry_that_never_answers(runtime: ComposeRuntime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        image = f"127.0.0.1:{server.getsockname()[1]}/a/b:1"
        here = Engine(runtime.tools().address)
        began = time.monotonic()
        with pytest.raises(ImageUnavailableError, match="the registry does not answer"):
            list(here.pull(image, first=1.0))
        assert time.monotonic() - began < 5


DOCKERFILE = """\
FROM mc-jupyter-test/base:1
ARG GREETING=hello
RUN echo $GREETING > /greeting
"""
BUILT = """\
services:
  web:
    build: {context: ., args: {GREETING: "${GREETING:-hello}"}}
    image: shared-name:latest
    command: python3 -m http.server 80
    ports: ["80"]
"""


def test_a_build_is_done_once_for_a_commit(make: Make, base: str, runtime: ComposeRuntime) -> None:
    files = {"Dockerfile": DOCKERFILE}
    spec, events = make(BUILT, files=files, commit="a" * 40), list[Event]()
    runtime.start(spec, events.append)
    assert ready(runtime, spec).image == f"{spec.project}-web:latest"
    assert next(event.text for event in events if event.step == "build") == "building web"
    runtime.stop(spec)
    events.clear()
    runtime.start(spec, events.append)
    assert not [event for event in events if event.step == "build"]
    runtime.stop(spec)
    changed = make(BUILT, files=files, commit="a" * 40, environment={"GREETING": "moo"})
    runtime.start(changed, events.append)
    assert [event for event in events if event.step == "build"]
    assert engine.docker("exec", engine.containers(spec)[0]["Id"], "cat", "/greeting") == "moo"
    assert f"image {spec.project}-web:latest" in runtime.plan_removal(spec, volumes=True)
    runtime.remove(spec, volumes=True)
    assert engine.docker("images", "-q", f"{spec.project}-web") == ""


def test_a_build_that_fails_shows_its_last_lines(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    broken = DOCKERFILE + "RUN echo about to fail; exit 7\n"
    with pytest.raises(StartError, match="could not be built") as caught:
        runtime.start(make(BUILT, files={"Dockerfile": broken}), silent)
    assert "exit 7" in caught.value.message
    assert "about to fail" in caught.value.message


def test_a_folder_is_built_at_each_start(make: Make, base: str, runtime: ComposeRuntime) -> None:
    spec = make(BUILT, files={"Dockerfile": DOCKERFILE})
    runtime.start(spec, silent)
    ready(runtime, spec)
    runtime.stop(spec)
    make(BUILT, files={"Dockerfile": DOCKERFILE + "RUN echo goodbye > /greeting\n"})
    runtime.start(spec, silent)
    number = engine.containers(spec)[0]["Id"]
    assert engine.docker("exec", number, "cat", "/greeting") == "goodbye"
