"""Our edits: from what Compose reads in the repository to what runs."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import ManifestError
from ..base import Spec
from . import binds, gpu, labels, policy, rewrites
from .detect import Tools
from .read import Source

_START_INTERVAL_SINCE = (25,)
_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass(frozen=True)
class Model:
    """What will run.

    Attributes
    ----------
    document
        The whole model, as it is given to Compose.
    digest
        A hash of it: two starts with the same digest ask for the same thing.
    volumes
        The named volumes that must exist.
    binds
        Where its binds lead.
    builds
        Image names to build, by service.
    notes
        What the user should know of it before it runs.
    """

    document: dict[str, Any]
    digest: str
    volumes: tuple[str, ...]
    binds: binds.Binds
    builds: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """The services by their names."""
        services: dict[str, dict[str, Any]] = self.document["services"]
        return services


def edit(raw: Mapping[str, Any], spec: Spec, source: Source, tools: Tools) -> Model:
    """Make our edits.

    Parameters
    ----------
    raw
        The interpolated model of ``docker compose config --format json``.
    spec, source, tools
        The service, its compose file, and what it runs on.

    Raises
    ------
    StartError
        ``--gpu on`` where Docker has none.
    ManifestError
        The manifest names a volume that cannot be understood.
    """
    document = copy.deepcopy(dict(raw))
    policy.leave_out(document)
    document["name"] = spec.project
    services: dict[str, dict[str, Any]] = document["services"]
    _replace_links(services)
    main = services[spec.manifest.compose_service]
    _merge(document, main, spec, source)
    port = _answering_port(main, spec)
    ours = labels.labels_of(spec) | ({labels.PORT: str(port)} if port else {})
    ours |= gpu.apply(services, main, spec, tools)
    ours = {name: _literal(value) for name, value in ours.items()}
    has_gpu = ours.get(labels.GPU, "").startswith("yes")
    for service in services.values():
        _edit_service(service, ours, spec, tools)
        rewrites.apply(service, spec.environment, has_gpu)
    placed = binds.place(services, spec, source)
    builds = _name_builds(services, spec)
    volumes = _scope(document, spec)
    digest = _digest(document)
    for service in services.values():
        service["labels"][labels.MODEL] = digest
    return Model(document, digest, volumes, placed, builds)


def _digest(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def _merge(document: dict[str, Any], main: dict[str, Any], spec: Spec, source: Source) -> None:
    """The manifest fills what the compose file leaves open; ``--env`` wins over both."""
    own = dict(main.get("environment") or {})
    given = {name: _literal(value) for name, value in spec.environment.items()}
    wished = {name: _literal(value) for name, value in spec.manifest.environment.items()}
    main["environment"] = wished | {n: v for n, v in own.items() if v is not None} | given
    mounts = main.setdefault("volumes", [])
    taken = {mount.get("target") for mount in mounts}
    for text in spec.manifest.volumes:
        mount = _mount(text, spec, source)
        if mount["target"] not in taken:
            mounts.append(mount)
            if mount["type"] == "volume":
                document.setdefault("volumes", {}).setdefault(mount["source"], {})


def _literal(value: str) -> str:
    """Compose interpolates what it reads, also the generated file."""
    return value.replace("$", "$$")


def _mount(text: str, spec: Spec, source: Source) -> dict[str, Any]:
    """Understand a short-form volume of the manifest (``name-or-path:target[:ro|rw]``)."""
    parts = text.split(":")
    is_volume = len(parts) in (2, 3) and all(parts) and parts[1].startswith("/")
    is_named = bool(_VOLUME.fullmatch(parts[0])) or parts[0][:1] in ("/", ".", "~")
    if not (is_volume and is_named) or "$" in text:  # Compose would fill it in, after the check
        raise ManifestError(
            f"{spec.manifest.file}: docker.volumes has {text!r}", "accepted: NAME:/TARGET[:ro]"
        )
    name, target = parts[:2]
    if name[0] in "./~":
        path = os.path.normpath(source.file.parent / name)
        mount: dict[str, Any] = {"type": "bind", "source": path, "target": target}
    else:
        mount = {"type": "volume", "source": name, "target": target}
    if parts[2:] and "ro" in parts[2].split(","):
        mount["read_only"] = True
    return mount


def _answering_port(main: Mapping[str, Any], spec: Spec) -> int | None:
    """The manifest's port, by container or host number, else the lowest one."""
    ports = [port for port in main.get("ports") or () if port.get("protocol", "tcp") == "tcp"]
    for port in ports:
        if port["target"] in spec.manifest.ports:
            return int(port["target"])
    for port in ports:
        if str(port.get("published", "")) in map(str, spec.manifest.ports):
            return int(port["target"])
    return min((int(port["target"]) for port in ports), default=None)


