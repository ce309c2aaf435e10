"""Small media, made here: sounds and pictures in pure Python, videos by the built ffmpeg."""

from __future__ import annotations

import io
import math
import struct
import subprocess
import wave


def tone(seconds: float = 1.0, rate: int = 8000, hertz: float = 440.0, channels: int = 1) -> bytes:
    """Return a WAV file of a sine."""
    count = int(seconds * rate)
    levels = [int(12000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(count)]
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", level) * channels for level in levels))
    return content.getvalue()


def video(width: int = 32, height: int = 24, frames: int = 20, rate: int = 10) -> bytes:
    """Return an AVI file of raw pictures: frame N is all of the grey N * 10."""
    stride = (width * 3 + 3) // 4 * 4
    size = stride * height
    pictures = [bytes([min(255, number * 10)]) * size for number in range(frames)]
    main = struct.pack(
        "<14I", 1_000_000 // rate, size * rate, 0, 0x10, frames, 0, 1, size, width, height, *[0] * 4
    )
    stream = b"vidsDIB " + struct.pack(
        "<IHHIIIIIIiI4H", 0, 0, 0, 0, 1, rate, 0, frames, size, -1, 0, 0, 0, width, height
    )
    form = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    streams = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", form))
    header = _list(b"hdrl", _chunk(b"avih", main) + streams)
    body = _list(b"movi", b"".join(_chunk(b"00db", picture) for picture in pictures))
    places = (4 + n * (size + 8) for n in range(frames))
    index = b"".join(b"00db" + struct.pack("<III", 0x10, place, size) for place in places)
    return _chunk(b"RIFF", b"AVI " + header + body + _chunk(b"idx1", index))


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)


def by_ffmpeg(image: str, *arguments: str) -> bytes:
    """Return what ffmpeg in an image writes to its output, given these arguments."""
    command = ["docker", "run", "--rm", "--network", "none", image, "ffmpeg", "-loglevel", "error"]
    done = subprocess.run([*command, *arguments, "pipe:1"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def mp4(image: str, seconds: float = 2.0) -> bytes:
    """Return an MP4 of a test picture, 160 x 120 at 25 frames per second, with a tone."""
    return by_ffmpeg(
        image,
        *("-f", "lavfi", "-i", f"testsrc=s=160x120:r=25:d={seconds}"),
        *("-f", "lavfi", "-i", f"sine=r=44100:d={seconds}"),
        *("-pix_fmt", "yuv420p", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"),
    )
