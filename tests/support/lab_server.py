"""A real JupyterLab and a real Chromium, which reach nothing but 127.0.0.1."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from .wait import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",  # as root there is none, and only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_OFF = {
    "LabApp.news_url": "None",
    "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "LabApp.extension_manager": "readonly",
}
_NOT_OURS = ("MC_JUPYTER_", "OLLAMA_", "JPY_", "JUPYTER", "PYTEST_", "IPYTHON")
_SETTINGS = {
    # A real Lab asks once whether it may fetch news; the question would cover the page.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def chromium() -> str | None:
    """The browser program on PATH."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def why_no_browser() -> str | None:
    """Return why the browser layer cannot run here, or None."""
    if chromium() is None:
        return f"no browser program on PATH ({', '.join(_PROGRAMS)})"
    missing = [name for name in ("playwright", "jupyterlab") if find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed: pip install -e '.[browser]'"
    return None


@contextmanager
def launch() -> Iterator[Browser]:
    """Start the browser that is installed; none is downloaded."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs.

    Attributes
    ----------
    url
        Where it answers, without a slash at the end.
    root
        The folder that it shows.
    home
        MC_JUPYTER_HOME of all its kernels.
    """

    url: str
    root: Path
    home: Path


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that was started with this MC_JUPYTER_HOME, kernels and servers included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MC_JUPYTER_HOME") == str(home):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@contextmanager
def serve_lab(folder: Path, env: Mapping[str, str]) -> Iterator[Lab]:
    """Start JupyterLab on a free port of 127.0.0.1; end it, and see that nothing of it is left.

    Parameters
    ----------
    folder
        Takes all that it writes: settings, workspaces, runtime files, the notebooks.
    env
        Added to the environment of server and kernels; of the user's own settings none is kept.
    """
    clean = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_OURS)}
    lab = Lab("", folder / "root", folder / "home")
    lab.root.mkdir(parents=True)
    for name, value in _SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(value))
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "MC_JUPYTER_HOME": "home",
    }
    environment = {**clean, **{name: str(folder / part) for name, part in own.items()}, **env}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={lab.root}", "--ServerApp.allow_root=True"]
    command += [f"--{name}={value}" for name, value in _OFF.items()]
    log = folder / "lab.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield Lab(_address(process, folder / "runtime", log), lab.root, lab.home)
    finally:
        _end(process, lab.home)


def _address(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    file = runtime / f"jpserver-{process.pid}.json"

    def read() -> str:
        assert process.poll() is None, f"JupyterLab did not start: {log.read_text()[-2000:]}"
        try:
            return str(json.loads(file.read_text())["url"]).rstrip("/")
        except (OSError, ValueError):  # not there yet, or half written
            return ""

    return wait_until(read, 60, f"the address of JupyterLab ({log})")


def _end(process: subprocess.Popen[bytes], home: Path) -> None:
    """End the server, which ends its kernels; what outlives it is killed and told."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, left = psutil.wait_procs(processes_of(home), timeout=10)
    told = [f"{one.pid} {one.name()}" for one in left if one.is_running()]
    for one in left:
        one.kill()
    assert not told, f"left running by JupyterLab: {told}"
