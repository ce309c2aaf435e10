"""What there is to work with: the docker program, Compose and the engine, or why there is none."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EngineUnavailableError
from .child import Finished, LimitReached, environment, run
from .inside import runs_inside_container

ENGINE_LIMIT = 5.0
_CLI_LIMIT = 10.0
_KNOCK_LIMIT = 2.0
_OLDEST_COMPOSE = (2, 20)
_INSTALL_COMPOSE = (
    "install it: sudo apt-get install docker-compose-plugin"
    "   (other systems: https://docs.docker.com/compose/install)"
)
_OTHERWISE = "or load a service that already runs: %mc load http://HOST:PORT"


@dataclass(frozen=True)
class Tools:
    """What was found.

    Attributes
    ----------
    docker
        Path of the docker program.
    compose
        How Compose is called: ``(docker, "compose")`` or ``(docker-compose,)``.
    compose_version
        Its version's numbers.
    address
        Where the engine listens (``unix:///var/run/docker.sock``): the one that the CLI talks to.
    engine_version
        The engine's version's numbers.
    nvidia
        Whether the engine has NVIDIA's runtime.
    root
        The engine's folder for images and volumes.
    architecture
        The engine's, as the kernel names it (``x86_64``).
    memory, cpus
        All the memory that the engine has, in bytes, and its cores; 0 is not known. Docker
        Desktop's are those of its virtual machine.
    compose_program
        Path of Compose itself, which needs no environment at all; empty where it is not known.
    """

    docker: str
    compose: tuple[str, ...]
    compose_version: tuple[int, ...]
    address: str
    engine_version: tuple[int, ...]
    nvidia: bool
    root: str
    architecture: str
    memory: int = 0
    cpus: int = 0
    compose_program: str = ""


def docker_program() -> str:
    """Return the docker program's path.

    Raises
    ------
    EngineUnavailableError
        There is none.
    """
    program = shutil.which("docker")
    if program is None:
        raise EngineUnavailableError(
            "there is no docker program on PATH",
            f"install Docker (https://docs.docker.com/engine/install), {_OTHERWISE}",
        )
    return program


def engine_address(docker: str) -> str:
    """Return where the engine that the CLI uses listens; a remote one is refused.

    Raises
    ------
    EngineUnavailableError
        The context does not exist, or the engine is not on this machine.
    """
    answer = _ask((docker, "context", "inspect", "--format", "{{json .Endpoints}}"), _CLI_LIMIT)
    try:
        address = str(json.loads(answer.out)["docker"]["Host"])
    except (ValueError, KeyError, TypeError):
        raise EngineUnavailableError(
            f"docker has no usable context: {_last_line(answer)}", "docker context use default"
        ) from None
    if not address.startswith("unix://"):
        raise EngineUnavailableError(
            f"the Docker engine is remote ({address}), which is not supported yet: "
            "its ports and folders are another machine's",
            f"use the local one (unset DOCKER_HOST; docker context use default), {_OTHERWISE}",
        )
    return address


def detect() -> Tools:
    """Find docker, Compose and the engine.

    Raises
    ------
    EngineUnavailableError
        Naming what is missing and the next step.
    """
    docker = docker_program()
    address = engine_address(docker)
    info = engine_info(docker, address)
    if runs_inside_container(info.get("Name"), lambda own: _knows(docker, own)):
        raise EngineUnavailableError(
            "this kernel runs inside a container and the Docker engine outside of it, "
            "which is not supported yet: ports and folders would be the host's",
            f"run the notebook outside, {_OTHERWISE}",
        )
    compose, version, program = _find_compose(docker, info)
    return Tools(
        docker=docker,
        compose=compose,
        compose_version=version,
        address=address,
        engine_version=_numbers(str(info.get("ServerVersion", ""))),
        nvidia="nvidia" in (info.get("Runtimes") or {}),
        root=str(info.get("DockerRootDir", "")),
        architecture=str(info.get("Architecture", "")),
        memory=_count(info.get("MemTotal")),
        cpus=_count(info.get("NCPU")),
        compose_program=program,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _ask(arguments: tuple[str, ...], limit: float) -> Finished:
    try:
        return run(arguments, environment(), limit)
    except LimitReached:
        raise EngineUnavailableError(
            f"the Docker engine does not answer ({Path(arguments[0]).name} {arguments[1]} took "
            f"more than {limit:g} s)",
            "restart it: sudo systemctl restart docker (or restart Docker Desktop)",
        ) from None
    except OSError as error:
        raise EngineUnavailableError(
            f"{arguments[0]} cannot be run: {error.strerror}", "reinstall Docker"
        ) from error


def engine_info(docker: str, address: str) -> dict[str, Any]:
    """Return what the engine says of itself (``docker info``).

    Raises
    ------
    EngineUnavailableError
        It does not answer, is not for this user, or is none.
    """
    answer = _ask((docker, "info", "--format", "{{json .}}"), ENGINE_LIMIT)
    try:
        info = json.loads(answer.out)
    except ValueError:
        info = {}
    if isinstance(info, dict) and isinstance(info.get("host"), dict):
        raise EngineUnavailableError(
            "docker here is Podman, which is not supported yet", f"install Docker, {_OTHERWISE}"
        )
    problems = info.get("ServerErrors") or []
    if answer.code == 0 and not problems and info.get("ServerVersion"):
        return dict(info)
    problem = str(problems[0]) if problems else _last_line(answer)
    raise no_engine(problem, address)


def no_engine(problem: str, address: str) -> EngineUnavailableError:
    """Return the error for an engine that could not be reached, with the step that fits."""
    if "permission denied" in problem.lower():
        return EngineUnavailableError(
            f"no permission to use the Docker engine at {address}",
            "sudo usermod -aG docker $USER   (then log out and in again)",
        )
    fact = re.sub(r"^Cannot connect to the Docker daemon at \S+[.](?= |$) ?", "", problem)
    return EngineUnavailableError(
        f"no Docker engine answers at {address}: {fact or 'nobody listens there'}",
        "start it: sudo systemctl start docker (or start Docker Desktop)",
    )


def knock(address: str) -> None:
    """See whether somebody listens; docker-py leaks a socket, and buries the reason, if not.

    Raises
    ------
    EngineUnavailableError
        Nobody, or not for this user.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_KNOCK_LIMIT)
        try:
            probe.connect(address.removeprefix("unix://"))
        except OSError as error:
            raise no_engine(error.strerror or str(error), address) from error


