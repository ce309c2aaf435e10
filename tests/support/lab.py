"""One notebook in a real JupyterLab, as the person in front of it has it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import nbformat
from playwright.sync_api import Locator, Page, expect

from .lab_server import Lab

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"
_SCRIPT = Path(__file__).with_name("lab.js")
_MS = 1000
_numbers = itertools.count(1)
_books = itertools.count(1)


@dataclass(frozen=True)
class Sample:
    """What an element was before one paint.

    Attributes
    ----------
    ms
        When, by the page's clock.
    height, length
        In pixels, and in characters of text; 0 where it was not there.
    busy
        Whether the kernel was running something.
    """

    ms: float
    height: float
    length: int
    busy: bool


class Open(Protocol):
    """Opens a notebook of these code cells, or a copy of a file."""

    def __call__(self, cells: Sequence[str] | Path) -> Notebook: ...


class Sampler:
    """Watches an element until it is stopped."""

    def __init__(self, page: Page, name: str) -> None:
        self._page = page
        self._name = name

    def stop(self) -> list[Sample]:
        """Stop; return each change that was seen, the first state included."""
        seen = self._page.evaluate("name => mcj.sampled(name)", self._name)
        return [Sample(**one) for one in seen]


def drops(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """The neighbours of which the later is lower: what a reader sees jump."""
    return [(a, b) for a, b in itertools.pairwise(samples) if b.height < a.height]


class Notebook:
    """A notebook that is open, with its kernel.

    Parameters
    ----------
    lab
        Where.
    page
        A page of the browser; it is taken over.
    name
        The file's name in the lab's root.
    """

    def __init__(self, lab: Lab, page: Page, name: str) -> None:
        self.lab = lab
        self.page = page
        self.name = name
        self.file = lab.root / name
        page.add_init_script(path=_SCRIPT)

    @classmethod
    def open(cls, lab: Lab, page: Page, cells: Sequence[str] | Path) -> Notebook:
        """Write a notebook of these code cells (or copy a file), open it, wait for its kernel."""
        number = next(_books)
        if isinstance(cells, Path):
            book, name = nbformat.read(cells, as_version=4), f"{cells.stem}-{number}.ipynb"
        else:
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
            name = f"test-{number}.ipynb"
        book.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"})
        nbformat.write(book, lab.root / name)
        notebook = cls(lab, page, name)
        notebook.reopen()
        return notebook

    def reopen(self, *, kernel: bool = True) -> None:
        """Load the page anew, in an empty workspace; without a kernel nothing is started."""
        space = f"{self.lab.url}/lab/workspaces/w{next(_numbers)}"  # not the file's name: it hangs
        if kernel:
            self.page.goto(f"{space}/tree/{self.name}?reset")
        else:
            self.page.goto(f"{space}?reset")
            self.page.wait_for_function("() => window.jupyterapp")
            self.page.evaluate(
                "path => jupyterapp.restored.then(() => jupyterapp.commands.execute("
                "'docmanager:open', {path, kernelPreference: {shouldStart: false}}))",
                self.name,
            )
        expect(self.cells.first).to_be_visible(timeout=30 * _MS)  # before the kernel: else it hangs
        if kernel:
            self.until_idle()

    # Running

    def run_all(self, *, wait: bool = True, timeout: float = 60) -> None:
        """Run all cells."""
        self._run("notebook:run-all-cells", None, wait, timeout)

    def run(self, cell: int, *, wait: bool = True, timeout: float = 60) -> None:
        """Run one cell, counted from 0."""
        self._run("notebook:run-cell", cell, wait, timeout)

    def _run(self, command: str, cell: int | None, wait: bool, timeout: float) -> None:
        # By command: Shift-Enter right after the first idle is lost
        arguments = [self.name, command, cell]
        self.page.evaluate("([path, name, cell]) => mcj.command(path, name, cell)", arguments)
        if wait:
            self.wait(timeout)

    def wait(self, timeout: float = 60) -> None:
        """Wait until everything that was started is through (seconds)."""
        self.page.wait_for_function("() => mcj.running === 0", timeout=timeout * _MS)

    def until_idle(self, timeout: float = 60) -> None:
        """Wait until the kernel has nothing to do (seconds)."""
        idle = "path => window.mcj?.kernel(path)?.status === 'idle'"
        self.page.wait_for_function(idle, arg=self.name, timeout=timeout * _MS)

    def interrupt(self) -> None:
        """Press the toolbar's square."""
        self.page.locator("[data-command='notebook:interrupt-kernel']:visible").first.click()

    def restart(self) -> None:
        """Restart the kernel, and say yes when asked."""
        self._run("notebook:restart-kernel", None, wait=False, timeout=0)
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.wait()
        self.until_idle()

    def shutdown_kernel(self) -> None:
        """End the kernel; the page stays."""
        self.page.evaluate("path => mcj.panel(path).context.sessionContext.shutdown()", self.name)

    def kernel_execute(self, code: str) -> str:
        """Run code that belongs to no cell, after what runs now; return what it prints."""
        got = self.page.evaluate("([path, code]) => mcj.execute(path, code)", [self.name, code])
        assert not got["error"], got["error"]
        return str(got["text"])

    # Looking

    @property
    def cells(self) -> Locator:
        """All cells, in order."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")

    def cell(self, number: int) -> Locator:
        """One cell, counted from 0."""
        return self.cells.nth(number)

    def outputs(self, number: int) -> Locator:
        """The outputs of one cell."""
        return self.cell(number).locator(".jp-OutputArea-output")

    def count(self, number: int) -> str:
        """What stands in the brackets before a cell: `*` while it runs or waits."""
        prompt = self.cell(number).locator(".jp-InputPrompt").inner_text()
        return re.sub(r"[\[\]:\s]", "", prompt)

    def selector(self, number: int) -> str:
        """A CSS selector of one cell's output area, for `sample_heights`."""
        return f".jp-Notebook .jp-Cell[data-windowed-list-index='{number}'] .jp-OutputArea"

    def sample_heights(self, selector: str) -> Sampler:
        """Watch height and text of an element before each paint, until the sampler is stopped."""
        name = f"sampler-{next(_numbers)}"
        arguments = [name, self.name, selector]
        self.page.evaluate("([name, path, css]) => mcj.sample(name, path, css)", arguments)
        return Sampler(self.page, name)

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """Take a picture of the page, or of a part of it, into .cache/screenshots."""
        path = SCREENSHOTS / f"{name}.png"
        (of or self.page).screenshot(path=path)
        return path

    def theme(self, name: str) -> None:
        """Switch to a theme, `JupyterLab Dark` or `JupyterLab Light`."""
        self.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        expect(self.page.locator(f"body[data-jp-theme-name='{name}']")).to_be_attached()
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)  # it covers the page

    def viewport(self, width: int, height: int) -> None:
        """Make the page so large, in pixels."""
        self.page.set_viewport_size({"width": width, "height": height})

    def hide_sidebar(self) -> None:
        """Fold the file browser away, so that the notebook has the whole width."""
        self.page.evaluate("() => jupyterapp.shell.collapseLeft()")

    # The file

    def save(self) -> None:
        """Save, as the disk icon does."""
        self.page.evaluate("path => mcj.panel(path).context.save()", self.name)

    def saved(self) -> dict[str, Any]:
        """What the file holds now."""
        book: dict[str, Any] = json.loads(self.file.read_text())
        return book
