"""Containers that end, loop, or never answer: said at once, with their last lines."""

from __future__ import annotations

import time

import pytest
from support import engine
from support.engine import Make, ready
from support.wait import wait_until

from mc_jupyter.errors import StartError, TimeLimitError
from mc_jupyter.events import silent
from mc_jupyter.runtimes.compose import ComposeRuntime


def compose(command: str, *more: str) -> str:
    lines = [
        "services:",
        "  web:",
        "    image: mc-jupyter-test/base:1",
        '    ports: ["80"]',
        f"    command: {command}",
        *(f"    {line}" for line in more),
    ]
    return "\n".join(lines) + "\n"


DIES = """["sh", "-c", "echo loading; echo no such model >&2; exit 3"]"""
ALWAYS_500 = """
      - python3
      - -c
      - |
        from http.server import *
        class H(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(500)
        HTTPServer(("", 80), H).serve_forever()
"""


def test_one_that_exits_at_once_shows_its_last_lines(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    spec = make(compose(DIES))
    runtime.start(spec, silent)
    with pytest.raises(StartError) as caught:
        ready(runtime, spec)
    message = caught.value.message
    assert message.startswith("web exited with code 3; its last lines:")
    assert "no such model" in message
    assert caught.value.hint == "%mc logs web"
    assert runtime.condition(spec).exit_code == 3


def test_a_crash_loop_is_said_at_once(make: Make, base: str, runtime: ComposeRuntime) -> None:
    spec = make(compose(DIES, "restart: always"))
    runtime.start(spec, silent)
    began = time.monotonic()
    with pytest.raises(StartError, match="restarts again and again") as caught:
        ready(runtime, spec)
    assert time.monotonic() - began < 5
    assert "no such model" in caught.value.message
    between = wait_until(
        lambda: (c := runtime.condition(spec)).exit_code is not None and c, what="a pause"
    )
    assert (between.state, between.exit_code) == ("restarting", 3)
    assert "last it exited with code 3" in between.detail
    runtime.stop(spec)
    assert runtime.condition(spec).state == "stopped"


def test_out_of_memory_is_told_from_a_kill(make: Make, base: str, runtime: ComposeRuntime) -> None:
    eater = """["python3", "-c", "x = []\\nwhile True: x.append(bytearray(10**6))"]"""
    spec = make(compose(eater, "mem_limit: 32m"))
    runtime.start(spec, silent)
    condition = wait_until(
        lambda: (c := runtime.condition(spec)).state == "exited" and c, what="the end"
    )
    assert condition.detail == "ran out of memory (exit code 137)"


def test_one_that_answers_500_is_left_running(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    spec = make(compose(ALWAYS_500))
    runtime.start(spec, silent)
    wait_until(lambda: "GET /" in _probe_and_log(runtime, spec), what="a request in the log")
    with pytest.raises(TimeLimitError, match="HTTP 500 to GET /"):
        ready(runtime, spec, limit=1.0)
    assert runtime.condition(spec).state == "running"


def _probe_and_log(runtime: ComposeRuntime, spec: object) -> str:
    with pytest.raises(TimeLimitError):
        ready(runtime, spec, limit=0.1)  # type: ignore[arg-type]
    return runtime.logs(spec, 10)  # type: ignore[arg-type]


def test_a_program_without_signal_handlers_stops_at_once(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    """As process 1 it would ignore SIGTERM and take 10 s; it gets an init."""
    spec = make(compose("sleep 600"))
    runtime.start(spec, silent)
    began = time.monotonic()
    runtime.stop(spec)
    assert time.monotonic() - began < 5
    assert runtime.condition(spec).state == "stopped"


def test_a_helper_that_fails_names_itself(make: Make, base: str, runtime: ComposeRuntime) -> None:
    helper = f"""\
  helper:
    image: mc-jupyter-test/base:1
    command: {DIES}
"""
    waits = "depends_on: {helper: {condition: service_completed_successfully}}"
    spec = make(compose("sleep 600", waits) + helper)
    with pytest.raises(StartError, match=r"helper.*exit 3; its last lines:") as caught:
        runtime.start(spec, silent)
    assert "no such model" in caught.value.message
    assert caught.value.hint == "%mc logs web"
    assert "no such model" in runtime.logs(spec, 10)


def test_a_helper_that_finishes_is_no_failure(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    helper = """\
  helper:
    image: mc-jupyter-test/base:1
    command: "true"
"""
    waits = "depends_on: {helper: {condition: service_completed_successfully}}"
    spec = make(compose("python3 -m http.server 80", waits) + helper)
    runtime.start(spec, silent)
    assert ready(runtime, spec).state == "running"


def test_a_wrong_command_is_a_start_error(make: Make, base: str, runtime: ComposeRuntime) -> None:
    spec = make(compose("/no/such/program", "init: false"))
    with pytest.raises(StartError, match="no such file or directory") as caught:
        runtime.start(spec, silent)
    assert len(str(caught.value).splitlines()) == 2
    assert runtime.condition(spec).state == "created"


def test_a_taken_port_and_a_wished_port(make: Make, base: str, runtime: ComposeRuntime) -> None:
    text = compose("python3 -m http.server 80").replace('["80"]', '["${WEB_HOST_PORT:-0}:80"]')
    first = make(text)
    runtime.start(first, silent)
    url = ready(runtime, first).url or ""
    taken = url.rpartition(":")[2]
    second = make(text, name="second", environment={"WEB_HOST_PORT": taken})
    with pytest.raises(StartError, match=r"already allocated|already in use") as caught:
        runtime.start(second, silent)
    assert caught.value.hint is not None
    assert "--env" in caught.value.hint
    runtime.remove(first, volumes=False)
    runtime.start(second, silent)
    assert ready(runtime, second).url == f"http://127.0.0.1:{taken}"


def test_fixed_host_ports_become_free_ones_on_loopback(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    specs = [make(engine.WEB, name=name) for name in ("one", "two")]
    for spec in specs:
        runtime.start(spec, silent)
    urls = {ready(runtime, spec).url for spec in specs}
    assert len(urls) == 2
    for spec in specs:
        (bindings,) = engine.containers(spec)[0]["NetworkSettings"]["Ports"].values()
        assert [binding["HostIp"] for binding in bindings] == ["127.0.0.1"]
        assert bindings[0]["HostPort"] != "8005"
