"""What a service says of itself: in its folder, or at the HTTP address that somebody named."""

from __future__ import annotations

from .clients.kinds import PLAIN, Kind, named
from .clients.names import DEFAULT_PORT
from .errors import (
    AccessError,
    CertificateError,
    ClientError,
    ConnectionFailedError,
    ManifestError,
    ProxyError,
    ResponseError,
    TimeLimitError,
)
from .hosts import Key, denied
from .manifest import HealthCheck, Manifest, read_manifest
from .sources.base import Checkout, Identifier

LIMIT_S = 5.0


def read_in(checkout: Checkout, identifier: Identifier) -> Manifest:
    """Return the manifest in a service's folder; messages name it as it was typed.

    Raises
    ------
    ManifestError
        When it is missing or broken. What was fetched stays on disk, so the way to a mended one
        is said.
    """
    source = "" if checkout.origin == "folder" else identifier.typed
    try:
        return read_manifest(checkout.folder, source, checkout.links)
    except ManifestError as error:
        again = f"%mc load {identifier.typed}"
        if checkout.origin == "git":
            again += " --refresh"
        error.hint = (
            f"{error.hint}; once it is mended: {again}" if error.hint else f"mend it, then: {again}"
        )
        raise


def look_at(identifier: Identifier, client: Kind | None = None, key: Key | None = None) -> Manifest:
    """Return the manifest of what answers at a URL: a service of a known kind, or another.

    Parameters
    ----------
    identifier
        Of the kind ``url``.
    client
        The kind that it is to be taken for; None finds out.
    key
        The variable whose value lets a request in.

    Raises
    ------
    ConnectionFailedError
        When nothing answers; CertificateError and ProxyError where those are the trouble.
    AccessError
        When it lets nobody in without a key, or not with this one.
    TimeLimitError
        When it takes the connection and says nothing, so that nobody can tell what it is.
    ResponseError
        When what answers refuses to say what it is.
    """
    if client is not None:
        return _taken_for(client, identifier, key)
    from .clients import Limits, OllamaClient

    name, address = identifier.handle, identifier.location
    limits = Limits(LIMIT_S, LIMIT_S, LIMIT_S)
    ollama = OllamaClient(address, token=key, limits=limits, name=name)
    try:
        return _manifest(named("ollama"), identifier, version=ollama.version())
    except ClientError as error:
        return _another(identifier, error, key)
    finally:
        ollama.close()


def _another(identifier: Identifier, error: ClientError, key: Key | None) -> Manifest:
    """Something that is no Ollama, for it met the question with this error."""
    from .runtimes.health import meet

    if isinstance(error, CertificateError | ProxyError):
        raise error
    if isinstance(error, ResponseError) and (found := _recognised(identifier, key)):
        return found
    address = identifier.location
    met = meet(address, "/", key, LIMIT_S)
    if isinstance(error, AccessError) and (error.status == 401 or met.is_denied):
        raise error
    path = "/" if met.how == "answers" else ""
    if met.how == "refuses":
        path = _elsewhere(address, key)
    if path:
        return _manifest(PLAIN, identifier, path=path)
    if isinstance(error, ResponseError):
        error.hint = f"that is no Ollama; to load another address: {_other(address)}"
        raise error
    if met.how == "silent":
        raise TimeLimitError(
            f"{address} takes the connection, but says nothing for {LIMIT_S:g} s",
            f"it may be at work: try again, or say what it is: %mc load {address} --client NAME",
        ) from error
    raise _nothing(error.message, address) from error


def _elsewhere(address: str, key: Key | None) -> str:
    """Where a service answers that has nothing at its root, as many an API; empty if nowhere."""
    from .runtimes.health import answers

    paths = ("/health", "/openapi.json")
    return next((path for path in paths if answers(address, path, key, LIMIT_S)), "")


def _recognised(identifier: Identifier, key: Key | None) -> Manifest | None:
    from .clients import Limits
    from .clients.http import Http
    from .clients.recognise import recognise

    limits = Limits(LIMIT_S, LIMIT_S, LIMIT_S)
    http = Http(identifier.location, token=key, limits=limits, name=identifier.handle)
    try:
        kind, version = recognise(http)
    except ClientError:
        return None
    finally:
        http.close()
    return _manifest(named(kind), identifier, version=version) if kind else None


def _taken_for(kind: Kind, identifier: Identifier, key: Key | None) -> Manifest:
    """Take what answers for what the user says that it is; it may be busy."""
    from .runtimes.health import knock, meet

    address = identifier.location
    met = meet(address, kind.health, key, LIMIT_S)
    if met.error is not None:
        raise met.error
    if met.is_denied and kind is not PLAIN:  # of which some paths may be open
        words = f"{address}{kind.health} lets nobody in (HTTP {met.status})"
        raise denied(met.status, address, key, words)
    if met.how == "refuses" and knock(address, "/", key, LIMIT_S) == "answers":
        return _manifest(kind, identifier, path="/")
    if met.how == "refuses" and kind is PLAIN and (path := _elsewhere(address, key)):
        return _manifest(kind, identifier, path=path)
    if met.how in ("answers", "silent"):
        return _manifest(kind, identifier)
    if met.how == "refuses":
        raise ResponseError(
            f"{address} answers neither {kind.health} nor / as {kind.name} does",
            f"look what answers there: %mc load {address}",
        )
    raise _nothing(f"nothing answers at {address}", address)


def _manifest(kind: Kind, identifier: Identifier, *, version: str = "", path: str = "") -> Manifest:
    return Manifest(
        name=identifier.handle,
        version=version,
        compose_service=kind.services[0] if kind.services else "",
        capabilities=kind.capabilities,
        health=HealthCheck(path=path or kind.health),
        file=identifier.location,
    )


def _nothing(why: str, address: str) -> ConnectionFailedError:
    return ConnectionFailedError(
        why if address in why else f"nothing answers at {address}",
        f"start what should answer there, or load another: {_other(address)}",
    )


def _other(address: str) -> str:
    """The line for another address, with Ollama's port only where that was typed."""
    port = DEFAULT_PORT if address.endswith(f":{DEFAULT_PORT}") else "PORT"
    return f"%mc load http://HOST:{port}"
