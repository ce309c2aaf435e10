"""Names, addresses, options: the grammars of the Ollama client, with nothing listening."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from numbers import Integral
from pathlib import Path
from typing import Any

import pytest

from mc_jupyter.clients import (
    OPTIONS,
    OllamaClient,
    check_options,
    connectable,
    full_name,
    same_model,
)
from mc_jupyter.clients.names import ModelName, check_name, is_cloud, is_loopback, parse_name, shown
from mc_jupyter.clients.options import check_format, check_think, encode_images
from mc_jupyter.clients.pull import size_text
from mc_jupyter.errors import ArgumentError, OptionError


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("llama2", "llama2:latest"),
        ("Llama2:LATEST", "llama2:latest"),
        ("llama3.2:1b", "llama3.2:1b"),
        ("library/llama2", "llama2:latest"),
        ("registry.ollama.ai/library/llama2:7b", "llama2:7b"),
        ("https://registry.ollama.ai/library/llama2", "llama2:latest"),
        ("mattw/pygmalion", "mattw/pygmalion:latest"),
        ("hf.co/Bartowski/Llama-GGUF:Q4_K_M", "hf.co/bartowski/llama-gguf:q4_k_m"),
        ("localhost:5000/ns/m", "localhost:5000/ns/m:latest"),
        ("http://localhost:5000/ns/m:t", "localhost:5000/ns/m:t"),
        ("  llama2  ", "llama2:latest"),
        ("gpt-oss:20b:cloud", "gpt-oss:20b-cloud"),
        ("glm:cloud", "glm:cloud"),
        ("qwen3:8b:local", "qwen3:8b"),
    ],
)
def test_full_name(typed: str, full: str) -> None:
    assert full_name(typed) == full
    assert same_model(typed, full)


def test_names_that_differ() -> None:
    assert not same_model("llama2", "llama2:7b")
    assert not same_model("llama2", "user/llama2")
    assert not same_model("hf.co/a/b", "a/b")
    assert not same_model("", "llama2")


def test_parts_of_a_name() -> None:
    assert parse_name("h:1/n/m:t") == ModelName("h:1", "n", "m", "t")


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("", "host"),
        ("two words", "model"),
        ("-m", "model"),
        ("m:t:t", "model"),
        ("m:a b", "tag"),
        ("n.s/m", "namespace"),
        ("a/b/c/d", "host"),
        ("m" * 81, "model"),
        ("ns/", "model"),
        ("-h/n/m", "host"),
    ],
)
def test_names_that_are_none(typed: str, part: str) -> None:
    with pytest.raises(ArgumentError, match=f"its {part} is"):
        check_name(typed)


def test_names_that_are_right() -> None:
    for name in ("m", "_m", "m" * 80, "a.b-c_d:1.5", "h.x:80/n-s/m:t"):
        assert check_name(f" {name} ") == name


def test_cloud_names() -> None:
    assert all(map(is_cloud, ["glm:cloud", "gpt-oss:120b-Cloud", "gpt-oss:20b:cloud"]))
    assert not any(map(is_cloud, ["glm", "my-cloud", "m:cloudy", "m:mycloud", "cloud"]))


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:11434"),
        ("[::]:8080", "http://[::1]:8080"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[fe80::1]:80", "http://[fe80::1]:80"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:1234", "http://gpu-box:1234"),
        ("gpu_box", "http://gpu_box:11434"),
        ("http://gpu-box", "http://gpu-box"),
        ("HTTPS://gpu-box", "https://gpu-box"),
        ("https://gpu-box:8443/ollama/", "https://gpu-box:8443/ollama"),
        ("gpu-box/ollama", "http://gpu-box:11434/ollama"),
        ("ollama.com", "https://ollama.com"),
        (' "127.0.0.1:11434" ', "http://127.0.0.1:11434"),
        ("'host'", "http://host:11434"),
        ("http://user:pw@host:1", "http://user:pw@host:1"),
        ("http://0.0.0.0:11434/", "http://127.0.0.1:11434"),
    ],
)
def test_connectable(typed: str, url: str) -> None:
    assert connectable(typed) == url
    OllamaClient(typed).close()


@pytest.mark.parametrize(
    "typed",
    ["host:abc", "host:70000", "ftp://host", "unix:///x", "two words", "http://a?b", "http://[::1"],
)
def test_addresses_that_are_none(typed: str) -> None:
    with pytest.raises(ArgumentError):
        OllamaClient(typed)


def test_addresses_are_shown_without_secrets() -> None:
    assert shown("http://user:pw@host:1/p?key=x") == "http://host:1/p"
    with pytest.raises(ArgumentError) as caught:
        connectable("http://user:s3cret@host:abc")
    assert "s3cret" not in str(caught.value)


def test_loopback() -> None:
    ours = ["http://127.0.0.1:1", "http://127.8.8.8", "http://[::1]:1", "http://localhost:1"]
    assert all(map(is_loopback, ours))
    assert not any(map(is_loopback, ["http://10.0.0.1", "http://localhost.example", "http://h"]))


def test_options_pass() -> None:
    given = {"temperature": 0, "top_p": 0.9, "seed": 42, "num_ctx": 4096.0, "use_mmap": False}
    assert check_options({**given, "stop": "END"}) == {**given, "stop": ["END"]}
    assert check_options({"stop": ("a", "b")}) == {"stop": ["a", "b"]}
    assert check_options(None) == check_options({}) == {}
    assert isinstance(check_options({"num_ctx": 4096.0})["num_ctx"], int)


class Int64:
    """A number as numpy has them: no int, but registered as one."""

    def __int__(self) -> int:
        return 7


Integral.register(Int64)


def test_numbers_of_other_libraries_are_numbers() -> None:
    got = check_options({"temperature": Fraction(1, 2), "seed": Int64()})
    assert got == {"temperature": 0.5, "seed": 7}
    assert [type(value) for value in got.values()] == [float, int]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("temprature", "did you mean 'temperature'?"),
        ("num-ctx", "did you mean 'num_ctx'?"),
        ("max_tokens", "did you mean 'num_predict'?"),
        ("n_ctx", "did you mean 'num_ctx'?"),
        ("system", "system is an argument of its own, not one of the options"),
        ("zzz", "known: draft_num_predict, frequency_penalty"),
    ],
)
def test_options_that_are_unknown(name: str, advice: str) -> None:
    with pytest.raises(OptionError, match=f"'{name}' is not an option") as caught:
        check_options({name: 1})
    assert (caught.value.hint or "").startswith(advice)


def test_an_option_that_was_taken_out_of_ollama_is_unknown() -> None:
    assert not {"mirostat", "tfs_z", "penalize_newline"} & OPTIONS
    assert len(OPTIONS) == 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "0.7"),
        ("temperature", True),
        ("temperature", None),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", Decimal("0.7")),
        ("seed", 1.5),
        ("seed", "42"),
        ("use_mmap", 1),
        ("stop", [1]),
        ("stop", None),
        ("stop", {"a": 1}),
    ],
)
def test_options_of_the_wrong_type(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"option {name} must be"):
        check_options({name: value})


def test_think_and_format() -> None:
    for think in (None, True, False, "low", "medium", "high", "max"):
        check_think(think)
    for think in ("hard", "true", 1.5):
        with pytest.raises(OptionError):
            check_think(think)  # type: ignore[arg-type]
    for format in (None, "json", {"type": "object"}):
        check_format(format)  # type: ignore[arg-type]
    for format in ("", "JSON", "yaml", ["json"], '{"type": "object"}'):
        with pytest.raises(OptionError):
            check_format(format)  # type: ignore[arg-type]


def test_images(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        encode_images([tmp_path / "none.png"])
    with pytest.raises(OptionError, match="list"):
        encode_images(b"raw")  # type: ignore[arg-type]
    assert encode_images([bytearray(b"raw")]) == ["cmF3"]  # type: ignore[list-item]


def test_sizes() -> None:
    sizes = [0, 999, 1000, 92_900_000, 3_400_000_000, 5 * 10**15]
    assert [*map(size_text, sizes)] == ["0 B", "999 B", "1 kB", "93 MB", "3.4 GB", "5000.0 TB"]
