"""The native runtime, with a stand-in program named `ollama` that runs the small real model."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.embedded_server import MODEL
from support.folders import service_folder
from support.native_standin import first_on_path, free_port, make, members, nobody_on
from support.scripted_ollama import ScriptedOllama
from support.wait import wait_until

from mc_jupyter.errors import ArgumentError, NativeMissingError, NotOursError, StartError
from mc_jupyter.events import Event
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.native import NativeRuntime
from mc_jupyter.service import Service

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


@pytest.fixture
def port() -> int:
    """Where this test's Ollama usually listens: 11434 may be another's."""
    return free_port()


@pytest.fixture
def registry(port: int) -> Iterator[ServiceRegistry]:
    registry = ServiceRegistry()
    registry._runtimes["native"] = NativeRuntime(port)
    yield registry
    for service in registry.services():
        try:
            service.stop()
        except NotOursError:
            continue


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The stand-in, first on PATH."""
    folder = make(tmp_path / "programs")
    monkeypatch.setenv("PATH", first_on_path(folder))
    return folder


def _load(registry: ServiceRegistry, parent: Path, **options: object) -> Service:
    return registry.get_service(str(service_folder(parent)), runtime="native", **options)  # type: ignore[arg-type]


def _pid(service: Service) -> int:
    return int(service.status().detail.split()[-1])


@pytest.mark.usefixtures("standin")
def test_start_prompt_stop(registry: ServiceRegistry, tmp_path: Path, port: int) -> None:
    service = _load(registry, tmp_path)
    now = service.start()
    assert (now.runtime, now.state, now.healthy) == ("native", "running", True)
    assert (now.url, now.gpu) == (f"http://127.0.0.1:{port}", None)
    pid = _pid(service)
    assert service.start().url == now.url
    assert _pid(service) == pid
    client = service.client()
    words = client.generate(MODEL, "Say hello.", options={"num_predict": 5, "seed": 1})
    assert "".join(word["response"] for word in words).strip()
    runtime = registry.runtime("native")
    assert len(members(pid)) > 2, "the program, its watcher and the worker of the model"
    memory = runtime.memory(service.placement.spec)
    assert memory is not None
    assert memory > 100_000_000, "the model is in it"
    assert f"127.0.0.1:{port}" in service.logs()
    service.stop()
    wait_until(lambda: not members(pid), 5, "the end of the whole session")
    assert (service.snapshot().state, service.url) == ("stopped", None)
    assert service.logs(), "the log of a stopped one can be read"
    assert runtime.memory(service.placement.spec) is None
    assert service.start().healthy


