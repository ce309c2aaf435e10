"""How the embedded server's program starts, what it says, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.embedded_server import (
    MODEL,
    PROGRAM,
    TOKEN_VARIABLE,
    serve,
    session,
    weights,
)
from support.wait import wait_until


def run(*arguments: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    env = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    if token is not None:
        env[TOKEN_VARIABLE] = token
    command = [*PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=30, check=False)


def test_without_token_or_no_token_it_does_not_start() -> None:
    done = run("serve")
    assert done.returncode == 2
    assert f"set {TOKEN_VARIABLE}" in done.stderr
    assert done.stdout == ""
    assert run("serve", token="  ").returncode == 2


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--port", str(taken.getsockname()[1]), token="t")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_missing_packages_are_exit_3_and_one_line() -> None:
    code = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'xllamacpp' else real(name, *rest)\n"
        "from mc_jupyter.embedded.__main__ import main\n"
        "sys.exit(main(['serve', '--no-token']))"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert done.stderr == "xllamacpp is not installed: pip install 'mc-jupyter[embedded]'\n"


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quickly_and_cleanly_in_the_midst_of_an_answer(
    name: signal.Signals,
) -> None:
    with serve(models=weights()) as server, server.client() as http:
        body = {"model": MODEL, "prompt": "Count", "options": {"num_predict": 3000}}
        with http.stream("POST", "/api/generate", json=body) as reply:
            next(reply.iter_lines())
            began = time.monotonic()
            os.kill(server.pid, name)
            assert server.process.wait(5) == 0
            assert time.monotonic() - began < 2
        assert "Traceback" not in server.log.read_text()
        assert not session(server)


def test_a_signal_while_a_model_loads_leaves_nothing_behind() -> None:
    with serve(models=weights()) as server, server.client() as http:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(http.post, "/api/generate", json={"model": MODEL})
            wait_until(lambda: len(session(server)) == 2, 5, "the worker")
            server.process.terminate()
            assert server.process.wait(5) == 0
        wait_until(lambda: not session(server), 5, "end of the worker")
        assert "Traceback" not in server.log.read_text()


def test_the_end_of_stdin_ends_it() -> None:
    with serve("--end-with-stdin", models=weights()) as server:
        with server.client() as http:
            http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(5) == 0
        assert not session(server)


def test_a_killed_server_leaves_no_engine_behind() -> None:
    with serve(models=weights()) as server:
        with server.client() as http:
            http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
        server.process.kill()
        server.process.wait(5)
        wait_until(lambda: not session(server), 5, "end of the engine")


def test_stdout_carries_one_json_line_and_nothing_else() -> None:
    with serve(models=weights()) as server:
        with server.client() as http:
            http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
        server.process.terminate()
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""
