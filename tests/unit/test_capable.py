from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mc_jupyter.capable import all_capable


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("loaded", "%mc start toy"),
        ("stopped", "%mc start toy"),
        ("paused", "%mc start toy"),
        ("disconnected", "%mc restart toy"),
    ],
)
def test_a_service_that_does_not_run_names_the_verb_that_helps(state: str, line: str) -> None:
    now = SimpleNamespace(handle="toy", kind=None, state=state, capabilities=("text-to-text",))
    manifest = SimpleNamespace(description="A toy")
    toy: Any = SimpleNamespace(kind=None, manifest=manifest, snapshot=lambda: now)
    assert all_capable([toy])[0].line == line
