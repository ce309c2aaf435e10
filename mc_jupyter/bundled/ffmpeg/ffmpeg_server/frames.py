"""``POST /video/extractFrame``, and the pictures that it makes: ``/outputs/NAME``."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from . import facts, programs, values
from .faults import Refused
from .form import Form, Upload
from .limits import MAX_FRAMES, MB, Limits
from .service import Service, of, watched

_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_NAME = re.compile(r"[0-9a-f]{32}(_\d{4})?\.(png|jpg|webp)")
OPTIONS: values.Options = {
    "frameTime": values.seconds,
    "frameNumber": values.whole(0, 100_000_000),
    "format": values.one_of(*_TYPES),
    "width": values.whole(1, 16384),
    "height": values.whole(1, 16384),
    "quality": values.whole(1, 100),
    "multiple": values.flag,
    "frameRate": values.number(0.001, 240),
}


async def extract(request: web.Request) -> web.StreamResponse:
    """Take one frame, or several, out of a video."""
    service = of(request)

    async def work(form: Form, folder: Path) -> dict[str, Any]:
        began = time.monotonic()
        given, file, limits = form.given, form.files[0], service.limits
        _check_together(given)
        found = await programs.probe(file, limits)
        video = facts.stream(found, "video")
        if video is None:
            raise Refused(f"{file.name} has no video")
        start = _start(given, found, file)
        wanted = given.get("format", "png")
        arguments, seek = _arguments(given, wanted, start)
        output = folder / f"frame%05d.{wanted}"
        work = programs.convert(form, output, arguments, limits, seek)
        await watched(work, lambda: _refuse_large(folder, limits))
        _refuse_large(folder, limits)
        made = sorted(folder.glob(f"frame*.{wanted}"))
        if not made:
            raise Refused(_nothing(given, found, file))
        if len(made) > MAX_FRAMES:
            raise Refused(f"more than {MAX_FRAMES} frames: take a lower frameRate")
        return {
            "frames": _keep(service, made, given, wanted, start, facts.rate(video)[1]),
            "extractionOptions": given,
            "processingTime": round((time.monotonic() - began) * 1000),
            "totalFrames": len(made),
        }

    return await service.serve(request, OPTIONS, "video", work)


def _refuse_large(folder: Path, limits: Limits) -> None:
    """Each frame is a file of its own, which ffmpeg's own limit does not count."""
    if sum(path.stat().st_size for path in folder.glob("frame*")) > limits.max_output_mb * MB:
        raise Refused(f"the frames are larger than {limits.max_output_mb} MB: take fewer, or jpg")


def _check_together(given: dict[str, Any]) -> None:
    if "frameNumber" in given and ("frameTime" in given or given.get("multiple")):
        raise Refused("frameNumber excludes frameTime and multiple")
    if "frameRate" in given and not given.get("multiple"):
        raise Refused("frameRate means nothing without multiple=true")
    if "quality" in given and given.get("format", "png") == "png":
        raise Refused("quality means nothing for png: leave it out, or take jpg or webp")


def _start(given: dict[str, Any], found: dict[str, Any], file: Upload) -> float:
    """Return the time of the first frame, in seconds; by default 1, or a short video's middle."""
    length = facts.duration(found)
    if "frameTime" in given:
        start = float(given["frameTime"])
        if length is not None and start >= length:
            raise Refused(_nothing(given, found, file))
        return start
    if "frameNumber" in given or given.get("multiple"):
        return 0.0
    return 1.0 if length is None or length > 1 else length / 2


def _nothing(given: dict[str, Any], found: dict[str, Any], file: Upload) -> str:
    which = next((f"{n} is {given[n]:g}" for n in ("frameTime", "frameNumber") if n in given), "")
    length = facts.duration(found)
    long = f" is {length:.3f} s long" if length is not None else " has no such frame"
    return f"{which or 'no frame'}: {file.name}{long}"


def _arguments(given: dict[str, Any], wanted: str, start: float) -> tuple[list[str], list[str]]:
    filters, most = [], 1
    if "frameNumber" in given:
        filters.append(rf"select=eq(n\,{given['frameNumber']})")
    if given.get("multiple"):
        filters.append(f"fps={given.get('frameRate', 1.0):g}")
        most = MAX_FRAMES + 1
    if "width" in given or "height" in given:
        filters.append(f"scale={given.get('width', -1)}:{given.get('height', -1)}")
    quality = given.get("quality", 90)
    encoding = {
        "png": ["-c:v", "png"],
        "jpg": ["-c:v", "mjpeg", "-q:v", str(max(1, min(31, round((100 - quality) * 0.31))))],
        "webp": ["-c:v", "libwebp", "-quality", str(quality)],
    }[wanted]
    if wanted == "jpg":
        filters.append("format=yuvj420p")
    arguments = ["-map", "0:V:0", "-an", *(["-vf", ",".join(filters)] if filters else [])]
    arguments += ["-frames:v", str(most), "-vsync", "vfr", *encoding, "-f", "image2"]
    return arguments, ["-ss", f"{start:.6f}"] if start else []


def _keep(
    service: Service,
    made: list[Path],
    given: dict[str, Any],
    wanted: str,
    start: float,
    fps: float | None,
) -> list[dict[str, Any]]:
    """Move the pictures to where they can be fetched from; say what they are."""
    token, kept = secrets.token_hex(16), []
    number = given.get("frameNumber")
    step = 1 / given.get("frameRate", 1.0) if given.get("multiple") else 0.0
    if number is not None and fps:
        start = number / fps
    for index, path in enumerate(made):
        name = f"{token}_{index:04d}.{wanted}" if len(made) > 1 else f"{token}.{wanted}"
        target = path.rename(service.outputs / name)
        kept.append(
            {
                "filename": name,
                "path": f"/outputs/{name}",
                "size": target.stat().st_size,
                "format": wanted,
                "frameTime": round(start + index * step, 3),
                "frameNumber": number,
                "index": index,
            }
        )
    return kept


def _output(request: web.Request) -> Path:
    service, name = of(request), request.match_info["name"]
    path: Path = service.outputs / name
    if not _NAME.fullmatch(name) or not path.is_file() or service.is_over(path):
        kept = f"outputs are kept for {service.limits.output_seconds} s"
        raise Refused(f"there is no output {name[:80]!r}: {kept}", 404)
    return path


async def fetch(request: web.Request) -> web.StreamResponse:
    """Send a picture."""
    path = _output(request)
    return web.FileResponse(path, headers={"Content-Type": _TYPES[path.suffix[1:]]})


async def delete(request: web.Request) -> web.StreamResponse:
    """Remove a picture before its time."""
    path = _output(request)
    path.unlink(missing_ok=True)
    return web.json_response({"success": True, "data": {"deleted": path.name}})
