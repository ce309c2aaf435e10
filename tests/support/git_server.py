"""Real git repositories, served by git's own ``http-backend`` over HTTP on 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from support.folders import COMPOSE, MANIFEST

_WORDS = {
    "name": "ollama-service",
    "service": "ollama",
    "image": "ollama/ollama:latest",
    "health": "/api/version",
}
SERVICE_FILES: Mapping[str, str] = {
    "MediaConduit.service.yml": MANIFEST.format(**_WORDS),
    "docker-compose.yml": COMPOSE.format(**_WORDS),
}
_CHUNK = 4096


class Link(NamedTuple):
    """A symbolic link, as a repository's file."""

    target: str


class Submodule(NamedTuple):
    """A submodule at some commit, as a repository's file."""

    commit: str


File = str | bytes | Link | Submodule


def make_repository(
    bare: Path,
    files: Mapping[str, File] = SERVICE_FILES,
    refs: Mapping[str, Mapping[str, File]] | None = None,
) -> dict[str, str]:
    """Make a bare repository with one commit on ``main`` and one more for each other ref.

    Parameters
    ----------
    bare
        Where.
    files
        What ``main`` holds, by path.
    refs
        Further branches and tags by full name (``refs/tags/v1``), with the files that differ there.

    Returns
    -------
    dict
        The commit of each ref, by its full name.
    """
    everything = {"refs/heads/main": {}, **(refs or {})}
    stream = b"".join(_commit(ref, {**files, **more}) for ref, more in everything.items())
    _git("init", "-q", "--bare", "--initial-branch=main", "--template=", str(bare))
    _git("-C", str(bare), "fast-import", "--quiet", "--done", stdin=stream + b"done\n")
    names = _git("-C", str(bare), "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split() for line in names.decode().splitlines())


def annotate(bare: Path, tag: str, commit: str) -> None:
    """Add an annotated tag: an object of its own that points to the commit."""
    _git(
        "-C", str(bare), "-c", "user.name=t", "-c", "user.email=t@t", "tag", "-am", "t", tag, commit
    )


def _commit(ref: str, files: Mapping[str, File]) -> bytes:
    parts = [
        f"reset {ref}\ncommit {ref}\ncommitter t <t@t> 1700000000 +0000\n".encode(),
        _data(ref),
    ]
    for path, content in files.items():
        if isinstance(content, Submodule):
            parts.append(f"M 160000 {content.commit} {_quoted(path)}\n".encode())
            continue
        mode = "120000" if isinstance(content, Link) else "100644"
        body = content.target if isinstance(content, Link) else content
        parts += [f"M {mode} inline {_quoted(path)}\n".encode(), _data(body)]
    return b"".join(parts)


def _quoted(path: str) -> str:
    """A path as git fast-import reads it; only odd ones are put in quotes."""
    if not set(path) & {'"', "\n", "\\"}:
        return path
    text = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def _data(content: str | bytes) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return b"data %d\n%s\n" % (len(raw), raw)


def _git(*arguments: str, stdin: bytes | None = None) -> bytes:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}
    result = subprocess.run(
        ["git", *arguments], input=stdin, env=environment, check=True, capture_output=True
    )
    return result.stdout


class GitServer:
    """Serves the bare repositories below a folder, letter case ignored as GitHub does.

    Attributes
    ----------
    root
        Holds ``owner/repo.git``, in lower case.
    requests
        Method and path of each request, in order.
    status
        Answer everything with this status; None: serve.
    body
        Sent with `status`.
    bytes_per_second
        Slow the answers down to this; 0: as fast as it goes.
    silent_on
        Never answer requests whose path holds this (``git-upload-pack``); None: answer all.
    cut_after
        Close the connection of a pack after so many bytes; None: never.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[str] = []
        self.status: int | None = None
        self.body = b""
        self.bytes_per_second = 0
        self.silent_on: str | None = None
        self.cut_after: int | None = None
        self.released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> GitServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def fetches(self) -> int:
        """How many git commands have asked for a repository (each begins with one such request)."""
        return sum("/info/refs" in request for request in self.requests)

    def repository(self, name: str) -> Path:
        """Where to make the repository ``OWNER/REPO``, so that it is served."""
        path = self.root / f"{name.lower()}.git"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def redirect(url: str, instead_of: str = "https://github.com/") -> dict[str, str]:
    """Return the environment with which git reads GitHub's repositories from `url`.

    It is what a user with a mirror would set; the global configuration is left out.
    """
    return {
        "GIT_ALLOW_PROTOCOL": "https:http",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{url}/.insteadOf",
        "GIT_CONFIG_VALUE_0": instead_of,
    }


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _serve(self) -> None:
            server.requests.append(f"{self.command} {self.path}")
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if server.silent_on is not None and server.silent_on in self.path:
                server.released.wait(60)
                return
            try:
                if server.status:
                    self._answer(server.status, [("Content-Type", "text/html")], server.body)
                else:
                    self._answer(*_backend(server.root, self, content))
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client was killed, as tests do

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            is_pack = b"PACK" in body[:_CHUNK]
            body = body[: server.cut_after] if is_pack and server.cut_after is not None else body
            size = _CHUNK if not server.bytes_per_second else server.bytes_per_second // 50 or 1
            for start in range(0, len(body), size):
                self.wfile.write(body[start : start + size])
                if server.bytes_per_second and server.released.wait(size / server.bytes_per_second):
                    return

    return Handler


def _backend(
    root: Path, request: BaseHTTPRequestHandler, content: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Run ``git http-backend``, a CGI program, for one request."""
    address = urlsplit(request.path)
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROJECT_ROOT": str(root),
        "PATH_INFO": address.path.lower(),
        "QUERY_STRING": address.query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(content)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }
    command = ["git", "http-backend"]
    result = subprocess.run(command, input=content, env=environment, capture_output=True)
    head, _, body = result.stdout.partition(b"\r\n\r\n")
    headers = [tuple(line.split(": ", 1)) for line in head.decode().splitlines()]
    status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
    return status, [(name, value) for name, value in headers if name != "Status"], body
