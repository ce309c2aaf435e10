"""What goes wrong, and how it is told: ``{success: false, error, timestamp}``."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiohttp import web

from .faults import Broken, Gone, Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("ffmpeg_server")


def now() -> str:
    """Return the time as the API writes it."""
    return datetime.now(UTC).isoformat()


def failure(message: str, status: int) -> web.Response:
    """Return the API's form of an error."""
    answer = {"success": False, "error": message, "timestamp": now()}
    return web.json_response(answer, status=status)


async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception into an answer that gives the reason."""
    began = time.monotonic()
    response = await _answered(request, handler)
    if request.method != "GET":
        took = time.monotonic() - began
        log.info("%s %s: %d in %.1f s", request.method, request.path, response.status, took)
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as reason:
        return failure(str(reason), reason.status)
    except (Gone, ConnectionError):
        return web.Response(status=499)  # nobody reads it
    except web.HTTPException as reason:
        return failure(f"{request.method} {request.path}: {reason.reason}", reason.status)
    except Broken as reason:
        log.error("%s %s: %s", request.method, request.path, reason)
        return failure(str(reason), 500)
    except OSError as error:
        log.exception("%s %s", request.method, request.path)
        if error.errno == errno.ENOSPC:
            return failure("the service's disk is full", 507)
        return failure(f"{type(error).__name__}: {error}", 500)
    except Exception as error:
        log.exception("%s %s", request.method, request.path)
        return failure(f"{type(error).__name__}: {error}", 500)
