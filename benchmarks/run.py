"""What `make bench` runs: every benchmark, its figures, and the machine they were taken on.

The figures are kept as JSON in benchmarks/results/ and quoted in docs/figures.md.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common import ROOT, CannotRun, Row

RESULTS = ROOT / "benchmarks" / "results"
PAGES = (
    "bench_load",
    "bench_start",
    "bench_stream",
    "bench_embedded",
    "bench_busy",
    "bench_complete",
)


def run(name: str) -> list[Row] | str:
    """Run one page; return its rows, or why there are none."""
    try:
        page = importlib.import_module(name)
        print(f"\n{(page.__doc__ or name).splitlines()[0]}", flush=True)
        rows: list[Row] = page.rows()
    except CannotRun as reason:
        print(f"  skipped: {reason}", flush=True)
        return f"skipped: {reason}"
    except Exception as error:  # a fault of one page does not end the others
        traceback.print_exc()
        print(f"  {name} failed: {type(error).__name__}: {error}", flush=True)
        return f"failed: {type(error).__name__}: {error}"
    print(*rows, sep="\n", flush=True)
    return rows


def main(names: Sequence[str] = PAGES, results: Path = RESULTS) -> int:
    """Run pages and keep their figures; return the status.

    Parameters
    ----------
    names
        Modules, each with a function ``rows``.
    results
        The folder that takes latest.json.

    Returns
    -------
    int
        0, or 1 when a page failed or a goal was missed; a page that cannot run here is neither.
    """
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    about = f"{machine}, Python {platform.python_version()}, mc-jupyter {version('mc-jupyter')}"
    print(about)
    found: dict[str, list[dict[str, Any]]] = {}
    without: dict[str, str] = {}
    missed = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ["MC_JUPYTER_HOME"] = home
        for name in names:
            rows = run(name)
            if isinstance(rows, str):
                without[name] = rows
                missed = missed or not rows.startswith("skipped")
                continue
            missed = missed or any(row.met is False for row in rows)
            found[name] = [
                {"what": r.what.strip(), "unit": r.unit, "median": r.median, "values": r.values}
                for r in rows
            ]
    results.mkdir(exist_ok=True)
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    kept = {"taken": taken, "on": about, "figures": found, "without": without}
    (results / "latest.json").write_text(json.dumps(kept, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or PAGES))
