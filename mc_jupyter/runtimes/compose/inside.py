"""Whether this kernel runs in a container whose host's engine it would use.

Loopback ports and folders are then the host's, not the kernel's.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

_MARKS = ("/.dockerenv", "/run/.containerenv")
_CONTAINER_ID = re.compile(r"/containers/([0-9a-f]{64})/")


def runs_inside_container(engine_name: object, knows: Callable[[str], bool]) -> bool:
    """Whether the engine is outside of the container that this kernel runs in.

    An engine is named after its machine's host name, so one of our own (in a virtual machine
    that has a container's marks, or within this container) is told by it, unless the engine
    knows this very container.

    Parameters
    ----------
    engine_name
        The ``Name`` in ``docker info``.
    knows
        Whether the engine knows the container of that id.
    """
    if not any(map(os.path.exists, _MARKS)) and "KUBERNETES_SERVICE_HOST" not in os.environ:
        return False
    if engine_name != socket.gethostname():
        return True
    own = _own_container()
    return own is not None and knows(own)


def _own_container() -> str | None:
    """The id in the paths of the files that an engine mounts into each of its containers."""
    try:
        match = _CONTAINER_ID.search(Path("/proc/self/mountinfo").read_text())
    except OSError:
        return None
    return match[1] if match else None
