"""``GET /``, ``GET /health`` and ``GET /health/detailed``."""

from __future__ import annotations

import resource
import time
from typing import Any

from aiohttp import web

from . import VERSION, programs
from .answers import now
from .service import of

ENDPOINTS = {
    "health": "GET /health",
    "healthDetailed": "GET /health/detailed",
    "extractAudio": "POST /video/extractAudio",
    "convertAudio": "POST /audio/convert",
    "filterVideo": "POST /video/filter",
    "videoMetadata": "POST /video/metadata",
    "extractFrame": "POST /video/extractFrame",
    "output": "GET, DELETE /outputs/NAME",
}


async def index(request: web.Request) -> web.Response:
    """Say what this is and what it takes."""
    return web.json_response(
        {
            "service": "ffmpeg-service",
            "version": VERSION,
            "endpoints": ENDPOINTS,
            "limits": of(request).limits.told(),
        }
    )


async def health(request: web.Request) -> web.Response:
    """Say whether it works."""
    return _answer(request, _state(request))


async def detailed(request: web.Request) -> web.Response:
    """Say whether it works, and what it can."""
    state = _state(request)
    if state["ffmpegVersion"]:
        state["codecs"] = await programs.listed("encoders")
        state["formats"] = await programs.listed("muxers")
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    state["memory"] = {"peakBytes": kilobytes * 1024}
    return _answer(request, state)


def _state(request: web.Request) -> dict[str, Any]:
    service = of(request)
    return {
        "status": "healthy" if service.ffmpeg else "unhealthy",
        "version": VERSION,
        "ffmpegVersion": service.ffmpeg,
        "uptime": round((time.monotonic() - service.started) * 1000),
        "activeJobs": service.active,
        "waitingJobs": service.waiting,
        "totalProcessed": service.total,
        "timestamp": now(),
    }


def _answer(request: web.Request, state: dict[str, Any]) -> web.Response:
    well = bool(state["ffmpegVersion"])
    message = "the service works" if well else "ffmpeg does not run"
    answer: dict[str, Any] = {"success": well, "data": state, "message": message}
    return web.json_response(answer, status=200 if well else 503)
