"""What answers at an HTTP address that somebody named."""

from __future__ import annotations

from .errors import ClientError, ConnectionFailedError
from .manifest import HealthCheck, Manifest
from .sources.base import Identifier

LIMIT_S = 5.0


def look_at(identifier: Identifier) -> Manifest:
    """Return the manifest of what answers at a URL: an Ollama, or something else.

    Raises
    ------
    ConnectionFailedError
        When nothing answers.
    """
    from .clients import Limits, OllamaClient
    from .runtimes.health import answers

    name, address = identifier.handle, identifier.location
    client = OllamaClient(address, limits=Limits(LIMIT_S, LIMIT_S, LIMIT_S), name=name)
    try:
        version = client.version()
    except ClientError as error:
        if not answers(address, "/", timeout=LIMIT_S):
            raise ConnectionFailedError(
                f"nothing answers at {address}",
                "start what should answer there, or load another address",
            ) from error
        return Manifest(name=name, file=address)
    finally:
        client.close()
    return Manifest(
        name=name,
        version=version,
        compose_service="ollama",
        health=HealthCheck(path="/api/version"),
        file=address,
    )
