"""The panel as a person has it, on the embedded engine with its real model, in JupyterLab."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from playwright.sync_api import Locator, Page, expect
from support.lab import Notebook, Open, drops

MODEL = "smollm2:135m"
SET_UP = ("%load_ext mc_jupyter", "%mc panel")
PANEL = 1  # the cell that shows it
LONG = "Write a long story about the sea."
WITHIN = 20_000  # ms, on a busy machine


class Panel:
    """The panel in a notebook: what a person clicks and reads."""

    def __init__(self, notebook: Notebook, cell: int = PANEL) -> None:
        self.notebook = notebook
        self.page: Page = notebook.page
        self.root: Locator = notebook.cell(cell).locator(".jp-OutputArea-output").last

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def click(self, name: str) -> None:
        self.button(name).click()

    def part(self, name: str) -> None:
        self.root.get_by_role("tab", name=name, exact=True).click()

    def says(self, text: str | re.Pattern[str], timeout: float = WITHIN) -> None:
        expect(self.root).to_contain_text(text, timeout=timeout)

    def load_and_start(self) -> None:
        self.click("Load and start")
        self.says("ollama: running, answers")

    def ask(self, prompt: str, **options: str) -> None:
        """Type a prompt and press Ask; on one thread: two halt beside a busy browser."""
        self.part("Playground")
        if options and not self.root.get_by_label("seed", exact=True).is_visible():
            self.click("Options")
        for name, value in options.items():
            self.root.get_by_label(name.replace("_", "-"), exact=True).fill(value)
        self.root.get_by_label("Prompt", exact=True).fill(prompt)
        self.click("Ask")

    @property
    def answer(self) -> Locator:
        return self.root.locator(".mcj-turn").last


def opened(open_notebook: Open, *cells: str) -> Panel:
    """A notebook with the panel, and further cells, of which only the first two have run."""
    notebook = open_notebook([*SET_UP, *cells])
    notebook.run(0)
    notebook.run(PANEL)
    panel = Panel(notebook)
    expect(panel.root.get_by_role("tab", name="Services", exact=True)).to_be_visible()
    return panel


def test_load_start_pull_prompt_stop(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.says("No service is loaded")
    panel.notebook.screenshot("panel-empty")
    panel.root.get_by_label("Load", exact=True).fill("github:MediaConduit/ollama-service")
    panel.click("Load")
    panel.says("loaded, not started")
    panel.click("Start ollama")
    panel.says("running, answers")
    panel.says("(same as %mc start ollama)")
    panel.part("Models")
    panel.says("Models of ollama")
    panel.root.get_by_label("Pull", exact=True).fill(MODEL)
    panel.click("Pull")
    panel.says(f"pulled {MODEL}")
    panel.says("free on")
    panel.click("Load into memory")
    panel.says(f"{MODEL} is in memory")
    expect(panel.root.locator("td", has_text="yes, 100% CPU")).to_be_visible(timeout=WITHIN)
    panel.notebook.screenshot("panel-models")
    panel.ask("What is the capital of France?", temperature="0", seed="1", num_predict="60")
    expect(panel.answer).to_contain_text("Paris", timeout=60_000)
    expect(panel.answer.locator("small").last).to_contain_text(re.compile(r"embedded · \d+ tokens"))
    panel.part("Services")
    panel.click("Stop ollama")
    panel.says("ollama: stopped")
    expect(panel.button("Start ollama")).to_be_visible()
    assert "stopped" in panel.notebook.kernel_execute(
        "print(get_ipython().run_line_magic('mc', 'status'))"
    )


def test_an_answer_streams_without_a_height_drop(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.load_and_start()
    panel.ask(LONG, temperature="0", num_predict="200")
    expect(panel.answer).to_contain_text("tokens/s", timeout=60_000)
    sampler = panel.notebook.sample_heights(".mcj-turn")
    panel.notebook.screenshot("panel-streaming")
    expect(panel.answer.locator("small").last).to_contain_text("first token after", timeout=90_000)
    seen = [one for one in sampler.stop() if one.length]
    assert len(seen) >= 4
    assert seen[-1].height > seen[0].height
    assert drops(seen[:-1]) == []  # the last state has another line below


def test_stop_ends_it_within_a_second(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.load_and_start()
    panel.ask(LONG, num_predict="2000")
    expect(panel.answer).to_contain_text("tokens/s", timeout=60_000)
    pressed = time.monotonic()
    panel.click("Stop")
    expect(panel.answer).to_contain_text("interrupted", timeout=2000)
    assert time.monotonic() - pressed < 1.0
    panel.says("cancelled: asking")


def test_interrupt_ends_it_while_a_cell_runs_and_the_cell_too(open_notebook: Open) -> None:
    panel = opened(open_notebook, "import time; time.sleep(60)", "after = 1")
    panel.load_and_start()
    panel.ask(LONG, num_predict="2000")
    expect(panel.answer).to_contain_text("tokens/s", timeout=60_000)
    panel.notebook.run(2, wait=False)
    panel.says("A cell is running: clicks arrive when it has ended; Interrupt (■) works now.")
    panel.notebook.screenshot("panel-busy")
    pressed = time.monotonic()
    panel.notebook.interrupt()
    expect(panel.answer).to_contain_text("interrupted", timeout=2000)
    panel.notebook.wait()
    assert time.monotonic() - pressed < 1.5
    expect(panel.root).not_to_contain_text("A cell is running")


def test_interrupt_ends_it_while_no_cell_runs(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.load_and_start()
    panel.ask(LONG, num_predict="2000")
    expect(panel.answer).to_contain_text("tokens/s", timeout=60_000)
    panel.notebook.interrupt()
    expect(panel.answer).to_contain_text("interrupted", timeout=2000)


def test_what_a_cell_does_is_shown(open_notebook: Open) -> None:
    panel = opened(open_notebook, "%mc load ollama --as sea --start", "%mc stop sea")
    panel.notebook.run(2)
    panel.says("sea: running, answers", timeout=2000)
    panel.notebook.run(3)
    panel.says("sea: stopped", timeout=2000)


def test_a_server_killed_from_outside_is_shown_within_two_seconds(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.load_and_start()
    pid = panel.notebook.kernel_execute(
        "import mc_jupyter; print(mc_jupyter.registry.services()[0]._condition.detail.split()[-1])"
    )
    os.kill(int(pid), signal.SIGKILL)
    panel.says("killed by SIGKILL", timeout=2000)


def test_it_is_shown_again_and_both_follow(open_notebook: Open) -> None:
    panel = opened(open_notebook, "%mc panel")
    panel.notebook.run(2)
    second = Panel(panel.notebook, 2)
    panel.load_and_start()
    second.says("ollama: running, answers")
    second.click("Stop ollama")
    panel.says("ollama: stopped")


@pytest.mark.parametrize("has_kernel", [True, False])
def test_without_its_kernel_it_is_a_table(open_notebook: Open, has_kernel: bool) -> None:
    notebook = open_notebook([SET_UP[0], "%mc load ollama --start", "%mc panel"])
    notebook.run_all()
    Panel(notebook, 2).says("running, answers")
    notebook.save()
    expect(notebook.outputs(2).locator(".mcj-static")).to_be_hidden()
    notebook.shutdown_kernel()
    notebook.reopen(kernel=has_kernel)  # a new one, which knows nothing of the panel, or none
    shown = notebook.outputs(2)
    expect(shown.locator("table")).to_be_visible()
    expect(shown.locator("table")).to_contain_text("running")
    expect(shown.locator("button")).to_have_count(0)
    expect(shown.first).to_contain_text("As it was when this cell ran.")
    expect(shown.nth(1)).to_be_hidden()  # "Loading widget...", or that there is none
    notebook.screenshot("panel-no-kernel")


def focused(panel: Panel) -> str:
    """What the keyboard is at."""
    return str(
        panel.page.evaluate(
            "() => document.activeElement.innerText || "
            "document.activeElement.placeholder || "
            "document.activeElement.tagName"
        )
    )


def test_the_keyboard_alone_and_the_focus_stays(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.button("Load and start").focus()
    panel.page.keyboard.press("Enter")
    panel.says("ollama: running, answers")
    assert focused(panel) == "Stop ollama"  # the same button, with its new name
    panel.page.keyboard.press("Space")
    panel.says("ollama: stopped")
    assert focused(panel) == "Start ollama"
    panel.page.keyboard.press("Enter")
    panel.says("ollama: running, answers")
    panel.root.get_by_role("tab", name="Services", exact=True).focus()
    panel.page.keyboard.press("ArrowRight")
    panel.page.keyboard.press("ArrowRight")
    panel.page.keyboard.press("Enter")
    field = panel.root.get_by_label("Prompt", exact=True)
    field.focus()
    panel.page.keyboard.type("What is the capital of France?")
    panel.page.keyboard.press("Tab")
    assert focused(panel) == "Ask"
    panel.page.keyboard.press("Enter")
    expect(panel.answer).to_contain_text("first token after", timeout=60_000)
    assert focused(panel) == "Ask"
    field.focus()
    panel.notebook.kernel_execute("import mc_jupyter; mc_jupyter.registry.services()[0].stop()")
    panel.says("ollama: stopped")
    expect(field).to_be_focused()


def test_every_control_has_a_name(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.load_and_start()
    for part in ("Services", "Models", "Playground"):
        panel.part(part)
        if part == "Playground":
            panel.click("Options")
        tree = panel.root.aria_snapshot()
        nameless = re.findall(
            r"^\s*- (?:button|textbox|combobox|checkbox|tab|link)(?: \[.*\])?:?$",
            tree,
            re.MULTILINE,
        )
        assert nameless == [], tree
        names = re.findall(r"- (button|textbox|combobox|checkbox) \"([^\"]+)\"", tree)
        assert len(names) >= 6
        twice = [pair for pair in names if names.count(pair) > 1]
        assert twice == []


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_reads_well_in_both_themes_and_at_700_pixels(open_notebook: Open, theme: str) -> None:
    panel = opened(open_notebook)
    panel.notebook.theme(theme)
    panel.notebook.hide_sidebar()
    panel.notebook.viewport(700, 1000)
    panel.load_and_start()
    panel.ask("What is the capital of France?", temperature="0", seed="1", num_predict="60")
    expect(panel.answer).to_contain_text("Paris", timeout=60_000)
    for part in ("Services", "Models", "Playground"):
        panel.part(part)
        panel.notebook.screenshot(f"panel-{theme.split()[1].lower()}-{part.lower()}")
        ink, paper = contrast_of(panel, ".mcj")
        assert contrast(ink, paper) >= 4.5
        widest = panel.root.evaluate(
            "e => Math.max(...[e, ...e.querySelectorAll('.mcj > div')]"
            ".map(x => x.scrollWidth - x.clientWidth))"
        )
        assert widest <= 1, f"{part} is wider than its place by {widest} pixels"
    panel.notebook.theme("JupyterLab Light")


def contrast_of(panel: Panel, selector: str) -> tuple[str, str]:
    """Colour of the text, and of what lies behind it."""
    script = """e => {
      let b = e;
      while (b && /rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(b).backgroundColor))
        b = b.parentElement;
      return [getComputedStyle(e).color, getComputedStyle(b).backgroundColor];
    }"""
    ink, paper = panel.root.locator(selector).first.evaluate(script)
    return ink, paper


def contrast(ink: str, paper: str) -> float:
    """The ratio of WCAG 2, 1.4.3."""

    def light(colour: str) -> float:
        parts = [int(x) / 255 for x in re.findall(r"\d+", colour)[:3]]
        linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(ink), light(paper)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_cell_is_copied_or_at_least_selected(open_notebook: Open) -> None:
    panel = opened(open_notebook)
    panel.load_and_start()
    panel.ask("What is the capital of France?", temperature="0", num_predict="20")
    cell = panel.root.locator("pre", has_text="%%ollama")
    expect(cell).to_have_text(
        f"%%ollama {MODEL} --temperature 0 --num-predict 20\nWhat is the capital of France?"
    )
    panel.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
    panel.click("Copy this cell")
    expect(panel.button("Selected: press Ctrl+C or Cmd+C")).to_be_visible()
    assert "%%ollama" in panel.page.evaluate("getSelection().toString()")
