"""Bundled services on the real engine, started once for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import engine, media_files
from support.standin import build, debian
from support.wait import wait_until

from mc_jupyter.events import silent
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime
from mc_jupyter.sources import bundled


@contextmanager
def running(
    name: str, home: Path, runtime: ComposeRuntime, **environment: str
) -> Iterator[tuple[Spec, str]]:
    """Start a bundled service; remove all of it afterwards.

    Yields its spec, and the URL where it answers.
    """
    folder = bundled.folder(name)
    spec = engine.spec_for(
        folder, home, content=bundled.content(folder), environment=dict(environment)
    )
    try:
        runtime.start(spec, silent)
        url = engine.ready(runtime, spec).url
        assert url
        yield spec, url
    finally:
        engine.sweep(home)


class Server:
    """The service, as a client has it."""

    def __init__(self, spec: Spec, url: str, image: str) -> None:
        self.spec, self.image = spec, image
        self.http = httpx.Client(base_url=url, timeout=60)
        self.mp4 = media_files.mp4(image)

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(
        self,
        path: str,
        content: bytes,
        name: str = "video",
        kind: str = "video/mp4",
        file: str = "clip.mp4",
        **options: str,
    ) -> httpx.Response:
        return self.http.post(path, files={name: (file, content, kind)}, data=options)

    def made(self, path: str, content: bytes, *given: str, **options: str) -> httpx.Response:
        answer = self.send(path, content, *given, **options)
        assert answer.status_code == 200, answer.text
        assert int(answer.headers["x-processing-time"]) > 0
        return answer

    def refused(self, answer: httpx.Response, status: int = 400) -> str:
        assert answer.status_code == status, answer.text
        assert set(answer.json()) == {"success", "error", "timestamp"}
        assert answer.json()["success"] is False
        return str(answer.json()["error"])

    def metadata(self, content: bytes, kind: str = "video/mp4") -> dict[str, Any]:
        answer = self.send("/video/metadata", content, kind=kind)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def wait_until_idle(self) -> None:
        """Wait until no job runs, and no upload lies about."""
        idle = {"activeJobs": 0, "waitingJobs": 0}
        wait_until(lambda: idle.items() <= self.get("/health")["data"].items(), what="no job")
        wait_until(lambda: not any("/jobs/" in path for path in self.files()), what="no upload")

    def files(self) -> list[str]:
        (item,) = engine.containers(self.spec)
        return engine.docker("exec", item["Id"], "find", "/var/lib/media", "-type", "f").split()


@contextmanager
def ffmpeg_or_skip(home: Path, runtime: ComposeRuntime, **environment: str) -> Iterator[Server]:
    """Run the ffmpeg service; skip with the reason where it cannot be built here."""
    try:
        image = debian.built("ffmpeg")
        debian.debian_image()
    except build.CannotBuild as reason:
        pytest.skip(str(reason))
    with running("ffmpeg", home, runtime, **environment) as (spec, url):
        server = Server(spec, url, image)
        with server.http:
            yield server
