"""Hostile answers in a real browser: nothing of them runs, and nothing is asked for.

Each text says which one it was, in ``parent.__ran`` and in the path that it asks for. That the
same texts do run and ask where nobody takes care is tested first.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Page
from support import mathjax
from support.exported import export, serve_pages
from support.hostile_text import control, texts
from support.html_tree import formulas, parse, runs
from support.lab import Notebook, Open
from support.lab_server import Lab
from support.scripted_ollama import ScriptedOllama
from support.scripted_service import Says, ScriptedService
from support.site import Site
from support.wait import wait_until

from mc_jupyter.html import markdown

LONG = int(os.environ.get("MC_TEST_HOSTILE", "0"))
SEED = int(os.environ.get("MC_TEST_SEED", "7"))
EXPORTED = max(2000, LONG // 10)
PAGE = 2000  # outputs of one exported page
SHOWN = max(300, LONG // 100)
ANSWERED = max(40, LONG // 1000)
CELL = 40  # outputs of one cell; JupyterLab folds away all after 50
CONTROL = 999_999

pytestmark = pytest.mark.timeout(max(180, LONG // 20))

# What no output may have, whether it did something or not
_FOUND = """selector => {
  const bad = [];
  const never = 'img,image,iframe,object,embed,link,meta,base,style,form,input,button,video,audio,'
    + 'source,track,svg,script:not([type^="math/"])';
  for (const root of document.querySelectorAll(selector)) {
    for (const one of root.querySelectorAll(never))
      if (!one.closest('.MathJax, mjx-container')) bad.push(one.outerHTML);
    for (const one of root.querySelectorAll('*')) {
      if ([...one.attributes].some(({name}) => name.startsWith('on') && name !== 'on'))
        bad.push(one.outerHTML);
      if (one.matches('a') && !['http:', 'https:', 'mailto:'].includes(one.protocol))
        bad.push(one.outerHTML);
    }
  }
  return bad;
}"""


@pytest.fixture
def page(page: Page) -> Page:
    """A page that keeps what is set as ``__ran``."""
    page.add_init_script(
        "window.__all_that_ran = []; Object.defineProperty(window, '__ran', "
        "{set: value => __all_that_ran.push(value)});"
    )
    return page


@pytest.fixture
def site() -> Iterator[Site]:
    """What the texts ask."""
    with Site({}) as site:
        yield site


def numbers(paths: Sequence[str]) -> set[int]:
    """Which texts asked for these paths."""
    return {int(found[1]) for path in paths if (found := re.match(r"/(\d+)", path))}


def ran(page: Page) -> set[int]:
    """Which texts ran in the page."""
    return set(page.evaluate("() => __all_that_ran"))


def typeset(htmls: Sequence[str]) -> int:
    """How many formulas MathJax makes of these, each on its own."""
    found = (f.text for one in htmls for run in runs(parse(one)) for f in formulas(run))
    return sum(text not in ("\\$", "\\\\") for text in found)


def open_page(page: Page, folder: Path, content: str) -> None:
    """Show a page, until MathJax has read it."""
    (folder / "index.html").write_text(content, encoding="utf-8")
    with serve_pages(folder) as address:
        page.goto(address)
        page.wait_for_function("() => window.MathJax?.isReady")
        page.evaluate("() => new Promise(done => MathJax.Hub.Queue(done))")
        page.wait_for_load_state("networkidle")


def test_the_texts_do_harm_where_nobody_takes_care(page: Page, site: Site, tmp_path: Path) -> None:
    """Each in a frame, for one of them could end the page."""
    careless = MarkdownIt("commonmark", {"html": True}).enable("table")
    careless.validateLink = lambda url: True  # type: ignore[method-assign]
    shown = [careless.render(text) for text in texts(SEED, 300, site.url)]
    frames = [f'<iframe srcdoc="{html.escape(one)}"></iframe>' for one in shown]
    (tmp_path / "index.html").write_text("".join(frames), encoding="utf-8")
    with serve_pages(tmp_path) as address:
        page.goto(address, wait_until="commit")  # some load without an end
        wait_until(lambda: len(ran(page)) > 20, 30, "20 that run")
        wait_until(lambda: len(numbers(site.asked)) > 60, 30, "60 that ask")


@pytest.mark.skipif(mathjax.why_not() is not None, reason=mathjax.why_not() or "")
def test_a_control_does_harm_in_an_exported_notebook(
    page: Page, site: Site, tmp_path: Path
) -> None:
    open_page(page, tmp_path, export([control(CONTROL, site.url)]))
    assert ran(page) == numbers(site.asked) == {CONTROL}
    assert page.evaluate(_FOUND, "main")


@pytest.mark.skipif(mathjax.why_not() is not None, reason=mathjax.why_not() or "")
@pytest.mark.parametrize("number", range(EXPORTED // PAGE))
def test_an_exported_notebook(page: Page, site: Site, tmp_path: Path, number: int) -> None:
    shown = [markdown(text) for text in texts(SEED + number, PAGE, site.url)]
    open_page(page, tmp_path, export(shown))
    assert ran(page) == set()
    assert site.asked == []
    assert page.evaluate(_FOUND, "main") == []
    assert page.evaluate("() => MathJax.Hub.getAllJax().length") == typeset(shown) > PAGE / 40


def shown_in_lab(lab: Lab, open_notebook: Open, given: Sequence[str], make: str) -> Notebook:
    """Show texts as outputs in JupyterLab, made by this expression of `text`."""
    (lab.root / "texts.json").write_text(json.dumps(given))
    setup = (
        "import json\nfrom IPython.display import HTML, display\n"
        "from mc_jupyter.html import markdown\ntexts = json.load(open('texts.json'))"
    )
    starts = range(0, len(given), CELL)
    cells = [f"for text in texts[{n}:{n + CELL}]: display({make})" for n in starts]
    notebook = open_notebook([setup, *cells])
    for number in range(len(cells) + 1):
        notebook.run(number)
    outputs = notebook.page.locator(".jp-Notebook .jp-OutputArea-output")
    assert outputs.count() == len(given)
    return notebook


def until_typeset(page: Page, count: int) -> None:
    """Wait until so many formulas are there; more are an error, too."""
    count_now = "() => document.querySelectorAll('.jp-OutputArea-output mjx-container').length"
    page.wait_for_function(f"count => ({count_now})() >= count", arg=count)
    page.wait_for_load_state("networkidle")
    assert page.evaluate(count_now) == count


def test_a_control_does_harm_in_jupyterlab(lab: Lab, open_notebook: Open, site: Site) -> None:
    given = [control(CONTROL, site.url)]
    notebook = shown_in_lab(lab, open_notebook, given, "HTML(text)")
    wait_until(lambda: ran(notebook.page), what="something that runs")
    assert ran(notebook.page) == numbers(site.asked) == {CONTROL}


def test_outputs_in_jupyterlab(lab: Lab, open_notebook: Open, site: Site) -> None:
    given = list(texts(SEED, SHOWN, site.url))
    notebook = shown_in_lab(lab, open_notebook, given, "HTML(markdown(text))")
    until_typeset(notebook.page, typeset([markdown(text) for text in given]))
    assert ran(notebook.page) == set()
    assert site.asked == []
    assert notebook.page.evaluate(_FOUND, ".jp-OutputArea-output") == []


class Answering(ScriptedOllama):
    """Answers with the text that the model's name counts, in small tokens."""

    def __init__(self, given: Sequence[str], **more: Any) -> None:
        super().__init__(models=[f"m{n}" for n in range(len(given))], **more)
        self._given = given

    def script(self, kind: str, model: str) -> Iterator[dict[str, Any]]:
        """The objects of an answer."""
        text = self._given[int(re.sub(r"\D", "", model.partition(":")[0]))]
        self.tokens = [text[at : at + 7] for at in range(0, len(text), 7)]
        return super().script(kind, model)


