"""Streaming: through the client, and through %%ollama in a real kernel, against a bare httpx loop.

The server is the scripted stand-in, in a process of its own, so that its work is not ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import httpx
from common import ROOT, Row, ratio, seconds

CHUNKS = 5000
RUNS = 7
FIRST_TOKENS = 20
MODEL = "llama3.2:1b"
MESSAGES = [{"role": "user", "content": "hi"}]


@contextlib.contextmanager
def scripted(*arguments: str) -> Iterator[str]:
    """Run the stand-in server and yield its URL."""
    server = subprocess.Popen(
        [sys.executable, "-m", "support.scripted_ollama", *arguments],
        cwd=ROOT / "tests",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    try:
        yield json.loads(server.stdout.readline())["url"]
    finally:
        server.stdin.close()
        server.wait(10)
        server.stdout.close()


def bare_loop(client: httpx.Client, url: str) -> int:
    """What one would write with httpx and json alone."""
    count = 0
    body = {"model": MODEL, "messages": MESSAGES, "stream": True}
    with client.stream("POST", f"{url}/api/chat", json=body) as response:
        for line in response.iter_lines():
            json.loads(line)
            count += 1
    return count


def through_client(url: str) -> list[Row]:
    """5,000 chunks through OllamaClient.chat."""
    from mc_jupyter.clients import OllamaClient

    ours, theirs = [], []
    client = OllamaClient(url)
    with httpx.Client(trust_env=False, timeout=60) as bare:
        for run in range(RUNS + 1):
            a = seconds(lambda: sum(1 for _ in client.chat(MODEL, MESSAGES)))
            b = seconds(lambda: bare_loop(bare, url))
            if run:
                ours.append(a)
                theirs.append(b)
    client.close()
    return [
        Row(f"{CHUNKS:,} chunks through the client", tuple(v * 1e3 for v in ours), "ms"),
        Row("  a bare httpx loop", tuple(v * 1e3 for v in theirs), "ms"),
        ratio("  ratio", ours, theirs),
    ]


@contextlib.contextmanager
def kernel(environment: dict[str, str]) -> Iterator[Any]:
    """A real ipykernel with the extension loaded."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    manager.start_kernel(env={**os.environ, **environment})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        run(client, "%load_ext mc_jupyter")
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: Any, code: str) -> dict[str, Any]:
    """Execute a cell; return the texts it printed and its timings."""
    seen: dict[str, Any] = {"text": "", "error": None}

    def hook(message: Any) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            seen["text"] += content["text"]
        elif message["msg_type"] == "error":
            seen["error"] = content["evalue"]

    client.execute_interactive(code, output_hook=hook, timeout=120)
    if seen["error"]:
        raise RuntimeError(seen["error"])
    return seen


IN_KERNEL_BARE = """
import httpx, json, time
def bare(url):
    start = time.perf_counter()
    first = None
    body = {body!r}
    with httpx.Client(trust_env=False, timeout=60) as client:
        with client.stream("POST", url + "/api/chat", json=body) as response:
            for line in response.iter_lines():
                print(json.loads(line)["message"]["content"], end="")
                if first is None:
                    first = time.perf_counter() - start
    print(json.dumps((time.perf_counter() - start, first)))
"""


def through_magic(url: str) -> list[Row]:
    """The same answer through %%ollama, display included, in turn with a loop that prints it."""
    body = {"model": MODEL, "messages": MESSAGES, "stream": True}
    ours, theirs = [], []
    with kernel({"OLLAMA_HOST": url}) as client:
        run(client, IN_KERNEL_BARE.replace("{body!r}", repr(body)))
        shown = run(client, f"bare({url!r})")["text"]
        assert len(shown) > CHUNKS, "the plain loop does not print the answer"
        for count in range(RUNS + 1):
            mine = seconds(lambda: run(client, f"%%ollama {MODEL}\nhi"))
            bare = seconds(lambda: run(client, f"bare({url!r})"))
            if count:
                ours.append(mine)
                theirs.append(bare)
    return [
        Row(f"{CHUNKS:,} chunks through %%ollama in a kernel", tuple(v * 1e3 for v in ours), "ms"),
        Row("  a plain loop that prints, in the same kernel", tuple(v * 1e3 for v in theirs), "ms"),
        ratio("  ratio", ours, theirs),
    ]


def first_token(url: str) -> list[Row]:
    """From sending the cell to the first message that shows a token, against the bare loop."""
    added = []
    with kernel({"OLLAMA_HOST": url}) as client:
        run(client, f"%%ollama {MODEL}\nhi")
        for _ in range(FIRST_TOKENS):
            added.append((_until_shown(client) - _until_chunk(url)) * 1e3)
    goal = statistics.median(added) <= 10
    return [Row("added time to the first token", tuple(added), "ms", "<= 10", goal)]


def _until_shown(client: Any) -> float:
    start = time.perf_counter()
    shown: list[float] = []

    def hook(message: Any) -> None:
        data = message["content"].get("data", {})
        if not shown and "The" in data.get("text/html", ""):
            shown.append(time.perf_counter() - start)

    client.execute_interactive(f"%%ollama {MODEL}\nhi", output_hook=hook, timeout=60)
    return shown[0]


def _until_chunk(url: str) -> float:
    body = {"model": MODEL, "messages": MESSAGES, "stream": True}
    with httpx.Client(trust_env=False, timeout=60) as client:
        start = time.perf_counter()
        with client.stream("POST", f"{url}/api/chat", json=body) as response:
            next(response.iter_lines())
            return time.perf_counter() - start


def load_ext() -> list[Row]:
    """%load_ext in a process that has IPython imported, as a kernel has."""
    code = (
        "import time; from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance(); start = time.perf_counter()\n"
        "shell.run_line_magic('load_ext', 'mc_jupyter'); print(time.perf_counter() - start)"
    )
    values = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        values.append(float(done.stdout) * 1e3)
    return [Row("%load_ext mc_jupyter", tuple(values), "ms")]


def rows() -> list[Row]:
    """Measure everything of this page."""
    with scripted("--tokens", str(CHUNKS), "--characters", str(CHUNKS * 5)) as url:
        found = [*through_client(url), *through_magic(url)]
    with scripted("--tokens", "60", "--characters", "270", "--rate", "60") as url:
        found += first_token(url)
    return [*found, *load_ext()]


if __name__ == "__main__":
    os.environ.setdefault("MC_JUPYTER_HOME", tempfile.mkdtemp())
    print(*rows(), sep="\n")
