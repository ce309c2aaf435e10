"""Who may ask the embedded server, how it starts and how it ends: the real program."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.embedded_server import MODEL, PROGRAM, TOKEN, TOKEN_VARIABLE, Running, serve, weights
from support.wait import wait_until

ROUTES = [
    ("GET", "/"),
    ("GET", "/api/version"),
    ("GET", "/api/tags"),
    ("GET", "/api/ps"),
    ("POST", "/api/show"),
    ("POST", "/api/chat"),
    ("POST", "/api/generate"),
    ("POST", "/api/pull"),
    ("DELETE", "/api/delete"),
    ("GET", "/nope"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serve(models=weights()) as running:
        yield running


def run(*arguments: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    env = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    if token is not None:
        env[TOKEN_VARIABLE] = token
    command = [*PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=30, check=False)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_is_answered_without_the_token(server: Running, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        reply = httpx.request(method, server.url + path, headers=headers, trust_env=False)
        assert reply.status_code == 401
        assert reply.json() == {"error": "unauthorized"}
    reply = httpx.get(f"{server.url}{path}?token={TOKEN}", trust_env=False)
    assert reply.status_code == 401


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_web_page_is_never_answered(server: Running, method: str, path: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for extra in ({"Origin": "http://localhost:8888"}, {"Host": "evil.example"}):
        reply = httpx.request(method, server.url + path, headers=bearer | extra, trust_env=False)
        assert reply.status_code == 403
        assert not [name for name in reply.headers if name.startswith("access-control")]
    preflight = {"Origin": "http://x", "Access-Control-Request-Method": "POST"}
    assert httpx.options(server.url + path, headers=preflight, trust_env=False).status_code == 403


def test_loopback_names_are_answered(server: Running) -> None:
    port = server.url.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "kernel.localhost", f"[::1]:{port}"):
        headers = {"Authorization": f"bearer {TOKEN}", "Host": host}
        assert httpx.get(server.url, headers=headers, trust_env=False).status_code == 200


def test_the_token_is_in_no_argument_output_or_child(server: Running) -> None:
    with server.client() as http:
        http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
        http.get("/api/tags?token=" + TOKEN)
        seen = [http.get(path).text for path in ("/", "/api/version", "/api/tags", "/api/ps")]
    assert TOKEN not in "".join(seen)
    assert TOKEN not in server.log.read_text()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            assert TOKEN.encode() not in (folder / "cmdline").read_bytes()
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == server.pid:
                assert TOKEN.encode() not in (folder / "environ").read_bytes()
        except OSError:
            continue


def test_the_engine_listens_on_no_port_of_its_own(server: Running) -> None:
    with server.client() as http:
        http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    if not tables[0].exists():
        pytest.skip("looks into /proc/net")
    group = {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _of(pid, server)}
    assert len(group) == 2  # the server and one worker
    sockets = {link for pid in group for link in _sockets(pid)}
    rows = [row.split() for table in tables for row in table.read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A" and row[9] in sockets]
    port = int(server.url.rsplit(":", 1)[1])
    assert [int(address.rsplit(":", 1)[1], 16) for address in listening] == [port]


def _of(pid: int, server: Running) -> bool:
    try:
        return os.getsid(pid) == server.pid
    except OSError:
        return False


def _sockets(pid: int) -> list[str]:
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = os.readlink(entry)
        except OSError:
            continue
        if name.startswith("socket:["):
            links.append(name[8:-1])
    return links


def test_without_token_or_no_token_it_does_not_start() -> None:
    done = run("serve")
    assert done.returncode == 2
    assert f"set {TOKEN_VARIABLE}" in done.stderr
    assert done.stdout == ""
    assert run("serve", token="  ").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "token"),
    [
        (("--host", "0.0.0.0"), "t"),
        (("--host", "0.0.0.0", "--no-token"), None),
        (("--host", "0.0.0.0", "--allow-remote"), "t"),
        (("--host", "::", "--no-token"), None),
        (("--host", "example.org", "--no-token"), None),
        (("--no-token",), "t"),
        (("--gguf", "x=/no/such/file"), "t"),
        (("--gguf", "/dev/null"), "t"),
        (("--num-ctx", "0"), "t"),
        (("--port", "70000"), "t"),
        (("--nonsense",), "t"),
    ],
)
def test_wrong_arguments_are_exit_2_and_a_clear_line(
    arguments: tuple[str, ...], token: str | None
) -> None:
    done = run("serve", *arguments, token=token)
    assert done.returncode == 2
    assert "error: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    if "0.0.0.0" in arguments:
        assert "--no-token and --allow-remote" in done.stderr


def test_no_token_lets_everyone_on_this_machine_in() -> None:
    with serve(token=None) as server:
        assert httpx.get(server.url, trust_env=False).text == "Ollama is running"
        evil = httpx.get(server.url, headers={"Host": "evil.example"}, trust_env=False)
        assert evil.status_code == 403


def test_a_container_may_listen_on_all_addresses() -> None:
    with serve("--host", "0.0.0.0", "--allow-remote", token=None) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        headers = {"Host": "ollama:11434"}
        assert httpx.get(url, headers=headers, trust_env=False).text == "Ollama is running"
        page = httpx.get(url, headers={"Origin": "http://evil.example"}, trust_env=False)
        assert page.status_code == 403


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--port", str(taken.getsockname()[1]), token="t")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("pull", "--help")])
def test_help_is_there(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 0
    assert "usage: python -P -m mc_jupyter.embedded" in done.stdout


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
        assert _nobody_left(server)


def test_the_end_of_stdin_ends_it() -> None:
    with serve("--end-with-stdin", models=weights()) as server:
        with server.client() as http:
            http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(5) == 0
        assert _nobody_left(server)


def test_a_killed_server_leaves_no_engine_behind() -> None:
    with serve(models=weights()) as server:
        with server.client() as http:
            http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
        server.process.kill()
        server.process.wait(5)
        wait_until(lambda: _nobody_left(server), 5, "end of the engine")


def _nobody_left(server: Running) -> bool:
    if not Path("/proc/self").exists():
        pytest.skip("looks into /proc")
    return not [pid for pid in os.listdir("/proc") if pid.isdigit() and _of(int(pid), server)]


def test_stdout_carries_one_json_line_and_nothing_else() -> None:
    with serve(models=weights()) as server:
        with server.client() as http:
            http.post("/api/generate", json={"model": MODEL, "prompt": ""}).raise_for_status()
        server.process.terminate()
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""
        assert json.loads(json.dumps(server.url)).startswith("http://127.0.0.1:")
