"""``POST /video/filter`` and ``POST /video/metadata``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from . import facts, programs, values
from .faults import Refused
from .form import Form, Upload
from .graph import Graph, understand
from .service import Made, of

# format: muxer, content type, video encoder, sound encoder
_FORMATS = {
    "mp4": ("mp4", "video/mp4", "libx264", "aac"),
    "mov": ("mov", "video/quicktime", "libx264", "aac"),
    "mkv": ("matroska", "video/x-matroska", "libx264", "aac"),
    "avi": ("avi", "video/x-msvideo", "mpeg4", "libmp3lame"),
    "webm": ("webm", "video/webm", "libvpx-vp9", "libopus"),
}
# encoder: its options where no bitrate is given
_QUALITY = {
    "libx264": ("-crf", "23"),
    "libx265": ("-crf", "28"),
    "mpeg4": ("-q:v", "4"),
    "libvpx": ("-crf", "10", "-b:v", "2M"),
    "libvpx-vp9": ("-crf", "32", "-b:v", "0"),
}
_NEED_A_GPU = ("nvenc", "qsv", "vaapi", "videotoolbox", "amf", "cuvid", "v4l2m2m", "omx")
_ANY = ("libx264", "libx265", "mpeg4")
_TAKES = {"webm": ("libvpx-vp9", "libvpx"), "mkv": (*_ANY, "libvpx-vp9", "libvpx")}


def _codec(text: str) -> str:
    if text not in _QUALITY:
        why = " (this service has no GPU)" if text.endswith(_NEED_A_GPU) else ""
        raise values.Unaccepted(f"{', '.join(_QUALITY)}{why}")
    return text


FILTER: values.Options = {
    "filterComplex": str,
    "videoOutputLabel": values.label,
    "audioOutputLabel": values.label,
    "customAudioMapping": values.flag,
    "outputFormat": values.one_of(*_FORMATS),
    "codec": _codec,
    "bitrate": values.bitrate,
    "fps": values.number(0.1, 240),
    "resolution": values.resolution,
}


async def filtered(request: web.Request) -> web.StreamResponse:
    """Run a filter graph over the files."""
    service = of(request)

    async def work(form: Form, folder: Path) -> Made:
        given, limits = form.given, service.limits
        if "filterComplex" not in given:
            raise Refused("filterComplex is missing: what shall be done with the files?")
        graph = understand(given["filterComplex"])
        wanted = given.get("outputFormat", "mp4")
        muxer, content_type, _, sound = _FORMATS[wanted]
        output = folder / f"output.{wanted}"
        arguments = ["-filter_complex", given["filterComplex"], *_mapping(given, graph)]
        arguments += [*_encoding(given, wanted), "-c:a", sound, *programs.size_limit(limits)]
        await programs.convert(form, output, [*arguments, "-f", muxer], limits)
        programs.check_size(output, limits)
        found = await programs.probe(Upload(output, "the result"), limits)
        headers = facts.video_headers(found, len(form.files))
        if facts.stream(found, "video") is None:
            raise Refused("the graph gives no video: use /audio/convert for sound alone")
        if not facts.duration(found):
            raise Refused("the graph gives no frame")
        return Made(output, content_type, headers)

    return await service.serve(request, FILTER, None, work)


def _mapping(given: dict[str, Any], graph: Graph) -> list[str]:
    """Say which streams go out; those that the graph leaves without a label go by themselves."""
    video = given.get("videoOutputLabel", "final_video")
    if "videoOutputLabel" in given and video not in graph.labels:
        raise Refused(f"videoOutputLabel is {video!r}, which filterComplex does not have")
    arguments = ["-map", f"[{video}]"] if video in graph.labels else []
    sound = given.get("audioOutputLabel", "mixed_audio")
    own = given.get("customAudioMapping", "audioOutputLabel" in given or sound in graph.labels)
    if own and sound not in graph.labels:
        raise Refused(f"the sound shall be [{sound}], which filterComplex does not have")
    if not own and sound in graph.labels:
        raise Refused(f"customAudioMapping is false, but filterComplex makes [{sound}]")
    if own:
        arguments += ["-map", f"[{sound}]"]
    elif "customAudioMapping" in given or not graph.takes_audio:
        arguments += ["-map", "0:a?"]  # the first file's sound stays
    return arguments


def _encoding(given: dict[str, Any], wanted: str) -> list[str]:
    codec = given.get("codec", _FORMATS[wanted][2])
    if codec not in (accepted := _TAKES.get(wanted, _ANY)):
        raise Refused(f"codec is {codec!r}: {wanted} takes {', '.join(accepted)}")
    arguments = ["-c:v", codec, "-pix_fmt", "yuv420p"]  # what every player can show
    arguments += ["-b:v", given["bitrate"]] if "bitrate" in given else _QUALITY[codec]
    if "fps" in given:
        arguments += ["-r", f"{given['fps']:g}"]
    if "resolution" in given:
        arguments += ["-s", given["resolution"]]
    return [*arguments, "-movflags", "+faststart"] if wanted in ("mp4", "mov") else arguments


async def metadata(request: web.Request) -> web.StreamResponse:
    """Say what a file is."""
    service = of(request)

    async def work(form: Form, folder: Path) -> dict[str, Any]:
        return facts.metadata(await programs.probe(form.files[0], service.limits))

    return await service.serve(request, {}, "video", work)
