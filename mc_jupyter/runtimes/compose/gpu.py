"""Whether a service gets a GPU: by the compose file, the manifest's wish and what Docker has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import StartError
from ..base import Spec
from .detect import Tools
from .labels import GPU

_ALL = {"driver": "nvidia", "count": -1, "capabilities": ["gpu"]}


def apply(
    services: Mapping[str, dict[str, Any]], main: dict[str, Any], spec: Spec, tools: Tools
) -> dict[str, str]:
    """Keep, add or strip GPU reservations; return the label that says so.

    Parameters
    ----------
    services
        All services of the model; changed in place.
    main
        The one of them that answers.
    spec, tools
        The wish (``auto``, ``on``, ``off``) and what there is.

    Raises
    ------
    StartError
        ``on`` where Docker has no NVIDIA runtime.
    """
    asked = [service for service in services.values() if _asks(service)]
    wished = bool(asked) or spec.manifest.requirements.gpu
    if spec.gpu == "on" and not tools.nvidia:
        raise StartError(
            f"{spec.handle}: --gpu on, but Docker has no NVIDIA runtime",
            "install the NVIDIA Container Toolkit, or use --gpu auto",
        )
    if spec.gpu != "off" and tools.nvidia and (wished or spec.gpu == "on"):
        if main not in asked:
            _reserve(main)
        return {GPU: "yes: NVIDIA"}
    for service in asked:
        _strip(service)
    if spec.gpu == "off":
        return {GPU: "no: --gpu off"}
    return {GPU: "no: Docker has no NVIDIA runtime"} if wished else {}


def _devices(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    resources = (service.get("deploy") or {}).get("resources") or {}
    devices: list[dict[str, Any]] = (resources.get("reservations") or {}).get("devices") or []
    return devices


def _is_gpu(device: Mapping[str, Any]) -> bool:
    return device.get("driver") == "nvidia" or "gpu" in (device.get("capabilities") or ())


def _asks(service: Mapping[str, Any]) -> bool:
    return (
        service.get("runtime") == "nvidia"
        or bool(service.get("gpus"))
        or any(map(_is_gpu, _devices(service)))
    )


def _strip(service: dict[str, Any]) -> None:
    if service.get("runtime") == "nvidia":
        del service["runtime"]
    service.pop("gpus", None)
    if devices := _devices(service):
        kept = [device for device in devices if not _is_gpu(device)]
        service["deploy"]["resources"]["reservations"]["devices"] = kept


def _reserve(service: dict[str, Any]) -> None:
    deploy = service.get("deploy") or {}
    resources = deploy.get("resources") or {}
    reservations = resources.get("reservations") or {}
    devices = [*(reservations.get("devices") or ()), dict(_ALL)]
    reservations = reservations | {"devices": devices}
    service["deploy"] = deploy | {"resources": resources | {"reservations": reservations}}
