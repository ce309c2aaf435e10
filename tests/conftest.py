"""What every test gets: a home of its own and an environment without the user's settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CLEARED = (
    "OLLAMA_",
    "MC_JUPYTER_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)


@pytest.fixture(autouse=True)
def mc_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary MC_JUPYTER_HOME, and no setting of the user's."""
    for name in list(os.environ):
        if name.startswith(_CLEARED):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("mc-home")
    monkeypatch.setenv("MC_JUPYTER_HOME", str(home))
    return home
