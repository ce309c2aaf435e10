"""A cancel from another thread, in the middle of a real pull and a real build."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from support import engine
from support.background import Background
from support.engine import Make, ready
from support.registry import published_slowly, why_no_registry
from support.wait import wait_until

from mc_jupyter.events import Event
from mc_jupyter.runtimes.compose import ComposeRuntime
from mc_jupyter.runtimes.compose.engine import Engine


def texts(events: list[Event]) -> str:
    return "\n".join(event.text for event in events)


def test_in_a_pull_which_ends_in_the_engine_and_can_be_done_again(
    make: Make, base: str, tmp_path: Path, runtime: ComposeRuntime
) -> None:
    if reason := why_no_registry():
        pytest.skip(reason)
    slowly = published_slowly(tmp_path / "registry", base, "cancelled", 5_000_000)
    with slowly as (image, broken):
        spec, events = make(engine.WEB.replace(base, image)), list[Event]()
        work = Background(lambda: runtime.start(spec, events.append))
        wait_until(lambda: "layer 2 of 2, 1 of 5 MB, " in texts(events), 20, "the download")
        work.cancel()
        wait_until(broken.is_set, what="the engine's end of the pull")
        assert Engine(runtime.tools().address).image(image) is None
        events.clear()
        try:
            runtime.start(spec, events.append)
            assert ready(runtime, spec).image == image
            kept = [event.text for event in events if event.settled and event.step == "image"]
            assert kept == [f"pulled {image} (5.0 MB)"]
            assert " left" in texts(events)
        finally:
            runtime.remove(spec, volumes=True)
            engine.docker("rmi", "-f", image)


def test_before_the_registry_has_said_a_word(runtime: ComposeRuntime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        image = f"127.0.0.1:{server.getsockname()[1]}/a/b:1"
        here = Engine(runtime.tools().address)
        work = Background(lambda: list(here.pull(image)))
        asking, _ = server.accept()
        with asking:
            work.cancel()


def test_in_a_build(make: Make, base: str, runtime: ComposeRuntime) -> None:
    dockerfile = f"FROM {base}\nRUN echo building for long; sleep 60\n"
    compose = "services: {web: {build: ., command: sleep 600}}\n"
    spec, events = make(compose, files={"Dockerfile": dockerfile}), list[Event]()
    work = Background(lambda: runtime.start(spec, events.append))
    wait_until(lambda: "building for long" in texts(events), 60, "the build")
    work.cancel()
    assert "building web: step 2/2 RUN echo building for long; sleep 60" in texts(events)
    assert not engine.containers(spec)
    wait_until(lambda: not _running(spec.project), what="the end of Compose")


def _running(project: str) -> list[str]:
    """The processes of Compose that still work on a project."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if project in line:
            found.append(line)
    return found


def test_a_build_tells_its_steps_and_leaves_one_line(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    new = time.time_ns() % 10**6  # else it comes from the build cache
    dockerfile = f"FROM {base}\nRUN echo {new}; sleep 1; echo two\nRUN echo three\n"
    compose = "services: {web: {build: ., command: sleep 600}}\n"
    spec, events = make(compose, files={"Dockerfile": dockerfile}), list[Event]()
    runtime.start(spec, events.append)
    told = [event for event in events if event.step == "build"]
    assert told[0].text == "building web"
    assert f"building web: step 2/3 RUN echo {new}; sleep 1; echo two: two" in texts(told)
    assert "building web: step 3/3 RUN echo three" in texts(told)
    assert [event.text for event in told if event.settled] == ["built web"]
