"""Running ffmpeg and ffprobe: bounded, ended when the caller goes, their reasons kept."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .faults import Broken, Refused
from .form import Form, Upload
from .limits import MB, Limits

# Containers that hold their own data. Playlists and scripts, which name other files, are not here.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mp3,wav,w64,flac,aac,ogg,mpegts,mpeg,flv,asf,"
    "aiff,au,caf,amr,ac3,eac3,dv,h264,hevc,m4v,gif,ape,wv,tta,mxf"
)
_BEFORE_INPUT = ("-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS)
_TAIL = 16 * 1024
_LINES = 8
_EMPTY_WORDS = "Conversion failed!"
_SPEAKER = re.compile(r"\[([^\]@]+) @ 0x[0-9a-f]+\] ")
_NOT_LISTED = re.compile(r"(\S+): Format not on whitelist .*")


async def convert(
    form: Form,
    output: Path,
    arguments: Sequence[str],
    limits: Limits,
    seek: Sequence[str] = (),
) -> None:
    """Run ffmpeg on a form's files.

    Parameters
    ----------
    form
        The files are the inputs, in their order.
    output
        What is written; the folder it lies in is the working directory.
    arguments
        Between inputs and output.
    seek
        Before the (one) input.

    Raises
    ------
    Refused
        With ffmpeg's reason, or when the result is larger than is allowed.
    Broken
        When ffmpeg was killed from outside (no memory).
    """
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-y"]
    for file in form.files:
        command += [*_BEFORE_INPUT, *seek, "-i", f"file:{file.path}"]
    command += [*arguments, f"file:{output}"]
    code, _, said = await _run(command, output.parent, limits.job_seconds)
    if code < 0:
        raise Broken(f"ffmpeg was ended by signal {-code}: {form.named(said) or 'out of memory?'}")
    if code:
        raise Refused(f"ffmpeg: {form.named(said) or f'exit code {code}'}")


def check_size(output: Path, limits: Limits, said: str = "nothing came out") -> None:
    """Refuse a result that is empty, or as large as ffmpeg was allowed to write."""
    size = output.stat().st_size if output.exists() else 0
    if not size:
        raise Refused(said)
    if size >= limits.max_output_mb * MB:
        raise Refused(f"the result is larger than {limits.max_output_mb} MB")


def size_limit(limits: Limits) -> list[str]:
    """Return ffmpeg's option for it: a graph may have a source that never ends."""
    return ["-fs", str(limits.max_output_mb * MB)]


async def probe(file: Upload, limits: Limits) -> dict[str, Any]:
    """Return ffprobe's `format` and `streams` of a file.

    Raises
    ------
    Refused
        With ffprobe's reason.
    """
    command = ["ffprobe", "-hide_banner", "-v", "error", *_BEFORE_INPUT, "-of", "json"]
    command += ["-show_format", "-show_streams", f"file:{file.path}"]
    code, out, said = await _run(command, file.path.parent, min(60, limits.job_seconds))
    if code < 0:
        raise Broken(f"ffprobe was ended by signal {-code}")
    if code:
        said = Form(files=[file]).named(said) or f"exit code {code}"
        raise Refused(f"{file.name} cannot be read: {said.removeprefix(f'{file.name}: ')}")
    found: dict[str, Any] = json.loads(out)
    return found


async def version() -> str | None:
    """Return ffmpeg's version; None where it does not run."""
    try:
        code, out, _ = await _run(["ffmpeg", "-version"], Path("/"), 10)
    except (OSError, Refused):
        return None
    words = out.decode("utf-8", "replace").split()
    return words[2] if code == 0 and words[:2] == ["ffmpeg", "version"] else None


async def listed(what: str) -> list[str]:
    """Return the names of ffmpeg's ``-encoders`` or ``-muxers``."""
    _, out, _ = await _run(["ffmpeg", "-hide_banner", f"-{what}"], Path("/"), 10)
    lines = out.decode("utf-8", "replace").splitlines()
    begin = next((n for n, line in enumerate(lines) if set(line.strip()) == {"-"}), len(lines))
    return [line.split()[1] for line in lines[begin + 1 :] if len(line.split()) > 1]


async def _run(command: Sequence[str], folder: Path, seconds: float) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.timeout(seconds):
            out, said, code = await asyncio.gather(
                process.stdout.read(), _tail(process.stderr), process.wait()
            )
    except TimeoutError:
        raise Refused(f"{command[0]} took longer than {seconds:g} s and was ended") from None
    finally:
        if process.returncode is None:  # the caller is gone, or time is up
            process.kill()
            await process.wait()
    return code, out, _last_words(said)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """Keep the end: a broken file can make ffmpeg complain without an end."""
    kept = b""
    while chunk := await stream.read(_TAIL):
        kept = (kept + chunk)[-_TAIL:]
    return kept


def _last_words(said: bytes) -> str:
    text = _SPEAKER.sub(r"\1: ", said.decode("utf-8", "replace"))
    text = _NOT_LISTED.sub(r"the format \1 is not accepted", text)
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and line != _EMPTY_WORDS]
    return "; ".join(dict.fromkeys(told[-_LINES:]))