_Compose = tuple[tuple[str, ...], tuple[int, ...], str]


def _find_compose(docker: str, info: Mapping[str, Any]) -> _Compose:
    """The plugin that the CLI lists, else whatever `docker compose` is, else the old program."""
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    for plugin in plugins:
        if plugin.get("Name") == "compose" and not plugin.get("Err"):
            version = _recent_enough(plugin.get("Version", ""))
            return (docker, "compose"), version, str(plugin.get("Path") or "")
    answer = _ask((docker, "compose", "version", "--short"), _CLI_LIMIT)
    if answer.code == 0 and _numbers(answer.out):
        return (docker, "compose"), _recent_enough(answer.out), ""
    standalone = shutil.which("docker-compose")
    if standalone is None:
        raise EngineUnavailableError(
            "Docker answers, but Compose is not installed", _INSTALL_COMPOSE
        )
    answer = _ask((standalone, "version", "--short"), _CLI_LIMIT)
    return (standalone,), _recent_enough(answer.out), standalone


def _recent_enough(text: str) -> tuple[int, ...]:
    version = _numbers(text)
    if version < _OLDEST_COMPOSE:
        found = ".".join(map(str, version)) or repr(text.strip()[:40])
        raise EngineUnavailableError(
            f"Compose {found} is too old: 2.20 or newer is needed", _INSTALL_COMPOSE
        )
    return version


def _numbers(text: str) -> tuple[int, ...]:
    match = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _knows(docker: str, container: str) -> bool:
    return _ask((docker, "inspect", "--format", "{{.Id}}", container), ENGINE_LIMIT).code == 0


def _last_line(answer: Finished) -> str:
    lines = [line for line in (answer.err or answer.out).splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit status {answer.code}"
