"""How long the engine's threads spin while they wait for each other: what libgomp is given."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support.embedded_server import MODEL, Running, serve, session, weights
from support.folders import service_folder
from support.wait import wait_until

from mc_jupyter.registry import ServiceRegistry

WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
SMALL = ("--parallel", "1", "--num-ctx", "256")

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")


def environment(pid: int) -> dict[str, str]:
    """Return what a process was started with, of those variables that say how threads wait."""
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    given = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    return {name: given[name] for name in WAITING if name in given}


def worker(pids: list[int]) -> int:
    (pid,) = [
        pid for pid in pids if b"embedded.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return pid


def loaded(server: Running) -> int:
    """Load the model; return the worker's pid."""
    with server.client() as http:
        http.post("/api/generate", json={"model": MODEL}).raise_for_status()
    return worker(session(server))


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("user", "given"),
    [
        ({}, {"GOMP_SPINCOUNT": "1000"}),
        ({"GOMP_SPINCOUNT": ""}, {"GOMP_SPINCOUNT": "1000"}),
        ({"GOMP_SPINCOUNT": "77"}, {"GOMP_SPINCOUNT": "77"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
        ({"OMP_WAIT_POLICY": "passive"}, {"OMP_WAIT_POLICY": "passive"}),
    ],
    ids=str,
)
def test_the_engine_spins_shortly_unless_the_user_says_otherwise(
    user: dict[str, str], given: dict[str, str]
) -> None:
    with serve(*SMALL, models=weights(), env={**user, "OMP_DISPLAY_ENV": "verbose"}) as server:
        assert environment(loaded(server)) == given
        # libgomp reads it once, when the engine is imported, and says there what it took
        said = wait_until(lambda: re.search(r"SPINCOUNT = '(\d+)'", server.log.read_text()), 5, "")
    if "GOMP_SPINCOUNT" in given:
        assert said.group(1) == given["GOMP_SPINCOUNT"]
    else:
        assert said.group(1) != "1000"


def test_the_engine_of_a_kernel_spins_shortly_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_JUPYTER_MODELS", str(weights()))
    service = ServiceRegistry().get_service(str(service_folder(tmp_path)), runtime="embedded")
    condition = service.start()
    try:
        list(service.client().chat(MODEL, [], keep_alive=60))  # loads it
        server = int(condition.detail.split()[-1])
        family = [p for p in map(int, filter(str.isdigit, os.listdir("/proc"))) if _of(p, server)]
        assert environment(worker(family)) == {"GOMP_SPINCOUNT": "1000"}
    finally:
        service.stop()


def _of(pid: int, server: int) -> bool:
    try:
        return os.getsid(pid) == server
    except OSError:
        return False
