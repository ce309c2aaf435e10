"""The files of a folder: which are models, and what is said of the others."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pytest

from mc_jupyter.embedded.models import Library
from mc_jupyter.embedded.weights import Store
from mc_jupyter.errors import ModelNotFoundError

PARTS = Path(__file__).parents[1] / "data" / "gguf"
FIRST, SECOND = (PARTS / f"tiny-0000{number}-of-00002.gguf" for number in (1, 2))


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(*, tensors: int = 0, rest: bytes = b"", **texts: str) -> bytes:
    """A header with texts, whose names have "_" for "."."""
    pairs = [text(name.replace("_", ".")) + b"\x08\0\0\0" + text(it) for name, it in texts.items()]
    return struct.pack("<4sIQQ", b"GGUF", 3, tensors, len(pairs)) + b"".join(pairs) + rest


MODEL = gguf(general_architecture="llama")


def library(*folders: Path) -> Library:
    return Library(Store(folders[0] / "store"), (), {}, folders)


def why(folder: Path, name: str) -> str:
    """Return what asking for a name says; nothing of that name is listed."""
    models = library(folder)
    assert name not in [model.name.removesuffix(":latest") for model in models.models()]
    with pytest.raises(ModelNotFoundError) as caught:
        models.find(name)
    assert models.why_left_out(name) in str(caught.value)
    return models.why_left_out(name)


def put(folder: Path, name: str, count: int, *numbers: int) -> None:
    for number in numbers:
        (folder / f"{name}-{number:05}-of-{count:05}.gguf").write_bytes(MODEL)


def test_parts_are_one_model(tmp_path: Path) -> None:
    for path in (FIRST, SECOND):
        (tmp_path / path.name).symlink_to(path)
    (model,) = library(tmp_path).models()
    assert model.name == "tiny:latest"
    assert model.path == tmp_path / FIRST.name
    assert model.size == FIRST.stat().st_size + SECOND.stat().st_size
    assert model.header.parameters == 27_616
    said = "tiny-00002-of-00002.gguf is part 2 of 2 of the model tiny: ask for that"
    assert why(tmp_path, "tiny-00002-of-00002") == said
    named = Library(Store(tmp_path / "s"), (), {"mine:1": tmp_path / FIRST.name}, ())
    (model,) = named.models()
    assert (model.name, len(model.paths)) == ("mine:1", 2)


def test_the_digest_of_parts_changes_with_each(tmp_path: Path) -> None:
    for path in (FIRST, SECOND):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    models = library(tmp_path)
    before = models.digest(models.find("tiny"))
    with (tmp_path / SECOND.name).open("ab") as file:
        file.write(b"\0")
    assert models.digest(models.find("tiny")) != before


@pytest.mark.parametrize(
    ("count", "have", "said"),
    [
        (2, [1], "part 2 of 2 is not in"),
        (2, [2], "part 1 of 2 is not in"),
        (3, [1, 3], "part 2 of 3 is not in"),
        (4, [1, 2], "parts 3, 4 of 4 are not in"),
        (99_999, [7], "parts 1, 2, 3, 4, 5 and more of 99999 are not in"),
        (2, [1, 2, 3], "it has parts beyond 2 in"),
    ],
)
def test_missing_parts_are_named(tmp_path: Path, count: int, have: list[int], said: str) -> None:
    put(tmp_path, "big", count, *have)
    assert why(tmp_path, "big") == f"big: {said} {tmp_path}"


def test_parts_of_two_models_or_folders_do_not_mix(tmp_path: Path) -> None:
    put(tmp_path, "a", 2, 1)
    put(tmp_path, "b", 2, 2)
    (tmp_path / "other").mkdir()
    put(tmp_path / "other", "a", 2, 2)
    assert library(tmp_path, tmp_path / "other").models() == []
    assert why(tmp_path, "a") == f"a: part 2 of 2 is not in {tmp_path}"
    assert why(tmp_path, "b") == f"b: part 1 of 2 is not in {tmp_path}"
    put(tmp_path / "other", "a", 2, 1)
    (model,) = library(tmp_path, tmp_path / "other").models()
    assert model.path.parent == tmp_path / "other"


def test_names_in_upper_case(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"A-0000{number}-OF-00002.GGUF").write_bytes(MODEL)
    assert "named like A-00001-of-00002.gguf, in lower case" in why(tmp_path, "a")
    (tmp_path / "B.GGUF").write_bytes(MODEL)
    assert library(tmp_path).find("b").name == "B:latest"


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4370000000\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty: fetch it again"),
        (POINTER, "is a Git LFS pointer (73 bytes), not the model: git lfs pull"),
        (b"\n <!DOCTYPE html><html>", "is a web page: the download needs a login"),
        (b'<?xml version="1.0"?><Error>', "is a web page: the download needs a login"),
        (gzip.compress(MODEL), "is packed (gzip): unpack it"),
        (b"PK\x03\x04" + bytes(50), "is packed (zip): unpack it"),
        (struct.pack("<Q", 40) + b'{"__metadata__":{}}' + bytes(60), "is a safetensors file"),
        (b"tjgg" + bytes(50), "is of a format before GGUF: fetch a newer file"),
        (b"hello" * 20, "is not a GGUF file: fetch it again"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "is for big-endian machines"),
        (struct.pack("<4sIQQ", b"GGUF", 1, 0, 0), "has GGUF version 1, which the engine does not"),
        (struct.pack("<4sIQQ", b"GGUF", 9, 0, 0), "fetch an older file of the model"),
        (MODEL[:-3], "is a broken GGUF file"),
        (gguf(tensors=1, rest=text("w") + b"\xff\xff\xff\x7f"), "is a broken GGUF file"),
        (gguf(general_architecture="clip"), "is the part of another model that sees or hears"),
        (gguf(general_architecture="llama", general_type="mmproj"), "sees or hears, not a model"),
        (gguf(general_architecture="llama", general_type="adapter"), "is an adapter for another"),
        (gguf(general_type="imatrix"), "is a table for quantizing (imatrix), not a model"),
        (gguf(general_architecture="controlvector"), "is a control vector"),
    ],
)
def test_asking_for_a_file_that_is_no_model_says_why(
    tmp_path: Path, data: bytes, said: str
) -> None:
    (tmp_path / "x.gguf").write_bytes(data)
    (tmp_path / "fine.gguf").write_bytes(MODEL)
    assert why(tmp_path, "x").startswith("x.gguf ")
    assert said in why(tmp_path, "x")
    assert [model.name for model in library(tmp_path).models()] == ["fine:latest"]


def test_what_is_no_file_is_left_out_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "loop.gguf").symlink_to("loop.gguf")
    (tmp_path / "gone.gguf").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.gguf")
    assert why(tmp_path, "folder") == "folder.gguf is a folder"
    assert why(tmp_path, "loop").startswith("loop.gguf cannot be read: ")
    assert why(tmp_path, "gone") == "gone.gguf is a link to a file that is not there"
    assert why(tmp_path, "pipe") == "pipe.gguf is no ordinary file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret.gguf").write_bytes(MODEL)
    (tmp_path / "secret.gguf").chmod(0)
    assert why(tmp_path, "secret") == "secret.gguf cannot be read: Permission denied"


@pytest.mark.parametrize("suffix", ["part", "crdownload", "incomplete"])
def test_a_download_that_has_not_ended(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x.gguf.{suffix}").write_bytes(MODEL[:9])
    assert why(tmp_path, "x") == f"x.gguf.{suffix} is a download that has not ended"
    (tmp_path / "x.gguf").write_bytes(MODEL)
    assert library(tmp_path).find("x").path == tmp_path / "x.gguf"


def test_a_header_of_odd_values_breaks_no_list(tmp_path: Path) -> None:
    nested = text("deep") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5000
    (tmp_path / "nested.gguf").write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + nested)
    values = {"general_file_type": "x", "llama_context_length": "many"}
    odd = gguf(general_architecture="llama", **values)
    odd = odd.replace(b"file.type", b"file_type").replace(b"context.length", b"context_length")
    (tmp_path / "odd.gguf").write_bytes(odd)
    (model,) = library(tmp_path).models()
    assert (model.header.quantization, model.header.context_length) == ("unknown", None)
    assert "is a broken GGUF file" in why(tmp_path, "nested")
