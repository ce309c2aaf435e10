"""Repositories that were fetched, and what is bound of them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support import specs

from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import binds, copies
from mc_jupyter.runtimes.compose.read import Source


def checkout(folder: Path) -> Path:
    return specs.write(
        folder,
        {"run.sh": "one", "in/a": "a", "in/deep/b": "b", "other": "x", "docker-compose.yml": ""},
    )


def fetched(root: Path, commit: str = "1" * 40) -> Spec:
    return specs.spec(root, commit=commit, data=root.parent / "data" / "p")


def place(spec: Spec, *sources: str, **changes: Any) -> tuple[list[dict[str, Any]], binds.Binds]:
    assert spec.folder is not None
    folder = spec.folder.resolve()
    mounts = [
        {"type": "bind", "source": str(folder / name), "target": f"/{number}", **changes}
        for number, name in enumerate(sources)
    ]
    found = binds.place({"web": {"volumes": mounts}}, spec, Source(folder / "c.yml", folder))
    return mounts, found


def lay(spec: Spec, *names: str) -> list[str]:
    return copies.copy(spec, [Path(name) for name in names])


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


@contextlib.contextmanager
def unprivileged(folder: Path) -> Iterator[Path]:
    """A folder in which permissions count: root, for whom they do not, is another user there."""
    if os.geteuid() != 0:
        yield folder
        return
    with tempfile.TemporaryDirectory() as top:
        os.chown(top, 65534, -1)
        os.seteuid(65534)
        try:
            yield Path(top)
        finally:
            os.seteuid(0)
