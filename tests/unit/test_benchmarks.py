"""`make bench`: one page that fails or cannot run leaves the others; the busy loops."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

RUN = """\
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
import run
sys.exit(run.main(sys.argv[3:], Path(sys.argv[2])))
"""
PAGES = {
    "breaks": '"""One that breaks."""\ndef rows():\n    raise OSError("no such thing")\n',
    "cannot": '"""One that cannot."""\nfrom common import CannotRun\n'
    'def rows():\n    raise CannotRun("no engine here")\n',
    "goes": '"""One that goes."""\nfrom common import Row\n'
    'def rows():\n    return [Row("a figure", (1.0, 3.0, 2.0), "s")]\n',
    "misses": '"""One that misses."""\nfrom common import Row\n'
    'def rows():\n    return [Row("a figure", (1.0,), "s", "<= 0.5 s", False)]\n',
}


def bench(folder: Path, *pages: str) -> tuple[int, str, dict[str, Any]]:
    """Run pages; return the status, what was printed, and what was kept."""
    for name, text in PAGES.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-c", RUN, str(BENCHMARKS), str(folder), *pages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, json.loads((folder / "latest.json").read_text())


def test_a_page_that_breaks_leaves_the_others_and_is_status_1(tmp_path: Path) -> None:
    status, said, kept = bench(tmp_path, "breaks", "no_such_page", "goes")
    assert status == 1
    assert "breaks failed: OSError: no such thing" in said
    assert "no_such_page failed: ModuleNotFoundError" in said
    assert kept["figures"]["goes"][0]["median"] == 2.0
    assert kept["without"]["breaks"] == "failed: OSError: no such thing"


def test_a_page_that_cannot_run_says_why_and_is_no_failure(tmp_path: Path) -> None:
    status, said, kept = bench(tmp_path, "cannot", "goes")
    assert status == 0
    assert "One that cannot.\n  skipped: no engine here\n" in said
    assert list(kept["figures"]) == ["goes"]
    assert kept["without"] == {"cannot": "skipped: no engine here"}


def test_a_missed_goal_is_status_1_whatever_comes_after(tmp_path: Path) -> None:
    status, said, _ = bench(tmp_path, "misses", "cannot", "goes")
    assert status == 1
    assert "MISSED" in said


def test_each_busy_loop_has_a_session_of_its_own_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    page = importlib.import_module("bench_busy")
    with page.busy(3) as loops:
        pids = [loop.pid for loop in loops]
        assert [os.getsid(pid) for pid in pids] == pids
    assert [loop.returncode for loop in loops] == [0, 0, 0]


def test_the_start_page_takes_the_image_that_is_here_and_says_why_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    page = importlib.import_module("bench_start")
    here: set[str] = set()

    def cannot_build() -> str:
        raise page.build.CannotBuild("it takes debootstrap")

    monkeypatch.setattr(page.engine, "why_no_engine", lambda: None)
    monkeypatch.setattr(page.engine, "has_compose", lambda: True)
    monkeypatch.setattr(page.build, "label_of", lambda image: {} if image in here else None)
    monkeypatch.setattr(page.build, "set_up_base", cannot_build)
    with pytest.raises(page.CannotRun, match=r"ollama/ollama:latest.*it takes debootstrap"):
        page.choose()
    here.add(page.OLLAMA.image)
    assert page.choose() is page.OLLAMA
    here.add(page.HTTP.image)
    monkeypatch.setattr(page.build, "set_up_base", lambda: page.HTTP.image)
    assert page.choose() is page.HTTP
