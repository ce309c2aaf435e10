"""Where a wheel is, by pip's own report, so that the user's mirrors, proxies and files hold."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import SourceError, SourceUnreachableError

_LIMIT = 900.0  # seconds
_LOOK_EVERY = 0.1  # seconds
_TICK_EVERY = 5.0  # seconds
_LINK = re.compile(r"Found link (\S+)")
_UNREACHABLE = ("Could not find a version", "No matching distribution", "Max retries", "timed out")


def locate(requirement: str, wheel: str, cancelled: Event, tick: Callable[[], None]) -> str:
    """Return the URL of the wheel that pip would install.

    pip is stopped as soon as its log names the wheel: many versions of it fetch the whole file
    for the report (23.2 always, others from an index without separate metadata). Where the
    log does not name it, the report does.

    Parameters
    ----------
    requirement
        ``name==version``.
    wheel
        The file name that is wanted.
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
    with TemporaryDirectory(prefix="mcj-pip-") as folder:
        log = Path(folder) / "log"
        command = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
        command += ["--no-input", "--log", str(log), "--report", "-", requirement]
        code, out, err = _pip(
            command, cancelled, tick, lambda: bool(_link(log, wheel)), {"TMPDIR": folder}
        )
        if link := _link(log, wheel):
            return link
    if code == 0:
        report: dict[str, Any] = json.loads(out)
        return str(report["install"][0]["download_info"]["url"])
    raise _failure(requirement, code, err)


def _failure(requirement: str, code: int, err: str) -> SourceError:
    if "No module named pip" in err:
        return SourceError(
            f"this Python has no pip to find {requirement} with", "python -m ensurepip"
        )
    lines = [line for line in err.splitlines() if line.startswith("ERROR")] or err.splitlines()[-1:]
    said = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {code}"
    kind = SourceUnreachableError if any(text in err for text in _UNREACHABLE) else SourceError
    return kind(f"pip cannot find {requirement}: {said}")


def _link(log: Path, wheel: str) -> str | None:
    """Return the wheel's URL from pip's log; one with a password is left out, pip hides it."""
    with suppress(FileNotFoundError):
        for url in _LINK.findall(log.read_text(errors="replace")):
            name = unquote(urlsplit(url).path).rsplit("/", 1)[-1]
            if name == wheel and "****" not in url:
                return str(url)
    return None


def settings(cancelled: Event) -> dict[str, str]:
    """Return pip's settings that concern a download (``cert``, ``proxy``, ``client-cert``)."""
    _, out, _ = _pip(["config", "list"], cancelled)
    found: dict[str, str] = {}
    for scope in ("global.", "install.", ":env:."):
        for line in out.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(scope):
                found[name.removeprefix(scope)] = str(ast.literal_eval(value))
    return {name: found[name] for name in ("cert", "proxy", "client-cert") if found.get(name)}


def _pip(
    arguments: list[str],
    cancelled: Event,
    tick: Callable[[], None] = lambda: None,
    enough: Callable[[], bool] = lambda: False,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run pip until it ends or `enough` says so; return its code and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pip", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**_environment(), **(env or {})},
    )
    began = ticked = time.monotonic()
    try:
        while True:
            try:
                out, err = process.communicate(timeout=_LOOK_EVERY)
                return process.returncode, out, err
            except subprocess.TimeoutExpired:
                now = time.monotonic()
            if cancelled.is_set():
                raise CancelledError
            if enough():
                return 0, "", ""
            if now - began > _LIMIT:
                raise SourceUnreachableError(f"pip took longer than {_LIMIT:.0f} s")
            if now - ticked > _TICK_EVERY:
                ticked = now
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
