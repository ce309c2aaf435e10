"""The parts of the embedded server that need neither a model nor a socket."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mc_jupyter.embedded import options
from mc_jupyter.embedded.gguf import read_header
from mc_jupyter.embedded.models import Library, full_name, valid_name
from mc_jupyter.embedded.requests import parse_ask, parse_body, parse_keep_alive
from mc_jupyter.embedded.weights import Store, default_store
from mc_jupyter.errors import ModelNotFoundError, OptionError, ResponseError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (0, 0),
        (90, 90),
        (1.5, 1.5),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("0", 0),
        ("+3s", 3),
        (-1, math.inf),
        ("-1s", math.inf),
    ],
)
def test_keep_alive_is_seconds_or_a_go_duration(value: Any, seconds: float | None) -> None:
    assert parse_keep_alive(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", "10", "-1", "m", "5 m", "1d", "1m x", "1e400s", "9999999999h", "٣s", "--1s"),
        *("1" * 100_000, "9" * 99 + "h", "1s" * 60, True, [], {}, 1e300, -1e300, math.nan),
    ],
)
def test_anything_else_is_no_keep_alive(value: Any) -> None:
    with pytest.raises(ResponseError, match="keep_alive") as caught:
        parse_keep_alive(value)
    assert caught.value.status == 400


def test_the_callers_options_win_over_the_models_and_those_over_the_defaults() -> None:
    checked = options.check({"top_k": 5, "top_p": None}, {"top_k": 9, "temperature": 0})
    assert checked.sampling["top_k"] == 5
    assert checked.sampling["temperature"] == 0
    assert checked.sampling["top_p"] == 0.9
    assert checked.num_predict is None
    assert options.check({"num_predict": 7}, {}).num_predict == 7


def test_a_seed_turns_the_prompt_cache_off() -> None:
    assert options.check({"seed": 0}, {}).sampling["cache_prompt"] is False
    assert "cache_prompt" not in options.check({}, {}).sampling
    assert "cache_prompt" not in options.check({"seed": -1}, {}).sampling


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"top_k": 1.5}, 'option "top_k" must be of type integer'),
        ({"top_k": True}, 'option "top_k" must be of type integer'),
        ({"temperature": "1"}, 'option "temperature" must be of type float32'),
        ({"stop": "x"}, 'option "stop" must be of type array'),
        ({"stop": [1]}, 'option "stop" must be of an array of strings'),
        ({"num_ctx": 0}, 'option "num_ctx" is 0; the least is 1'),
        ({"seed": -2}, 'option "seed" is -2; the least is -1'),
        ({"top_k": 2**31}, 'option "top_k" is 2147483648; the greatest is 2147483647'),
        ({"top_k": -math.inf}, 'option "top_k" must be of type integer'),
        ({"num_predict": math.nan}, 'option "num_predict" must be of type integer'),
        ({"temperature": math.inf}, 'option "temperature" must be of type float32'),
        ({"temperature": -1e300}, 'option "temperature" must be of type float32'),
        ({"num_thread": 513}, "the greatest is 512"),
        ({"num_ctx": 10**300}, 'option "num_ctx" must be of type integer'),
        ({"stop": ["x"] * 257}, "the most is 256"),
        ({"stop": ["x" * 65537]}, "the most is 256 of 65536"),
        ({"x" * 10**6: 1}, "known:"),
        ({"num_keep": 4}, 'option "num_keep" has no effect here'),
        ({"num_gpu": 1}, "on the CPU"),
        ({"nun_ctx": 1}, "did you mean 'num_ctx'"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        options.check(given, {})
    assert said in str(caught.value)


def test_whole_floats_are_integers_as_in_ollama() -> None:
    assert options.check({"top_k": 5.0}, {}).sampling["top_k"] == 5


def test_no_more_threads_than_processors_that_may_be_used() -> None:
    count = options.usable_threads()
    assert count == -1 or 1 <= count < (os.cpu_count() or 1)
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        code = (
            "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
            "from mc_jupyter.embedded.options import usable_threads; print(usable_threads())"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("llama2", "llama2:latest"),
        ("smollm2:135m", "smollm2:135m"),
        ("library/llama2", "llama2:latest"),
        ("registry.ollama.ai/library/llama2:7b", "llama2:7b"),
        ("hf.co/user/model:Q4", "hf.co/user/model:Q4"),
    ],
)
def test_names_have_a_tag_and_no_default_prefix(name: str, full: str) -> None:
    assert full_name(name) == full
    assert valid_name(name)


@pytest.mark.parametrize("name", ["", "a b", ":tag", "a:", "-a", "a/b/c/d", "x" * 81])
def test_what_is_no_name(name: str) -> None:
    assert not valid_name(name)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "missing request body"),
        (b" \n", "missing request body"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"{", "invalid JSON"),
        (b'{"a": 1e400}', "the number 1e400 is too large"),
        (b'{"a": -1e400}', "the number -1e400 is too large"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "is too large"),
        (b"[" * 100_000, "nested more than 200 levels deep"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested more than 200 levels deep"),
        (b"[" + b"[]," * 10**6, "beside strings"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "BOM"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": "\0"}', "Invalid control character"),
    ],
)
def test_a_malformed_body_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(ResponseError) as caught:
        parse_body(raw)
    assert said in str(caught.value)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 400


def test_a_body_is_read_as_it_stands() -> None:
    assert parse_body(b'{"a": 1, "a": 2}') == {"a": 2}
    assert parse_body(rb'{"a": "\ud83d\ude00 \u0000 [[\"[["}') == {"a": '\U0001f600 \0 [["[['}
    assert parse_body(b'{"a": ' + b"[" * 199 + b"]" * 199 + b"}")
    assert parse_body(b'{"a": 123456789012345678901234567890}') == {
        "a": 123456789012345678901234567890.0
    }


@pytest.mark.parametrize(
    "schema",
    [{"minItems": 10**9}, {"properties": {"a": {"items": [{"maxItems": 1e9}]}}}, {"x" * 10_001: 1}],
)
def test_a_format_that_repeats_without_end_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ResponseError, match="in the format"):
        parse_ask("chat", {"model": "m", "format": schema})


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(*pairs: bytes, tensors: bytes = b"", count: int = 0) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", 3, count, len(pairs)) + b"".join(pairs) + tensors


ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("qwen")


def test_the_header_of_a_gguf_file_is_read(tmp_path: Path) -> None:
    context = text("qwen.context_length") + struct.pack("<II", 4, 32768)
    names = text("names") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("ß")
    many = text("many") + struct.pack("<IIQ", 9, 5, 100) + bytes(400)
    words = text("words") + struct.pack("<IIQ", 9, 8, 65) + text("x") * 65
    kind = text("general.file_type") + struct.pack("<II", 4, 15)
    tensor = text("w") + struct.pack("<IQQIQ", 2, 3000, 500, 0, 0)
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf(ARCHITECTURE, context, names, many, words, kind, tensors=tensor, count=1))
    header = read_header(path)
    assert header.architecture == "qwen"
    assert header.context_length == 32768
    assert header.quantization == "Q4_K_M"
    assert header.metadata["names"] == ["a", "ß"]
    assert header.metadata["many"] is header.metadata["words"] is None
    assert header.parameters == 1_500_000
    assert header.parameter_size == "1.50M"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"hello" * 20,
        gguf(ARCHITECTURE)[:-3],
        gguf(text("k") + struct.pack("<I", 99)),
        gguf(text("k") + struct.pack("<IQ", 8, 2**60)),
        struct.pack("<4sIQQ", b"GGUF", 9, 0, 0),
        gguf(count=2**50),
    ],
)
def test_a_broken_file_is_a_value_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with pytest.raises(ValueError):
        read_header(path)


def test_the_first_of_two_files_with_one_name_counts(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Same.gguf").write_bytes(gguf(ARCHITECTURE))
    library = Library(Store(tmp_path / "s"), (), {}, (tmp_path / "a", tmp_path / "b"))
    (model,) = library.models()
    assert (model.name, model.path) == ("Same:latest", tmp_path / "a" / "Same.gguf")
    assert library.find("SAME").path == model.path
    with pytest.raises(ModelNotFoundError, match="serves Same:latest"):
        library.find("other")


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    store, path = Store(tmp_path / "store"), tmp_path / "x.gguf"
    path.write_bytes(b"one")
    first = store.digest(path)
    (note,) = (tmp_path / "store" / "digests").iterdir()
    note.write_text(note.read_text().replace(first, "remembered"))
    assert store.digest(path) == "remembered"
    path.write_bytes(b"three")
    assert store.digest(path) != first
    read_only = Store(Path("/dev/null/store"))
    assert len(read_only.digest(path)) == 64


def test_the_store_is_in_the_home_that_is_set(
    mc_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_store() == mc_home / "cache" / "models"
    monkeypatch.delenv("MC_JUPYTER_HOME")
    assert default_store().parts[-2:] == ("mc-jupyter", "models")


def test_a_field_that_nobody_knows_is_named() -> None:
    with pytest.raises(ResponseError, match="did you mean 'messages'"):
        parse_ask("chat", {"model": "m", "mesages": []})


def test_the_package_is_light() -> None:
    code = (
        "import sys, mc_jupyter.embedded\n"
        "print([n for n in ('tornado', 'xllamacpp', 'asyncio', 'urllib.request', 'filelock')"
        " if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n"
