"""The table: what becomes of each key of a compose file.

The keys are those of the compose specification's schema, in the normal form that Compose writes
(``docs/compose-keys.md`` is made from both, and a test compares them).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...paths import real
from .refusals import Refusal

Verdict = Literal["allowed", "bounded", "rewritten", "left out", "refused"]
Check = Callable[["Bounds", str, Any], Iterator[Refusal]]

NOTHING: tuple[object, ...] = (None, "", [], {}, False)
"""Values that are no wish at all."""
_GPU_WORDS = {"gpu", "nvidia", "compute", "utility", "graphics", "video", "display"}
_OUTSIDE = "it lies outside the repository"
# Compose interpolates the generated file, so what is checked would not be what runs
_DOLLAR = "a path with a dollar sign"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


@dataclass(frozen=True)
class Bounds:
    """What the rules measure by.

    Attributes
    ----------
    folders
        Binds and builds must lie in these, symbolic links resolved.
    volume_scope
        What the names of the service's own volumes begin with.
    memory
        The engine's memory in bytes; 0 where it is not known.
    """

    folders: tuple[Path, ...]
    volume_scope: str
    memory: int = 0


@dataclass(frozen=True)
class Rule:
    """What becomes of one key.

    Attributes
    ----------
    verdict
        ``allowed`` as it is, ``bounded`` to some values, ``rewritten`` by us, ``left out`` before
        it runs, or ``refused``.
    reason
        Why, or into what; for the documentation and the error.
    check
        Yields what is wrong with a value.
    keys
        The rules of a map's keys.
    item
        The rule of each item of a list, or of a map with free names.
    """

    verdict: Verdict
    reason: str = ""
    check: Check | None = None
    keys: Mapping[str, Rule] | None = None
    item: Rule | None = None


def number_of_bytes(text: str) -> int | None:
    """Return a size as Compose and the engine write it (``64m``, ``1gb``); None if it is none."""
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " ")) if match else None


def _allowed(reason: str = "", **keys: Rule) -> Rule:
    return Rule("allowed", reason, keys=keys or None)


def _refused(reason: str) -> Rule:
    return Rule("refused", reason)


def _left_out(reason: str) -> Rule:
    return Rule("left out", reason)


def _each(rule: Rule, reason: str = "", check: Check | None = None) -> Rule:
    return Rule(rule.verdict, reason or rule.reason, check, item=rule)


def _only(*values: object, reason: str, verdict: Verdict = "bounded") -> Rule:
    def check(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
        if value not in values:
            yield Refusal(where, value, reason)

    return Rule(verdict, reason, check)


def _own_path(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    """A path, links resolved, in the repository or in the service's own data."""
    found = real(str(value))
    if "$" in str(value):
        yield Refusal(where, value, _DOLLAR)
    elif found is None:
        yield Refusal(where, value, "where it leads cannot be found out")
    elif not os.path.isabs(str(value)) or not any(map(found.is_relative_to, bounds.folders)):
        is_link = str(found) != os.path.normpath(str(value))
        leads = f"it leads to {found}, outside the repository"
        yield Refusal(where, value, leads if is_link else _OUTSIDE)


