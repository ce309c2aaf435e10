"""Serve: ``python3 -m ffmpeg_server``."""

from __future__ import annotations

import asyncio
import logging
import signal

from aiohttp import web

from . import about, audio, frames, programs, video
from .answers import told
from .limits import Limits
from .service import SERVICE, Service

PORT = 8006
_LINGER = 60.0
"""Seconds in which the rest of a refused upload is read away, so that the reason arrives."""


def application(service: Service) -> web.Application:
    """Return the routes."""
    app = web.Application(middlewares=[web.middleware(told)])
    app[SERVICE] = service
    app.router.add_get("/", about.index)
    app.router.add_get("/health", about.health)
    app.router.add_get("/health/detailed", about.detailed)
    app.router.add_post("/video/extractAudio", audio.extract_audio)
    app.router.add_post("/audio/convert", audio.convert)
    app.router.add_post("/video/filter", video.filtered)
    app.router.add_post("/video/metadata", video.metadata)
    app.router.add_post("/video/extractFrame", frames.extract)
    app.router.add_get("/outputs/{name}", frames.fetch)
    app.router.add_delete("/outputs/{name}", frames.delete)
    return app


async def main() -> None:
    """Serve until told to end."""
    service = Service(Limits(), await programs.version())
    runner = web.AppRunner(application(service), access_log=None, lingering_time=_LINGER)
    await runner.setup()
    await web.TCPSite(runner, port=PORT, shutdown_timeout=1).start()
    sweeping = asyncio.create_task(service.sweep())
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    logging.info("ffmpeg %s on port %d", service.ffmpeg, PORT)
    await ended.wait()
    sweeping.cancel()
    await runner.cleanup()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(main())
