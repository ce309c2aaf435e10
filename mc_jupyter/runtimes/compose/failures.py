"""What Compose and the engine write when they fail, turned into our errors.

Compose's exit status never tells the kind; its texts do (checked with 2.20 to 2.40).
"""

from __future__ import annotations

import re

from ...errors import (
    DiskFullError,
    EngineUnavailableError,
    ImageUnavailableError,
    MediaConduitError,
    StartError,
)

_NOISE = re.compile(r"^time=\S+ level=(warning|info|debug)|^\s*$")
_PROGRESS = re.compile(
    r"^\s*(Container|Network|Volume|Image)?\s*\S+\s+(Creating|Created|Starting|Started|Waiting|"
    r"Healthy|Running|Recreate|Recreated|Stopping|Stopped|Removing|Removed|Building|Built|"
    r"Pulling|Pulled)\s*$"
)


def last_lines(text: str, count: int = 3) -> str:
    """Return the last lines that say something, joined; progress and warnings left out."""
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if not _NOISE.search(line) and not _PROGRESS.search(line)]
    once = [
        line
        for number, line in enumerate(telling)  # Compose repeats a container's error at its end
        if not any(line.endswith(later) for later in telling[number + 1 :])
    ]
    return " | ".join(line[:300] for line in once[-count:]) or "no reason was given"


def invalid_file(err: str, file: str) -> MediaConduitError:
    """Return the error for a file that ``config`` did not accept."""
    return StartError(f"{file} is not accepted by Compose: {last_lines(err, 2)}")


def of_up(err: str, handle: str) -> MediaConduitError:
    """Return the error for an ``up`` that failed.

    Parameters
    ----------
    err
        What Compose wrote to stderr.
    handle
        The service's name, for the message and the next step.
    """
    reason = last_lines(err)
    for pattern, kind, hint in _KINDS:
        if re.search(pattern, err, re.IGNORECASE):
            return kind(f"{handle}: {reason}", hint.format(handle=handle))
    return StartError(f"{handle} could not be started: {reason}", f"%mc logs {handle}")


def of_build(out: str, err: str, handle: str) -> MediaConduitError:
    """Return the error for a build that failed, with its last lines.

    The classic builder writes its log to stdout, BuildKit to stderr, and the reason is in either.
    """
    if "no space left on device" in out + err:
        return DiskFullError(
            f"{handle}: the disk is full: {last_lines(err, 1)}", "docker system df"
        )
    if "Cannot connect to the Docker daemon" in err:
        return of_up(err, handle)
    log = " | ".join(line.strip()[:200] for line in out.splitlines()[-2:] if line.strip())
    reason = " | ".join(part for part in (log, last_lines(err, 2)) if part)
    return StartError(f"{handle}: the image could not be built: {reason}")


_KINDS: tuple[tuple[str, type[MediaConduitError], str], ...] = (
    (r"no space left on device", DiskFullError, "docker system df   (shows what takes the room)"),
    (
        r"port is already allocated|address already in use",
        StartError,
        "that port is taken: leave it out of --env, and a free one is used",
    ),
    (
        r"could not select device driver",
        StartError,
        "Docker has no driver for the GPU: %mc start {handle} --gpu off",
    ),
    (
        r"Conflict\. The container name",
        StartError,
        "a container that is not ours has that name: docker ps -a",
    ),
    (
        r"Cannot connect to the Docker daemon|error during connect|unexpected EOF|connection reset",
        EngineUnavailableError,
        "start it: sudo systemctl start docker (or start Docker Desktop)",
    ),
    (
        r"permission denied while trying to connect",
        EngineUnavailableError,
        "sudo usermod -aG docker $USER   (then log out and in again)",
    ),
    (
        r"No such image|pull access denied|manifest unknown|manifest for .* not found",
        ImageUnavailableError,
        "%mc start {handle}   (fetches it again)",
    ),
    (
        r"is ambiguous \(\d+ matches",
        StartError,
        "%mc remove {handle}   (then start it again)",
    ),
)
