"""Run a stand-in: ``python -m support.standin.servers NAME [--port P] [switch=value ...]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import socket
import sys
import threading

import uvicorn
from support.standin.servers.app import Settings

PORTS = {"whisper": 9000, "kokoro": 8880, "chatterbox": 8004, "zonos": 7860, "huggingface": 8007}


def main() -> None:
    """Serve until SIGTERM, or with --with-parent until stdin ends."""
    parser = argparse.ArgumentParser("python -m support.standin.servers", description=__doc__)
    parser.add_argument("name", choices=sorted(PORTS))
    parser.add_argument("switches", nargs="*", help="name=value, as STANDIN_NAME=value")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="default: the service's own; 0 takes any")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin does")
    given = parser.parse_args()
    module = importlib.import_module(f"support.standin.servers.{given.name}")
    app = module.make_app(Settings(given.switches))
    port = PORTS[given.name] if given.port is None else given.port
    listening = socket.create_server((given.host, port))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    engine = module.ENGINE
    print(f"a stand-in for {given.name} ({engine}) on {url}", file=sys.stderr, flush=True)
    print(json.dumps({"url": url}), flush=True)
    if given.with_parent:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)  # the event loop may be blocked, which is what the real servers do too


if __name__ == "__main__":
    main()
