"""What a service is, is found out once: when it is loaded, and when that may have changed."""

from __future__ import annotations

from pathlib import Path

from support.folders import service_folder
from support.kernel import MODEL, Kernel, Serve

_COUNT = """
import sys, threading
def _profile(frame, event, argument):
    code = frame.f_code
    if event == "call" and code.co_qualname == "resolve" and "manifest" in code.co_varnames:
        resolutions.append(frame.f_code.co_filename)
threading.setprofile(_profile)
sys.setprofile(_profile)
"""


def _count(kernel: Kernel, *lines: str) -> int:
    """How often it was found out while the lines ran."""
    for line in lines:
        assert not kernel.run(f"{_COUNT}\n{line}").error  # a cell's own profile ends with it
    found: int = kernel.value("len(resolutions)")
    return found


def test_a_service_is_resolved_when_it_is_loaded(
    kernel: Kernel, serve: Serve, tmp_path: Path
) -> None:
    server = serve()
    folder = service_folder(tmp_path, "thing-service", "thing", "thing/thing:1")
    kernel.run("resolutions = []")
    assert _count(kernel, f"%mc load {server.url} --as it") == 1
    assert _count(kernel, f"%mc load {folder}") == 2
    used = (
        f"%ollama run --host it {MODEL} hi",
        "%ollama list --host it",
        "%mc",
        "%mc status it",
        "%mc info thing",
        "%mc find",
        "%mc panel",
        "get_ipython().complete('', '%mc start ', 10)",
    )
    assert _count(kernel, *used) == 2
    assert _count(kernel, f"%mc load {folder} --client whisper") == 3
