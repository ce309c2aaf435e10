"""What ffprobe found of a file, in the API's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stream(found: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """Return the first stream of a kind (``audio``, ``video``); a cover picture is no video."""
    for item in found.get("streams") or ():
        is_cover = (item.get("disposition") or {}).get("attached_pic")
        if item.get("codec_type") == kind and not is_cover:
            return dict(item)
    return None


def number(value: object) -> float | None:
    """Return a number of ffprobe's, which writes them as strings, or N/A."""
    try:
        return float(str(value))
    except ValueError:
        return None


def whole(value: object) -> int | None:
    """Return a whole number of ffprobe's."""
    found = number(value)
    return None if found is None else int(found)


def duration(found: Mapping[str, Any]) -> float | None:
    """Return seconds, where the file says."""
    own = number((found.get("format") or {}).get("duration"))
    lengths = [number(item.get("duration")) for item in found.get("streams") or ()]
    return own if own is not None else max((x for x in lengths if x is not None), default=None)


def rate(video: Mapping[str, Any]) -> tuple[str, float | None]:
    """Return a video's frames per second, as a fraction and as a number."""
    for key in ("avg_frame_rate", "r_frame_rate"):
        above, _, below = str(video.get(key, "")).partition("/")
        top, bottom = number(above), number(below or 1)
        if top and bottom:
            return str(video[key]), round(top / bottom, 3)
    return "0/0", None


def seen_size(video: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return width and height as they are seen: a phone stores a turn beside its pictures."""
    width, height = video.get("width"), video.get("height")
    turns = [item.get("rotation") for item in video.get("side_data_list") or ()]
    turns.append((video.get("tags") or {}).get("rotate"))  # as older versions say it
    turn = next((found for value in turns if (found := number(value)) is not None), 0.0)
    is_on_side = 45 < abs(turn) % 180 < 135
    return (height, width) if is_on_side else (width, height)


def metadata(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``POST /video/metadata`` answers; None for what a file does not have."""
    about = found.get("format") or {}
    video, audio = stream(found, "video") or {}, stream(found, "audio") or {}
    fps = rate(video)[1]
    width, height = seen_size(video)
    return {
        "format": about.get("format_name"),
        "duration": duration(found),
        "size": whole(about.get("size")),
        "bitrate": whole(about.get("bit_rate")),
        "width": width,
        "height": height,
        "fps": fps,
        "framerate": fps,  # the name that the platform's client reads
        "videoCodec": video.get("codec_name"),
        "audioCodec": audio.get("codec_name"),
        "channels": audio.get("channels"),
        "sampleRate": whole(audio.get("sample_rate")),
    }


def audio_headers(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that come with audio."""
    audio = stream(found, "audio") or {}
    return {
        "X-Audio-Duration": f"{duration(found) or 0:.3f}",
        "X-Audio-Channels": str(audio.get("channels", "")),
        "X-Audio-Sample-Rate": str(audio.get("sample_rate", "")),
    }


def video_headers(found: Mapping[str, Any], count: int) -> dict[str, str]:
    """Return the headers that come with a video made of `count` files."""
    video = stream(found, "video") or {}
    width, height = seen_size(video)
    return {
        "X-Video-Duration": f"{duration(found) or 0:.3f}",
        "X-Video-Width": str("" if width is None else width),
        "X-Video-Height": str("" if height is None else height),
        "X-Video-FPS": rate(video)[0],
        "X-Video-Count": str(count),
    }
