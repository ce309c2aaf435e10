"""A real image registry on 127.0.0.1: Debian's `docker-registry`."""

from __future__ import annotations

import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.wait import wait_until

PROGRAM = "docker-registry"


def why_no_registry() -> str | None:
    """Return why there is none; None if there is."""
    return None if shutil.which(PROGRAM) else f"no {PROGRAM} program (apt-get install {PROGRAM})"


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run a registry; yield its ``127.0.0.1:PORT``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'images'}}}}}\n"
        f"http: {{addr: '{address}'}}\n"
    )
    with (folder / "registry.log").open("w") as log:
        child = subprocess.Popen([PROGRAM, "serve", str(config)], stdout=log, stderr=log)
        try:
            wait_until(lambda: _answers(address), what="the registry")
            yield address
        finally:
            child.terminate()
            child.wait(10)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
