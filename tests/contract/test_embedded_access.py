"""Who may ask the embedded server: the real program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.embedded_server import MODEL, TOKEN, Running, serve, session, weights
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


@pytest.fixture(scope="module")
def stranger(server: Running) -> Iterator[httpx.Client]:
    """A client that sends no token by itself."""
    with server.client(token=False) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_is_answered_without_the_token(
    stranger: httpx.Client, method: str, path: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        reply = stranger.request(method, path, headers=headers)
        assert reply.status_code == 401
        assert reply.json() == {"error": "unauthorized"}
    assert stranger.get(f"{path}?token={TOKEN}").status_code == 401


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_web_page_is_never_answered(stranger: httpx.Client, method: str, path: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for extra in ({"Origin": "http://localhost:8888"}, {"Host": "evil.example"}):
        reply = stranger.request(method, path, headers=bearer | extra)
        assert reply.status_code == 403
        assert not [name for name in reply.headers if name.startswith("access-control")]
    preflight = {"Origin": "http://x", "Access-Control-Request-Method": "POST"}
    assert stranger.options(path, headers=preflight).status_code == 403


def test_loopback_names_are_answered(stranger: httpx.Client, server: Running) -> None:
    port = server.url.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "kernel.localhost", f"[::1]:{port}"):
        headers = {"Authorization": f"bearer {TOKEN}", "Host": host}
        assert stranger.get("/", headers=headers).status_code == 200


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
    group = session(server)
    assert len(group) == 2  # the server and one worker
    sockets = {link for pid in group for link in _sockets(pid)}
    rows = [row.split() for table in tables for row in table.read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A" and row[9] in sockets]
    port = int(server.url.rsplit(":", 1)[1])
    assert [int(address.rsplit(":", 1)[1], 16) for address in listening] == [port]


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


def test_a_kept_connection_gives_way_to_a_new_one() -> None:
    """Its request is answered, so it is idle again."""
    with serve(bounds={"connections": 1}) as server, server.client() as kept:
        assert kept.get("/").status_code == 200

        def is_served() -> bool:
            with server.client() as other:
                return other.get("/").status_code == 200

        wait_until(is_served, 10, "another's answer")
