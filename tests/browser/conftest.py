"""One JupyterLab and one Chromium for all tests here, and a page for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from support.embedded_server import weights
from support.git_server import GitServer, make_repository, redirect
from support.lab_server import Lab, launch, serve_lab, why_no_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from support.lab import Notebook, Open

# The tests import playwright: without it there is nothing to collect, and run_layers.py says so
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab; its kernels have the real small model and fetch from a git server here."""
    if reason := why_no_browser():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("lab")
    with GitServer(folder / "served") as git:
        make_repository(git.repository("MediaConduit/ollama-service"))
        env = {
            **redirect(git.url),
            "MC_JUPYTER_MODELS": str(weights()),
            "MC_JUPYTER_RUNTIME": "embedded",
        }
        with serve_lab(folder, env) as running:
            yield running


@pytest.fixture(scope="session")
def browser(lab: Lab) -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a profile of its own; the test fails if it asked for anything not of 127.0.0.1."""
    asked: set[str] = set()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    context.on("request", lambda request: asked.add(request.url))
    try:
        yield context.new_page()
    finally:
        context.close()
    outside = [u for u in asked if urlsplit(u).hostname not in ("127.0.0.1", None)]
    assert not outside, f"asked of the network: {outside}"


@pytest.fixture
def open_notebook(lab: Lab, page: Page) -> Iterator[Open]:
    """What opens notebooks; their kernels end with the test."""
    from support.lab import Notebook

    opened: list[Notebook] = []

    def open(cells: Sequence[str] | Path) -> Notebook:
        opened.append(Notebook.open(lab, page, cells))
        return opened[-1]

    yield open
    for notebook in opened:
        notebook.shutdown_kernel()
