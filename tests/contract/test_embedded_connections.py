"""What strangers and callers can hold of the embedded server: bodies, headers, connections."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from support.embedded_asking import SEA
from support.embedded_server import MODEL, TOKEN, Running, serve, session, weights
from support.wait import wait_until

BEARER = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
CHAT = "POST /api/chat HTTP/1.1\r\n"
MOST = 8 * 2**20  # bytes of a body
PIECE = b"x" * 2**16


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serve(models=weights()) as running:
        yield running


def connect(server: Running) -> socket.socket:
    port = int(server.url.rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def answer(server: Running, *sent: str | bytes) -> bytes:
    """Send bytes as they are; return all that comes until the server closes the connection."""
    with connect(server) as connection:
        try:
            for part in sent:
                connection.sendall(part.encode("latin1") if isinstance(part, str) else part)
        except OSError:  # refused before all was sent
            pass
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    got = b""
    try:
        while piece := connection.recv(2**16):
            got += piece
    except ConnectionResetError:
        pass
    return got


def highest_memory(server: Running) -> int:
    """Return the most memory that the server ever took, in MB; skips where /proc cannot tell."""
    session(server)
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def open_sockets(server: Running) -> int:
    """Return how many sockets the server holds, the one that listens included."""
    session(server)
    count = 0
    for entry in Path(f"/proc/{server.pid}/fd").iterdir():
        try:
            count += os.readlink(entry).startswith("socket:")
        except OSError:
            continue
    return count


def alive(server: Running) -> None:
    with server.client() as http:
        assert http.get("/api/version").status_code == 200
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("token", ["", "Authorization: Bearer wrong\r\n"])
@pytest.mark.parametrize("framing", ["Content-Length: 50000000", "Transfer-Encoding: chunked"])
def test_a_stranger_is_refused_before_the_body_is_sent(
    server: Running, token: str, framing: str
) -> None:
    said = answer(server, f"{CHAT}Host: localhost\r\n{token}{framing}\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert said.endswith(b'{"error": "unauthorized"}')
    for extra in ("Host: evil.example\r\n", "Host: localhost\r\nOrigin: http://x\r\n"):
        said = answer(server, f"{CHAT}{extra}Expect: 100-continue\r\n{framing}\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert b" 100 " not in said


def test_bodies_of_strangers_take_no_memory() -> None:
    with serve() as server:
        alive(server)
        before = highest_memory(server)

        def send(index: int) -> bytes:
            framing = "Content-Length: 50000000" if index % 2 else "Transfer-Encoding: chunked"
            begin = b"" if index % 2 else b"2faf080\r\n"
            head = f"{CHAT}Host: localhost\r\n{framing}\r\n\r\n"
            return answer(server, head, begin, *([PIECE] * 800))

        with ThreadPoolExecutor(8) as pool:
            assert all(b" 401 " in said[:20] for said in pool.map(send, range(8)))
        assert highest_memory(server) - before < 20  # MB
        alive(server)


def test_a_client_that_sends_all_before_it_reads_sees_the_refusal(server: Running) -> None:
    with server.client(token=False) as http:
        reply = http.post("/api/chat", content=b"x" * 500_000)
    assert (reply.status_code, reply.json()) == (401, {"error": "unauthorized"})


def test_a_body_over_the_bound_is_413(server: Running) -> None:
    words = f"the request body is too long; the most is {MOST} bytes"
    for length in (str(MOST + 1), "9" * 30):
        said = answer(server, f"{CHAT}{BEARER}Content-Length: {length}\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 413 ")
        assert json.loads(said.partition(b"\r\n\r\n")[2]) == {"error": words}
    chunk = b"10000\r\n" + PIECE + b"\r\n"
    head = f"{CHAT}{BEARER}Transfer-Encoding: chunked\r\n\r\n"
    assert words.encode() in answer(server, head, *([chunk] * 129))
    alive(server)


def test_a_body_up_to_the_bound_is_read(server: Running) -> None:
    body = json.dumps({"model": "none:here", "messages": []}).encode()
    body += b" " * 10_000
    with server.client() as http:
        assert http.post("/api/chat", content=body).status_code == 404
        whole = b'{"model": "none:here", "messages": [{"role": "user", "content": "'
        whole += b"x" * (MOST - len(whole) - 4) + b'"}]}'
        assert len(whole) == MOST
        assert http.post("/api/chat", content=whole).status_code == 404
        parts = (whole[at : at + 99_999] for at in range(0, MOST, 99_999))
        assert http.post("/api/chat", content=parts).status_code == 404


def test_bodies_are_bounded_together() -> None:
    with serve() as server, ExitStack() as stack:
        alive(server)
        before, sockets = highest_memory(server), open_sockets(server)
        head = f"{CHAT}{BEARER}Content-Length: {MOST}\r\n\r\n".encode()
        held = [stack.enter_context(connect(server)) for _ in range(8)]
        refused = 0
        for connection in held:
            try:
                connection.sendall(head)
                for _ in range(126):
                    connection.sendall(PIECE)
            except OSError:
                refused += 1
                continue
        assert highest_memory(server) - before < 100  # MB; 8 of 8 MB each are held twice at most
        for connection in held:
            connection.close()
        wait_until(lambda: open_sockets(server) <= sockets, 10, "the end of the connections")
        with server.client() as http:
            whole = b'{"model": "none:here", "x": "' + b"x" * (MOST - 100) + b'"}'
            assert http.post("/api/show", content=whole).status_code == 400
        assert "503 refused" in server.log.read_text()
        alive(server)


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 5_0",
        "Content-Length: 0x10",
        "Content-Length: ",
        "Content-Length: five",
        "Content-Length: \xb2",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 3",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Host: localhost",
        "X: a\x00b",
        " folded",
        "no colon",
    ],
)
def test_a_message_that_two_could_read_in_two_ways_is_refused(
    server: Running, headers: str
) -> None:
    smuggled = "GET /api/tags HTTP/1.1\r\n" + BEARER + "\r\n"
    said = answer(server, f"{CHAT}{BEARER}{headers}\r\n\r\n{{}}{smuggled}")
    assert said.count(b"HTTP/1.1 ") == 1
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 "))
    alive(server)


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\n", b"-1\r\n", b"0x5\r\nhello\r\n", b"5\r\nhelloXY", b"0\r\nX: y\r\n\r\n"],
)
def test_a_malformed_chunk_is_400(server: Running, chunks: bytes) -> None:
    said = answer(server, f"{CHAT}{BEARER}Transfer-Encoding: chunked\r\n\r\n", chunks)
    assert said.startswith(b"HTTP/1.1 400 ")
    alive(server)


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/version",
        "GET  /api/version HTTP/1.1",
        "GET /api/version HTTP/2.0",
        "GET /api/version HTTP/9.9",
        "GET /a b HTTP/1.1",
        "GET /\x00 HTTP/1.1",
        "G\x00T / HTTP/1.1",
        "\x16\x03\x01\x02\x00\x01",
        "PRI * HTTP/2.0",
        "",
    ],
)
def test_a_malformed_request_line_is_400(server: Running, line: str) -> None:
    said = answer(server, f"{line}\r\nX: y\r\n{BEARER}\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    alive(server)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PUT", "PATCH", "BREW", "get"])
def test_a_method_that_is_not_served_is_405_and_only_with_the_token(
    server: Running, method: str
) -> None:
    line = f"{method} /api/chat HTTP/1.1\r\n"
    assert b" 401 " in answer(server, f"{line}Host: localhost\r\n\r\n")[:20]
    said = answer(server, f"{line}{BEARER}Connection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 405 ")
    assert TOKEN.encode() not in said


@pytest.mark.parametrize(
    "target",
    [
        "/api/../api/chat/..",
        "//api/tags",
        "/api/%00",
        "/%2e%2e/%2e%2e/etc/passwd",
        "http://evil.example/api/tags",
        "evil.example:80",
        "*",
        "/" + "a" * 8000,
        "/?" + "&".join(f"a{n}=1" for n in range(1500)),
        "/\xff\x9b2J",
    ],
)
def test_an_odd_target_leads_nowhere(server: Running, target: str) -> None:
    said = answer(server, f"GET {target} HTTP/1.1\r\n{BEARER}Connection: close\r\n\r\n")
    assert said[:12] in (b"HTTP/1.1 404", b"HTTP/1.1 400")
    answer(server, f"{'M' * 9000} {target} HTTP/1.1\r\n{BEARER}Connection: close\r\n\r\n")
    alive(server)
    log = server.log.read_text()
    assert max(map(len, log.splitlines())) < 450
    assert log.isascii()


def test_headers_are_bounded_in_size(server: Running) -> None:
    for headers in ("X: " + "x" * 20_000, "\r\n".join(f"X{n}: y" for n in range(3000))):
        assert b" 200 " not in answer(server, f"GET / HTTP/1.1\r\n{BEARER}{headers}\r\n\r\n")
    headers = "X: " + "x" * 12_000 + "\r\nConnection: close"
    assert b" 200 " in answer(server, f"GET / HTTP/1.1\r\n{BEARER}{headers}\r\n\r\n")[:20]
    alive(server)


def test_100_continue_is_said_to_those_who_are_let_in(server: Running) -> None:
    body = b'{"model": ""}'
    head = f"POST /api/show HTTP/1.1\r\n{BEARER}Expect: 100-continue\r\nConnection: close\r\n"
    with connect(server) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert b"model is required" in rest(connection)


def test_requests_in_a_row_are_answered_in_their_order(server: Running) -> None:
    show = '{"model": ""}'
    post = f"POST /api/show HTTP/1.1\r\n{BEARER}Content-Length: {len(show)}\r\n\r\n{show}"
    last = f"GET /nope HTTP/1.1\r\n{BEARER}Connection: close\r\n\r\n"
    said = answer(server, f"GET / HTTP/1.1\r\n{BEARER}\r\n{post}{last}")
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400", b"404"]


def test_a_stranger_behind_a_caller_on_one_connection_is_refused(server: Running) -> None:
    stranger = "GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"
    said = answer(server, f"GET / HTTP/1.1\r\n{BEARER}\r\n{stranger}{stranger}")
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401"]


def test_what_curl_sends_as_a_form_is_read_as_json(server: Running) -> None:
    body = json.dumps(
        {"model": "none:here", "messages": [{"role": "user", "content": "&=" * 9999}]}
    )
    with server.client() as http:
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"):
            reply = http.post("/api/chat", content=body, headers={"Content-Type": kind})
            assert reply.status_code == 404
            assert "none:here" in reply.json()["error"]


def test_idle_connections_are_bounded_in_number() -> None:
    with serve(models=weights()) as server, ExitStack() as stack, server.client() as http:
        body = {"model": MODEL, "prompt": SEA, "options": {"num_predict": 200, "seed": 1}}
        with http.stream("POST", "/api/generate", json=body) as reply:
            lines = reply.iter_lines()
            next(lines)
            for index in range(1200):
                connection = stack.enter_context(connect(server))
                if index % 3:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: loc"[: index % 30])
            wait_until(lambda: open_sockets(server) < 140, 20, "the end of idle connections")
            alive(server)
            *_, last = lines
        assert json.loads(last)["done"]


def test_idle_and_slow_connections_are_closed_in_time() -> None:
    with serve(bounds={"idle": 0.5, "body_time": 0.5}) as server, ExitStack() as stack:
        before = open_sockets(server)
        idle, head, kept, body, chunks = (stack.enter_context(connect(server)) for _ in range(5))
        head.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        kept.sendall(f"GET / HTTP/1.1\r\n{BEARER}\r\n".encode())
        body.sendall(f"{CHAT}{BEARER}Content-Length: 100\r\n\r\n{{".encode())
        chunks.sendall(f"{CHAT}{BEARER}Transfer-Encoding: chunked\r\n\r\n5\r\n".encode())
        assert rest(kept).startswith(b"HTTP/1.1 200 ")
        assert [rest(one) for one in (idle, head, body, chunks)] == [b""] * 4
        wait_until(lambda: open_sockets(server) <= before, 10, "the end of the connections")
        alive(server)


def test_a_header_that_drips_is_cut_off() -> None:
    with serve(bounds={"idle": 0.5}) as server, connect(server) as connection:
        sent = 0
        try:
            for sent in range(200):
                connection.sendall(b"GET / HTTP/1.1\r\nX: "[sent : sent + 1] or b"x")
                time.sleep(0.05)
        except OSError:
            pass
        assert sent < 199
        assert rest(connection) == b""


def test_who_waits_for_an_answer_is_never_cut_off() -> None:
    """A load, a place in the queue and a long answer, each longer than every limit of time."""
    bounds = {"idle": 0.2, "body_time": 0.2}
    with serve("--parallel", "1", models=weights(), bounds=bounds) as server:

        def ask(stream: bool) -> str:
            body = {
                "model": MODEL,
                "prompt": "Count: one, two, three",
                "stream": stream,
                "options": {"num_predict": 60, "temperature": 1.5, "seed": 3, "stop": []},
            }
            with server.client() as http:
                reply = http.post("/api/generate", json=body)
            assert reply.status_code == 200, reply.text
            return "".join(json.loads(line)["response"] for line in reply.text.splitlines())

        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            texts = list(pool.map(ask, [True, False, True, False]))
        assert time.monotonic() - began > 0.4  # else nobody has waited longer than the limits
        assert len(set(texts)) == 1
        assert len(texts[0]) > 20


def test_where_all_connections_are_busy_another_is_refused() -> None:
    with serve(bounds={"connections": 3}) as server, ExitStack() as stack:
        before = open_sockets(server)
        for _ in range(3):
            connection = stack.enter_context(connect(server))
            connection.sendall(
                f"{CHAT}{BEARER}Content-Length: 100\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert b" 100 " in connection.recv(100)
        with connect(server) as fourth:
            assert rest(fourth).startswith(b"HTTP/1.1 503 ")
        connection.close()
        wait_until(lambda: open_sockets(server) < before + 3, 10, "the end of one")
        with server.client() as http:
            assert http.get("/").status_code == 200


def test_the_log_of_refusals_is_bounded() -> None:
    with serve() as server:
        for _ in range(150):
            answer(server, "GET /" + "x" * 1000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
        log = server.log.read_text().splitlines()
        assert len(log) == 101
        assert log[-1] == "further refusals are not logged"
        assert max(map(len, log)) < 250


def test_a_connection_that_is_kept_takes_no_more_memory(server: Running) -> None:
    with server.client() as http:
        for _ in range(200):
            http.get("/api/version")
        before = highest_memory(server)
        for _ in range(1500):
            http.get("/api/version")
            http.post("/api/show", json={"model": "none:here"})
    assert highest_memory(server) - before < 5  # MB


def test_what_is_sent_during_an_answer_is_not_kept(server: Running) -> None:
    body = json.dumps({"model": MODEL, "prompt": SEA, "options": {"num_predict": 100, "seed": 1}})
    with connect(server) as connection:
        head = f"POST /api/generate HTTP/1.1\r\n{BEARER}Content-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        before = highest_memory(server)
        connection.setblocking(False)
        sent = 0
        try:
            while sent < 200 * 2**20:
                sent += connection.send(PIECE)
        except OSError:
            pass
        connection.settimeout(20)
        while b"0\r\n\r\n" not in (got := connection.recv(2**16)):
            assert got
        assert highest_memory(server) - before < 20  # MB
    alive(server)


@pytest.mark.parametrize("cut", [1, 30, 80, 180, 200])
def test_a_hang_up_in_the_midst_of_a_request_is_forgotten(server: Running, cut: int) -> None:
    body = json.dumps({"model": MODEL, "prompt": "hi" * 50})
    whole = f"POST /api/generate HTTP/1.1\r\n{BEARER}Content-Length: {len(body)}\r\n\r\n{body}"
    before = open_sockets(server)
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(whole[:cut].encode())
    wait_until(lambda: open_sockets(server) <= before, 10, "the end of the connections")
    alive(server)


def test_hanging_up_at_any_moment_leaves_nothing_behind() -> None:
    """While the model loads, the template is filled, a format is checked, a prompt is read..."""
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(500)}}
    turns = [{"role": "user", "content": "word " * 20}] * 20
    bodies = (
        {"model": MODEL, "messages": turns, "format": schema},
        {"model": MODEL, "messages": turns, "keep_alive": 0},
        {"model": MODEL, "messages": turns, "options": {"num_ctx": 2048}},
        {"model": MODEL, "messages": turns * 100},
    )
    with serve("--parallel", "1", models=weights()) as server:
        before = open_sockets(server)
        chance = random.Random(20261126)
        for number in range(40):
            body = json.dumps(bodies[number % len(bodies)])
            with connect(server) as connection:
                head = f"{CHAT}{BEARER}Content-Length: {len(body)}\r\n\r\n"
                connection.sendall((head + body).encode())
                connection.settimeout(chance.random() * 0.6)
                with suppress(TimeoutError):  # the moment at which it hangs up
                    connection.recv(1)
        with server.client() as http:
            body = {"model": MODEL, "prompt": "hi", "stream": False, "keep_alive": 0}
            assert http.post("/api/generate", json=body).json()["done"]
        wait_until(lambda: len(session(server)) == 1, 20, "the end of the worker")
        wait_until(lambda: open_sockets(server) <= before, 20, "the end of the connections")
        alive(server)


def test_no_word_of_a_caller_becomes_a_header(server: Running) -> None:
    with server.client() as http:
        for name in ("x\r\nSet-Cookie: a=b", "x\nX: y", "\x00", "x\u2028y"):
            for path in ("/api/show", "/api/chat", "/api/generate", "/api/pull"):
                reply = http.post(
                    path, json={"model": name, "prompt": "x"} if "gen" in path else {"model": name}
                )
                assert reply.status_code in (400, 404)
                assert not {"set-cookie", "x"} & set(reply.headers)


def test_a_browser_learns_nothing_from_a_refusal(server: Running) -> None:
    reply = httpx.request(
        "HEAD", server.url + "/api/tags", headers={"Origin": "http://x"}, trust_env=False
    )
    assert reply.status_code == 403
    assert not [name for name in reply.headers if name.startswith("access-control")]
