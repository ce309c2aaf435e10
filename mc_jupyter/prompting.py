"""The rule that finds, starts and pulls for a prompt: used by the magics and by Python alike.

What is already there comes first, because nobody wants a second, empty Ollama.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from .errors import (
    AccessError,
    ArgumentError,
    ClientError,
    ConnectionFailedError,
    IdentifierError,
    ModelNotFoundError,
    ServiceNotFoundError,
    TimeLimitError,
)
from .events import Event, Report
from .handles import pick
from .placement import LOCAL_OLLAMA
from .service import Service
from .sources import parse_identifier

if TYPE_CHECKING:
    from .clients import Limits, OllamaClient
    from .registry import ServiceRegistry

DEFAULT_OLLAMA = "github:MediaConduit/ollama-service"


_LOOK_SECONDS = 2.0  # for a list of models, where several services are loaded


def find_ollama(
    registry: ServiceRegistry, host: str | None, report: Report, models: Sequence[str] = ()
) -> Service:
    """Return the Ollama that a prompt goes to, loading one where none is loaded.

    Parameters
    ----------
    host
        A handle or an address; None takes the handle ``ollama``, else the only Ollama that is
        loaded, else what is there: OLLAMA_SERVICE_URL, OLLAMA_HOST, an Ollama on port 11434,
        one that an earlier kernel left running, and only then a new one.
    models
        Where several are loaded, the one that runs and has one of these is taken.

    Raises
    ------
    ServiceNotFoundError
        No such handle, or several services to choose from.
    """
    if host:
        return _named(registry, host, report)
    loaded = [service for service in registry.services() if service.is_ollama]
    service = pick(loaded, "ollama") or (loaded[0] if len(loaded) == 1 else None)
    if len(loaded) > 1 and models:
        service = _having(registry, service, loaded, models, report) or service
    if service is not None:
        return service
    if loaded:
        names = ", ".join(service.handle for service in loaded)
        raise ServiceNotFoundError(
            f"several Ollama services are loaded: {names}", "say which: --host NAME"
        )
    return _already_there(registry, report) or registry.get_service(DEFAULT_OLLAMA, report=report)


def _having(
    registry: ServiceRegistry,
    usual: Service | None,
    loaded: Sequence[Service],
    models: Sequence[str],
    report: Report,
) -> Service | None:
    """The first that runs and has one of the models, the usual one before all others."""
    from .clients.names import same_model

    first = [usual] if usual else []
    names = {s.handle: _installed(s) for s in [*first, *(s for s in loaded if s is not usual)]}
    for model in models:
        for handle, installed in names.items():
            if not any(same_model(model, name) for name in installed):
                continue
            service = pick(loaded, handle)
            if service is not usual and (model, handle) not in registry.routes:
                registry.routes.add((model, handle))
                text = f"{model} is on {handle}: it is asked there (another: --host NAME)"
                report(Event("note", text, settled=True))
            return service
    return None


def _installed(service: Service) -> list[str]:
    """The models of a service that runs; none where it does not or says nothing soon."""
    from .clients import Limits

    if service.snapshot().state != "running":
        if service.identifier.kind != "url":
            return []
        service.status()
    try:
        limits = Limits(_LOOK_SECONDS, _LOOK_SECONDS, _LOOK_SECONDS)
        return [str(entry.get("name") or "") for entry in ollama_client(service, limits).models()]
    except ClientError:
        return []


def _named(registry: ServiceRegistry, host: str, report: Report) -> Service:
    service = pick(registry.services(), host)
    if service is None:
        if "/" not in host and ":" not in host:
            return registry.find(host)
        from .clients import connectable

        try:
            service = registry.get_service(connectable(host), runtime="url", report=report)
        except ConnectionFailedError as error:
            if type(error) is not ConnectionFailedError:  # of a certificate or proxy
                raise
            error.hint = "start what should answer there, or name another: --host http://HOST:11434"
            raise
    if not service.is_ollama:
        raise ArgumentError(
            f"{host} is no Ollama service",
            "name one that is: --host http://HOST:11434, or a handle of %mc status",
        )
    return service


def _already_there(registry: ServiceRegistry, report: Report) -> Service | None:
    """What the environment names or an earlier kernel left; said in one line each."""
    settings = registry.settings
    if settings.ollama_service_url:
        try:
            named = registry.get_service(settings.ollama_service_url, report=report)
        except IdentifierError as error:
            raise IdentifierError(f"OLLAMA_SERVICE_URL: {error.message}", error.hint) from error
        return _took(named, "named by OLLAMA_SERVICE_URL", report)
    if settings.runtime == "embedded":
        return None
    from .clients import connectable

    if settings.ollama_host:
        address = connectable(settings.ollama_host)
        service = _by_address(registry, address, "named by OLLAMA_HOST", report)
        if service is not None:
            return service
        report(Event("note", "OLLAMA_HOST is set, but nothing answers there", settled=True))
    if settings.runtime in ("auto", "native"):
        service = _by_address(registry, LOCAL_OLLAMA, "already running here", report)
        if service is not None:
            return service
    if settings.runtime == "native":
        return None
    for found in registry.elsewhere():
        ref = "" if found.ref == "HEAD" else f"@{found.ref}"
        try:
            known = parse_identifier(found.identifier + ref)
        except IdentifierError:  # a folder that is gone
            continue
        if found.state == "running" and known.handle == "ollama":
            service = registry.get_service(known.typed, report=report)
            return _took(service, "left running by an earlier kernel", report)
    return None


def _by_address(
    registry: ServiceRegistry, address: str, why: str, report: Report
) -> Service | None:
    from .runtimes.health import meet

    met, is_named = meet(address, "/api/version"), address != LOCAL_OLLAMA
    if met.error is not None and is_named:
        raise met.error
    if met.how != "answers":
        return None
    try:
        service = registry.get_service(address, name="ollama", runtime="url", report=report)
    except AccessError:
        if is_named:  # no other one is taken in silence
            raise
        return None
    except ClientError:
        return None
    return _took(service, why, report)


def _took(service: Service, why: str, report: Report) -> Service:
    other = f"for another: %mc load {DEFAULT_OLLAMA} --as other, then %%ollama --host other"
    report(Event("note", f"using the Ollama {why} ({other})", settled=True))
    return service


def make_ready(
    service: Service, models: Sequence[str], report: Report, pull: bool
) -> tuple[OllamaClient, str]:
    """Start the service where it is stopped, and take the first model that is there.

    Parameters
    ----------
    models
        One model, or several of which the first that is installed is taken; several never pull.
    pull
        Whether a single missing model may be fetched.

    Returns
    -------
    tuple
        The client and the model's name.

    Raises
    ------
    ModelNotFoundError
        When none is there and nothing may be pulled.
    """
    client = cast("OllamaClient", live_client(service, report))
    for model in models:
        if client.has_model(model):
            return client, model
    if len(models) == 1 and pull:
        client.ensure_model(
            models[0],
            max_download=service.placement.spec.max_download,
            report=report,
            check=room_check(service, models[0], report),
        )
        return client, models[0]
    installed = ", ".join(str(m.get("name", "?")) for m in client.models()) or "none"
    raise ModelNotFoundError(
        f"{service.handle} has none of {', '.join(models)}; installed: {installed}",
        f"%ollama pull {models[0]}"
        + ("" if service.handle == "ollama" else f" --host {service.handle}"),
    )


def room_check(service: Service, model: str, report: Report) -> Callable[[int], None]:
    """Return what refuses a pull that does not fit on the disk, and warns where memory is short.

    Parameters
    ----------
    service
        Started: where it keeps its models is looked at when the first size is known.
    """
    from .room import Room, check_room, room_for

    room: Room | None = None
    is_warned = False

    def check(to_fetch: int) -> None:
        nonlocal room, is_warned
        room = room or room_for(service)
        judged = check_room(room, to_fetch, model, handle=service.handle)
        if judged.warning and not is_warned:
            is_warned = True
            report(Event("note", f"{model}: {judged.words}", settled=True))

    return check


def ollama_client(service: Service, limits: Limits | None = None) -> OllamaClient:
    """Return the client of a service that can be prompted.

    Parameters
    ----------
    service, limits
        As for :meth:`~mc_jupyter.service.Service.client`.

    Raises
    ------
    ArgumentError
        When it is no Ollama.
    ConnectionFailedError
        When it does not run.
    """
    if not service.is_ollama:
        raise ArgumentError(
            f"{service.handle} is no Ollama service",
            f"where it is one: %mc load {service.identified} --client ollama",
        )
    return cast("OllamaClient", service.client(limits))


def live_client(service: Service, report: Report) -> Any:
    """Return a client whose server just answered; start what is stopped, find a moved port.

    A server that works may answer nothing meanwhile: where it takes the connection, the request
    is left to wait its turn, and that is said.
    """
    if service.snapshot().state == "running" and service.url and _is_there(service, report):
        return service.client()
    service.start(report=report)
    return service.client()


def _is_there(service: Service, report: Report) -> bool:
    """Whether what runs as far as is known can be asked now."""
    from .runtimes.health import knock

    if service.is_ollama:
        try:
            ollama_client(service).version()
            return True
        except ConnectionFailedError:
            return bool(service.status().healthy)
        except TimeLimitError:
            if service.status().state == "running":
                raise
            return False
    path, handle = service.manifest.health.path, service.handle
    for look_again in (True, False):
        met = knock(service.url or "", path, service.token)
        if met == "answers":
            return True
        if met == "silent" and service.status().state == "running":
            report(Event("wait", f"{handle} is busy and answers nothing; waiting for its turn"))
            return True
        if not look_again or service.status().state != "running":
            break
    return False
