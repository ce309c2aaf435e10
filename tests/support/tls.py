"""TLS and proxies for real: a front that ends TLS before a plain server, and a small HTTP proxy.

Names such as ``service.example`` lead nowhere; the proxy connects them to ports of 127.0.0.1.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

import trustme


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes on in both directions until one side ends."""
    ways = {one: other, other: one}
    with suppress(OSError):
        while True:
            for sock in select.select([one, other], [], [], 20)[0]:
                while True:
                    data = sock.recv(65536)
                    if not data:
                        return
                    ways[sock].sendall(data)
                    if not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
                        break


class TlsFront:
    """Listens with a certificate on 127.0.0.1 and passes on to a plain port; for a ``with``."""

    def __init__(self, target: int, certificate: trustme.LeafCert) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, suppress(OSError):
            caller.settimeout(10)
            with (
                self._context.wrap_socket(caller, server_side=True) as wrapped,
                socket.create_connection(("127.0.0.1", self._target)) as plain,
            ):
                relay(wrapped, plain)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_CONNECT(self) -> None:
        proxy = self.server.proxy
        proxy.asked.append((f"CONNECT {self.path}", dict(self.headers)))
        port = proxy.ports.get(self.path)
        if proxy.status or port is None:
            self.send_error(proxy.status or 502)
            return
        with socket.create_connection(("127.0.0.1", port)) as there:
            self.send_response(200)
            self.end_headers()
            relay(self.connection, there)
        self.close_connection = True

    def do_GET(self) -> None:
        proxy, parts = self.server.proxy, urlsplit(self.path)
        proxy.asked.append((f"{self.command} {self.path}", dict(self.headers)))
        port = proxy.ports.get(parts.netloc)
        if proxy.status or port is None:
            self.send_error(proxy.status or 502)
            return
        there = http.client.HTTPConnection("127.0.0.1", port)
        there.request(self.command, parts.path or "/", headers=dict(self.headers))
        answer = there.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        there.close()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that went away."""


class Proxy:
    """A proxy on 127.0.0.1; for a ``with``.

    Attributes
    ----------
    ports
        By ``host:port`` (``host`` for http's own port), where it leads.
    status
        What it answers in place of leading there; 0 lets through.
    asked
        The request lines and headers that came.
    """

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.ports, self.status = dict(ports), 0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
