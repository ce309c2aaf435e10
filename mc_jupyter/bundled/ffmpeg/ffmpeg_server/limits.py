"""What the service takes; some of it is set by the container's environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MB = 1024 * 1024
MAX_FILES = 10
MAX_FIELD = 64 * 1024
"""Bytes of an option's value."""
MAX_FRAMES = 1000

# The API's own list. Clients know it, and set a part's type themselves.
ACCEPTED = (
    "video/mp4",
    "video/avi",
    "video/mov",
    "video/mkv",
    "video/webm",
    "audio/mp3",
    "audio/wav",
    "audio/flac",
    "audio/m4a",
    "audio/aac",
)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() and int(text) else default


@dataclass(frozen=True)
class Limits:
    """Sizes in MB (1024 * 1024 bytes), times in seconds."""

    max_file_mb: int = field(default_factory=lambda: _number("MAX_FILE_SIZE", 500))
    max_output_mb: int = field(default_factory=lambda: _number("MAX_OUTPUT_SIZE", 2000))
    output_seconds: int = field(default_factory=lambda: _number("OUTPUT_SECONDS", 600))
    job_seconds: int = field(default_factory=lambda: _number("JOB_SECONDS", 3600))
    at_once: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    work: Path = field(default_factory=lambda: Path(os.environ.get("WORK", "/var/lib/media")))

    def told(self) -> dict[str, Any]:
        """Return them as ``GET /`` states them."""
        return {
            "maxFileSizeMB": self.max_file_mb,
            "maxFiles": MAX_FILES,
            "maxOutputSizeMB": self.max_output_mb,
            "maxFrames": MAX_FRAMES,
            "acceptedTypes": list(ACCEPTED),
            "outputSeconds": self.output_seconds,
            "jobSeconds": self.job_seconds,
            "jobsAtOnce": self.at_once,
        }
