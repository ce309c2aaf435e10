"""What this machine has free: disk and memory, as far as this process may have them."""

from __future__ import annotations

from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def disk_free(folder: Path) -> int | None:
    """Return the bytes that are free where `folder` is, or will be made; None if unreadable."""
    import shutil

    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def machine_memory() -> tuple[int, int]:
    """Return the machine's free and total memory, in bytes; free is what can be had at once."""
    import psutil

    seen = psutil.virtual_memory()
    return int(seen.available), int(seen.total)


def memory() -> tuple[int, int]:
    """Return the free and total memory of this process: in a container its share, not the host's.

    Cached files count as free, for the system gives them up.
    """
    free, total = machine_memory()
    for limit, used in _shares(_GROUPS):
        free, total = min(free, max(0, limit - used)), min(total, limit)
    return free, total


def _shares(top: Path) -> list[tuple[int, int]]:
    """Limit and use of each control group that this process is in (version 2, else 1)."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        names = ("memory.max", "memory.current", "inactive_file")
        if kinds:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        start = top / "memory" if kinds else top
        own = start / path.lstrip("/")
        for folder in (own, *own.parents):
            if share := _share(folder, *names):
                found.append(share)
            if folder == start:
                break
    return found


def _share(folder: Path, limit: str, used: str, cached: str) -> tuple[int, int] | None:
    try:
        total = int((folder / limit).read_text())  # "max" is no number, and no limit
        taken = int((folder / used).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return total, taken - int(stat.get(cached, 0))
