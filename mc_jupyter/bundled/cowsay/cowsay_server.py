"""A small server for cowsay; it runs in a container, on Debian's Python and aiohttp.

``GET /health`` and ``POST /cowsay`` with JSON ``{"text": ...}``, as the published service has them.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

PROGRAM = "/usr/games/cowsay"
PORT = 8080
VERSION = "1.0.0"
LONGEST = 1000
"""Characters of a text."""
_BODY = 64 * 1024
_SECONDS = 10


class Refused(Exception):
    """What the caller did wrong."""


async def health(request: web.Request) -> web.Response:
    """Whether the program is there."""
    well = os.access(PROGRAM, os.X_OK)
    answer = {
        "status": "healthy" if well else "unhealthy",
        "service": "cowsay-service",
        "version": VERSION,
        "timestamp": datetime.now(UTC).isoformat(),
    }
    return web.json_response(answer, status=200 if well else 500)


async def cowsay(request: web.Request) -> web.Response:
    """Let the cow say a text."""
    text = _text_of(await request.read())
    return web.json_response({"cowsayOutput": await _said(text)})


def _text_of(body: bytes) -> str:
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused('the body is no JSON: send {"text": "..."}') from None
    if not isinstance(asked, dict):
        raise Refused('the body is no JSON object: send {"text": "..."}')
    if unknown := sorted(set(asked) - {"text"}):
        raise Refused(f"unknown field {unknown[0]!r}: there is only text")
    text = asked.get("text", "")
    if not isinstance(text, str):
        raise Refused("text is no string")
    if len(text) > LONGEST:
        raise Refused(f"text has {len(text)} characters: at most {LONGEST} are accepted")
    if any(c < " " and c not in "\n\t\r" for c in text):
        raise Refused("text holds control characters")
    return text if text.strip() else "Moo!"


async def _said(text: str) -> str:
    # by its input, where a leading dash means nothing
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        lines = text.encode("utf-8", "replace") + b"\n"
        said, complaint = await asyncio.wait_for(process.communicate(lines), _SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(complaint.decode("utf-8", "replace").strip() or "cowsay failed")
    return said.decode("utf-8", "replace")


async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Make every failure a JSON object with `error`."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except Refused as reason:
        return web.json_response({"error": str(reason)}, status=400)
    except web.HTTPException as reason:
        wrong = f"{request.method} {request.path}: {reason.reason}"
        return web.json_response({"error": wrong}, status=reason.status)
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
        return web.json_response({"error": wrong}, status=500)


def application() -> web.Application:
    """Return the server's routes."""
    app = web.Application(middlewares=[web.middleware(errors)], client_max_size=_BODY)
    app.router.add_get("/health", health)
    app.router.add_post("/cowsay", cowsay)
    return app


if __name__ == "__main__":
    web.run_app(application(), port=PORT, access_log=None, shutdown_timeout=2)
