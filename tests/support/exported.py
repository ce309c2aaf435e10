"""A notebook that is nothing but outputs, as the HTML page that nbconvert makes of it, served."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from . import mathjax


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def export(outputs: Sequence[str]) -> str:
    """Return the page: a code cell for each HTML output, and MathJax from beside the page."""
    new = nbformat.v4
    cells = [
        new.new_code_cell("", outputs=[new.new_output("display_data", {"text/html": html})])
        for html in outputs
    ]
    exporter = HTMLExporter(mathjax_url=f"mathjax/{mathjax.START}", require_js_url="")
    page: str = exporter.from_notebook_node(new.new_notebook(cells=cells))[0]
    return page


@contextmanager
def serve_pages(folder: Path) -> Iterator[str]:
    """Serve a folder, and MathJax as its folder ``mathjax``, on 127.0.0.1; yield the address."""
    (folder / "mathjax").symlink_to(mathjax.FOLDER)
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