@pytest.mark.usefixtures("standin")
def test_it_listens_on_loopback_only(
    registry: ServiceRegistry, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:1")
    service = _load(registry, tmp_path)
    assert service.start().url == f"http://127.0.0.1:{port}"
    assert f"'OLLAMA_HOST': '127.0.0.1:{port}'" in service.logs()
    other = _load(registry, tmp_path / "other", env={"OLLAMA_HOST": "0.0.0.0"})
    with pytest.raises(ArgumentError, match="--env OLLAMA_HOST cannot be applied"):
        other.start()


@pytest.mark.usefixtures("standin")
def test_environment_reaches_the_program(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = _load(registry, tmp_path, env={"OLLAMA_KEEP_ALIVE": "17m"})
    assert service.start().notes == ()
    assert "'OLLAMA_KEEP_ALIVE': '17m'" in service.logs()
    assert "CUDA" not in service.logs()
    service.stop()
    assert service.start(gpu="off").gpu == "not used: hidden from Ollama (--gpu off)"
    assert "'CUDA_VISIBLE_DEVICES': '-1'" in service.logs()


def test_the_gpu_is_told_as_the_log_tells_it(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of the shapes that Ollama's versions write; that the stand-in has one is not said."""
    for library, words, told in (
        ("cpu", 'name=cpu description=cpu type=""', "not used: Ollama found none that it can use"),
        ("CUDA", 'name=CUDA0 description="NVIDIA GB10"', "Ollama found NVIDIA GB10"),
        ("cuda", 'variant=v12 name="NVIDIA A100"', "Ollama found NVIDIA A100"),
        ("rocm", "compute=gfx1010 name=1002:731f", "Ollama found rocm"),
    ):
        line = f'level=INFO msg="inference compute" id=0 library={library} {words} total="8 GiB"'
        folder = make(tmp_path / "programs", lines=[line])
        monkeypatch.setenv("PATH", first_on_path(folder))
        service = _load(registry, tmp_path / words)
        assert service.start(gpu="on").gpu == told
        service.stop()


@pytest.mark.usefixtures("standin")
def test_what_answers_is_used_and_never_stopped(
    registry: ServiceRegistry, tmp_path: Path, port: int
) -> None:
    service = _load(registry, tmp_path)
    said: list[Event] = []
    with ScriptedOllama(tokens=["Hi"], port=port) as server:
        now = service.start(report=said.append)
        assert (now.runtime, now.url, now.healthy) == ("native", server.url, True)
        assert "never stopped from here" in next(event.text for event in said if event.settled)
        assert service.client().has_model("llama3.2:1b")
        runtime, spec = registry.runtime("native"), service.placement.spec
        assert runtime.memory(spec) is None
        assert service.plan_removal() == ()
        with pytest.raises(ArgumentError, match="its log lies where it was started"):
            service.logs()
        with pytest.raises(ArgumentError, match="its log lies where it was started"):
            next(runtime.follow(spec, 5))
        with pytest.raises(NotOursError, match="was not started by mc_jupyter"):
            service.stop()
        assert service.status().state == "absent"
        assert not nobody_on(port), "it goes on"
        service.start()
    assert service.status().state == "absent", "what was used is gone"
    assert service.start().url == f"http://127.0.0.1:{port}"
    assert _pid(service), "now it is one of ours"


@pytest.mark.usefixtures("standin")
def test_what_cannot_be_applied_to_anothers_ollama_is_an_error(
    registry: ServiceRegistry, tmp_path: Path, port: int
) -> None:
    service = _load(registry, tmp_path, env={"OLLAMA_KEEP_ALIVE": "17m"})
    with ScriptedOllama(port=port):
        with pytest.raises(ArgumentError, match="--env OLLAMA_KEEP_ALIVE cannot be applied"):
            service.start()
        with pytest.raises(ArgumentError, match="--gpu off cannot be applied"):
            _load(registry, tmp_path / "other").start(gpu="off")


@pytest.mark.usefixtures("standin")
def test_the_usual_port_of_this_machine(tmp_path: Path) -> None:
    if not nobody_on(11434):
        pytest.skip("something answers on port 11434 here")
    registry = ServiceRegistry()
    service = _load(registry, tmp_path)
    with ScriptedOllama(tokens=["Hi"], port=11434):
        assert service.start().url == "http://127.0.0.1:11434"
        with pytest.raises(NotOursError):
            service.stop()
    service.start()
    assert service.url == "http://127.0.0.1:11434"
    service.stop()


class _NoOllama(BaseHTTPRequestHandler):
    """Answers every path, as the servers of some web pages do."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.usefixtures("standin")
@pytest.mark.parametrize("speaks", [True, False])
def test_a_port_that_something_else_has(
    registry: ServiceRegistry, tmp_path: Path, port: int, speaks: bool
) -> None:
    if speaks:
        server = ThreadingHTTPServer(("127.0.0.1", port), _NoOllama)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        close = [server.shutdown, server.server_close]
    else:
        silent = socket.create_server(("127.0.0.1", port))
        close = [silent.close]
    service = _load(registry, tmp_path)
    said: list[Event] = []
    try:
        now = service.start(report=said.append)
        assert now.healthy
        assert now.url != f"http://127.0.0.1:{port}"
        assert any("is taken by something that is no Ollama" in event.text for event in said)
    finally:
        for step in close:
            step()


@pytest.mark.usefixtures("standin")
def test_two_services_share_one_program(registry: ServiceRegistry, tmp_path: Path) -> None:
    one, two = _load(registry, tmp_path / "a"), _load(registry, tmp_path / "b")
    one.start()
    two.start()
    assert _pid(one) == _pid(two)
    pid = _pid(one)
    said: list[Event] = []
    two.start(gpu="off", report=said.append)
    assert any("already running, with other settings" in event.text for event in said)
    one.stop()
    assert members(pid)
    assert two.is_healthy()
    two.stop()
    wait_until(lambda: not members(pid), 5, "the end of the program")


@pytest.mark.usefixtures("standin")
def test_killed_from_outside_it_is_told_and_started_again(
    registry: ServiceRegistry, tmp_path: Path
) -> None:
    told: list[str | None] = []
    unwatch = registry.runtime("native").watch(told.append)
    service = _load(registry, tmp_path)
    service.start()
    list(service.client().generate(MODEL, "Hi", options={"num_predict": 1}))
    pid = _pid(service)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: told == [None], 5, "the word of the end")
    wait_until(lambda: not members(pid), 5, "the end of what it left")
    assert service.status().state == "exited"
    assert "SIGKILL" in service.snapshot().detail
    assert service.start().healthy
    assert _pid(service) != pid
    service.stop()
    assert told == [None], "what this kernel did itself is no news"
    unwatch()
    unwatch()


@pytest.mark.usefixtures("standin")
def test_its_log_is_followed_to_its_end(registry: ServiceRegistry, tmp_path: Path) -> None:
    service = _load(registry, tmp_path)
    service.start()
    heard: list[str] = []
    follow = registry.runtime("native").follow(service.placement.spec, 100)
    thread = threading.Thread(target=lambda: heard.extend(follow))
    thread.start()
    wait_until(lambda: "server config" in "".join(heard), 5, "the beginning")
    before = len("".join(heard))
    service.client().models()
    wait_until(lambda: len("".join(heard)) > before, 5, "what it wrote since")
    service.stop()
    thread.join(5)
    assert not thread.is_alive()


def _kernel(folder: Path, port: int) -> subprocess.Popen[str]:
    code = (
        "import sys, mc_jupyter\n"
        "from mc_jupyter.runtimes.native import NativeRuntime\n"
        f"mc_jupyter.registry._runtimes['native'] = NativeRuntime({port})\n"
        f"service = mc_jupyter.load({str(folder)!r}, runtime='native')\n"
        "service.start()\n"
        f"list(service.client().generate({MODEL!r}, 'Hi', options={{'num_predict': 1}}))\n"
        "print(service.status().detail.split()[-1], flush=True)\n"
        "sys.stdin.read()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.usefixtures("standin")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_it_ends_with_the_kernel(tmp_path: Path, port: int, how: signal.Signals | None) -> None:
    kernel = _kernel(service_folder(tmp_path), port)
    assert kernel.stdout is not None
    assert kernel.stdin is not None
    pid = int(kernel.stdout.readline())
    assert len(members(pid)) > 2
    if how is None:
        kernel.stdin.close()  # it ends by itself
    else:
        kernel.send_signal(how)
    kernel.wait(10)
    wait_until(lambda: not members(pid), 8, "the end of the program, its workers and the watcher")
    assert nobody_on(port)
    kernel.stdout.close()
    kernel.stdin.close()


@pytest.mark.usefixtures("standin")
def test_of_two_kernels_at_once_the_second_uses_the_firsts(tmp_path: Path, port: int) -> None:
    kernels = [_kernel(service_folder(tmp_path / name), port) for name in ("a", "b")]
    told = []
    for kernel in kernels:
        assert kernel.stdout is not None
        told.append(kernel.stdout.readline().strip())
    assert sorted(word.isdigit() for word in told) == [False, True]
    assert "here" in told, "not started from here"
    for kernel in kernels:
        kernel.kill()
        kernel.communicate()
    pid = next(int(word) for word in told if word.isdigit())
    wait_until(lambda: not members(pid), 8, "the end of the program")


def test_a_program_that_ends_at_once(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "programs", lines=["Error: no such GPU"], code=7)
    monkeypatch.setenv("PATH", first_on_path(folder))
    service = _load(registry, tmp_path)
    with pytest.raises(StartError) as caught:
        service.start(wait=0)
    assert "ended at once (exited with code 7)" in str(caught.value)
    assert "Error: no such GPU" in str(caught.value)
    assert "Error: no such GPU" in service.logs()


def test_there_is_no_program(
    registry: ServiceRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NativeMissingError, match=r"https://ollama\.com/download.*embedded"):
        _load(registry, tmp_path).start()


@pytest.mark.usefixtures("standin")
def test_a_service_that_is_no_ollama(registry: ServiceRegistry, tmp_path: Path) -> None:
    folder = service_folder(tmp_path, "cowsay-service", "cowsay", "cowsay-service")
    service = registry.get_service(str(folder), runtime="native")
    with pytest.raises(NativeMissingError, match="serves Ollama services only"):
        service.start()
