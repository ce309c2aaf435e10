"""What every test gets: a home of its own and an environment without the user's settings."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
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
    "SSL_CERT_",
)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background, as "make test &"
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started here inherits it


@pytest.fixture(autouse=True)
def mc_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary MC_JUPYTER_HOME, and no setting of the user's."""
    for name in list(os.environ):
        if name.startswith(_CLEARED):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("mc-home")
    monkeypatch.setenv("MC_JUPYTER_HOME", str(home))
    return home


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In a layer that REQUIRE names, a skip is a failure: nothing goes quietly green."""
    report = yield
    layer = item.path.relative_to(Path(__file__).parent).parts[0]
    if report.skipped and layer in os.environ.get("REQUIRE", "").split():
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"REQUIRE names {layer}, so this may not be skipped: {reason}"
    return report
