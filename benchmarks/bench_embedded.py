"""The embedded server's tokens per second against the engine in a bare script, in turn."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import httpx
from common import Row, model_folder, ratio

from mc_jupyter.embedded.catalogue import SMOLLM2

RUNS = 7
TOKENS = 200
MODEL = SMOLLM2.name
PROMPT = "Tell a long story about a lighthouse keeper and the sea."

BARE = """
import json, sys, xllamacpp as xlc
params = xlc.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = 4096 * 4
params.n_parallel = 4
server = xlc.Server(params)
request = json.loads(sys.argv[2])
def once():
    timings = {}
    def take(chunk):
        if isinstance(chunk, (str, bytes)):
            chunk = json.loads(chunk)
        for part in chunk if isinstance(chunk, list) else [chunk]:
            timings.update(part.get("timings") or {})
        return False
    server.handle_chat_completions(request, take)
    return timings["predicted_per_second"]
for line in sys.stdin:
    print(once(), flush=True)
"""


@contextlib.contextmanager
def program(
    *command: str, env: dict[str, str] | None = None, new_session: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that ends with its stdin."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        text=True,
        start_new_session=new_session,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def bare(process: subprocess.Popen[str]) -> float:
    """One answer of the bare script, in tokens/s."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def served(client: httpx.Client) -> float:
    """One answer over HTTP, in tokens/s as the server itself reports them."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": PROMPT}],
        "options": {"num_predict": TOKENS, "temperature": 0, "repeat_penalty": 1.0, "seed": 1},
    }
    last = {}
    with client.stream("POST", "/api/chat", json=body) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            last = json.loads(line)
    return float(last["eval_count"] / last["eval_duration"] * 1e9)


def rows() -> list[Row]:
    """Measure both, in turn."""
    models = model_folder()
    weights = models / SMOLLM2.file
    request = {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": PROMPT},
        ],
        "max_tokens": TOKENS,
        "temperature": 0,
        "seed": 1,
        "cache_prompt": False,
        "stream": True,
    }
    token = secrets.token_urlsafe()
    serve = ("-P", "-m", "mc_jupyter.embedded", "serve", "--end-with-stdin")
    ours, theirs = [], []
    with (
        program("-c", BARE, str(weights), json.dumps(request)) as script,
        program(
            *serve, "--models", str(models), env={"MC_JUPYTER_EMBEDDED_TOKEN": token}
        ) as server,
    ):
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=120) as client:
            for run in range(RUNS + 1):
                a, b = served(client), bare(script)
                if run:
                    ours.append(a)
                    theirs.append(b)
    quotient = ratio("  ratio", ours, theirs)
    met = quotient.median >= 0.95
    return [
        Row("embedded server", tuple(ours), "tokens/s"),
        Row("  the engine in a bare script", tuple(theirs), "tokens/s"),
        Row("  ratio", quotient.values, "x", ">= 0.95", met),
    ]


if __name__ == "__main__":
    print(*rows(), sep="\n")
