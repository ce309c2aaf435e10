"""An index with a wheel and an empty store: what the tests of pulls share."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mc_jupyter.embedded.catalogue import Published

from .embedded_index import Index
from .embedded_server import Running, program, serve

SLOW = 2_500_000  # bytes per second


@dataclass
class Place:
    """An index with a wheel, and an empty store."""

    index: Index
    entry: Published
    store: Path

    def serve(self) -> AbstractContextManager[Running]:
        return serve(
            *("--store", str(self.store)), catalogue=[self.entry], env=self.index.environment
        )

    def pull(self, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run ``pull`` in a terminal, to its end."""
        command = [*program([self.entry]), "pull", self.entry.name, "--store", str(self.store)]
        env = {**os.environ, **self.index.environment, **options.pop("env", {})}
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False, **options
        )

    @property
    def weights(self) -> Path:
        return self.store / self.entry.file

    @property
    def partials(self) -> list[Path]:
        return list(self.store.glob("*.partial"))

    def check(self) -> None:
        """Assert that the weights are in place, whole, and nothing else."""
        assert self.weights.stat().st_size == self.entry.size
        assert self.left() == [self.entry.file]

    def left(self) -> list[str]:
        """Return what is in the store, locks and remembered sums aside."""
        names = (path.name for path in self.store.iterdir())
        return sorted(name for name in names if not name.endswith(".lock") and name != "digests")


def pull(server: Running, name: str = "tiny:test") -> list[dict[str, Any]]:
    """Pull over HTTP; return the lines."""
    with server.client() as http:
        text = http.post("/api/pull", json={"model": name}).text
    return [json.loads(line) for line in text.splitlines()]
