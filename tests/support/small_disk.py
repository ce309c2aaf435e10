"""A file system that is soon full."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.wait import wait_until


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """Mount a file system of that size; skips the test where this user may not."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "mc-jupyter-test", str(folder)]
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(command, capture_output=True).returncode
    ):
        pytest.skip("a small disk can be mounted by root on Linux only")
    try:
        yield folder
    finally:
        # a program that was just ended may hold it for a moment
        wait_until(
            lambda: subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0,
            what="the end of all that uses the disk",
        )
