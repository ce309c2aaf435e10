"""Where a wheel is, by pip's own report, so that the user's mirrors, proxies and files hold."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError
from threading import Event
from typing import Any

from ..errors import SourceError, SourceUnreachableError

_LIMIT = 900.0  # seconds: pip fetches the whole wheel from an index that offers no metadata
_UNREACHABLE = ("Could not find a version", "No matching distribution", "Max retries", "timed out")


def locate(requirement: str, cancelled: Event, tick: Callable[[], None]) -> str:
    """Return the URL of the file that pip would install for `requirement`.

    Parameters
    ----------
    requirement
        ``name==version``.
    cancelled
        Ends pip and the call when set.
    tick
        Called every few seconds while pip works.

    Raises
    ------
    SourceUnreachableError
        When pip finds no such file (most often: no connection to the index).
    SourceError
        When there is no pip, or it fails otherwise.
    """
    command = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--no-input"]
    code, out, err = _pip([*command, "--report", "-", requirement], cancelled, tick)
    if code == 0:
        report: dict[str, Any] = json.loads(out)
        return str(report["install"][0]["download_info"]["url"])
    if "No module named pip" in err:
        raise SourceError(
            f"this Python has no pip to find {requirement} with", "python -m ensurepip"
        )
    lines = [line for line in err.splitlines() if line.startswith("ERROR")] or err.splitlines()[-1:]
    said = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {code}"
    kind = SourceUnreachableError if any(text in err for text in _UNREACHABLE) else SourceError
    raise kind(f"pip cannot find {requirement}: {said}")


def settings(cancelled: Event) -> dict[str, str]:
    """Return pip's settings that concern a download (``cert``, ``proxy``, ``client-cert``)."""
    _, out, _ = _pip(["config", "list"], cancelled, lambda: None)
    found: dict[str, str] = {}
    for scope in ("global.", "install.", ":env:."):
        for line in out.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(scope):
                found[name.removeprefix(scope)] = str(ast.literal_eval(value))
    return {name: found[name] for name in ("cert", "proxy", "client-cert") if found.get(name)}


def _pip(arguments: list[str], cancelled: Event, tick: Callable[[], None]) -> tuple[int, str, str]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pip", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env=_environment(),
    )
    waited = 0.0
    try:
        while True:
            try:
                out, err = process.communicate(timeout=0.2)
                return process.returncode, out, err
            except subprocess.TimeoutExpired:
                waited += 0.2
            if cancelled.is_set():
                raise CancelledError
            if waited > _LIMIT:
                raise SourceUnreachableError(f"pip took longer than {_LIMIT:.0f} s")
            if int(waited / 5) > int((waited - 0.2) / 5):
                tick()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _environment() -> dict[str, str]:
    """Ours, without what makes pip colour its report (ipykernel sets FORCE_COLOR)."""
    kept = {name: value for name, value in os.environ.items() if "FORCE_COLOR" not in name}
    return {
        **kept,
        "NO_COLOR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONWARNINGS": "ignore",
    }
