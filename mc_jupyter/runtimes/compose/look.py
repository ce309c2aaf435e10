"""From what the engine tells of a container to what a user wants to know of a service."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from ..base import Condition, State
from .labels import (
    COMMIT,
    COMPOSE_SERVICE,
    GPU,
    HANDLE,
    HOME,
    IDENTIFIER,
    PORT,
    PROJECT,
    REF,
    SERVICE,
    USER,
    Found,
)

_SETTLED_AFTER = 10.0
"""Seconds of life after which the engine itself takes a restart for a success."""


def labels(item: Mapping[str, Any]) -> Mapping[str, str]:
    """Return an inspected container's labels."""
    return (item.get("Config") or {}).get("Labels") or {}


def is_main(item: Mapping[str, Any]) -> bool:
    """Whether this container is the service that answers, not one of its helpers."""
    own = labels(item)
    return own.get(COMPOSE_SERVICE) == own.get(SERVICE) and SERVICE in own


def condition_of(item: Mapping[str, Any], stopped_at: str | None = None) -> Condition:
    """Return the condition of an inspected container.

    Parameters
    ----------
    item
        The engine's answer (Docker Engine API, ``GET /containers/{id}/json``).
    stopped_at
        The engine's ``FinishedAt`` of our own last stop, to tell a stop from an end of its own.
    """
    state = item["State"]
    word, detail = _state(item, stopped_at)
    lives = word in ("running", "restarting")
    ended = word in ("exited", "restarting") and state.get("Status") != "running"
    return Condition(
        state=word,
        detail=detail,
        url=_url(item) if word == "running" else None,
        started_at=_iso(state.get("StartedAt")) if lives else None,
        exit_code=state.get("ExitCode") if ended else None,
        docker_health=(state.get("Health") or {}).get("Status") if lives else None,
        image=(item.get("Config") or {}).get("Image"),
        gpu=labels(item).get(GPU),
    )


def found_of(item: Mapping[str, Any]) -> Found:
    """Return what a kernel that did not load this service should know of it."""
    condition, own = condition_of(item), labels(item)
    return Found(
        project=own.get(PROJECT, ""),
        identifier=own.get(IDENTIFIER, ""),
        ref=own.get(REF, "HEAD"),
        handle=own.get(HANDLE, ""),
        state=condition.state,
        url=condition.url,
        owner_user=own.get(USER, ""),
        commit=own.get(COMMIT),
        home=own.get(HOME, ""),
    )


def _state(item: Mapping[str, Any], stopped_at: str | None) -> tuple[State, str]:
    state = item["State"]
    status, code = state.get("Status"), state.get("ExitCode", 0)
    restarts = item.get("RestartCount", 0)
    ended = _ended(code, bool(state.get("OOMKilled")))
    if status == "restarting":
        return "restarting", f"restarts again and again ({restarts} times; last it {ended})"
    if status == "running":
        if restarts and _age(state) < _SETTLED_AFTER:
            return "restarting", f"restarts again and again ({restarts} times)"
        if is_cut_off(item):
            return "disconnected", "is cut off from its Docker network"
        return "running", "running"
    if status == "paused":
        return "paused", "is paused"
    if status == "created":
        return "created", state.get("Error") or "created, never started"
    if stopped_at is not None and state.get("FinishedAt") == stopped_at:
        return "stopped", "stopped"
    return "exited", ended


def is_cut_off(item: Mapping[str, Any]) -> bool:
    """Whether a container is not in the network that it was made for."""
    mode = str((item.get("HostConfig") or {}).get("NetworkMode") or "default")
    if mode in ("none", "host", "default") or mode.startswith("container:"):
        return False
    networks = (item.get("NetworkSettings") or {}).get("Networks") or {}
    return mode not in networks and mode not in networks_of(item)


def networks_of(item: Mapping[str, Any]) -> set[str]:
    """Return the ids of the networks that a container is in, or was when it stopped."""
    networks = (item.get("NetworkSettings") or {}).get("Networks") or {}
    return {network["NetworkID"] for network in networks.values() if network.get("NetworkID")}


def _ended(code: int, out_of_memory: bool) -> str:
    if out_of_memory:
        return f"ran out of memory (exit code {code})"
    if code == 137:
        return "was killed (exit code 137)"
    return f"exited with code {code}"


def _age(state: Mapping[str, Any]) -> float:
    """Seconds since the start; large where it cannot be told."""
    started = _iso(state.get("StartedAt"))
    if started is None:
        return 1e9
    return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(started)).total_seconds()


def _iso(text: str | None) -> str | None:
    """The engine writes nanoseconds and `0001-01-01` for never."""
    if not text or text.startswith("0001"):
        return None
    whole = re.sub(r"\.\d+", "", text)
    return whole.replace("Z", "+00:00")


def _url(item: Mapping[str, Any]) -> str | None:
    """Where it answers: our label names the container port; without it the lowest one."""
    published = (item.get("NetworkSettings") or {}).get("Ports") or {}
    wanted = labels(item).get(PORT)
    ports = (
        (int(key.removesuffix("/tcp")), bindings)
        for key, bindings in published.items()
        if bindings and key.endswith("/tcp")
    )
    for port, bindings in sorted(ports, key=lambda pair: pair[0]):
        if wanted in (None, str(port)):
            for binding in bindings:
                if binding.get("HostIp") == "127.0.0.1":
                    return f"http://127.0.0.1:{binding['HostPort']}"
    return None


def public_bindings(item: Mapping[str, Any]) -> list[str]:
    """Return the published addresses that are not loopback (there must be none)."""
    published = (item.get("NetworkSettings") or {}).get("Ports") or {}
    return [
        f"{binding.get('HostIp')}:{binding.get('HostPort')}"
        for bindings in published.values()
        for binding in bindings or ()
        if binding.get("HostIp") != "127.0.0.1"
    ]