def _build(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    context, file = Path(value.get("context") or ""), value.get("dockerfile")
    if not value.get("context"):  # it would be the folder of the file that runs
        yield Refusal(f"{where}.context", "", "it is empty")
    if "$" in str(file):
        yield Refusal(f"{where}.dockerfile", file, _DOLLAR)
    elif file:
        inner, outer = real(context / file), real(context)
        if not (inner and outer and inner.is_relative_to(outer)):
            yield Refusal(f"{where}.dockerfile", file, "it lies outside the build's context")


def _mount(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    kind = value.get("type")
    if kind not in ("volume", "bind", "tmpfs"):
        yield Refusal(f"{where}.type", kind, "only volumes, binds and tmpfs are mounted")
    if kind == "bind":
        yield from _own_path(bounds, f"{where}.source", value.get("source", ""))


def _port(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    if (host := value.get("host_ip", "0.0.0.0")) != "127.0.0.1":
        yield Refusal(f"{where}.host_ip", host, "ports are published on 127.0.0.1 only")


def _volume(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    own = str(value.get("name", "")).startswith(bounds.volume_scope)
    if value.get("external") and not own:
        yield Refusal(f"{where}.external", value["external"], "it is another project's volume")


def _capabilities(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    if not set(value) <= _GPU_WORDS:
        yield Refusal(where, value, "a device that is no GPU")


def _security_option(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    if str(value).replace("=", ":") not in ("no-new-privileges", "no-new-privileges:true"):
        yield Refusal(where, value, "it weakens the container's walls")


def _half_of_memory(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    size = number_of_bytes(str(value))
    if size is None or (bounds.memory and size > bounds.memory // 2):
        yield Refusal(where, value, _HALF)


def _tmpfs(bounds: Bounds, where: str, value: Any) -> Iterator[Refusal]:
    """One entry of ``tmpfs``: ``/path`` or ``/path:size=64m,mode=1777``."""
    for option in str(value).partition(":")[2].split(","):
        name, _, size = option.partition("=")
        if name == "size":
            yield from _half_of_memory(bounds, where, size)


_HALF = "shared memory and tmpfs may have half of the memory"
_NAMESPACE = "it shares a namespace with the host or another container"
_SECRET = "secrets and configs are not supported yet; use environment or a bind"
_CGROUP = "it changes how the host divides its time, disk or memory"
_DEVICE = "it gives the container a device of the host"
_NAMES = "names lead where the engine's own name service says"
_OTHERS = "it reaches another project's containers"
_SWARM = "Compose has no use for it: it is for a swarm"
_CACHE = "a build's cache is the engine's own"
_READ_IN = "read once, and put into the model"
_AT_BUILD = "the build would reach the host, its network or its secrets"
_ADDRESS = "the engine gives addresses"
_WINDOWS = "it is for Windows containers"
_HOOK = "it runs commands beside the service"
_GPU_DEVICE = _allowed(
    capabilities=Rule("bounded", "a GPU's", _capabilities),
    driver=_only("nvidia", reason="only NVIDIA's GPUs are supported"),
    count=_allowed(),
    device_ids=_allowed(),
    options=_refused(_DEVICE),
)
_BUILD = {
    "additional_contexts": _refused(_AT_BUILD),
    "args": _allowed("names without a value are taken out and said"),
    "cache_from": _left_out(_CACHE),
    "cache_to": _left_out(_CACHE),
    "context": Rule("bounded", "a folder of the repository", _own_path),
    "dockerfile": Rule("rewritten", "read once and checked; it lies within the context"),
    "dockerfile_inline": Rule("bounded", "checked like a Dockerfile"),
    "entitlements": _refused(_AT_BUILD),
    "extra_hosts": _refused(_AT_BUILD),
    "isolation": _refused(_WINDOWS),
    "labels": _allowed("ours are added"),
    "network": _only("default", "none", reason=_AT_BUILD),
    "no_cache": _allowed(),
    "platforms": _allowed(),
    "privileged": _refused(_AT_BUILD),
    "provenance": _left_out("the image stays on this machine"),
    "pull": _allowed(),
    "sbom": _left_out("the image stays on this machine"),
    "secrets": _refused(_AT_BUILD),
    "shm_size": Rule("bounded", _HALF, _half_of_memory),
    "ssh": _refused(_AT_BUILD),
    "tags": _refused("it gives the image names that others use"),
    "target": _allowed(),
    "ulimits": _allowed(),
}
_DEPLOY = {
    "endpoint_mode": _left_out(_SWARM),
    "labels": _allowed(),
    "mode": _only("replicated", reason=_SWARM),
    "placement": _left_out(_SWARM),
    "replicas": _only(1, reason="a service here is one container"),
    "resources": _allowed(
        limits=_allowed(cpus=_allowed(), memory=_allowed(), pids=_allowed()),
        reservations=_allowed(
            cpus=_allowed(),
            memory=_allowed(),
            devices=_each(_GPU_DEVICE, "GPUs, where the engine has one"),
            generic_resources=_left_out(_SWARM),
        ),
    ),
    "restart_policy": _allowed(
        "always and any become unless-stopped, so that a stop lasts",
        condition=_allowed(),
        delay=_allowed(),
        max_attempts=_allowed(),
        window=_allowed(),
    ),
    "rollback_config": _left_out(_SWARM),
    "update_config": _left_out(_SWARM),
}
_MOUNT = _allowed(
    type=Rule("bounded", "volume, bind or tmpfs"),
    source=Rule("bounded", "of a bind: in the repository, or in the service's own data"),
    target=_allowed(),
    read_only=_allowed(),
    consistency=_left_out("Docker has no use for it any more"),
    bind=_allowed(
        create_host_path=_allowed(),
        propagation=_refused("mounts would spread to the host"),
        recursive=_refused("mounts would spread to the host"),
        selinux=_only("z", "Z", reason="z and Z are known"),
    ),
    volume=_allowed(
        nocopy=_allowed(),
        labels=_left_out("volumes are made by us"),
        subpath=_refused("not supported yet"),
    ),
    tmpfs=_allowed(size=Rule("bounded", _HALF, _half_of_memory), mode=_allowed()),
    image=_refused("not supported yet"),
)
_SERVICE_NETWORK = _allowed(
    aliases=_allowed(),
    priority=_allowed(),
    gw_priority=_allowed(),
    interface_name=_allowed(),
    driver_opts=_refused("it sets up the host's network"),
    ipv4_address=_refused(_ADDRESS),
    ipv6_address=_refused(_ADDRESS),
    link_local_ips=_refused(_ADDRESS),
    mac_address=_refused(_ADDRESS),
)
_SERVICE = {
    "annotations": _refused("the engine's runtime obeys some of them"),
    "attach": _allowed(),
    "blkio_config": _refused(_CGROUP),
    "build": Rule("allowed", check=_build, keys=_BUILD),
    "cap_add": _refused("it gives the container rights over the host"),
    "cap_drop": _allowed(),
    "cgroup": _refused(_NAMESPACE),
    "cgroup_parent": _refused(_CGROUP),
    "command": _allowed(),
    "configs": _refused(_SECRET),
    "container_name": _left_out("containers are named after the project"),
    "cpu_count": _allowed(),
    "cpu_percent": _allowed(),
    "cpu_period": _allowed(),
    "cpu_quota": _allowed(),
    "cpu_rt_period": _refused(_CGROUP),
    "cpu_rt_runtime": _refused(_CGROUP),
    "cpu_shares": _allowed(),
    "cpus": _allowed(),
    "cpuset": _allowed(),
    "credential_spec": _refused(_WINDOWS),
    "depends_on": _each(_allowed(condition=_allowed(), required=_allowed(), restart=_allowed())),
    "deploy": Rule("allowed", keys=_DEPLOY),
    "develop": _left_out("only `docker compose watch` reads it"),
    "device_cgroup_rules": _refused(_DEVICE),
    "devices": _refused(_DEVICE),
    "dns": _refused(_NAMES),
    "dns_opt": _refused(_NAMES),
    "dns_search": _refused(_NAMES),
    "domainname": _allowed(),
    "entrypoint": _allowed(),
    "env_file": Rule("rewritten", _READ_IN),
    "environment": _allowed("names without a value are taken out and said"),
    "expose": _allowed(),
    "extends": _refused("it reads another compose file, which is not looked at"),
    "external_links": _refused(_OTHERS),
    "extra_hosts": _refused("names would lead to the host or elsewhere"),
    "gpus": _each(_GPU_DEVICE, "where the engine has one"),
    "group_add": _refused("it gives the container a group of the host"),
    "healthcheck": _allowed(
        disable=_allowed(),
        interval=_allowed(),
        retries=_allowed(),
        start_interval=_allowed(),
        start_period=_allowed(),
        test=_allowed(),
        timeout=_allowed(),
    ),
    "hostname": _allowed(),
    "image": _allowed(),
    "init": _allowed("on where it is not said"),
    "ipc": _refused(_NAMESPACE),
    "isolation": _refused(_WINDOWS),
    "label_file": Rule("rewritten", _READ_IN),
    "labels": _allowed("ours are added"),
    "links": Rule("rewritten", "the names become aliases on the project's networks"),
    "logging": _allowed(
        driver=_only("json-file", "local", reason="logs stay on this machine"),
        options=Rule(
            "allowed", keys={"max-size": _allowed(), "max-file": _allowed(), "compress": _allowed()}
        ),
    ),
    "mac_address": _refused(_ADDRESS),
    "mem_limit": _allowed(),
    "mem_reservation": _allowed(),
    "mem_swappiness": _allowed(),
    "memswap_limit": _allowed(),
    "models": _refused("Docker's model runner is not supported"),
    "network_mode": _only("bridge", "none", reason=_NAMESPACE),
    "networks": _each(_SERVICE_NETWORK),
    "oom_kill_disable": _refused(_CGROUP),
    "oom_score_adj": _refused(_CGROUP),
    "pid": _refused(_NAMESPACE),
    "pids_limit": _allowed(),
    "platform": _allowed(),
    "ports": _each(
        Rule(
            "rewritten",
            "on a free port of 127.0.0.1; at most 20 together",
            _port,
            keys={
                "app_protocol": _allowed(),
                "host_ip": Rule("rewritten", "127.0.0.1"),
                "mode": _only("ingress", "host", reason="ingress and host are known"),
                "name": _allowed(),
                "protocol": _only("tcp", "udp", reason="tcp and udp are published"),
                "published": Rule("rewritten", "a free port, unless --env names it"),
                "target": _allowed(),
            },
        )
    ),
    "post_start": _refused(_HOOK),
    "pre_stop": _refused(_HOOK),
    "privileged": _refused("it is the host's root"),
    "profiles": _allowed(),
    "provider": _refused("it runs a program of the host"),
    "pull_policy": _only("never", reason="images are pulled by us", verdict="rewritten"),
    "pull_refresh_after": _left_out("images are pulled by us"),
    "read_only": _allowed(),
    "restart": _allowed("always becomes unless-stopped, so that a stop lasts"),
    "runtime": _only("nvidia", reason="another runtime has rights of its own"),
    "scale": _only(1, reason="a service here is one container"),
    "secrets": _refused(_SECRET),
    "security_opt": _each(Rule("bounded", "no-new-privileges", _security_option)),
    "shm_size": Rule("bounded", _HALF, _half_of_memory),
    "stdin_open": _allowed(),
    "stop_grace_period": _allowed(),
    "stop_signal": _allowed(),
    "storage_opt": _refused("it sets up the host's disk"),
    "sysctls": _refused("it sets the kernel's own values"),
    "tmpfs": _each(Rule("bounded", _HALF, _tmpfs)),
    "tty": _allowed(),
    "ulimits": _allowed(),
    "use_api_socket": _refused("it hands the engine itself to the container"),
    "user": _allowed(),
    "userns_mode": _refused(_NAMESPACE),
    "uts": _refused(_NAMESPACE),
    "volumes": _each(Rule("bounded", check=_mount, keys=_MOUNT.keys)),
    "volumes_from": _refused("not supported yet; name the volumes"),
    "working_dir": _allowed(),
}
_NETWORK = _allowed(
    attachable=_left_out(_SWARM),
    driver=_only("bridge", reason="another driver reaches the host's network"),
    driver_opts=_refused("it sets up the host's network"),
    enable_ipv4=_allowed(),
    enable_ipv6=_refused("its addresses may be reached from outside"),
    external=_refused(_OTHERS),
    internal=_allowed(),
    ipam=_refused(_ADDRESS),
    labels=_allowed("ours are added"),
    name=Rule("rewritten", "named after the project"),
)
_VOLUME = Rule(
    "allowed",
    check=_volume,
    keys={
        "driver": _only("local", reason="another driver reaches other machines"),
        "driver_opts": _refused("a volume could be any folder of the host"),
        "external": Rule("bounded", "ours only"),
        "labels": _left_out("volumes are made by us"),
        "name": Rule("rewritten", "named after the source"),
    },
)
KEYS = Rule(
    "allowed",
    keys={
        "configs": _refused(_SECRET),
        "include": _refused("it reads another compose file, which is not looked at"),
        "models": _refused("Docker's model runner is not supported"),
        "name": Rule("rewritten", "the project's own"),
        "networks": _each(_NETWORK),
        "secrets": _refused(_SECRET),
        "services": _each(Rule("allowed", keys=_SERVICE)),
        "version": _left_out("Compose does not read it any more"),
        "volumes": _each(_VOLUME),
    },
)
"""The whole table."""
