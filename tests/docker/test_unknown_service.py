"""A repository that nobody here has seen: its info, its container, any path of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import engine
from support.git_server import GitServer, make_repository, redirect
from support.kernel import Kernel

SERVER = """
import json, struct, zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def png():
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    head = struct.pack(">IIBBBBB", 4, 3, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\\0" + b"\\x20\\x80\\xc0" * 4 for _ in range(3)))
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\\x89PNG\\r\\n\\x1a\\n" + parts

class Toy(BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.answer(*{
            "/": ("text/plain", b"toy"),
            "/items": ("application/json", json.dumps({"asked": query, "items": [1, 2]}).encode()),
            "/picture": ("image/png", png()),
            "/words": ("text/plain; charset=utf-8", "schön\\n".encode()),
            "/bytes": ("application/octet-stream", bytes(range(256))),
        }.get(path, ("application/json", b'{"error": "no such path"}', 404)))
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        said = {"type": self.headers["content-type"].split(";")[0], "size": len(body)}
        if said["type"] == "application/json":
            said["got"] = json.loads(body)
        self.answer("application/json", json.dumps(said).encode())
    def answer(self, kind, body, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

ThreadingHTTPServer(("", 8000), Toy).serve_forever()
"""
COMPOSE = """\
services:
  toy:
    image: mc-jupyter-test/base:1
    command: python3 /app/server.py
    volumes: ["./server.py:/app/server.py:ro"]
    ports: ["8000:8000"]
"""
MANIFEST = """\
name: toy-service
version: "0.3"
description: A toy that nobody has seen
docker:
  composeFile: docker-compose.yml
  serviceName: toy
capabilities: [TEXT_TO_IMAGE, toying]
"""


@pytest.fixture
def kernel(base: str, mc_home: Path, tmp_path: Path) -> Iterator[Kernel]:
    with GitServer(tmp_path / "served") as server:
        files = {
            "docker-compose.yml": COMPOSE,
            "MediaConduit.service.yml": MANIFEST,
            "server.py": SERVER,
        }
        make_repository(server.repository("somebody/toy-service"), files)
        environment = {
            "MC_JUPYTER_HOME": str(mc_home),
            "MC_JUPYTER_RUNTIME": "docker",
            **redirect(server.url),
        }
        kernel = Kernel(environment, str(tmp_path))
        try:
            assert not kernel.run("%load_ext mc_jupyter").error
            yield kernel
        finally:
            kernel.close()
            engine.sweep(mc_home)


def plain(kernel: Kernel, code: str) -> str:
    cell = kernel.run(code)
    assert not cell.error, cell.error
    return str(cell.last["data"]["text/plain"])


def test_it_is_loaded_told_of_run_and_called(kernel: Kernel) -> None:
    assert "github:somebody/toy-service" in plain(kernel, "%mc load github:somebody/toy-service")
    info = plain(kernel, "%mc info toy")
    assert "A toy that nobody has seen" in info
    assert "text-to-image, toying" in info
    assert "toy" in plain(kernel, "%mc find text-to-image")

    items = plain(kernel, "%mc call toy GET /items --query page=2 --query page=3")
    assert '"asked": "page=2&page=3"' in items
    assert plain(kernel, "_.data['items']") == "[1, 2]"
    assert plain(kernel, "%mc call toy GET /words").rstrip() == "schön"

    picture = kernel.run("%mc call toy GET /picture")
    assert picture.last["data"]["image/png"]
    assert plain(kernel, "_.width, _.height") == "(4, 3)"
    assert "256" in plain(kernel, "%mc call toy GET /bytes")

    posted = plain(kernel, '%%mc call toy POST /items --json\n{"name": "a lamp"}')
    assert '"name": "a lamp"' in posted
    kernel.run("open('note.txt', 'w').write('hello')")
    form = plain(kernel, "%mc call toy POST /items --file upload=note.txt --form kind=text")
    assert "multipart/form-data" in form


def test_mistakes_are_said(kernel: Kernel) -> None:
    kernel.run("%mc load github:somebody/toy-service --start")
    for code, words in (
        ("%mc call toy GET /nothing", "no such path"),
        ("%mc call toy FETCH /items", "no method 'FETCH'"),
        ("%mc call toy GET items", "a path begins with /"),
        ("%%mc call toy POST /items --json\n{broken", "no JSON"),
        ("%%mc toy\nhello", "%mc call toy GET /"),
        ("%mc call tyo GET /items", "did you mean 'toy'"),
    ):
        error = kernel.run(code).error
        assert error, code
        assert words in str(error), code
