"""The model files of a folder: which parts are one model, and why a file is none."""

from __future__ import annotations

import re
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .gguf import Header, read_header

_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
_UNFINISHED = re.compile(
    r"(.+)\.gguf\.(part|partial|crdownload|download|opdownload|incomplete|tmp|aria2)", re.IGNORECASE
)
_NAMED = 5  # missing parts that are named
_HEAD = 512  # bytes
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
_PACKED |= {b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7z"}
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<error")
_OLD = (b"lmgg", b"fmgg", b"tjgg", b"algg")
_OTHER_KINDS = {
    "adapter": "an adapter for another model",
    "mmproj": "the part of another model that sees or hears",
    "clip": "the part of another model that sees or hears",
    "imatrix": "a table for quantizing (imatrix)",
    "controlvector": "a control vector for another model",
    "vocab": "a vocabulary without a model",
}


@dataclass(frozen=True)
class ModelFile:
    """What a folder has under one name.

    Attributes
    ----------
    name
        The file's name without its suffix, and without the number of a part.
    paths
        The files: one, or the parts in their order.
    why_not
        Why that cannot be served; empty where it may.
    """

    name: str
    paths: tuple[Path, ...]
    why_not: str = ""


def model_files(folder: Path) -> list[ModelFile]:
    """Return what may be models in a folder, by name, with what is in their way."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    found, unfinished = [], []
    parts: defaultdict[tuple[str, int], dict[int, Path]] = defaultdict(dict)
    for path in paths:
        if part := _PART.fullmatch(path.name):
            parts[part[1], int(part[3])][int(part[2])] = path
        elif path.suffix.lower() == ".gguf":
            found.append(ModelFile(path.stem, (path,)))
        elif broken := _UNFINISHED.fullmatch(path.name):
            text = f"{path.name} is a download that has not ended"
            unfinished.append(ModelFile(broken[1], (path,), text))
    for (name, count), have in parts.items():
        found += _joined(folder, name, count, have)
    return sorted(found, key=lambda file: file.name) + unfinished


def file_with_parts(name: str, path: Path) -> ModelFile:
    """Return a file that was named, with the other parts where it is one of several."""
    part = _PART.fullmatch(path.name)
    for file in model_files(path.parent) if part else ():
        if path in file.paths and not file.why_not.endswith(_ask_for(part[1] if part else "")):
            return replace(file, name=name)
    return ModelFile(name, (path,))


def _joined(folder: Path, name: str, count: int, have: Mapping[int, Path]) -> Iterator[ModelFile]:
    """Yield the model of some parts, and each part by itself, which is none."""
    paths = tuple(path for _, path in sorted(have.items()))
    missing = [number for number in range(1, min(count, 2 * len(have) + _NAMED) + 1)]
    missing = [number for number in missing if number not in have]
    expected = f"{name}-00001-of-{count:05}.gguf"
    why = ""
    if missing:
        more = " and more" if len(missing) > _NAMED else ""
        word = "part" if len(missing) == 1 else "parts"
        verb = "is" if len(missing) == 1 else "are"
        numbers = ", ".join(map(str, missing[:_NAMED])) + more
        why = f"{name}: {word} {numbers} of {count} {verb} not in {folder}"
    elif len(have) != count:
        why = f"{name}: it has parts beyond {count} in {folder}"
    elif any(p.name != f"{name}-{n:05}-of-{count:05}.gguf" for n, p in have.items()):
        why = f"{name}: the engine reads parts that are named like {expected}, in lower case"
    yield ModelFile(name, paths, why)
    for number, path in have.items():
        text = f"{path.name} is part {number} of {count}{_ask_for(name)}"
        yield ModelFile(path.stem, (path,), text)


def _ask_for(name: str) -> str:
    return f" of the model {name}: ask for that"


def read_headers(paths: tuple[Path, ...]) -> Header:
    """Return what a model's file says; of parts the first one, with the weights of all.

    Raises
    ------
    ValueError
        With why that is no model, and what to do, in one line.
    """
    headers = [_header(path) for path in paths]
    first, path = headers[0], paths[0]
    kind = str(first.metadata.get("general.type", "model"))
    for word in (kind, first.architecture):
        if word in _OTHER_KINDS:
            raise ValueError(f"{path.name} is {_OTHER_KINDS[word]}, not a model")
    return replace(first, parameters=sum(header.parameters for header in headers))


def _header(path: Path) -> Header:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{path.name} is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path.name} is no ordinary file")
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if why := _other_format(head, status.st_size):
            raise ValueError(f"{path.name} {why}")
        return read_header(path)
    except FileNotFoundError:
        raise ValueError(f"{path.name} is a link to a file that is not there") from None
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None


def _other_format(head: bytes, size: int) -> str:
    """Return what a file is, by its first bytes, and what to do; empty for GGUF."""
    start = head.lstrip().lower()
    if not head:
        return "is empty: fetch it again"
    if head.startswith(b"version https://git-lfs"):
        return f"is a Git LFS pointer ({size} bytes), not the model: git lfs pull"
    if start.startswith(_PAGES):
        return "is a web page: the download needs a login"
    for magic, name in _PACKED.items():
        if head.startswith(magic):
            return f"is packed ({name}): unpack it"
    if head[8:10] in (b'{"', b"{ ") and int.from_bytes(head[:8], "little") < size:
        return "is a safetensors file; the engine reads GGUF: fetch the model in that format"
    if head.startswith(_OLD):
        return "is of a format before GGUF: fetch a newer file of the model"
    if not head.startswith(b"GGUF"):
        return "is not a GGUF file: fetch it again"
    if len(head) >= 8 and head[4:6] == b"\0\0" and head[6:8] != b"\0\0":
        return "is for big-endian machines: fetch the file for little-endian ones"
    if len(head) >= 8 and (version := int.from_bytes(head[4:8], "little")) not in (2, 3):
        age = "a newer file of the model" if version < 2 else "an older file of the model"
        return f"has GGUF version {version}, which the engine does not read: fetch {age}"
    return ""
