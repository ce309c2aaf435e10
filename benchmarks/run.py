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
from datetime import UTC, datetime
from importlib.metadata import version

from common import ROOT

PAGES = ("bench_load", "bench_start", "bench_stream", "bench_embedded", "bench_complete")


def main() -> int:
    """Run the pages that are named on the command line, or all of them."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    about = f"{machine}, Python {platform.python_version()}, mc-jupyter {version('mc-jupyter')}"
    print(about)
    found = {}
    missed = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ["MC_JUPYTER_HOME"] = home
        for name in sys.argv[1:] or PAGES:
            page = importlib.import_module(name)
            print(f"\n{(page.__doc__ or name).splitlines()[0]}", flush=True)
            rows = page.rows()
            print(*rows, sep="\n", flush=True)
            missed = missed or any(row.met is False for row in rows)
            found[name] = [
                {"what": r.what.strip(), "unit": r.unit, "median": r.median, "values": r.values}
                for r in rows
            ]
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    kept = {"taken": datetime.now(UTC).isoformat(timespec="seconds"), "on": about, "figures": found}
    (results / "latest.json").write_text(json.dumps(kept, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
