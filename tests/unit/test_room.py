"""Is there room for a model: the verdict in words, and what is looked at."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from support.folders import service_folder
from support.scripted_ollama import ScriptedOllama

from mc_jupyter.errors import DiskFullError
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.room import (
    Room,
    Verdict,
    check_room,
    local_root,
    ollama_folder,
    room_for,
    verdict,
)
from mc_jupyter.runtimes import machine

GB = 10**9


def room(disk: float | None, memory: float | None, total: float = 16) -> Room:
    free = None if disk is None else int(disk * GB)
    held = None if memory is None else int(memory * GB)
    return Room(free, "/models", held, None if held is None else int(total * GB))


def test_it_fits() -> None:
    assert verdict(room(12, 5.1), int(3.4 * GB)) == Verdict(
        True, "3.4 GB to fetch, 12.0 GB free on disk, 5.1 GB of memory free: fits"
    )


def test_too_little_disk_is_a_refusal_that_says_how_much_to_free() -> None:
    assert verdict(room(2.1, 5.1), int(3.44 * GB)) == Verdict(
        False,
        "3.4 GB to fetch, 2.1 GB free on disk (/models): too little, free 1.4 GB first",
    )


@pytest.mark.parametrize("missing", [1, 999, 1001, 92_123_456, 1_340_000_001])
def test_freeing_what_is_shown_is_enough(missing: int) -> None:
    free = 2 * GB
    judged = verdict(Room(disk_free=free), free + missing)
    words, unit = judged.words.split(", free ")[1].split()[:2]
    shown = float(words) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
    assert shown >= missing
    assert verdict(Room(disk_free=free + int(shown)), free + missing).ok


def test_little_memory_is_a_warning_and_names_its_rule() -> None:
    judged = verdict(room(12, 3), int(3.4 * GB))
    assert (judged.ok, judged.warning) == (True, True)
    assert judged.words == (
        "3.4 GB to fetch, 12.0 GB free on disk; needs about 4.1 GB of memory when it runs "
        "(weights x 1.2, a rule of thumb), 3.0 GB free: it may not load, or be slow"
    )


def test_more_than_the_machine_has() -> None:
    judged = verdict(room(12, 3, total=4), int(3.4 * GB))
    assert judged.ok
    assert "more than the 4.0 GB there is: it may not load" in judged.words


def test_of_a_model_that_is_half_here_the_whole_is_loaded() -> None:
    judged = verdict(room(12, 3), GB, weights=4 * GB)
    assert judged.warning
    assert "1.0 GB to fetch" in judged.words
    assert "about 4.8 GB" in judged.words


@pytest.mark.parametrize(
    ("seen", "to_fetch", "words"),
    [
        (room(12, None), GB, "1.0 GB to fetch, 12.0 GB free on disk, free memory not known: fits "),
        (room(None, 5), GB, "1.0 GB to fetch, free disk space not known, 5.0 GB of memory free:"),
        (room(None, None), GB, "1.0 GB to fetch, free disk space not known, free memory not known"),
        (room(1, 1), None, "its size is not known, 1.0 GB free on disk, 1.0 GB of memory free"),
    ],
)
def test_what_is_not_known_is_said_so(seen: Room, to_fetch: int | None, words: str) -> None:
    judged = verdict(seen, to_fetch)
    assert (judged.ok, judged.warning) == (True, False)
    assert judged.words.startswith(words)
    assert to_fetch is not None or "fits" not in judged.words


def test_a_refusal_as_an_error_with_the_line_that_makes_room() -> None:
    with pytest.raises(DiskFullError) as caught:
        check_room(room(1, 8), 2 * GB, "llama3.2:3b", handle="second")
    assert caught.value.message.startswith("llama3.2:3b: 2.0 GB to fetch, 1.0 GB free on disk")
    assert "%ollama rm MODEL --host second" in str(caught.value.hint)
    assert check_room(room(1, 1), GB, "llama3.2:1b").warning
    assert check_room(Room(), 99 * GB).ok


# looking ------------------------------------------------------------------------------------------


def test_the_disk_of_a_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    free = machine.disk_free(tmp_path / "a" / "b")
    assert free is not None
    assert abs(free - shutil.disk_usage(tmp_path).free) < GB
    (tmp_path / "file").touch()
    assert machine.disk_free(tmp_path / "file" / "x") is None


@pytest.mark.skipif(sys.platform == "darwin", reason="on a Mac the engine's folder never is here")
def test_the_engine_s_folder_counts_only_where_it_is_this_machine_s(tmp_path: Path) -> None:
    assert local_root(str(tmp_path), "unix:///var/run/docker.sock")[0] == tmp_path
    desktop = f"unix://{tmp_path}/.docker/desktop/docker.sock"
    assert local_root(str(tmp_path), desktop) == (None, "in Docker's virtual machine")
    assert local_root("/no/such/folder", "unix:///var/run/docker.sock")[0] is None
    assert local_root("", "unix:///var/run/docker.sock")[0] is None


def test_where_a_native_ollama_keeps_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ollama_folder({}) == tmp_path / ".ollama" / "models"
    monkeypatch.setenv("OLLAMA_MODELS", "~/big")
    assert ollama_folder({}) == tmp_path / "big"
    assert ollama_folder({"OLLAMA_MODELS": "/else"}) == Path("/else")


@pytest.mark.skipif(not os.path.exists("/proc/self/cgroup"), reason="no control groups here")
@pytest.mark.parametrize("version", [1, 2])
def test_a_container_s_share_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """A tree of files stands in for the kernel's; which groups we are in is read for real."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    kinds = [line.split(":")[1] for line in lines]
    if (version == 2 and "" not in kinds) or (version == 1 and "memory" not in ",".join(kinds)):
        pytest.skip(f"this system has no version {version} of them")
    files = {"memory.max": "400000000\n", "memory.current": "150000000\n"}
    folder, cached = tmp_path, "inactive_file"
    if version == 1:
        files = {"memory.limit_in_bytes": "400000000", "memory.usage_in_bytes": "150000000"}
        folder, cached = tmp_path / "memory", "total_inactive_file"
        folder.mkdir()
    files["memory.stat"] = f"anon 1\n{cached} 50000000\n"
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(machine, "_GROUPS", tmp_path)
    assert machine.memory() == (300_000_000, 400_000_000)
    (folder / next(iter(files))).write_text("max\n")
    free, total = machine.memory()
    assert total == machine.machine_memory()[1]
    assert 0 < free <= total


def test_of_what_runs_elsewhere_nothing_is_known(tmp_path: Path) -> None:
    registry = ServiceRegistry()
    with ScriptedOllama() as server:
        assert room_for(registry.get_service(server.url)) == Room()
    loaded = registry.get_service(str(service_folder(tmp_path)), name="toy")
    assert room_for(loaded) == Room(disk_where="toy is not started")


def test_the_embedded_engine_s_weights(tmp_path: Path, mc_home: Path) -> None:
    registry = ServiceRegistry()
    service = registry.get_service(str(service_folder(tmp_path)), runtime="embedded")
    seen = room_for(service)
    assert seen.disk_where == str(mc_home / "cache" / "models")
    assert seen.disk_free is not None
    assert seen.disk_free > 0
    assert seen.memory_free is not None
    assert seen.memory_total is not None
    assert 0 < seen.memory_free <= seen.memory_total
