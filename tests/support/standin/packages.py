"""The libraries that the stand-ins run on: a folder in ``.cache/``, beside no environment.

Set-up fills it with pip and may use the package index; tests only use what is there.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
WHERE = ROOT / ".cache" / "standin" / "packages"
_REQUIREMENTS = HERE / "requirements.txt"
_USELESS = ("gradio/_frontend_code", "gradio/templates/node", "pandas/tests", "bin")  # 230 MB


class NotInstalled(Exception):
    """Why the libraries are not there."""


def key() -> str:
    """What the folder's name says: the requirements and this Python."""
    content = _REQUIREMENTS.read_bytes() + b"".join(x.encode() for x in _USELESS)
    return f"{hashlib.sha256(content).hexdigest()[:12]}-{sys.implementation.cache_tag}"


def folder() -> Path:
    """Return the libraries' folder, whether it is there or not."""
    return WHERE / key()


def why_not() -> str | None:
    """Return why the stand-ins cannot run here; None if they can."""
    if folder().is_dir():
        return None
    where = WHERE.relative_to(ROOT)
    return f"the stand-ins' libraries are not in {where}: python tests/run_layers.py contract"


def install() -> Path:
    """Return the folder; fill it where it is missing, and remove those of other requirements.

    Raises
    ------
    NotInstalled
        pip cannot: most often there is no package index.
    """
    if folder().is_dir():
        return folder()
    WHERE.mkdir(parents=True, exist_ok=True)
    others = [path for path in WHERE.iterdir() if not path.name.startswith("part-")]
    with tempfile.TemporaryDirectory(prefix="part-", dir=WHERE) as part:
        target = Path(part) / "packages"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        pip += [
            "--no-warn-script-location",
            "--only-binary",
            ":all:",
            "--target",
            str(target),
            "-r",
            str(_REQUIREMENTS),
        ]
        done = subprocess.run(pip, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise NotInstalled(errors[-1] if errors else f"pip exit {done.returncode}")
        for name in _USELESS:
            shutil.rmtree(target / name, ignore_errors=True)
        if not folder().is_dir():  # another run may have been faster
            target.rename(folder())
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    return folder()


if __name__ == "__main__":
    try:
        print(install())
    except NotInstalled as reason:
        sys.exit(str(reason))
