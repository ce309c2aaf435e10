"""What a compose file may ask for. Everything that is not named here is refused.

Checked is the model that will run, after our edits. The keys that are left out, and why, are
those by which a container reaches the host: see the table in the tests. A key that Compose
learns tomorrow is refused until someone has thought about it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import PolicyError
from ...paths import real
from .read import NOT_YET

# Compose interpolates the generated file, so what is checked would not be what runs.
_DOLLAR = "a path with a dollar sign"
_GPU_WORDS = {"gpu", "nvidia", "compute", "utility", "graphics", "video", "display"}


class _Refused(Exception):
    def __init__(self, where: str, value: object, because: str = "") -> None:
        super().__init__(where, value, because)


Check = Callable[[str, Any], None]


def check(model: Mapping[str, Any], file: str, folders: Iterable[Path], volume_scope: str) -> None:
    """Refuse a model that asks for anything that is not allowed.

    Parameters
    ----------
    model
        The whole model that would run.
    file
        The compose file's name, for the message.
    folders
        Bind mounts and build contexts must lie in these, symbolic links resolved.
    volume_scope
        What the names of the service's own volumes begin with.

    Raises
    ------
    PolicyError
        Naming the file, the key's path, and its value.
    """
    resolved = (real(folder) for folder in folders)
    rules = _Rules(tuple(folder for folder in resolved if folder), volume_scope)
    try:
        rules.model(model)
    except _Refused as refused:
        where, value, because = refused.args
        reason = f": {because}" if because else ""
        raise PolicyError(
            f"{file}: {where} ({_short(value)}) is not allowed{reason}", NOT_YET
        ) from None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _any(where: str, value: Any) -> None:
    """Accept."""


def _one_of(*allowed: object) -> Check:
    def checked(where: str, value: Any) -> None:
        if value not in allowed:
            raise _Refused(where, value)

    return checked


def _keys(**known: Check) -> Check:
    """Accept a map of these keys; of others, what is empty or false is no wish at all."""

    def checked(where: str, value: Any) -> None:
        if value in (None, "", [], {}):
            return
        if not isinstance(value, Mapping):
            raise _Refused(where, value)
        for key, item in value.items():
            place = f"{where}.{key}" if where else str(key)
            rule = known.get(key)
            if rule is not None:
                rule(place, item)
            elif item not in (None, "", [], {}, False):
                raise _Refused(place, item)

    return checked


def _each(rule: Check) -> Check:
    """Accept a list or a map whose every item passes."""

    def checked(where: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for name, item in value.items():
                rule(f"{where}.{name}", item)
        else:
            for number, item in enumerate(value or ()):
                rule(f"{where}[{number}]", item)

    return checked


def _device(where: str, value: Any) -> None:
    _keys(capabilities=_any, driver=_one_of("nvidia"), count=_any, device_ids=_any)(where, value)
    if not set(value.get("capabilities") or ()) <= _GPU_WORDS:
        raise _Refused(f"{where}.capabilities", value["capabilities"])


def _security_option(where: str, value: Any) -> None:
    if str(value).replace("=", ":") not in ("no-new-privileges", "no-new-privileges:true"):
        raise _Refused(where, value)


def _port(where: str, value: Any) -> None:
    _PORT(where, {"host_ip": "0.0.0.0"} | value)


def _free(*names: str) -> dict[str, Check]:
    return dict.fromkeys(names, _any)


_PORT = _keys(
    mode=_one_of("ingress", "host"),
    host_ip=_one_of("127.0.0.1"),
    protocol=_one_of("tcp", "udp"),
    **_free("target", "published", "name", "app_protocol"),
)
_RESOURCES = _keys(
    limits=_keys(**_free("cpus", "memory", "pids")),
    reservations=_keys(**_free("cpus", "memory"), devices=_each(_device)),
)
_LOGGING = _keys(
    driver=_one_of("json-file", "local"),
    options=_keys(**_free("max-size", "max-file", "compress")),
)
_SERVICE_NETWORK = _keys(**_free("aliases", "priority"))
_MOUNT = _free("type", "target", "read_only")
_BIND = _keys(create_host_path=_any, selinux=_one_of("z", "Z"))
_NETWORK = _keys(driver=_one_of("bridge"), **_free("name", "internal", "labels"))

# fmt: off
_PLAIN = (
    "attach", "cap_drop", "command", "cpu_count", "cpu_percent", "cpu_shares", "cpus", "cpuset",
    "depends_on", "entrypoint", "environment", "expose", "healthcheck", "hostname", "image", "init",
    "labels", "mem_limit", "mem_reservation", "memswap_limit", "pids_limit", "platform", "profiles",
    "read_only", "restart", "shm_size", "stdin_open", "stop_grace_period", "stop_signal", "tmpfs",
    "tty", "ulimits", "user", "working_dir",
)
_BUILD = (
    "args", "dockerfile", "dockerfile_inline", "labels", "no_cache", "platforms", "pull",
    "shm_size", "target", "ulimits",
)
# fmt: on


@dataclass(frozen=True)
class _Rules:
    """The rules that need to know which folders are the service's own."""

    folders: tuple[Path, ...]
    volume_scope: str

    def model(self, model: Mapping[str, Any]) -> None:
        _keys(
            name=_any,
            services=_each(self.service),
            networks=_each(_NETWORK),
            volumes=_each(self.volume),
        )("", model)
        for name in model.get("services") or {}:
            if name.startswith("-"):  # it would be an option of Compose's commands
                raise _Refused(f"services.{name}", name)
        self._nested_binds(model)

    def service(self, where: str, value: Any) -> None:
        _keys(
            **_free(*_PLAIN),
            build=self.build,
            deploy=_keys(
                resources=_RESOURCES,
                replicas=_one_of(1),
                mode=_one_of("replicated"),
                **_free("restart_policy", "labels"),
            ),
            logging=_LOGGING,
            network_mode=_one_of("bridge", "none"),
            networks=_each(_SERVICE_NETWORK),
            ports=_each(_port),
            pull_policy=_one_of("never"),
            runtime=_one_of("nvidia"),
            scale=_one_of(1),
            security_opt=_each(_security_option),
            volumes=_each(self.mount),
        )(where, value)

    def build(self, where: str, value: Any) -> None:
        _keys(context=self.own_path, **_free(*_BUILD))(where, value)
        context, file = Path(value.get("context", "")), value.get("dockerfile")
        if "$" in str(file):
            raise _Refused(f"{where}.dockerfile", file, _DOLLAR)
        inner, outer = real(context / file) if file else None, real(context)
        if file and not (inner and outer and inner.is_relative_to(outer)):
            raise _Refused(f"{where}.dockerfile", file, "it lies outside the build's context")

    def volume(self, where: str, value: Any) -> None:
        _keys(name=_any, external=_any, driver=_one_of("local"), labels=_any)(where, value)
        if value and value.get("external") and not value["name"].startswith(self.volume_scope):
            raise _Refused(f"{where}.external", True)

    def own_path(self, where: str, value: Any) -> None:
        """A path, links resolved, in the repository or in the service's own data."""
        if "$" in str(value):
            raise _Refused(where, value, _DOLLAR)
        found = real(str(value))
        if found is None:
            raise _Refused(where, value, "where it leads cannot be found out")
        local = os.path.isabs(str(value)) and any(found.is_relative_to(f) for f in self.folders)
        if not local:
            raise _Refused(where, value, "it lies outside the repository")

    def mount(self, where: str, value: Any) -> None:
        kind = value.get("type")
        rule = {
            "volume": _keys(**_MOUNT, source=_any, volume=_keys(nocopy=_any)),
            "tmpfs": _keys(**_MOUNT, tmpfs=_any),
            "bind": _keys(**_MOUNT, source=self.own_path, bind=_BIND),
        }.get(kind)
        if rule is None:
            raise _Refused(f"{where}.type", kind)
        rule(where, value)

    def _nested_binds(self, model: Mapping[str, Any]) -> None:
        """What can write into a folder could put a link to anywhere where another bind points."""
        binds = [
            (f"services.{name}.volumes", Path(m["source"]), bool(m.get("read_only")))
            for name, service in (model.get("services") or {}).items()
            for m in service.get("volumes") or ()
            if m.get("type") == "bind"
        ]
        for where, inner, _ in binds:
            for _, outer, read_only in binds:
                if not read_only and outer != inner and inner.is_relative_to(outer):
                    raise _Refused(where, str(inner), f"{outer} can be written to from a container")
