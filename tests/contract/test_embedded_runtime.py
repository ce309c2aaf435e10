"""The embedded runtime: one real server per kernel, shared, and gone with the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.folders import service_folder
from support.git_server import GitServer, make_repository, redirect
from support.wait import wait_until

from mc_jupyter.errors import EmbeddedMissingError, RuntimeUnavailableError, StartError
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.base import Condition, Spec
from mc_jupyter.service import Service


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[ServiceRegistry]:
    registry = ServiceRegistry()
    yield registry
    for service in registry.services():
        service.stop()


def _load(registry: ServiceRegistry, parent: Path) -> Service:
    return registry.get_service(str(service_folder(parent)), runtime="embedded")


def _pid(service: Service) -> int:
    return int(service.status().detail.split()[-1])


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text()


def test_start_stop_and_start_again(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = _load(registry, tmp_path)
    assert service.start().state == "running"
    assert service.is_healthy()
    pid, url = _pid(service), service.url
    assert service.start().url == url
    service.stop()
    assert _gone(pid)
    assert service.snapshot().url is None
    assert service.start().healthy
    assert _pid(service) != pid


def test_only_this_kernel_may_use_it(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = _load(registry, tmp_path)
    url = service.start().url
    assert url is not None
    assert url.startswith("http://127.0.0.1:")
    assert httpx.get(f"{url}/api/tags", trust_env=False).status_code == 401
    assert service.client().models() is not None
    shown = f"{service.snapshot()} {service.info()} {service!r} {service.logs()}"
    token = service._condition and service._condition.token
    assert token
    assert token not in shown
    command = Path(f"/proc/{_pid(service)}/cmdline").read_bytes()
    assert token.encode() not in command


def test_two_services_share_one_process(registry: ServiceRegistry, tmp_path: Path) -> None:
    one, two = _load(registry, tmp_path / "a"), _load(registry, tmp_path / "b")
    one.start()
    two.start()
    assert _pid(one) == _pid(two)
    pid = _pid(one)
    one.stop()
    assert not _gone(pid)
    assert two.is_healthy()
    two.stop()
    assert _gone(pid)


def test_killed_from_outside_it_is_seen_and_started_again(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    service = _load(registry, tmp_path)
    service.start()
    pid = _pid(service)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.status().state == "exited", 5, "the exit")
    assert "SIGKILL" in service.snapshot().detail
    assert service.start().healthy


def test_it_ends_with_a_killed_kernel(tmp_path: Path) -> None:
    code = (
        "import sys, mc_jupyter\n"
        f"service = mc_jupyter.load({str(service_folder(tmp_path))!r}, runtime='embedded')\n"
        "service.start()\n"
        "print(service.status().detail.split()[-1], flush=True)\n"
        "sys.stdin.read()\n"
    )
    kernel = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert kernel.stdout is not None
    assert kernel.stdin is not None
    pid = int(kernel.stdout.readline())
    kernel.kill()
    kernel.wait()
    wait_until(lambda: _gone(pid), 5, "the end of the server")
    kernel.stdout.close()
    kernel.stdin.close()


def test_a_service_that_is_no_ollama(registry: ServiceRegistry, tmp_path: Path) -> None:
    folder = service_folder(tmp_path, "cowsay-service", "cowsay", "cowsay-service")
    service = registry.get_service(str(folder), runtime="embedded")
    with pytest.raises(RuntimeUnavailableError, match="serves Ollama services only"):
        service.start()


def test_the_extra_is_missing(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(EmbeddedMissingError, match=r"%pip install 'mc-jupyter\[embedded\]'"):
        _load(registry, tmp_path).start()


def test_a_look_does_not_undo_a_stop(registry: ServiceRegistry, tmp_path: Path) -> None:
    """A panel looks all the time; what it saw before the stop comes in after it."""
    service = _load(registry, tmp_path)
    service.start()
    looking, stopped = threading.Event(), threading.Event()
    runtime = registry.runtime("embedded")
    look = runtime.condition

    def slow(spec: Spec) -> Condition:
        seen = look(spec)
        if threading.current_thread() is thread:
            looking.set()
            stopped.wait(10)
        return seen

    runtime.condition = slow  # type: ignore[method-assign]
    thread = threading.Thread(target=service.status)
    thread.start()
    looking.wait(10)
    service.stop()
    stopped.set()
    thread.join()
    assert (service.snapshot().state, service.url) == ("stopped", None)


def test_health_is_not_of_the_last_run(registry: ServiceRegistry, tmp_path: Path) -> None:
    heard: list[bool | None] = []
    registry.subscribe(lambda change: heard.append(change.snapshot and change.snapshot.healthy))
    service = _load(registry, tmp_path)
    service.start()
    assert heard[-1] is True
    service.stop()
    assert service.start(wait=0).healthy is None


def test_the_log_of_a_stopped_one_can_be_read(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = _load(registry, tmp_path)
    service.start()
    service.client().models()
    wait_until(service.logs, what="a line in the log")
    service.stop()
    assert service.logs()


def test_there_is_no_gpu(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = _load(registry, tmp_path)
    with pytest.raises(StartError, match="--gpu on"):
        service.start(gpu="on")
    assert service.start(gpu="off").healthy


def test_a_fresh_checkout_that_waits_is_not_cleared(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GitServer(tmp_path / "served") as server:
        for name, value in redirect(server.url).items():
            monkeypatch.setenv(name, value)
        make_repository(server.repository("Someone/ollama-service"))
        service = registry.get_service("github:Someone/ollama-service", runtime="embedded")
        service.start()
        before = service.checkout
        registry.refresh("ollama")
    assert service.checkout is before
    assert registry.clear_cache() == 0
    service.stop()
    assert service.checkout is not before
    assert service.checkout is not None
    assert service.checkout.folder.is_dir()
    assert service.pinned == f"github:Someone/ollama-service@{service.commit}"
