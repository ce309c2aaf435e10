"""The panel as a person has it whose services run on Docker, in JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support import engine
from support.lab import Notebook, Open
from support.lab_server import Lab
from support.standin import build

from mc_jupyter.runtimes.compose import labels

MODEL = "smollm2:135m"
PANEL = 2
LONG = 60_000  # ms


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    """Skip where there is no engine, or no image for it to run."""
    if reason := engine.why_no_engine():
        pytest.skip(reason)
    if not engine.has_compose():
        pytest.skip("Docker has no Compose here")
    try:
        build.ollama_image()
    except build.CannotBuild as reason:
        pytest.skip(str(reason))


@pytest.fixture
def swept(lab: Lab) -> Iterator[Path]:
    """The home of the lab's kernels; what they left on the engine goes."""
    yield lab.home
    engine.sweep(lab.home)


def container(home: Path) -> str:
    """The container that carries this home's label."""
    mine = f"label={labels.HOME}={labels.home_of(home / 'data')}"
    (found,) = engine.docker("ps", "-aq", "--filter", mine).split()
    return found


def test_load_start_prompt_killed_from_outside_start_stop(open_notebook: Open, swept: Path) -> None:
    notebook: Notebook = open_notebook(
        [
            "%load_ext mc_jupyter",
            "%mc load github:MediaConduit/ollama-service --runtime docker",
            "%mc panel",
        ]
    )
    notebook.run_all()
    panel = notebook.outputs(PANEL).last

    def click(name: str) -> None:
        panel.get_by_role("button", name=name, exact=True).click()

    def part(name: str) -> None:
        panel.get_by_role("tab", name=name, exact=True).click()

    click("Start ollama")
    head = panel.get_by_role("status").first  # what was done last stays in a line below
    expect(head).to_have_text("ollama: running, answers", timeout=LONG)
    expect(panel.get_by_role("row").filter(has_text="ollama").first).to_contain_text("docker")
    part("Playground")
    click("Options")
    for name, value in (("temperature", "0"), ("seed", "1"), ("num-predict", "12")):
        panel.get_by_label(name, exact=True).fill(value)
    panel.get_by_label("Prompt", exact=True).fill("What is the capital of France?")
    click("Ask")
    answer = panel.locator(".mcj-turn").last
    expect(answer).to_contain_text("Paris", timeout=LONG)
    expect(answer.locator("small").last).to_contain_text("docker · ", timeout=LONG)
    notebook.screenshot("panel-docker-answer")
    part("Services")
    engine.docker("kill", container(swept))
    expect(head).to_have_text("ollama: was killed (exit code 137)", timeout=2000)
    notebook.screenshot("panel-docker-killed")
    click("Start ollama")
    expect(head).to_have_text("ollama: running, answers", timeout=LONG)
    expect(panel).not_to_contain_text("starting ollama")
    click("Stop ollama")
    expect(head).to_have_text("ollama: stopped", timeout=20_000)
    expect(panel.get_by_role("button", name="Start ollama", exact=True)).to_be_visible()
    assert engine.inspect(container(swept))["State"]["Status"] == "exited"
