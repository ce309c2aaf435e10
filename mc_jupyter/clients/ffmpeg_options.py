"""The options of the FFMPEG service's calls, and which of them mean nothing together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import OptionError
from .option import Option, Options, check

AUDIO_FORMATS = ("wav", "mp3", "flac", "m4a", "aac", "ogg")
VIDEO_FORMATS = ("mp4", "mov", "mkv", "webm", "avi")
PICTURE_FORMATS = ("png", "jpg", "webp")
_BARE = ("wav", "flac")  # formats that have no bit rate to choose
_VIDEO_LABEL, _AUDIO_LABEL = "final_video", "mixed_audio"  # what is taken, unless told otherwise

_LEAST = 0.001  # the service takes 0 for "not given"
_AUDIO: Options = {
    "format": Option("of the sound", choices=AUDIO_FORMATS, sent="outputFormat"),
    "sample_rate": Option("samples a second, in Hz", int, 1000, 384_000, sent="sampleRate"),
    "channels": Option("1 is mono, 2 is stereo", int, 1, 8),
    "bitrate": Option("kilobits a second, like 128k", metavar="128k"),
    "quality": Option("0 (best) to 10, in place of a bit rate", int, 0, 10),
    "start": Option("begin here, in seconds", float, 0, sent="startTime"),
    "duration": Option("so many seconds", float, _LEAST),
    "volume": Option("1 as it is, 2 twice as loud", float, _LEAST, 100),
    "normalize": Option("bring it to an even loudness", bool),
}
_FRAME: Options = {
    "times": Option("the moment in seconds, or several: 1,2.5,4", metavar="SECONDS"),
    "number": Option("the frame with this number, from 0", int, 0, sent="frameNumber"),
    "multiple": Option("many frames, frame_rate of them a second", bool),
    "frame_rate": Option("frames for each second of video", float, _LEAST, 240, sent="frameRate"),
    "format": Option("of the pictures", choices=PICTURE_FORMATS),
    "width": Option("in pixels; alone, the height follows", int, 1, 16_384),
    "height": Option("in pixels; alone, the width follows", int, 1, 16_384),
    "quality": Option("1 to 100 (best), of jpg only", int, 1, 100),
}
_FILTER: Options = {
    "format": Option("of the video", choices=VIDEO_FORMATS, sent="outputFormat"),
    "codec": Option("FFmpeg's name of a video encoder, like libx264"),
    "bitrate": Option("bits a second of the picture, like 2M", metavar="2M"),
    "fps": Option("frames a second", int, 1, 240),
    "video_label": Option(
        f"the filter's output with the picture ({_VIDEO_LABEL})", sent="videoOutputLabel"
    ),
    "audio_label": Option(
        f"the filter's output with the sound ({_AUDIO_LABEL}); without one it is the first file's",
        sent="audioOutputLabel",
    ),
}
OPTIONS: Mapping[str, Options] = {
    "info": {},
    "extract-audio": _AUDIO,
    "convert": _AUDIO,
    "frame": _FRAME,
    "filter": _FILTER,
}
"""By the call's name as magics have it."""


FIELDS = {
    option.sent: f"--{name.replace('_', '-')}"
    for options in OPTIONS.values()
    for name, option in options.items()
    if option.sent
} | {"frameTime": "--times", "filterComplex": "the graph"}
"""The service's names of what a call has, and what a line has for them."""


