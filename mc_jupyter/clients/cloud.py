"""Models that run elsewhere: what servers said of them in this kernel, and what is said once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from .names import full_name, is_cloud

_MOST = 10_000  # models that are remembered

_lock = threading.Lock()
_hosts: dict[tuple[str, str], str] = {}  # by server and model; empty for one that runs there
_warned: set[tuple[str, str]] = set()


def remember(url: str, model: str, entry: Mapping[str, Any] | None) -> None:
    """Keep what a server's list says of where a model runs; None where the list has it not."""
    entry = entry or {}
    host = entry.get("remote_host") or ("another server" if entry.get("remote_model") else "")
    with _lock:
        if len(_hosts) >= _MOST:
            _hosts.clear()
        _hosts[url, full_name(model)] = str(host)


def is_known(url: str, model: str) -> bool:
    """Whether it needs no look at the server's list to know where a model runs."""
    return is_cloud(model) or (url, full_name(model)) in _hosts


def notice(url: str, model: str) -> str:
    """Return what to say before the first use of a model that runs elsewhere, else nothing."""
    key = (url, full_name(model))
    with _lock:
        host = _hosts.get(key, "")
        if key in _warned or not (host or is_cloud(model)):
            return ""
        if len(_warned) >= _MOST:
            _warned.clear()
        _warned.add(key)
    where = f" to {host}" if host else ""
    return f"{model} runs in the cloud: prompts leave the server's machine{where}"
