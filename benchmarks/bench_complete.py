"""Tab in a real kernel: the models of a running Ollama, beside IPython's own ``%load_``.

The two are asked in turn in the same kernel; the server is a scripted one on loopback.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median

from common import Row, ratio, seconds

from support.kernel import Kernel  # isort: skip
from support.scripted_ollama import ScriptedOllama  # isort: skip

KERNELS = 5
RUNS = 20
OURS, THEIRS = "%%ollama sm", "%load_"
AGED_S = 2.1
"""After which a list of models is asked for again (mc_jupyter/notebook/installed.py)."""


def tab(kernel: Kernel, code: str) -> float:
    """Return how long one Tab takes, in ms."""

    def ask() -> None:
        kernel.client.complete(code, len(code))
        reply = kernel.client.get_shell_msg(timeout=30)
        assert reply["content"]["matches"], code

    return 1e3 * seconds(ask)


def rows() -> list[Row]:
    """Measure everything of this page."""
    first: list[float] = []
    ours: list[float] = []
    theirs: list[float] = []
    aged: list[float] = []
    hanging: list[float] = []
    for _ in range(KERNELS):
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            ScriptedOllama(models=("smollm2:135m", "llama3:8b")) as server,
        ):
            home = {"MC_JUPYTER_HOME": str(Path(folder) / "home"), "OLLAMA_HOST": server.url}
            kernel = Kernel(home, folder)
            try:
                kernel.run("%load_ext mc_jupyter")
                tab(kernel, THEIRS)
                first.append(tab(kernel, OURS))
                for _ in range(RUNS):
                    ours.append(tab(kernel, OURS))
                    theirs.append(tab(kernel, THEIRS))
                time.sleep(AGED_S)
                aged.append(tab(kernel, OURS))
                server.fault = "hang"
                time.sleep(AGED_S)
                hanging.append(tab(kernel, OURS))
            finally:
                server.fault = None
                kernel.close()

    def row(what: str, values: list[float], most: float | None = None) -> Row:
        goal = f"<= {most:g} ms" if most else ""
        return Row(what, tuple(values), "ms", goal, median(values) <= most if most else None)

    return [
        row("Tab for a model, the first in a kernel (httpx is imported)", first),
        row("Tab for a model, later", ours, 50),
        row("  the list is old and asked for again", aged, 50),
        row("  the server hangs: the list that is known", hanging, 50),
        row("  IPython's own Tab for %load_", theirs),
        ratio("  ratio", ours, theirs),
    ]


if __name__ == "__main__":
    os.environ.setdefault("MC_JUPYTER_HOME", tempfile.mkdtemp())
    print(*rows(), sep="\n")
