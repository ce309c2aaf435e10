"""Models' files as people have them: parts, pointers, pages, adapters, broken downloads."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.embedded_server import serve

from mc_jupyter.clients.ollama import OllamaClient
from mc_jupyter.errors import MediaConduitError, ModelNotFoundError

FILES = Path(__file__).parents[1] / "data" / "gguf"
HELLO = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the cases, and others of their kind."""
    folder: Path = tmp_path_factory.mktemp("models")
    for file in FILES.iterdir():
        shutil.copy(file, folder)
    first, second = sorted(FILES.glob("tiny-*"))
    shutil.copy(first, folder / "half-00001-of-00002.gguf")
    shutil.copy(second, folder / "tail-00002-of-00003.gguf")
    (folder / "empty.gguf").touch()
    (folder / "box.gguf").mkdir()
    (folder / "loop.gguf").symlink_to("loop.gguf")
    (folder / "packed.gguf").write_bytes(gzip.compress((FILES / "fine.gguf").read_bytes()))
    (folder / "coming.gguf.part").write_bytes(b"GGUF")
    header = json.dumps({"a": {}}).encode()
    safe = len(header).to_bytes(8, "little") + header
    (folder / "safe.gguf").write_bytes(safe)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[OllamaClient]:
    with serve(models=folder) as server:
        yield OllamaClient(server.url, token=server.token)


def test_parts_are_one_model(client: OllamaClient) -> None:
    models = {str(model["name"]): model for model in client.models()}
    assert {name.partition(":")[0] for name in models} == {
        "fine",
        "tiny",
        "brokentemplate",
        "cut",
        "unknownarch",
    }
    parts = sum(file.stat().st_size for file in FILES.glob("tiny-*"))
    assert models["tiny:latest"]["size"] == parts == 118_240


def test_model_of_parts_answers(client: OllamaClient) -> None:
    chunks = list(client.chat("tiny", HELLO, options={"num_predict": 3, "temperature": 0}))
    assert chunks[-1]["done"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pointer", "pointer.gguf is a Git LFS pointer (135 bytes), not the model: git lfs pull"),
        ("page", "page.gguf is a web page: the download needs a login"),
        ("v1", "v1.gguf has GGUF version 1, which the engine does not read"),
        ("lora-adapter", "lora-adapter.gguf is an adapter for another model, not a model"),
        ("half", "half: part 2 of 2 is not in "),
        ("tail", "tail: parts 1, 3 of 3 are not in "),
        ("tiny-00002-of-00002", "is part 2 of 2 of the model tiny: ask for that"),
        ("empty", "empty.gguf is empty: fetch it again"),
        ("box", "box.gguf is a folder"),
        ("loop", "loop.gguf cannot be read: "),
        ("packed", "packed.gguf is packed (gzip): unpack it"),
        ("coming", "coming.gguf.part is a download that has not ended"),
        ("safe", "safe.gguf is a safetensors file"),
    ],
)
def test_what_was_left_out_is_said(client: OllamaClient, name: str, message: str) -> None:
    for ask in (
        lambda: next(client.chat(name, HELLO)),
        lambda: list(client.pull(name)),
        lambda: client.ensure_model(name, max_download=0),
    ):
        with pytest.raises(ModelNotFoundError) as caught:
            ask()
        assert message in caught.value.message
        assert "run it again" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("cut", "fetch the file again"),
        ("unknownarch", "a newer engine may read it: pip install -U xllamacpp"),
        ("brokentemplate", "template"),
    ],
)
def test_what_can_never_be_loaded_names_a_step(client: OllamaClient, name: str, step: str) -> None:
    with pytest.raises(MediaConduitError) as caught:
        next(client.chat(name, HELLO))
    assert step in str(caught.value)
    assert "run it again" not in str(caught.value)
