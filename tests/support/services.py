"""Stand-ins for whisper, kokoro, chatterbox, zonos and huggingface, as processes on 127.0.0.1.

They speak the documented HTTP APIs over engines that run anywhere (espeak-ng, PocketSphinx,
Pillow, and the real gradio); see :mod:`support.standin.servers`. In a test::

    with running("chatterbox", "voices=Emily.wav", "slow=0.5") as served:
        ...  # served.url
    assert served.asked("/tts")[0]["json"]["text"] == "Hello"  # inside the with
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError

from support.standin import packages
from support.wait import wait_until

HEALTH = {
    "whisper": "/",
    "kokoro": "/health",
    "chatterbox": "/health",
    "zonos": "/",
    "huggingface": "/health",
}
_TESTS = Path(__file__).parent.parent
_REPOSITORIES = Path(__file__).parent / "standin" / "repositories"
_START = 30.0  # s; two cores and several tests

why_not = packages.why_not


def repository(name: str) -> dict[str, str]:
    """Return the files of a service's repository, as :func:`support.git_server.make_repository`
    and ``make`` of the docker tests take them; what it builds or pulls are stand-ins."""
    folder = _REPOSITORIES / name
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}


class Served:
    """A stand-in that runs.

    Attributes
    ----------
    name
        Of the service.
    url
        Without a slash at the end.
    process
        Its process.
    """

    def __init__(self, name: str, url: str, process: subprocess.Popen[str], log: IO[str]) -> None:
        self.name, self.url, self.process, self._log = name, url, process, log

    def requests(self) -> list[dict[str, Any]]:
        """Return what it was asked, in order, the waiting for its health left out.

        Each has ``method path query headers content_type size at`` and ``json`` (a JSON body) or
        ``parts`` (``name type size sha256`` and ``filename`` or ``value``); then ``status``,
        ``finished`` (the whole answer was sent) and ``gone`` (the client left before).
        """
        with urllib.request.urlopen(f"{self.url}/standin/requests", timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return [each for each in found if "x-standin-waits" not in each["headers"]]

    def asked(self, path: str) -> list[dict[str, Any]]:
        """Return the requests for one path."""
        return [each for each in self.requests() if each["path"] == path]

    def log(self) -> str:
        """Return what it wrote to its standard error."""
        self._log.seek(0)
        return self._log.read()


@contextmanager
def running(name: str, *flags: str, env: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Run a stand-in until the block ends.

    Parameters
    ----------
    name
        One of `HEALTH`.
    flags
        Its switches, ``name=value``: see the docstring of its module.
    env
        Added to its environment; ``STANDIN_NAME`` is a switch too.

    Raises
    ------
    AssertionError
        It does not answer; with its log.
    """
    if reason := why_not():
        raise AssertionError(reason)
    command = [sys.executable, "-P", "-m", "support.standin.servers", name, *flags]
    path = os.pathsep.join([str(packages.folder()), str(_TESTS)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", **(env or {})}
    with tempfile.TemporaryDirectory(prefix="standin-") as folder, _log() as log:
        environment.setdefault("STANDIN_DATA", folder)
        environment.setdefault("GRADIO_TEMP_DIR", folder)
        process = subprocess.Popen(
            [*command, "--port", "0", "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            cwd=folder,
        )
        try:
            served = Served(name, _url(process, log), process, log)
            wait_until(lambda: _answers(served), _START, f"{name}'s stand-in on {served.url}")
            yield served
        finally:
            _end(process)


@contextmanager
def _log() -> Iterator[IO[str]]:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        yield log


def _url(process: subprocess.Popen[str], log: IO[str]) -> str:
    assert process.stdout is not None
    if select.select([process.stdout], [], [], _START)[0] and (line := process.stdout.readline()):
        return str(json.loads(line)["url"])
    process.kill()
    log.seek(0)
    raise AssertionError(f"the stand-in does not start: {log.read()[-2000:]}")


def _answers(served: Served) -> bool:
    assert served.process.poll() is None, served.log()[-2000:]
    request = urllib.request.Request(
        served.url + HEALTH[served.name], headers={"X-Standin-Waits": "1"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:  # its event loop is blocked, as the real one's would be
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
