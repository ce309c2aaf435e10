"""Large files that take no room on the disk, and what they hash to."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

MB, GB = 1_000_000, 1_000_000_000
MP4 = b"\0\0\0\x20ftypisom"


def sparse(path: Path, size: int, head: bytes = MP4) -> Path:
    """Write a file of zeros behind a head, which takes no room on the disk."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


def sha256_of_zeros(size: int, head: bytes = b"") -> str:
    """Return the hash of zeros behind a head."""
    digest, piece = hashlib.sha256(head), bytes(MB)
    for _ in range((size - len(head)) // MB):
        digest.update(piece)
    digest.update(bytes((size - len(head)) % MB))
    return digest.hexdigest()


def wav_head(size: int, rate: int = 48_000, channels: int = 2) -> bytes:
    """Return the 44 bytes before the samples of a WAV file of `size` bytes."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    data = struct.pack("<I", size - 44)
    return (
        b"RIFF" + struct.pack("<I", size - 8) + b"WAVEfmt " + b"\x10\0\0\0" + form + b"data" + data
    )