def audio_form(given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the form of ``/video/extractAudio`` and ``/audio/convert``.

    Raises
    ------
    OptionError
        An option is unknown, wrong, or would be ignored.
    """
    form = check(_AUDIO, given, what)
    _check_bitrate(given.get("bitrate"), r"[1-9]\d{0,4}k", "kilobits a second, like 128k")
    format = given.get("format") or "wav"
    if format in _BARE:
        for name in ("bitrate", "quality"):
            if given.get(name) is not None:
                raise OptionError(
                    f"{name} means nothing in {format}", "for a format that has one: --format mp3"
                )
    if given.get("bitrate") is not None and given.get("quality") is not None:
        raise OptionError("bitrate and quality cannot both be met", "leave one of them out")
    return form


def frame_forms(times: object, given: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    """Return the forms of ``/video/extractFrame``, one for each moment.

    Parameters
    ----------
    times
        Seconds, several of them, or a text of them.
    given
        The other options.
    what
        Whose options they are.

    Raises
    ------
    OptionError
        An option is unknown, wrong, or would be ignored.
    """
    form = check({name: o for name, o in _FRAME.items() if name != "times"}, given, what)
    moments = _moments(times)
    rate, number = given.get("frame_rate"), given.get("number")
    if given.get("multiple") and rate is None:
        raise OptionError("multiple: how many?", "frame_rate 1 takes one for each second of video")
    if rate is not None:
        if given.get("multiple") is False:
            raise OptionError("frame_rate is for many frames", "leave multiple out")
        form["multiple"] = True
    if number is not None and (moments or rate is not None):
        raise OptionError(
            "number names one frame, so the service ignores times and frame_rate", "leave one out"
        )
    if rate is not None and len(moments) > 1:
        raise OptionError("frame_rate begins at one moment", "one of times, or no frame_rate")
    if given.get("quality") is not None and given.get("format") != "jpg":
        raise OptionError("quality is for jpg only", "--format jpg")
    return [{**form, "frameTime": moment} for moment in moments] or [form]


def filter_form(graph: str, given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the form of ``/video/filter``.

    Raises
    ------
    OptionError
        An option is unknown or wrong, or the graph has no output of the label that is taken.
    """
    if "resolution" in given:
        raise OptionError(
            f"{what} ignores resolution", "scale in the filter: [0:v]scale=1280:720[final_video]"
        )
    form = check(_FILTER, given, what)
    _check_bitrate(given.get("bitrate"), r"[1-9]\d*(\.\d+)?[kM]", "bits a second, like 2M or 800k")
    if not graph.strip():
        raise OptionError("there is no filter graph", "[0:v]scale=640:-2[final_video]")
    graph = graph.strip()
    if given.get("video_label") is None and f"[{_VIDEO_LABEL}]" not in graph and graph[-1] != "]":
        graph += f"[{_VIDEO_LABEL}]"  # what a graph leaves unnamed at its end is its output
    for name, label in (
        ("video_label", given.get("video_label") or _VIDEO_LABEL),
        ("audio_label", given.get("audio_label")),
    ):
        if label is not None and f"[{label.strip('[]')}]" not in graph:
            raise OptionError(
                f"the filter graph has no output [{label.strip('[]')}]",
                f"end it with that label, or name its own: --{name.replace('_', '-')} NAME",
            )
        if given.get(name) is not None:
            form[_FILTER[name].sent] = str(label).strip("[]")
    if given.get("audio_label") is not None or f"[{_AUDIO_LABEL}]" in graph:
        form["customAudioMapping"] = True  # without it the label is ignored
    return {"filterComplex": graph, **form}


def _check_bitrate(value: str | None, form: str, accepted: str) -> None:
    if value is not None and not re.fullmatch(form, value):
        raise OptionError(f"bitrate is {value!r}", f"accepted: {accepted}")


def _moments(times: object) -> list[float]:
    """The moments, however they are given."""
    if times is None:
        return []
    if isinstance(times, str):
        parts: Sequence[object] = [part for part in re.split(r"[,\s]+", times) if part]
    else:
        parts = times if isinstance(times, Sequence) else [times]
    try:
        moments = [float(part) for part in parts]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        moments = [-1.0]
    if not moments or not all(0 <= moment < 1e7 for moment in moments):
        raise OptionError(f"times is {times!r}", "accepted: seconds, 0 or more, like 1,2.5,4")
    return moments
