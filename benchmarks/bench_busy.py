"""The embedded engine beside busy programs, and six at once: wall clock over HTTP.

Each busy loop has a session of its own, as other users' kernels have: Linux shares the processors
by session (source: sched(7), "The autogroup feature"), so any number of loops in one session
counts as one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil
from bench_embedded import MODEL, program
from common import Row, model_folder, ratio, seconds

RUNS = 5
PAIRS = 3  # quiet answers of each engine in a run
PARALLEL = (1, 4, 8)
TOKENS = 24
AT_MOST = {2: 3.5, 4: 6.0, 8: 12.0}  # loops: times as long as quiet
KERNELS, KERNEL_TOKENS, KERNELS_S = 6, 20, 20.0
KERNEL_MEMORY = 600_000_000  # bytes; one server with the model loaded
LIBGOMP = {"GOMP_SPINCOUNT": "300000"}
"""libgomp's own default (source: GCC, libgomp/env.c)."""
SETTLE_S = 0.3  # seconds until the processors are shared with a loop that has just begun

LOOP = """\
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
print(flush=True)
while True:
    pass
"""


@contextmanager
def busy(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run loops that never wait, each in a session of its own; they end with their stdin."""
    pipe = subprocess.PIPE
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            command = [sys.executable, "-c", LOOP]
            loops.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True))
        for loop in loops:
            assert loop.stdout is not None
            loop.stdout.readline()
        if loops:
            time.sleep(SETTLE_S)
        yield loops
    finally:
        for loop in loops:
            loop.communicate()


@contextmanager
def engine(models: Path, parallel: int, env: dict[str, str]) -> Iterator[httpx.Client]:
    """Run the embedded server as a kernel does; yield a client of it."""
    with tempfile.TemporaryDirectory() as store, ExitStack() as stack:
        serve = ("-P", "-m", "mc_jupyter.embedded", "serve", "--end-with-stdin", "--no-token")
        where = ("--parallel", str(parallel), "--models", str(models), "--store", store)
        server = stack.enter_context(program(*serve, *where, env=env, new_session=True))
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        yield stack.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=600))


def ask(client: httpx.Client, number: int = 0, tokens: int = TOKENS) -> None:
    """Wait for one answer of exactly `tokens` tokens."""
    body = {
        "model": MODEL,
        "prompt": f"Tell a long story about {number + 2} ships and the sea.",
        "stream": False,
        "options": {"num_predict": tokens, "temperature": 0, "seed": 1},
    }
    answer = client.post("/api/generate", json=body).raise_for_status().json()
    assert answer["eval_count"] == tokens, answer


def together(client: httpx.Client, count: int) -> float:
    """Return the seconds until `count` requests that come at once are answered."""
    with ThreadPoolExecutor(count) as pool:
        return seconds(lambda: list(pool.map(lambda number: ask(client, number), range(count))))


def beside(models: Path, parallel: int) -> list[Row]:
    """As many requests at once as are computed at once: quiet, then beside loops, in turn."""
    quiet: list[float] = []
    default: list[float] = []
    loaded: dict[int, list[float]] = {count: [] for count in AT_MOST}
    with engine(models, parallel, {}) as ours, engine(models, parallel, LIBGOMP) as theirs:
        together(ours, parallel)
        together(theirs, parallel)
        for _ in range(RUNS):
            for _ in range(PAIRS):
                quiet.append(together(ours, parallel))
                default.append(together(theirs, parallel))
            for count, values in loaded.items():
                with busy(count):
                    values.append(together(ours, parallel))
    what = f"{parallel} x {TOKENS} tokens at once" if parallel > 1 else f"{TOKENS} tokens"
    speed = ratio("  speed, with libgomp's default as 1", default, quiet)
    found = [
        Row(f"{what}, quiet", tuple(quiet), "s"),
        Row(speed.what, speed.values, "x", ">= 0.93", speed.median >= 0.93),
    ]
    alone = [median(quiet)] * RUNS
    for count, values in loaded.items():
        found.append(Row(f"{what}, beside {count} busy loops", tuple(values), "s"))
        found.append(ratio("  times as long as quiet", values, alone, AT_MOST[count]))
    return found


def kernels(models: Path) -> list[Row]:
    """The engines of six kernels: the first answers, from nothing, and then the next ones."""
    if psutil.virtual_memory().available < KERNELS * KERNEL_MEMORY:
        print(f"  {KERNELS} kernels are left out: less than {KERNELS * 0.6:g} GB of memory is free")
        return []
    first: list[float] = []
    later: list[float] = []
    for _ in range(RUNS):
        with ThreadPoolExecutor(KERNELS) as pool, ExitStack() as stack:

            def start(number: int, stack: ExitStack = stack) -> httpx.Client:
                client = stack.enter_context(engine(models, 4, {}))
                ask(client, number, KERNEL_TOKENS)
                return client

            def again(client: httpx.Client) -> None:
                ask(client, KERNELS, KERNEL_TOKENS)

            began = time.perf_counter()
            clients = list(pool.map(start, range(KERNELS)))
            first.append(time.perf_counter() - began)
            began = time.perf_counter()
            list(pool.map(again, clients))
            later.append(time.perf_counter() - began)

    def row(what: str, values: list[float]) -> Row:
        met = median(values) <= KERNELS_S
        return Row(what, tuple(values), "s", f"<= {KERNELS_S:g} s", met)

    what = f"{KERNELS} kernels at once, {KERNEL_TOKENS} tokens each"
    return [row(what, later), row("  the first answers, start and load included", first)]


def rows() -> list[Row]:
    """Measure everything of this page."""
    models = model_folder()
    if not shares_by_session():
        print("  this system does not share the processors by session: each thread counts alone")
    found = []
    for parallel in PARALLEL:
        found += beside(models, parallel)
    return [*found, *kernels(models)]


def shares_by_session() -> bool:
    """Whether a session counts as one, however many busy threads it has."""
    try:
        return Path("/proc/sys/kernel/sched_autogroup_enabled").read_text().strip() == "1"
    except OSError:
        return False


if __name__ == "__main__":
    os.environ.setdefault("MC_JUPYTER_HOME", tempfile.mkdtemp())
    print(*rows(), sep="\n")
