"""The panel in a kernel whose services run on Docker; a page without a browser clicks on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import engine
from support.engine import PUBLISHED_COMPOSE, PUBLISHED_MANIFEST, service_folder
from support.front import Front
from support.kernel import Kernel
from support.registry import published_slowly, why_no_registry
from support.wait import wait_until

from mc_jupyter.runtimes.compose import labels

MODEL = "smollm2:135m"
Fronts = Callable[[], Front]


@pytest.fixture
def fronts(mc_home: Path, tmp_path: Path) -> Iterator[Fronts]:
    """Start kernels with the extension, of one home; what they left on the engine is swept."""
    started: list[Kernel] = []

    def start() -> Front:
        folder = tmp_path / f"kernel-{len(started)}"
        folder.mkdir()
        env = {"MC_JUPYTER_HOME": str(mc_home), "MC_JUPYTER_RUNTIME": "docker"}
        started.append(Kernel(env, str(folder)))
        front = Front(started[-1])
        assert not front.run("%load_ext mc_jupyter\nimport mc_jupyter").error
        return front

    yield start
    for kernel in started:
        kernel.close()
    engine.sweep(mc_home)


@pytest.fixture
def sea(tmp_path: Path, ollama_standin: str) -> Path:
    """A repository of the published shape; its image is the stand-in."""
    manifest = PUBLISHED_MANIFEST.replace("ollama-service", "sea-service")
    return service_folder(tmp_path / "sea-service", PUBLISHED_COMPOSE, manifest, {})


def ours(home: Path) -> list[str]:
    """Ids of the containers that carry this home's label."""
    mine = f"label={labels.HOME}={labels.home_of(home / 'data')}"
    return engine.docker("ps", "-aq", "--no-trunc", "--filter", mine).split()


def heads(front: Front, words: str, timeout: float = 20) -> None:
    """Wait until the panel's first line says that; what was done last stays in a line below."""
    front.until(
        lambda: front.text.split("\n")[0].startswith(words), f"the heading {words!r}", timeout
    )


def press(front: Front, label: str) -> None:
    """Press a button, once it has that name."""
    front.until(lambda: label in front.labels(), f"a button {label!r}")
    front.click(label)


def started(fronts: Fronts, folder: Path) -> Front:
    """A kernel whose panel has loaded and started that service."""
    front = fronts()
    front.run("%mc panel")
    front.type("Load", str(folder))
    front.click("Load")
    front.says("loaded, not started")
    press(front, "Start sea")
    heads(front, "sea: running, answers", timeout=40)
    return front


def test_load_start_prompt_stop(fronts: Fronts, sea: Path, mc_home: Path) -> None:
    front = started(fronts, sea)
    front.says("docker")
    front.says(MODEL)
    front.until(lambda: " MB" in front.text, "its memory")
    for name, value in (("temperature", "0"), ("seed", "1"), ("num-predict", "12")):
        front.type(name, value)
    front.type("Prompt", "What is the capital of France?", "TextareaModel")
    front.click("Ask")
    front.says("Paris", timeout=60)
    front.until(lambda: "first token after" in front.text, "the end")
    front.says("docker · ")
    front.click("Follow logs")
    front.says("POST /api/chat 200")
    press(front, "Stop sea")
    heads(front, "sea: stopped")
    front.says("that was the last line: it has ended")
    front.until(lambda: "Start sea" in front.labels(), "the button's new name", timeout=1)
    (container,) = ours(mc_home)
    assert engine.inspect(container)["State"]["Status"] == "exited"


def test_what_happens_outside_is_shown(fronts: Fronts, sea: Path, mc_home: Path) -> None:
    slow = '    entrypoint: [sh, -c, "sleep 3; exec ollama serve"]\n    restart:'
    compose = sea / "docker-compose.yml"
    compose.write_text(compose.read_text().replace("    restart:", slow))
    front = started(fronts, sea)
    front.says("Models of sea")
    (container,) = ours(mc_home)
    engine.docker("kill", container)
    heads(front, "sea: was killed (exit code 137)", timeout=2)
    front.says("sea does not run", timeout=2)
    engine.docker("start", container)
    front.until(lambda: "Stop sea" in front.labels(), "its life", timeout=2)
    heads(front, "sea: running, does not answer")
    front.says("closed the connection without an answer")
    heads(front, "sea: running, answers")
    front.says("Models of sea", timeout=3)
    engine.docker("pause", container)
    heads(front, "sea: is paused", timeout=2)
    engine.docker("unpause", container)
    heads(front, "sea: running, answers", timeout=2)
    engine.docker("rm", "-f", container)
    heads(front, "sea: not started", timeout=2)


def test_another_kernel_is_shown(fronts: Fronts, sea: Path) -> None:
    front = started(fronts, sea)
    other = fronts()
    assert not other.run(f"%mc load {sea}").error
    assert not other.run("%mc stop sea").error
    heads(front, "sea: stopped", timeout=2)
    assert not other.run("%mc start sea").error
    heads(front, "sea: running, answers", timeout=2)
    assert not other.run("%mc remove sea").error
    heads(front, "sea: not started", timeout=2)
    press(front, "Start sea")
    heads(front, "sea: running, answers", timeout=40)


def test_nothing_is_sent_while_nothing_changes(fronts: Fronts, sea: Path) -> None:
    front = started(fronts, sea)
    front.says(MODEL)
    front.listen(1.5)  # what the first look brings
    assert front.listen(8) == []


@pytest.fixture
def far(base: str, tmp_path: Path) -> Iterator[str]:
    """An image of 5 MB that is not here, in a registry that is slow."""
    if reason := why_no_registry():
        pytest.skip(reason)
    slowly = published_slowly(tmp_path / "registry", base, "far", 5_000_000)
    with slowly as (image, _):
        yield image
        engine.try_docker("rmi", "-f", image)


def test_a_pull_shows_its_progress_and_is_cancelled(
    fronts: Fronts, far: str, mc_home: Path, tmp_path: Path
) -> None:
    manifest = engine.MANIFEST.replace("web-service", "sea-service")
    compose = engine.WEB.replace("mc-jupyter-test/base:1", far)
    front = fronts()
    front.run("%mc panel")
    folder = service_folder(tmp_path / "sea-service", compose, manifest, {})
    front.type("Load", str(folder))
    front.click("Load")
    front.says("loaded, not started")
    press(front, "Start sea")
    heads(front, f"sea: starting: pulling {far}")
    front.says("of 5 MB, ")
    front.says(" %")
    began = time.monotonic()
    front.click("Cancel")
    front.says("cancelled: starting sea", timeout=2)
    assert time.monotonic() - began < 1.5
    heads(front, "sea: loaded, not started", timeout=1)
    assert ours(mc_home) == []
    press(front, "Start sea")
    heads(front, "sea: running, answers", timeout=40)
    wait_until(lambda: len(ours(mc_home)) == 1, what="its container")
