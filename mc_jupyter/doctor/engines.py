"""What could run a service here: Docker with Compose and GPU, a native Ollama, the embedded one."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..errors import ClientError, EmbeddedMissingError, EngineUnavailableError
from ..meter import size_text
from ..placement import LOCAL_OLLAMA
from ..room import local_root
from ..runtimes.machine import disk_free
from ..settings import Settings
from .check import Check

_VERSION = re.compile(r"version (?:is )?v?(\d[\w.+-]*)")
_PROGRAM_LIMIT_S = 2.0


def docker() -> list[Check]:
    """Look at the engine, its Compose, its GPU and its disk."""
    return list(_docker())


def _docker() -> Iterator[Check]:
    from ..runtimes.compose import detect

    try:
        program = detect.docker_program()
    except EngineUnavailableError as error:
        yield Check("Docker engine", "absent", error.message, error.hint or "")
        yield _gpu(None, "")
        return
    try:
        address = detect.engine_address(program)
        info = detect.engine_info(program, address)
    except EngineUnavailableError as error:
        yield Check("Docker engine", "problem", error.message, error.hint or "")
        yield _gpu(None, "")
        return
    name = str(info.get("OperatingSystem", ""))
    fact = f"{info.get('ServerVersion')} at {address}, {name}, {info.get('Architecture')}"
    try:
        tools = detect.detect()
    except EngineUnavailableError as error:
        is_compose = "Compose" in error.message
        verdict = Check("Docker engine", "ok", fact)
        failed = Check("Compose", "problem", error.message, error.hint or "")
        yield from (verdict, failed) if is_compose else (_renamed(failed, "Docker engine"),)
        yield _gpu(info, address)
        yield _disk(info, address)
        return
    yield Check("Docker engine", "ok", fact, offers="docker")
    kind = "docker compose" if len(tools.compose) > 1 else "the program docker-compose"
    yield Check("Compose", "ok", f"{'.'.join(map(str, tools.compose_version))} ({kind})")
    yield _gpu(info, address)
    yield _disk(info, address)


def _renamed(check: Check, what: str) -> Check:
    return Check(what, check.verdict, check.fact, check.next)


def _gpu(info: Mapping[str, Any] | None, address: str) -> Check:
    has_driver = shutil.which("nvidia-smi") is not None
    if info is not None and "nvidia" in (info.get("Runtimes") or {}):
        return Check("GPU", "ok", "Docker has NVIDIA's runtime")
    if has_driver and info is not None:
        return Check(
            "GPU",
            "warning",
            "an NVIDIA driver is here, but Docker has no NVIDIA runtime: services use the CPU",
            "install the NVIDIA Container Toolkit, then: %mc restart NAME",
        )
    if has_driver:
        return Check("GPU", "ok", "an NVIDIA driver is here (nvidia-smi); a native Ollama uses it")
    if sys.platform == "darwin":
        return Check("GPU", "absent", "Docker on a Mac uses none; a native Ollama does")
    return Check("GPU", "absent", "no NVIDIA driver (no nvidia-smi on PATH): services use the CPU")


def _disk(info: Mapping[str, Any], address: str) -> Check:
    root, where = local_root(str(info.get("DockerRootDir", "")), address)
    free = disk_free(root) if root else None
    if free is None:
        return Check("Docker's disk", "ok", f"free space not known: it is {where}")
    return Check("Docker's disk", "ok", f"{size_text(free)} free at {root}")


def native() -> list[Check]:
    """Look for the program ollama, and for one that answers on the usual port."""
    from ..runtimes.health import answers

    what, address = "native Ollama", LOCAL_OLLAMA.partition("//")[2]
    program = shutil.which("ollama")
    version = _program_version(program) if program else None
    if version is None:
        on_path = "the program on PATH says no version" if program else "no program on PATH"
    else:
        on_path = f"the program on PATH is {version}"
    if answers(LOCAL_OLLAMA, "/api/version"):
        served = _served_version()
        if served is not None:
            fact = f"{served} answers on {address}; {on_path}"
            return [Check(what, "ok", fact, offers="native")]
        on_path = f"what answers on {address} is no Ollama; {on_path}"
    if program:
        start = "%mc load ollama --runtime native --start"
        return [Check(what, "ok", f"{on_path}, none runs", start, offers="native")]
    return [Check(what, "absent", f"nothing answers on {address}, {on_path}")]


def _program_version(program: str) -> str | None:
    from ..runtimes.compose.child import LimitReached, environment, run

    try:
        answer = run((program, "--version"), environment(), _PROGRAM_LIMIT_S)
    except (LimitReached, OSError):
        return None
    found = _VERSION.search(answer.out + answer.err)
    return found[1] if found else None


def _served_version() -> str | None:
    from ..clients import Limits, OllamaClient

    limits = Limits(_PROGRAM_LIMIT_S, _PROGRAM_LIMIT_S, _PROGRAM_LIMIT_S)
    client = OllamaClient(LOCAL_OLLAMA, limits=limits)
    try:
        return client.version()
    except ClientError:
        return None
    finally:
        client.close()


def embedded(settings: Settings) -> list[Check]:
    """Look whether the embedded engine is installed, and which models it would serve."""
    from importlib.metadata import version

    from ..runtimes.process import EmbeddedRuntime

    what = "embedded engine"
    try:
        EmbeddedRuntime().check()
    except EmbeddedMissingError as error:
        return [Check(what, "absent", error.message, error.hint or "")]
    fact = f"xllamacpp {version('xllamacpp')}; {_models(settings)}"
    return [Check(what, "ok", fact, offers="embedded")]


def _models(settings: Settings) -> str:
    from ..embedded.catalogue import CATALOGUE
    from ..embedded.files import model_files, read_headers

    names = {entry.file: entry.name for entry in CATALOGUE}
    here: dict[str, int] = {}
    for folder in (*settings.models, settings.cache / "models"):
        for file in model_files(folder):
            with suppress(OSError, ValueError):  # it is no model, or has just gone
                if not file.why_not:
                    read_headers(file.paths)
                    name = names.get(file.paths[0].name, file.name)
                    here[name] = sum(path.stat().st_size for path in file.paths)
    if here:
        listed = [f"{name} ({size_text(size)})" for name, size in here.items()]
        more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
        return f"here: {', '.join(listed[:3])}{more}"
    first = CATALOGUE[0]
    return f"{first.name} is fetched at its first use ({size_text(first.wheel_size)})"
