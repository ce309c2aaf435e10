"""Sound files, opened by soundfile for reading and writing: its only home, imported when needed.

libsndfile knows wav, flac, mp3, ogg and opus; it reads no aac or m4a.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import DiskFullError, InputError, OptionError
from . import mp3, wav
from .content import Content
from .upload import Upload

Recording = Content | Upload

ENCODINGS = {  # our name: (libsndfile's container and subtype, content type)
    "wav": ("WAV", "PCM_16", "audio/wav"),
    "flac": ("FLAC", "PCM_16", "audio/flac"),
    "mp3": ("MP3", "MPEG_LAYER_III", "audio/mpeg"),
    "opus": ("OGG", "OPUS", "audio/opus"),
    "ogg": ("OGG", "VORBIS", "audio/ogg"),
    "pcm": ("RAW", "PCM_16", "audio/pcm"),
}
"""What can be written."""
PCM_RATE = 24_000
"""Hz of raw samples (signed 16 bit, little end first, mono), as Kokoro sends them."""
_RAW = {"samplerate": PCM_RATE, "channels": 1, "format": "RAW", "subtype": "PCM_16"}
RAW_TYPES = ("audio/pcm", "audio/l16")
"""Content types of such samples."""
BLOCK = 1 << 14  # frames; the encoders of libsndfile overflow on one long write
_BARE = ("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # one size a sample: the bytes tell how many
_UNKNOWN = 1 << 62  # a count of frames from there on says that the file does not tell


@contextmanager
def reading(recording: Recording) -> Iterator[Any]:
    """Open a recording for reading; whatever libsndfile says of it is an InputError."""
    import soundfile

    name = recording.name or "the recording"
    kind = recording.kind if isinstance(recording, Upload) else recording.content_type
    is_raw = kind.partition(";")[0] in RAW_TYPES
    try:
        with recording.open() as stream:
            told = None if is_raw else mp3.with_length(stream) or wav.with_length(stream)
            place = told or _place(recording)
            with soundfile.SoundFile(place, **(_RAW if is_raw else {})) as file:
                # where it can seek, soundfile seeks after each read, which fails in a FLAC that
                # does not tell its length; nothing here needs it
                file.seekable = lambda: False
                yield file
    except (soundfile.SoundFileError, TypeError) as error:  # the latter for a name like x.raw
        reason = str(error).rpartition(": ")[2]
        raise InputError(
            f"{name} ({kind}) cannot be read as sound: {reason}",
            "readable here: wav, flac, mp3, ogg, opus",
        ) from error


def _place(recording: Recording) -> str | io.BytesIO:
    source = recording.source if isinstance(recording, Upload) else recording
    if isinstance(source, Content):
        source = source.path or source.bytes
    return io.BytesIO(source) if isinstance(source, bytes) else str(source)


def blocks(file: Any) -> Iterator[Any]:
    """Yield the frames as float32, one row each, a block at a time."""
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        yield block


def frames_of(file: Any) -> int:
    """Return how many frames there are: of bare samples as the file tells, else by decoding.

    A file that breaks off in the middle has as many as can be decoded.
    """
    import soundfile

    told = int(file.frames)
    is_bare = file.format != "FLAC" and file.subtype.startswith(_BARE)
    if is_bare and 0 < told < _UNKNOWN:
        return told
    count = 0
    with suppress(soundfile.SoundFileError):
        for block in blocks(file):
            count += len(block)
    return count


def format_of(file: Any) -> str:
    """Return our name of a file's format."""
    if file.format == "OGG":
        return "opus" if file.subtype == "OPUS" else "ogg"
    names = {"RAW": "pcm", "WAVEX": "wav"}
    return names.get(file.format) or str(file.format).lower()


class Target:
    """A sound file that is being written.

    Parameters
    ----------
    path
        Where.
    format
        One of :data:`ENCODINGS`.
    rate, channels
        Hz, and 1 for mono.

    Raises
    ------
    OptionError
        The format cannot hold that.
    """

    def __init__(self, path: str, format: str, rate: int, channels: int) -> None:
        import soundfile

        self.rate, self.channels = rate, channels
        self._folder, self._error = Path(path).parent, soundfile.SoundFileError
        container, subtype, _ = ENCODINGS[format]
        if format == "pcm" and (rate, channels) != (PCM_RATE, 1):
            raise OptionError(
                f"pcm would hold {rate} Hz and {channels} channels, and tells neither",
                "accepted here: wav, flac, mp3, ogg",
            )
        try:
            self._file = soundfile.SoundFile(
                path, "w", rate, channels, subtype=subtype, format=container
            )
        except self._error as error:
            reason = str(error).rpartition(" : ")[2]
            raise OptionError(
                f"{format} cannot hold {rate} Hz and {channels} channels: {reason}",
                "accepted at every rate: wav, flac",
            ) from error

    def write(self, frames: Any) -> None:
        """Append frames, not more than :data:`BLOCK`.

        Raises
        ------
        DiskFullError
            They could not be written whole.
        """
        try:
            self._file.write(frames)
        except (AssertionError, self._error) as error:  # the former: a write that came up short
            raise self._full() from error

    def close(self) -> None:
        """Finish the file; raise as :meth:`write`."""
        try:
            self._file.close()
        except self._error as error:
            raise self._full() from error

    def _full(self) -> DiskFullError:
        free = shutil.disk_usage(self._folder).free
        return DiskFullError(
            f"{self._folder}: the sound could not be written, {free:,} bytes are free",
            "make room, then run this again",
        )
