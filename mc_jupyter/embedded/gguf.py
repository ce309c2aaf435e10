"""What a GGUF file says about its model, read from its header without loading it.

Source of the format: ggml, docs/gguf.md (versions 2 and 3, little-endian).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_DIMENSIONS = 8  # the engine has four
_KEPT_ARRAY = 64  # longer ones (the vocabulary) are left out

#: general.file_type -> name (source: llama.cpp, include/llama.h, enum llama_ftype)
_FILE_TYPES = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K"},
    **{11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S"},
    **{17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS"},
    **{23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S"},
    **{29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4"},
}


@dataclass(frozen=True)
class Header:
    """What the header of a GGUF file says.

    Attributes
    ----------
    metadata
        Key -> value as in the file; None for an array of more than 64 values.
    parameters
        The number of weights.
    """

    metadata: Mapping[str, Any]
    parameters: int

    @property
    def architecture(self) -> str:
        """``general.architecture``, "llama" for example."""
        return str(self.metadata.get("general.architecture", "unknown"))

    @property
    def context_length(self) -> int | None:
        """Tokens of context that the model was trained for; None when the file does not say."""
        value = self.metadata.get(f"{self.architecture}.context_length")
        return value if isinstance(value, int) and value > 0 else None

    @property
    def quantization(self) -> str:
        """The kind of quantization, "Q4_1" for example."""
        kind = self.metadata.get("general.file_type")
        return _FILE_TYPES.get(kind, "unknown") if isinstance(kind, int) else "unknown"

    @property
    def parameter_size(self) -> str:
        """The number of weights as Ollama writes it, "134.52M" for example."""
        for unit, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
            if self.parameters >= size:
                return f"{self.parameters / size:.{1 if unit == 'B' else 2}f}{unit}"
        return str(self.parameters)


class _Cursor:
    """A place in the mapped file that moves on as values are read."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from(f"<{code}", self.data, self.at)
        self.at += struct.calcsize(f"<{code}")
        return value

    def text(self) -> str:
        length = self.scalar("Q")
        raw = self.data[self.at : self.at + length]
        if len(raw) != length:
            raise ValueError("a text reaches beyond the end of the file")
        self.at += length
        return raw.decode(errors="replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self.array(self.scalar("I"), self.scalar("Q"))
        return self.scalar(_SCALARS[kind])

    def array(self, kind: int, count: int) -> list[Any] | None:
        if count <= _KEPT_ARRAY:
            return [self.value(kind) for _ in range(count)]
        if kind in _SCALARS:
            self.at += count * struct.calcsize(f"<{_SCALARS[kind]}")
        else:
            for _ in range(count):
                self.value(kind)
        return None


def read_header(path: Path) -> Header:
    """Return what the header of a GGUF file says; remembered until the file changes.

    Raises
    ------
    OSError
        When the file cannot be read.
    ValueError
        When it is no GGUF file.
    """
    status = path.stat()
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: Path, size: int, modified: int) -> Header:
    with path.open("rb") as file:
        if size < 24 or file.read(4) != b"GGUF":
            raise ValueError(f"{path.name} is not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _parse(_Cursor(data))
            except (struct.error, KeyError, MemoryError, RecursionError, ValueError) as error:
                raise ValueError(
                    f"{path.name} is a broken GGUF file ({error}): fetch it again"
                ) from error


def _parse(cursor: _Cursor) -> Header:
    cursor.at = 4
    version = cursor.scalar("I")
    if version not in (2, 3):
        raise ValueError(f"GGUF version {version} is not known")
    tensors, pairs = cursor.scalar("Q"), cursor.scalar("Q")
    metadata = {}
    for _ in range(pairs):
        key = cursor.text()
        metadata[key] = cursor.value(cursor.scalar("I"))
    parameters = 0
    for _ in range(tensors):
        cursor.text()
        if (dimensions := cursor.scalar("I")) > _DIMENSIONS:
            raise ValueError(f"weights of {dimensions} dimensions")
        parameters += prod(cursor.scalar("Q") for _ in range(dimensions))
        cursor.at += 12  # type and offset
    return Header(metadata, parameters)