def _edit_service(
    service: dict[str, Any], ours: Mapping[str, str], spec: Spec, tools: Tools
) -> None:
    wanted = {value for value in spec.environment.values() if value.isdigit() and value != "0"}
    for port in service.get("ports") or ():
        port["host_ip"] = "127.0.0.1"
        if str(port.get("published", "")) not in wanted:
            port["published"] = "0"
    environment = service.get("environment") or {}
    service["environment"] = {n: v for n, v in environment.items() if v is not None}
    service.setdefault("init", True)
    _end_with_a_stop(service)
    service["pull_policy"] = "never"
    kept = service.get("labels") or {}
    service["labels"] = {n: v for n, v in kept.items() if n[: len(labels.PREFIX)] != labels.PREFIX}
    service["labels"].update(ours)
    if tools.engine_version < _START_INTERVAL_SINCE:  # an error there, and only Docker's own health
        (service.get("healthcheck") or {}).pop("start_interval", None)


def _end_with_a_stop(service: dict[str, Any]) -> None:
    """With ``always`` the engine would start it again after a restart of its own."""
    if service.get("restart") == "always":
        service["restart"] = "unless-stopped"
    policy_of_deploy = (service.get("deploy") or {}).get("restart_policy") or {}
    if policy_of_deploy.get("condition") in ("any", "always"):
        policy_of_deploy["condition"] = "unless-stopped"


def _replace_links(services: Mapping[str, dict[str, Any]]) -> None:
    """Give a linked service its other names on all its networks, where everybody finds them."""
    for service in services.values():
        for link in service.pop("links", None) or ():
            name, _, alias = str(link).partition(":")
            if not alias or alias == name or name not in services:
                continue  # a service is found by its own name anyway
            networks = services[name].get("networks") or {}
            for key, wishes in networks.items():
                names = (wishes or {}).get("aliases") or []
                networks[key] = (wishes or {}) | {"aliases": sorted({*names, alias})}


def _name_builds(services: Mapping[str, dict[str, Any]], spec: Spec) -> dict[str, str]:
    """Give each built image a name of this project's, so that two refs never share one."""
    names, renamed = {}, {}
    for name, service in services.items():
        build = service.get("build")
        if not build:
            continue
        image = f"{spec.project}-{name}:latest"
        if "image" in service:
            renamed[service["image"]] = image
        arguments = build.get("args") or {}
        build["args"] = {n: v for n, v in arguments.items() if v is not None}
        digest = _digest([build, spec.commit or spec.content])
        ours = {n: _literal(value) for n, value in labels.labels_of(spec).items()}
        build["labels"] = dict(build.get("labels") or {}) | ours | {labels.BUILD: digest}
        service["image"] = names[name] = image
    for service in services.values():
        service["image"] = renamed.get(service.get("image", ""), service.get("image", ""))
    return names


def _scope(document: dict[str, Any], spec: Spec) -> tuple[str, ...]:
    """Networks belong to the project; volumes to the source, so that two refs share their models.

    Volumes are made by us and `external` to Compose, which would ask whether to delete one that
    another ref made.
    """
    for key, network in (document.get("networks") or {}).items():
        if not (network or {}).get("external"):
            ours = {n: _literal(v) for n, v in labels.source_labels_of(spec).items()}
            own = {"name": f"{spec.project}_{key}", "labels": ours}
            document["networks"][key] = (network or {}) | own
    names = []
    for key, volume in (document.get("volumes") or {}).items():
        if (volume or {}).get("external"):
            continue
        name = f"{spec.volume_scope}_{key}"
        wishes = dict(volume or {})
        if wishes.get("driver") == "local":
            del wishes["driver"]
        wishes.pop("labels", None)  # Compose takes no more than the name for an external one
        document["volumes"][key] = wishes | {"name": name, "external": True}
        names.append(name)
    return tuple(names)
