"""What `make demo` runs: the first notebook, for real, in the terminal and as an HTML file.

The runtime is chosen as everywhere (MC_JUPYTER_RUNTIME, default auto: Docker where it is there,
else the embedded model). Its one argument is the folder for the HTML file (demo-output). Exit
status 1 when a cell failed.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

NOTEBOOK = Path(__file__).parent / "01-first-prompt.ipynb"
OUTPUT = Path(__file__).parent.parent / "demo-output"
NEXT = """
Next, a prompt of your own:
  make lab    opens 03-panel.ipynb in JupyterLab: press Shift+Enter three times,
              then type into the panel's prompt box and press Ask"""


def show(cell: Any, cell_index: int, **_: Any) -> None:
    """Print a cell and what it gave, as soon as it is done."""
    if cell.cell_type != "code":
        return
    print("\n".join(f"\033[1m> {line}\033[0m" for line in cell.source.splitlines()))
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if output.output_type == "error":
            text = "\n".join(output.traceback)
        print(str(text).rstrip())
    print(flush=True)


def main() -> int:
    """Execute the notebook and write the HTML."""
    start = time.monotonic()
    print(
        f"running {NOTEBOOK.name} on the runtime {os.environ.get('MC_JUPYTER_RUNTIME', 'auto')!r}"
    )
    print("(the first run fetches the model: 93 MB for the embedded one)\n", flush=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    quiet = ["--IPKernelApp.log_level=40"]
    client = NotebookClient(notebook, timeout=None, on_cell_executed=show, extra_arguments=quiet)
    failed = False
    try:
        client.execute()
    except CellExecutionError:
        failed = True
    except KeyboardInterrupt:
        print("interrupted")
        return 130
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    folder.mkdir(exist_ok=True)
    page = folder / f"{NOTEBOOK.stem}.html"
    body, _ = HTMLExporter().from_notebook_node(notebook)
    page.write_text(body, encoding="utf-8")
    print(f"{'FAILED' if failed else 'done'} in {time.monotonic() - start:.0f} s")
    print(f"the executed notebook as HTML: {page}")
    if not failed:
        print(NEXT)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
