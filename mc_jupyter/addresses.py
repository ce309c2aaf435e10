"""What a service says of itself: in its folder, or at the HTTP address that somebody named."""

from __future__ import annotations

from .errors import ClientError, ConnectionFailedError, ManifestError, ResponseError
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
        return read_manifest(checkout.folder, source)
    except ManifestError as error:
        again = f"%mc load {identifier.typed}"
        if checkout.origin == "git":
            again += " --refresh"
        error.hint = (
            f"{error.hint}; once it is mended: {again}" if error.hint else f"mend it, then: {again}"
        )
        raise


def look_at(identifier: Identifier) -> Manifest:
    """Return the manifest of what answers at a URL: an Ollama, or something else.

    Raises
    ------
    ConnectionFailedError
        When nothing answers.
    ResponseError
        When what answers refuses to say what it is.
    """
    from .clients import Limits, OllamaClient
    from .runtimes.health import answers

    name, address = identifier.handle, identifier.location
    client = OllamaClient(address, limits=Limits(LIMIT_S, LIMIT_S, LIMIT_S), name=name)
    try:
        version = client.version()
    except ClientError as error:
        if answers(address, "/", timeout=LIMIT_S):
            return Manifest(name=name, file=address)
        if isinstance(error, ResponseError):
            error.hint = "that is no Ollama; to load another address: %mc load http://HOST:11434"
            raise
        why = error.message if address in error.message else f"nothing answers at {address}"
        raise ConnectionFailedError(
            why, "start what should answer there, or load another: %mc load http://HOST:11434"
        ) from error
    finally:
        client.close()
    return Manifest(
        name=name,
        version=version,
        compose_service="ollama",
        health=HealthCheck(path="/api/version"),
        file=address,
    )
