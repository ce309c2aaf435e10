"""Reading a request: files go to disk as they come, options are read as soon as they are seen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from .faults import Refused
from .limits import ACCEPTED, MAX_FIELD, MAX_FILES, MB, Limits
from .values import Options, read

_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Upload:
    """A file that came: where it lies, and what its sender calls it."""

    path: Path
    name: str


@dataclass
class Form:
    """What came: the files in their order, and the options that were given."""

    files: list[Upload] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)

    def named(self, text: str) -> str:
        """Put the senders' names where a text has our paths."""
        for file in self.files:
            text = text.replace(f"file:{file.path}", file.name).replace(str(file.path), file.name)
        return text


async def receive(
    request: web.Request, folder: Path, options: Options, limits: Limits, field_name: str | None
) -> Form:
    """Read a multipart request.

    Parameters
    ----------
    request
        The request, of which nothing was read.
    folder
        Where the files go.
    options
        What the route accepts.
    limits
        The service's.
    field_name
        The field of the one file; None where files may have any name.

    Raises
    ------
    Refused
        As soon as the first wrong thing is seen; what comes after it is not read.
    """
    if request.content_type != "multipart/form-data":
        raise Refused(f"the body is {request.content_type}: send multipart/form-data")
    most = limits.max_file_mb * MB * (1 if field_name else MAX_FILES)
    if (request.content_length or 0) > most + MB:
        raise _too_large("the request", limits)
    form = Form()
    try:
        parts = await request.multipart()
        while (part := await parts.next()) is not None:
            await _take(part, form, folder, options, limits, field_name)
    except (ValueError, AssertionError) as error:  # aiohttp's words for a malformed body
        raise Refused(f"the body is not valid multipart/form-data: {error}") from None
    if not form.files:
        where = f"in the field {field_name!r}" if field_name else "in any field"
        raise Refused(f"no file came: send one {where}, with a file name")
    return form


async def _take(
    part: Any,
    form: Form,
    folder: Path,
    options: Options,
    limits: Limits,
    field_name: str | None,
) -> None:
    if not isinstance(part, BodyPartReader) or not part.name:
        raise Refused("a part of the body has no name, or is itself multipart")
    if part.filename is None:
        await _take_option(part, form, options)
        return
    if field_name and part.name != field_name:
        raise Refused(f"unknown file field {part.name!r}: the file goes into {field_name!r}")
    if field_name and form.files:
        raise Refused(f"more than one file: {field_name!r} takes one")
    if len(form.files) >= MAX_FILES:
        raise Refused(f"more than {MAX_FILES} files")
    kind = part.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in ACCEPTED:
        what = f"type {kind}" if kind else "no type"
        raise Refused(f"{part.filename} has {what}: accepted: {', '.join(ACCEPTED)}")
    path = folder / f"input{len(form.files)}"
    if not await _store(part, path, limits):
        raise Refused(f"{part.filename} is empty")
    form.files.append(Upload(path, part.filename))


async def _take_option(part: BodyPartReader, form: Form, options: Options) -> None:
    name = str(part.name)
    if name in form.given:
        raise Refused(f"{name} is given twice")
    raw = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        raw += chunk
        if len(raw) > MAX_FIELD:
            raise Refused(f"{name} is longer than {MAX_FIELD} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Refused(f"{name} is no UTF-8 text") from None
    if "\0" in text:
        raise Refused(f"{name} holds a zero byte")
    form.given[name] = read(name, text, options)


async def _store(part: BodyPartReader, path: Path, limits: Limits) -> int:
    size = 0
    with path.open("wb") as file:
        while chunk := await part.read_chunk(_CHUNK):
            size += len(chunk)
            if size > limits.max_file_mb * MB:
                raise _too_large(str(part.filename), limits)
            await asyncio.to_thread(file.write, chunk)
    return size


def _too_large(what: str, limits: Limits) -> Refused:
    return Refused(f"{what} is larger than {limits.max_file_mb} MB", 413)
