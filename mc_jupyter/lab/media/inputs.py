"""What ``FILE|VARIABLE`` in a magic means: a file here, or a result in a name of the notebook.

A name may be followed by attributes and items (``frames[0]``, ``_``, ``Out[3]``); nothing else is
evaluated. IPython's own magics take a file before a variable of that name. Here the wrong one of
two would be sent to a service unseen, so where both are there it has to be said which.
"""

from __future__ import annotations

import ast
import codecs
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...clients.content import Content
from ...clients.signatures import HEAD, signature
from ...clients.soundfiles import PCM_RATE, RAW_TYPES
from ...clients.upload import Upload
from ...clients.wav import with_head
from ...errors import ArgumentError, InputError, MediaConduitError
from ...meter import size_text
from ...paths import MAX_READ, expanded, read
from ..answer import Answer
from ..made import Input, Made
from ..values import problem_of
from .base import Media
from .missing import unknown
from .sounds import wav_of

_URL = re.compile(r"https?://", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*|\[(?:-?\d+|\w+|'[^']*'|\"[^\"]*\")\])*")
_PART = re.compile(r"\.?([^\W\d]\w*)|\[([^\]]*)\]")
_MISSING = object()


def resolve(text: str, names: Mapping[str, Any]) -> tuple[Upload, Input]:
    """Return what is to be sent, and what it is for how a result was made.

    Parameters
    ----------
    text
        As it was typed: a path, or a name.
    names
        The notebook's names.

    Returns
    -------
    tuple
        The upload; and the input, with how it was made where that is known. Its hash is missing:
        it is taken while the upload is sent (:attr:`Upload.sha256`).

    Raises
    ------
    ArgumentError
        An address; a file and a name; a value that cannot be sent.
    InputError
        Neither a file nor a name; the file cannot be read, or is empty.
    """
    if _URL.match(text):
        raise ArgumentError(
            f"{text}: addresses are not fetched from here", f"download it first: !curl -LO {text}"
        )
    if not text:
        raise InputError("the name of a file is empty", "name a file, or a variable")
    path = expanded(text)
    value = _value(text, names)
    is_file = os.path.isfile(path)  # Path.is_file raises for a name that is too long
    if value is not _MISSING and is_file and not _is_same(value, path) and _fits(value):
        raise ArgumentError(
            f"{text!r} is a file in this folder and a name in this notebook",
            f"the file: ./{text}   the value: give it another name",
        )
    if is_file:
        return _file(path, text)
    if value is not _MISSING:
        return _sent(text, value)
    is_name = _NAME.fullmatch(text) and ("." not in text or text.partition(".")[0] in names)
    raise unknown(text, path, names, bool(is_name))


def _value(text: str, names: Mapping[str, Any]) -> Any:
    """The value of a name, with attributes and items behind it; `_MISSING` if there is none."""
    if not _NAME.fullmatch(text):
        return _MISSING
    root, *rest = _PART.findall(text)
    value = names.get(root[0], _MISSING)
    for attribute, index in rest:
        if value is _MISSING:
            break
        try:
            value = getattr(value, attribute) if attribute else value[_key(index)]
        except (AttributeError, LookupError, TypeError):
            return _MISSING
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise ArgumentError(f"{text} failed: {problem_of(error)}") from error
    return value


def _key(text: str) -> object:
    """What stands between brackets; a line's quotation marks are gone where it was split."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _is_same(value: Any, path: Path) -> bool:
    if not issubclass(type(value), str | os.PathLike):
        return False
    with suppress(Exception):  # a class of somebody's own
        return expanded(os.fsdecode(value)) == path
    return False


def _fits(value: object) -> bool:
    try:
        _sent("value", value)
    except (ArgumentError, InputError):
        return False
    return True


def _file(path: Path, typed: str) -> tuple[Upload, Input]:
    upload = Upload.of(path, typed=typed)
    return upload, Input(upload.name, size=upload.size)


def _sent(typed: str, value: Any) -> tuple[Upload, Input]:
    """A value as an upload; of what may raise when it is looked at, an error of ours."""
    try:
        return _as_upload(typed, value)
    except (MediaConduitError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ArgumentError(f"{typed} cannot be sent: {problem_of(error)}") from error


def _as_upload(typed: str, value: Any) -> tuple[Upload, Input]:
    made = getattr(value, "made", None)
    made = made if isinstance(made, Made) else None
    if isinstance(value, Media):
        content, suffix = _told(value.content, value.suffix)
        name = f"{made.what if made else 'input'}{suffix}"
        return _named(typed, Upload.of(content, name, typed), made)
    if isinstance(value, Answer):
        return _named(typed, Upload.of(value.text.encode(), "answer.txt", typed), made)
    if isinstance(value, Content):
        content, suffix = _told(value, value.suffix)
        return _named(typed, Upload.of(content, f"input{suffix}", typed), None)
    if isinstance(value, str | os.PathLike):
        return _path(typed, value)
    if file := _shown_file(value):
        return _path(typed, file)
    raw = _bytes(value, typed)
    if raw is not None:
        stem = re.sub(r"\W+", "-", typed).strip("-_") or "input"
        return _named(typed, Upload.of(raw, stem + suffix_of_bytes(raw), typed), None)
    if isinstance(value, Sequence) and value and all(isinstance(one, Media) for one in value):
        raise ArgumentError(f"{typed} is {len(value)} pictures", f"one of them: {typed}[0]")
    raise ArgumentError(
        f"{typed} is of type {type(value).__name__}, which cannot be sent",
        "sent are: a result, bytes, a path, (samples, rate)",
    )


def _told(content: Content, suffix: str) -> tuple[Content, str]:
    """Bare samples as a WAV, which tells their rate: no service could know it."""
    if content.content_type not in RAW_TYPES or not content.size:
        return content, suffix
    return with_head(content, PCM_RATE), ".wav"


def _named(typed: str, upload: Upload, made: Made | None) -> tuple[Upload, Input]:
    return upload, Input(typed, size=upload.size, made=made)


def _path(typed: str, value: str | os.PathLike[str]) -> tuple[Upload, Input]:
    text = os.fsdecode(value)
    if _URL.match(text):
        raise ArgumentError(
            f"{typed} is {text}: addresses are not fetched from here",
            f"download it first: !curl -LO {text}",
        )
    path = expanded(text)
    if not os.path.isfile(path):
        shown = text if len(text) <= 60 and "\n" not in text else f"{text[:40]!r}..."
        raise InputError(f"{typed} is the text {shown}, and there is no such file")
    return _file(path, typed)


def _shown_file(value: Any) -> str | None:
    """The file of an IPython.display object that does not hold its bytes."""
    if not type(value).__module__.startswith("IPython.") or getattr(value, "data", None):
        return None
    file = getattr(value, "filename", None)
    return str(file) if file else None


def _bytes(value: Any, typed: str) -> bytes | None:
    """The bytes of a value: its own, an IPython.display object's, or those of samples."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if hasattr(value, "getvalue") and hasattr(value, "seek"):  # io.BytesIO
        held = value.getvalue()
        return held if isinstance(held, bytes) else None
    if type(value).__module__.startswith("IPython."):  # display.Audio, Image, Video
        held = getattr(value, "data", None)
        return held if isinstance(held, bytes) else None
    return wav_of(value, typed)


def suffix_of_bytes(raw: bytes) -> str:
    """Return the suffix that the first bytes of a file say, dot included; ``.bin`` if none."""
    known = signature(raw[:HEAD])
    return known.suffix if known else ".bin"


def picture(text: str, names: Mapping[str, Any]) -> tuple[bytes, Input]:
    """Return the bytes of a picture that a prompt is to show, and what it is as an input.

    Parameters
    ----------
    text, names
        As for :func:`resolve`.

    Raises
    ------
    ArgumentError, InputError
        As for :func:`resolve`; it is no picture by its first bytes, or too large.
    """
    path = expanded(text)
    if text not in names and os.path.lexists(path) and not os.path.isfile(path):
        raise _unreadable(text, path)  # a pipe, a device, a folder, a circle of links
    upload, found = resolve(text, names)
    if upload.size > MAX_READ:
        raise InputError(
            f"{upload.called} cannot be read: it has {size_text(upload.size)}",
            f"a picture of up to {size_text(MAX_READ)}",
        )
    with upload.open() as file:
        raw = file.read(MAX_READ)
    known = signature(raw[:HEAD])
    if (known and known.kind != "picture") or (known is None and _is_text(raw[:HEAD])):
        what = known or "text"
        raise InputError(f"{upload.called} is {what}, and no picture", "a picture: png or jpg")
    return raw, replace(found, sha256=upload.sha256)


def _unreadable(text: str, path: Path) -> InputError:
    try:
        read(path)
    except OSError as error:
        return InputError(f"{text} cannot be read: {error.strerror}", "name a picture's file")
    return InputError(f"{text} cannot be read", "name a picture's file")


def _is_text(head: bytes) -> bool:
    """Whether all of it is characters that people read; one may be cut off at the end."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    return "\ufffd" not in text and all(one.isprintable() or one.isspace() for one in text)
