"""What `make notebooks` runs: every notebook anew, on the embedded engine, its outputs stored.

Its arguments are the notebooks (all of this folder). What the machine or the moment decides is
kept out of the files: no times of execution, no widgets, and an output that differs in
nothing but what was measured stays as it was. So a diff shows what changed. What a cell tagged
`keep-output` shows is never twice the same (a log): its stored output stays until it is cleared.
Notebooks that say `needs-docker` in their metadata run on Docker, with the tests' stand-ins for
published images; where these are not there, they are left as they were.
Exit status 1 when a cell failed; that notebook is left as it was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
WEIGHTS = ROOT / ".cache" / "models"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SERVICE = "MediaConduit/ollama-service"
VIEW = "application/vnd.jupyter.widget-view+json"
_MEASURED = re.compile(r"\d+\.\d+ s\b|\d+ MB\b")  # durations; memory that a model takes
_NOT_OURS = ("MC_JUPYTER_", "OLLAMA_", "GIT_")


def fetch_weights() -> None:
    """Put the small model where `make test` has it."""
    pull = [sys.executable, "-P", "-m", "mc_jupyter.embedded", "pull", "smollm2:135m"]
    subprocess.run([*pull, "--store", str(WEIGHTS)], check=True, stderr=subprocess.DEVNULL)


def make_repository(place: Path) -> str:
    """Make a repository of the bundled definition, for git to read in place of GitHub's.

    Returns
    -------
    str
        Its one commit, the same each time.
    """
    tree = place / f"{SERVICE}.git"  # as git asks for it; the repository is the folder inside
    shutil.copytree(ROOT / "mc_jupyter" / "bundled" / "ollama", tree)
    who = ("-c", "user.name=mc_jupyter", "-c", "user.email=none", "-c", "commit.gpgsign=false")
    when = "2026-01-01T00:00:00Z"
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_DATE": when,
    }

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tree), *who, *arguments]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode().strip()

    git("init", "-q", "--initial-branch=main")
    git("add", ".")
    git("commit", "-q", "-m", "The bundled definition")
    return git("rev-parse", "HEAD")


def environment(place: Path) -> dict[str, str]:
    """The kernel's environment: a home of its own, none of the user's settings, no network."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(_NOT_OURS)}
    return kept | {
        "GIT_ALLOW_PROTOCOL": "file:https",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{place.as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "IPYTHONDIR": str(place / "ipython"),
        "MC_JUPYTER_HOME": str(place / "home"),
        "MC_JUPYTER_MODELS": str(WEIGHTS),
        "MC_JUPYTER_RENDER": "settled",
        "MC_JUPYTER_RUNTIME": "embedded",
    }


def on_docker(env: Mapping[str, str], place: Path) -> dict[str, str]:
    """The environment of a notebook that runs on Docker."""
    return {**env, "MC_JUPYTER_HOME": str(place / "docker"), "MC_JUPYTER_RUNTIME": "docker"}


def needs_docker(path: Path) -> bool:
    """Whether a notebook says that it runs on Docker only."""
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    return "needs-docker" in metadata.get("tags", ())


def build_images() -> str | None:
    """Build the images that stand in for published ones; return why there are none."""
    build = [sys.executable, "-m", "support.standin.build"]
    done = subprocess.run(build, cwd=ROOT / "tests", capture_output=True, text=True)
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else None


def sweep(home: Path) -> None:
    """Remove what notebooks left on the engine, by the label of their home."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support import engine

    engine.sweep(home)


def execute(path: Path, env: Mapping[str, str]) -> Any:
    """Return the notebook with fresh outputs.

    Raises
    ------
    CellExecutionError
        Of the first cell that fails and may not.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,  # seconds for one cell
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    client.execute(env=dict(env))
    return notebook


def settle(notebook: Any, before: Any, commit: str) -> None:
    """Take out of a fresh notebook what would differ each time.

    Parameters
    ----------
    before
        The same notebook as it was stored.
    commit
        Of the repository that stood in for GitHub's: nobody can load it, so it is shown as COMMIT.
    """
    kept = {"tags": before.metadata.tags} if "tags" in before.metadata else {}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}, **kept}
    )
    old = {cell.id: cell for cell in before.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        # What stands beside widgets says all that a file can show of them
        cell.outputs = [one for one in cell.outputs if VIEW not in one.get("data", {})]
        named = json.dumps(cell.outputs).replace(commit, "COMMIT")
        cell.outputs = [nbformat.from_dict(output) for output in json.loads(named)]
        if cell.id in old and _is_still(cell, old[cell.id]):
            cell.outputs = old[cell.id].outputs


def _is_still(cell: Any, old: Any) -> bool:
    if "keep-output" in cell.metadata.get("tags", ()) and old.outputs:
        return True
    return _unmeasured(cell) == _unmeasured(old)


def _unmeasured(cell: Any) -> list[Any]:
    """A cell's outputs without what is measured, to compare them."""
    outputs: list[Any] = json.loads(_MEASURED.sub("N", json.dumps(cell.outputs)))
    for output in outputs:
        output.get("metadata", {}).get("mc_jupyter", {}).pop("timings", None)
    return outputs


def update(path: Path, env: Mapping[str, str], commit: str) -> bool:
    """Run one notebook and store it; return whether every cell went as it should."""
    before = nbformat.read(path, as_version=4)
    try:
        notebook = execute(path, env)
    except CellExecutionError as error:
        print(f"{path.name}: FAILED, left as it was\n{error}")
        return False
    settle(notebook, before, commit)
    is_new = notebook != before
    if is_new:
        nbformat.write(notebook, path)
    print(f"{path.name}: {'stored' if is_new else 'as it was'}", flush=True)
    return True


def main() -> int:
    """Update the notebooks that are named, or all."""
    notebooks = [Path(name).resolve() for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb"))
    fetch_weights()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        commit = make_repository(place)
        env = environment(place)
        done = [update(path, env, commit) for path in notebooks if not needs_docker(path)]
        others = [path for path in notebooks if needs_docker(path)]
        missing = build_images() if others else None
        for path in others:
            if missing:
                print(f"{path.name}: left as it was: {missing}")
                continue
            docker = on_docker(env, place)
            try:
                done.append(update(path, docker, commit))
            finally:
                sweep(Path(docker["MC_JUPYTER_HOME"]))
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
