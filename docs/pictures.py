"""What `make pictures` runs: README's pictures, taken of the real thing in JupyterLab.

The embedded engine answers with its real small model; nothing is drawn by hand. Chromium must be
on PATH. The notebooks that are shown are written here and thrown away.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
WEIGHTS = ROOT / ".cache" / "models"
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import Page, expect  # noqa: E402
from support.git_server import GitServer, make_repository, redirect  # noqa: E402
from support.lab import Notebook  # noqa: E402
from support.lab_server import Lab, launch, serve_lab, why_no_browser  # noqa: E402

MODEL = "smollm2:135m"
WIDTH = 860
GROWTH = 36  # pixels: an answer goes on while it is measured
ONE_THREAD = "--option num_thread=1"  # beside a browser, two are slower on a small machine
SECOND = 1000


def answer(lab: Lab, page: Page) -> None:
    """A prompt whose answer is half there."""
    cells = [
        "%load_ext mc_jupyter",
        "%mc load github:MediaConduit/ollama-service --start",
        f"%%ollama {MODEL} {ONE_THREAD}",
        f"%%ollama {MODEL} --temperature 0 --num-predict 400\n"
        "Write a numbered list of five animals that live in the sea, each with a sentence.",
    ]
    notebook = Notebook.open(lab, page, cells)
    notebook.hide_sidebar()
    for number in range(3):
        notebook.run(number)
    page.evaluate("document.activeElement.blur()")
    notebook.run(3, wait=False)
    shown = notebook.outputs(3)
    expect(shown.locator("li")).to_have_count(3, timeout=90 * SECOND)
    take(notebook, "answer", notebook.cell(1), notebook.cell(3))
    notebook.interrupt()
    notebook.wait()


def panel(lab: Lab, page: Page) -> None:
    """The panel's three parts, the playground with an answer."""
    notebook = Notebook.open(lab, page, ["%load_ext mc_jupyter", "%mc panel"])
    notebook.hide_sidebar()
    notebook.run_all()
    shown = notebook.cell(1).locator(".jp-OutputArea-output").last

    def press(name: str) -> None:
        shown.get_by_role("button", name=name, exact=True).click()

    press("Load and start")
    expect(shown).to_contain_text("running, answers", timeout=60 * SECOND)
    shown.get_by_role("tab", name="Playground", exact=True).click()
    press("Options")
    shown.get_by_label("temperature", exact=True).fill("0")
    shown.get_by_label("num-predict", exact=True).fill("60")
    press("Options")
    shown.get_by_label("Prompt", exact=True).fill("What is the capital of France?")
    press("Ask")
    expect(shown).to_contain_text("first token after", timeout=90 * SECOND)
    page.evaluate("document.activeElement.blur()")
    take(notebook, "playground", notebook.cell(1))
    shown.get_by_role("tab", name="Services", exact=True).click()
    page.evaluate("document.activeElement.blur()")
    take(notebook, "services", notebook.cell(1))


def take(notebook: Notebook, name: str, first: object, last: object | None = None) -> None:
    """Take the page from one cell to another."""
    top, bottom = first.bounding_box(), (last or first).bounding_box()  # type: ignore[attr-defined]
    clip = {
        "x": top["x"],
        "y": top["y"],
        "width": top["width"],
        "height": bottom["y"] + bottom["height"] - top["y"] + GROWTH,
    }
    path = FOLDER / f"{name}.png"
    notebook.page.screenshot(path=path, clip=clip)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


def main() -> int:
    """Take them all."""
    if reason := why_no_browser():
        print(reason)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, GitServer(Path(place) / "served") as git:
        make_repository(git.repository("MediaConduit/ollama-service"))
        env = {
            **redirect(git.url),
            "MC_JUPYTER_MODELS": str(WEIGHTS),
            "MC_JUPYTER_RUNTIME": "embedded",
        }
        with serve_lab(Path(place) / "lab", env) as lab, launch() as browser:
            for picture in (answer, panel):
                size = {"width": WIDTH, "height": 1100}
                with browser.new_context(viewport=size) as context:  # type: ignore[arg-type]
                    picture(lab, context.new_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