def test_answers_that_stream(open_notebook: Open, site: Site) -> None:
    """As a person gets them: by %%ollama, while they come and when they are there."""
    given = list(texts(SEED + 1, ANSWERED, site.url, lines=8))
    with Answering(given, rate=100) as server:
        cells = [f"%%ollama m{n} --host {server.url}\nhello" for n in range(len(given))]
        notebook = open_notebook(["%load_ext mc_jupyter", *cells])
        for number in range(len(cells) + 1):
            notebook.run(number)
    page = notebook.page
    page.wait_for_load_state("networkidle")
    assert ran(page) == set()
    assert numbers(site.asked) == set()
    assert page.evaluate(_FOUND, ".jp-OutputArea-output") == []
    notebook.save()
    kept = [cell["outputs"] for cell in notebook.saved()["cells"][1:]]
    assert all(set(one[0]["data"]) == {"text/html", "text/plain"} for one in kept)


_CALLS = """from IPython import get_ipython
from IPython.display import display
shell = get_ipython()
def ask(magic, line):
    try:
        display(shell.run_line_magic(magic, line))
    except Exception:
        shell.showtraceback()"""
KINDS = ("text/html", "text/plain", "application/json", "text/markdown", "image/svg+xml")


def test_what_any_service_says(open_notebook: Open, site: Site) -> None:
    """Bodies of every type, refusals, and the errors of an Ollama, in words and in names."""
    given = list(texts(SEED + 2, 30, site.url))
    given += [
        f'<svg xmlns="http://www.w3.org/2000/svg" onload="{run}"><image href="{site.url}/1"/></svg>'
        for run in ("parent.__ran=1", "top.__ran=1")
    ]
    says = {f"/{n}": Says(t, type=KINDS[n % len(KINDS)]) for n, t in enumerate(given)}
    says |= {f"/bad/{n}": Says({"detail": text}, 418) for n, text in enumerate(given)}
    pulled = {"m": [10]}
    with ScriptedService(says) as service, Answering(given, library=pulled) as server:
        server.fault, server.error = "error", "\n".join(given)
        count = len(given)
        notebook = open_notebook(
            [
                "%load_ext mc_jupyter",
                f"{_CALLS}\nask('mc', 'load {service.url} --as thing --client plain')",
                f"for n in range({count}): ask('mc', f'call thing GET /{{n}}')",
                f"for n in range({count}): ask('mc', f'call thing GET /bad/{{n}}')",
                f"%%ollama m0 --host {server.url}\nhello",
                f"ask('ollama', 'list --host {server.url}')",
            ]
        )
        for number in range(notebook.cells.count()):
            notebook.run(number)
    page = notebook.page
    page.wait_for_load_state("networkidle")
    assert notebook.outputs(2).count() >= count
    assert notebook.outputs(3).count() >= count
    assert ran(page) == set()
    assert site.asked == []
    assert page.evaluate(_FOUND, ".jp-RenderedHTML") == []
