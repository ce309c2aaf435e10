"""A page of ordinary answers, as it is read: in JupyterLab, exported, and with its styles gone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter
from playwright.sync_api import Page, expect
from support.lab import SCREENSHOTS, Notebook, Open
from support.scripted_ollama import ScriptedOllama

from mc_jupyter.lab.answer import Answer

TEXT = (Path(__file__).parents[1] / "support" / "ordinary.md").read_text()
FORMULAS = 11
FENCES = [found[1] for found in re.finditer(r"^```\w*\n(.*?)^```$", TEXT, re.M | re.S)]


@pytest.fixture
def server() -> Iterator[ScriptedOllama]:
    pieces = [TEXT[at : at + 40] for at in range(0, len(TEXT), 40)]
    with ScriptedOllama(tokens=pieces, rate=200) as server:
        yield server


def answered(open_notebook: Open, server: ScriptedOllama) -> Notebook:
    """A notebook whose second cell has the answer."""
    model = "llama3.2:1b"
    notebook = open_notebook(["%load_ext mc_jupyter", f"%%ollama {model} --host {server.url}\nhi"])
    notebook.run_all()
    return notebook


def look(page: Page, shown: str) -> dict[str, Any]:
    """What a reader finds under a selector."""
    found: dict[str, Any] = page.evaluate(
        """selector => {
          const root = document.querySelector(selector);
          const count = (what) => root.querySelectorAll(what).length;
          return {
            counts: Object.fromEntries(['h1', 'h2', 'h3', 'ol', 'ul', 'blockquote', 'table', 'hr',
              's', 'img', 'pre', 'a'].map(what => [what, count(what)])),
            code: [...root.querySelectorAll('pre code')].map(one => {
              const range = document.createRange();
              range.selectNodeContents(one);
              getSelection().removeAllRanges();
              getSelection().addRange(range);
              return [one.textContent, getSelection().toString()];
            }),
            cells: [...root.querySelectorAll('td')].map(one => getComputedStyle(one).textAlign),
            text: root.innerText,
          };
        }""",
        shown,
    )
    return found


def check(page: Page, shown: str) -> None:
    """Look whether the page has what the text says."""
    found = look(page, shown)
    assert found["counts"] == {
        **{"h1": 1, "h2": 1, "h3": 1, "ol": 2, "ul": 2, "blockquote": 2, "table": 1, "hr": 1},
        **{"s": 1, "img": 0, "pre": 7, "a": 3},
    }
    at_top = [code for code in found["code"] if "def omega" not in code[0]]
    assert [text for text, _ in at_top] == FENCES
    assert [copied.rstrip("\n") for _, copied in at_top] == [one.rstrip("\n") for one in FENCES]
    assert found["cells"] == ["left", "center", "right"] * 3
    for words in (
        "costs $5, a good one $20 to $30",
        "C:\\new\\table.txt",
        "<div> is text",
        "List<int>",
    ):
        assert words in found["text"]


def test_an_answer_in_jupyterlab(open_notebook: Open, server: ScriptedOllama) -> None:
    notebook = answered(open_notebook, server)
    page = notebook.page
    shown = notebook.outputs(1)
    expect(shown.locator("mjx-container")).to_have_count(FORMULAS)
    expect(shown.locator("mjx-merror, [data-mjx-error]")).to_have_count(0)
    page.set_viewport_size({"width": 1000, "height": 3600})
    check(page, notebook.selector(1))
    notebook.screenshot("ordinary-light")
    notebook.theme("JupyterLab Dark")
    notebook.screenshot("ordinary-dark")


def exported(page: Page, path: Path, html: str, name: str) -> None:
    path.write_text(html, encoding="utf-8")
    page.goto(path.as_uri())
    page.set_viewport_size({"width": 1000, "height": 3600})
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture
def notebook_file() -> nbformat.NotebookNode:
    data, metadata = Answer(text=TEXT, model="m")._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("%%ollama m\nhi", outputs=[output])
    return nbformat.v4.new_notebook(cells=[cell])


def test_an_answer_without_style_and_class(page: Page, tmp_path: Path) -> None:
    """As GitHub shows it."""
    html = Answer(text=TEXT, model="m")._repr_mimebundle_()[0]["text/html"]
    bare = re.sub(r' (?:style|class)="[^"]*"', "", html)
    exported(page, tmp_path / "a.html", f"<meta charset=utf-8><main>{bare}</main>", "ordinary-bare")
    found = look(page, "main")
    assert found["counts"]["pre"] == 7
    assert "costs $5, a good one $20 to $30" in found["text"]


def test_an_answer_exported_as_html(
    page: Page, tmp_path: Path, notebook_file: nbformat.NotebookNode
) -> None:
    html, _ = HTMLExporter(mathjax_url="", require_js_url="").from_notebook_node(notebook_file)
    html = re.sub(r'<script src="[^"]*"></script>', "", html)
    exported(page, tmp_path / "b.html", html, "ordinary-exported")
    check(page, ".jp-OutputArea")


def test_an_answer_exported_as_markdown(notebook_file: nbformat.NotebookNode) -> None:
    """It is one block of HTML: nothing in it is read as Markdown."""
    from markdown_it import MarkdownIt

    text, _ = MarkdownExporter().from_notebook_node(notebook_file)
    tokens = MarkdownIt("commonmark").parse(text)
    assert [token.type for token in tokens] == ["fence", "html_block"]
    assert "A path: C:" in tokens[1].content


@pytest.mark.skipif(not shutil.which("pandoc"), reason="there is no pandoc")
def test_an_answer_exported_as_latex(notebook_file: nbformat.NotebookNode) -> None:
    """The raw text, set as it is; pandoc makes the rest of the notebook."""
    notebook_file.cells.append(nbformat.v4.new_markdown_cell("The *end*"))
    text, _ = LatexExporter().from_notebook_node(notebook_file)
    output = text.partition("harmonic oscillator")[2]
    assert "A spring costs \\$5, a *good* one \\$20 to \\$30" in output
    assert "The \\emph{end}" in output
