"""What the benchmarks share: repeated timing, and one row of a table."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))


class CannotRun(Exception):
    """Why a page cannot be measured on this machine; the other pages go on."""


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes
    ----------
    what
        What was measured.
    values
        Each run's value.
    unit
        Of the values ("ms", "us", "tokens/s").
    goal
        In words; empty where there is none.
    met
        Whether the median meets the goal; None where there is none.
    """

    what: str
    values: tuple[float, ...]
    unit: str
    goal: str = ""
    met: bool | None = None

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        spread = f"({low:.4g} to {high:.4g}, {len(self.values)} runs)"
        verdict = "" if self.met is None else ("  met" if self.met else "  MISSED")
        goal = f"  goal {self.goal}{verdict}" if self.goal else ""
        return f"  {self.what:<66} {self.median:>9.4g} {self.unit:<9}{spread}{goal}"


def ratio(what: str, ours: list[float], theirs: list[float], most: float | None = None) -> Row:
    """Return the row of our runs over theirs, pair by pair (they ran in turn)."""
    values = tuple(a / b for a, b in zip(ours, theirs, strict=True))
    goal = f"<= {most:g}" if most is not None else ""
    return Row(what, values, "x", goal, None if most is None else statistics.median(values) <= most)


def model_folder() -> Path:
    """Return the folder with the weights of the small model; fetch them where they are missing.

    Raises
    ------
    CannotRun
        They cannot be fetched.
    """
    from support.embedded_server import weights

    try:
        return weights()
    except subprocess.CalledProcessError as failed:
        raise CannotRun("the small model cannot be fetched (see above)") from failed


def seconds(action: Callable[[], object]) -> float:
    """Return how long one call takes, in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
