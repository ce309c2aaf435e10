"""Prompt cells as a person has them: the embedded engine with its real model, in JupyterLab."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from playwright.sync_api import expect
from support.lab import Notebook, Open, drops
from support.lab_server import processes_of
from support.wait import wait_until

MODEL = "smollm2:135m"
SET_UP = (
    "%load_ext mc_jupyter",
    "%mc load github:MediaConduit/ollama-service",
    "%mc start ollama",
    # No prompt: the model is loaded into memory. On one thread: two halt beside a busy browser
    f"%%ollama {MODEL} --option num_thread=1",
)
ASK = len(SET_UP)  # the number of the first cell after these
CELL = f"%%ollama {MODEL} --option num_thread=1 --temperature 0 --seed 1 --num-predict"
FRANCE = f"{CELL} 60\nWhat is the capital of France?"
STORY = f"{CELL} 300\nWrite a long story about the sea."
LIST = f"{CELL} 300\nWrite a numbered list of ten animals, each with a sentence."
ANSWERED = f"{MODEL} · embedded · "


def ready(open_notebook: Open, *cells: str) -> Notebook:
    """A notebook with these cells after those that load and start, which have run."""
    notebook = open_notebook([*SET_UP, *cells])
    for number in range(ASK):
        notebook.run(number)
    expect(notebook.outputs(ASK - 1)).to_contain_text("is loaded")
    return notebook


def until_it_streams(notebook: Notebook, cell: int = ASK) -> None:
    """Wait until some of the answer is there, and the line that counts its tokens."""
    expect(notebook.outputs(cell)).to_contain_text("tokens/s", timeout=30_000)


@pytest.mark.parametrize(("prompt", "element"), [(STORY, "p"), (LIST, "li")], ids=["story", "list"])
def test_an_answer_streams_and_ends_as_html(open_notebook: Open, prompt: str, element: str) -> None:
    notebook = ready(open_notebook, prompt)
    sampler = notebook.sample_heights(notebook.selector(ASK))
    notebook.run(ASK, wait=False)
    until_it_streams(notebook)
    assert notebook.count(ASK) == "*"
    notebook.screenshot(f"streaming-{element}")
    notebook.wait()
    shown = notebook.outputs(ASK)
    expect(shown.locator("small")).to_contain_text(re.compile(rf"{ANSWERED}\d+ tokens"))
    expect(shown).not_to_contain_text("tokens/s")
    assert shown.locator(element).count() >= 3
    seen = sampler.stop()
    texts = [one for one in seen if one.length and one.busy]
    assert len(texts) >= 6
    assert all(a.length <= b.length for a, b in itertools.pairwise(texts))
    assert drops([one for one in seen if one.length]) == []
    notebook.screenshot(f"answer-{element}")


def test_interrupt_keeps_what_came(open_notebook: Open) -> None:
    notebook = ready(open_notebook, STORY)
    notebook.run(ASK, wait=False)
    until_it_streams(notebook)
    pressed = time.monotonic()
    notebook.interrupt()
    notebook.wait()
    assert time.monotonic() - pressed < 1.0
    answer, error = notebook.outputs(ASK).all()
    expect(answer.locator("small")).to_have_text(f"{ANSWERED}interrupted")
    expect(error).to_have_text(
        f"Interrupted: {MODEL} was interrupted; what came of its answer is in _answer"
    )
    partial = notebook.kernel_execute("print(_answer.text, end='')")
    assert partial
    expect(answer).to_contain_text(partial.split("\n")[0].strip())
    notebook.screenshot("interrupted")
    notebook.save()
    kept = notebook.saved()["cells"][ASK]["outputs"]
    assert [one["output_type"] for one in kept] == ["display_data", "error"]
    assert "".join(kept[0]["data"]["text/plain"]) == partial


def test_run_all_stops_where_it_is_interrupted(open_notebook: Open) -> None:
    cells = ("before = 1\nprint('before')", STORY, "after = 1\nprint('after')", FRANCE)
    notebook = open_notebook([*SET_UP, *cells])
    story = ASK + 1
    notebook.run_all(wait=False)
    until_it_streams(notebook, story)
    notebook.interrupt()
    notebook.wait()
    expect(notebook.outputs(ASK)).to_have_text("before")
    expect(notebook.outputs(story).last).to_contain_text("Interrupted: ")
    for number in (story + 1, story + 2):
        assert notebook.count(number) == ""
        expect(notebook.outputs(number)).to_have_count(0)
    assert notebook.kernel_execute("print('before' in dir(), 'after' in dir())") == "True False\n"
    notebook.run(story + 2)
    expect(notebook.outputs(story + 2)).to_contain_text("Paris")


def test_a_saved_notebook_shows_its_answers_without_a_kernel(open_notebook: Open) -> None:
    notebook = ready(open_notebook, FRANCE, STORY)
    notebook.run(ASK)
    notebook.run(ASK + 1)
    notebook.save()
    for number in (ASK, ASK + 1):
        (output,) = notebook.saved()["cells"][number]["outputs"]
        assert set(output["data"]) == {"text/plain", "text/html"}
        assert ANSWERED not in "".join(output["data"]["text/plain"])
    notebook.shutdown_kernel()
    notebook.reopen(kernel=False)
    expect(notebook.outputs(ASK)).to_contain_text("Paris")
    expect(notebook.outputs(ASK).locator("small")).to_contain_text(ANSWERED)
    expect(notebook.outputs(ASK + 1).locator("small")).to_contain_text("cut off at the token limit")
    assert notebook.outputs(ASK + 1).locator("p").count() >= 3
    notebook.screenshot("reopened")


def test_a_restarted_kernel_has_an_engine_of_its_own(open_notebook: Open) -> None:
    notebook = ready(open_notebook, FRANCE)

    def engines() -> list[int]:
        found = [one for one in processes_of(notebook.lab.home) if "serve" in one.cmdline()]
        return [one.pid for one in found]

    (first,) = wait_until(lambda: found if len(found := engines()) == 1 else [], what="one engine")
    notebook.restart()
    notebook.run_all()
    expect(notebook.outputs(ASK)).to_contain_text("Paris")
    (second,) = wait_until(lambda: found if len(found := engines()) == 1 else [], what="one engine")
    assert second != first


def test_tab_completes_a_verb(open_notebook: Open) -> None:
    notebook = open_notebook(["%load_ext mc_jupyter", ""])
    notebook.run(0)
    notebook.cell(1).locator(".cm-content").click()
    notebook.page.keyboard.type("%mc st")
    notebook.page.keyboard.press("Tab")
    offered = notebook.page.locator(".jp-Completer:visible .jp-Completer-match")
    expect(offered).to_have_text(["start", "status", "stop"])
    notebook.screenshot("completion")
