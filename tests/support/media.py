"""Small real sounds and pictures, made here."""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
import zlib

# 7 by 5 pixels each, written by a browser.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1td"
    "hbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSk"
    "pKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAFAAcDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAUEAEA"
    "AAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAABAX/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIR"
    "AxEAPwCWAKuv/9k="
)
WEBP_LOSSY = base64.b64decode(
    "UklGRjQAAABXRUJQVlA4ICgAAACQAQCdASoHAAUABABoJaACdLoAA5gA/u4KZw2qsrb/5Z/5/fF3uYAA"
)
WEBP_LOSSLESS = base64.b64decode("UklGRhwAAABXRUJQVlA4TA8AAAAvBgABAAcQRY7+ByKi/wEA")
WEBP_ALPHA = base64.b64decode(
    "UklGRlgAAABXRUJQVlA4WAoAAAAQAAAABgAABAAAQUxQSAoAAAABB1DAiAhERP8DVlA4ICgAAACQAQCdASoHAAUABABo"
    "JaACdLoAA5gA/u4KZw2qsrb/5Z/5/fF3owAA"
)
GIF = base64.b64decode("R0lGODlhBwAFAIAAAP8AAAAAACH5BAAAAAAALAAAAAAHAAUAAAIFhI+pywUAOw==")


def tone(seconds: float = 0.5, rate: int = 8000, channels: int = 1) -> bytes:
    """A WAV of 16 bits: a tone that grows and fades."""
    count = int(seconds * rate)
    loud = (20_000 * math.sin(math.pi * i / max(count, 1)) for i in range(count))
    samples = [int(at * math.sin(2 * math.pi * 220 * i / rate)) for i, at in enumerate(loud)]
    return wav(b"".join(struct.pack("<h", s) * channels for s in samples), rate, channels)


def silence(seconds: float = 0.5, rate: int = 8000) -> bytes:
    """A WAV of zeros."""
    return wav(bytes(2 * int(seconds * rate)), rate, 1)


def wav(samples: bytes, rate: int, channels: int) -> bytes:
    """These samples of 16 bits as a WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


def png(width: int = 7, height: int = 5, shade: int = 0) -> bytes:
    """A PNG of three colours a pixel."""
    row = b"\0" + b"".join(bytes((x % 256, shade, 128)) for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(row * height)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
