"""A real image registry on 127.0.0.1: Debian's `docker-registry`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support import engine
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


class _Slow(BaseHTTPRequestHandler):
    """Hands everything on, but a large answer trickles; remembers when the caller went away."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        origin = f"http://{self.server.origin}{self.path}"  # type: ignore[attr-defined]
        wanted = {"Accept": ", ".join(self.headers.get_all("Accept") or ["*/*"])}
        request = urllib.request.Request(origin, headers=wanted, method=self.command)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            trickles = int(answer.headers.get("Content-Length") or 0) > 1_000_000
            with suppress(OSError):
                while piece := answer.read(65536):
                    self.wfile.write(piece)
                    if trickles:
                        time.sleep(0.1)
                return
        self.server.broken.set()  # type: ignore[attr-defined]

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def slow_proxy(origin: str) -> Iterator[tuple[str, threading.Event]]:
    """Stand before a registry; yield the address, and what is set once a caller breaks off."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    server.daemon_threads = True
    server.origin, server.broken = origin, threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", server.broken  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def published_slowly(
    folder: Path, base: str, name: str, size: int
) -> Iterator[tuple[str, threading.Event]]:
    """Publish an image with a layer of `size` random bytes, and have it here no longer.

    Yields its name in a registry that is slow, and what is set once the engine breaks off.
    """
    folder.mkdir()
    (folder / "blob").write_bytes(os.urandom(size))
    (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY blob /blob\n")
    with registry(folder) as address, slow_proxy(address) as (slow, broken):
        tag = f"{address}/mc-jupyter-test/{name}:1"
        engine.docker("build", "-q", "-t", tag, str(folder))
        engine.docker("push", "-q", tag)
        engine.docker("rmi", tag)
        yield tag.replace(address, slow), broken


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
