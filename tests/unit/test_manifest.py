"""The manifest: every published dialect, and errors that say where and what."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mc_jupyter.errors import ManifestError
from mc_jupyter.manifest import (
    FILE_NAMES,
    MAX_FILE,
    HealthCheck,
    Manifest,
    Requirements,
    find_manifest,
    parse_manifest,
    read_manifest,
)

MINIMAL = "name: echo-service\ndocker:\n  serviceName: echo\n"


def docker(lines: str, **top: str) -> Manifest:
    """A minimal manifest with these lines in its ``docker`` map."""
    more = "".join(f"{key}: {value}\n" for key, value in top.items())
    return parse_manifest(MINIMAL + "".join(f"  {line}\n" for line in lines.splitlines()) + more)


def refused(text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "repo/MediaConduit.service.yml")
    assert str(caught.value).startswith("repo/MediaConduit.service.yml")
    return str(caught.value).removeprefix("repo/MediaConduit.service.yml").lstrip(": ")


def test_all_that_is_known() -> None:
    manifest = parse_manifest("""\
name: "ollama-service"
version: "1.0.0"
description: "Local inference"
docker:
  composeFile: "docker-compose.yml"
  serviceName: "ollama"
  image: "ollama/ollama:latest"
  ports: [11434]
  healthCheck:
    url: "http://localhost:11434/api/tags"
    interval: "30s"
    timeout: "10s"
    retries: 5
  environment: {}
  volumes:
    - "ollama_data:/root/.ollama"
capabilities: ["text-to-text", "llm-inference"]
requirements:
  gpu: true
  memory: "8GB"
  cpu: "4.0"
  disk: "20GB"
metadata:
  repository: "https://github.com/mediaconduit/ollama-service"
  license: "MIT"
""")
    assert manifest == Manifest(
        name="ollama-service",
        version="1.0.0",
        description="Local inference",
        compose_file="docker-compose.yml",
        compose_service="ollama",
        image="ollama/ollama:latest",
        ports=(11434,),
        health=HealthCheck("/api/tags", 30.0, 10.0, 5),
        environment={},
        volumes=("ollama_data:/root/.ollama",),
        capabilities=("text-to-text", "llm-inference"),
        requirements=Requirements(True, 8 * 1024**3, 4.0, 20 * 1024**3),
        metadata={
            "repository": "https://github.com/mediaconduit/ollama-service",
            "license": "MIT",
        },
    )
    assert manifest.is_ollama


def test_the_dialect_with_an_id_and_placeholders() -> None:
    manifest = parse_manifest("""\
id: cowsay-service
name: Cowsay Service
docker:
  composeFile: docker-compose.yml
  serviceName: cowsay
  image: cowsay-service
  ports:
    - 0  # any
  healthCheck:
    url: http://localhost:__PORT__/health  # replaced
version: "1.0.0"
capabilities:
  - TextToText
""")
    assert (manifest.name, manifest.ports) == ("Cowsay Service", ())
    assert manifest.health == HealthCheck("/health")
    assert manifest.requirements == Requirements()
    assert (manifest.extra, manifest.is_ollama) == ({}, False)


def test_as_little_as_possible() -> None:
    manifest = parse_manifest("id: echo\ndocker: {serviceName: echo}\n")
    assert manifest == Manifest(name="echo", compose_service="echo")
    assert manifest.health == HealthCheck("/", None, None, None)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("url: http://localhost:11434/api/tags", "/api/tags"),
        ("url: http://localhost:__PORT__/health", "/health"),
        ("url: http://localhost:${PORT:-8004}/health?deep=1#x", "/health?deep=1"),
        ("url: http://localhost:8880", "/"),
        ("url: http://[::1/health", "/health"),
        ("url: localhost:8880/health", "/health"),
        ("url: localhost:__PORT__", "/"),
        ("endpoint: /", "/"),
        ("endpoint: /health", "/health"),
        ("endpoint: health", "/health"),
        ("endpoint: api/predict?x=1", "/api/predict?x=1"),
        ("interval: 5s", "/"),
    ],
)
def test_only_the_path_of_a_health_check_is_used(line: str, path: str) -> None:
    assert docker(f"healthCheck:\n  {line}").health.path == path


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("1.5m", 90), ("2h", 7200), ("15", 15)],
)
def test_durations(text: str, seconds: float) -> None:
    assert docker(f"healthCheck: {{interval: {text}}}").health.interval_s == seconds


@pytest.mark.parametrize(
    ("text", "ports"),
    [("[]", ()), ("[0]", ()), ("[8080, 8081]", (8080, 8081)), ('["9000"]', (9000,)), ("", ())],
)
def test_ports(text: str, ports: tuple[int, ...]) -> None:
    assert docker(f"ports: {text}").ports == ports


@pytest.mark.parametrize("text", ["8080", "[a]", "[true]", "[70000]", "[-1]", "[80.5]", "[.inf]"])
def test_ports_that_are_none(text: str) -> None:
    with pytest.raises(
        ManifestError, match=r"docker\.ports is .*\naccepted: a list of port numbers"
    ):
        docker(f"ports: {text}")


@pytest.mark.parametrize(
    ("memory", "size"),
    [("8GB", 8 * 1024**3), ("512 MB", 512 * 1024**2), ("2Gi", 2 * 1024**3), ("1024", 1024)],
)
def test_memory(memory: str, size: int) -> None:
    assert docker("", requirements=f"{{memory: {memory}}}").requirements.memory_bytes == size


@pytest.mark.parametrize(("cpu", "cores"), [('"1.0"', 1.0), ("4", 4.0), ("4 cores", 4.0)])
def test_cores(cpu: str, cores: float) -> None:
    assert docker("", requirements=f"{{cpu: {cpu}}}").requirements.cpu == cores


def test_environment_values_become_texts() -> None:
    manifest = docker("environment:\n  A: 1\n  B: true\n  C: 1.5\n  D:\n  E: x y")
    assert manifest.environment == {"A": "1", "B": "true", "C": "1.5", "D": "", "E": "x y"}


def test_unknown_keys_are_kept_by_their_path() -> None:
    manifest = docker(
        "gpus: all\nhealthCheck: {start: 5s}",
        configuration="{gpu: {device: 0}}",
        requirements="{network: fast}",
        metadata="{author: Ada, tags: [a, b]}",
    )
    assert manifest.extra == {
        "docker.gpus": "all",
        "docker.healthCheck.start": "5s",
        "configuration": {"gpu": {"device": 0}},
        "requirements.network": "fast",
        "metadata.tags": ["a", "b"],
    }
    assert manifest.metadata == {"author": "Ada"}


@pytest.mark.parametrize(
    ("image", "service", "is_ollama"),
    [
        ("ollama/ollama", "x", True),
        ("docker.io/ollama/ollama:0.5", "x", True),
        ("ollama/ollama@sha256:0123", "x", True),
        ("localhost:5000/ollama/ollama:latest", "x", False),
        ("someone/ollama", "x", False),
        ("someone/else", "ollama", True),
    ],
)
def test_what_is_an_ollama(image: str, service: str, is_ollama: bool) -> None:
    text = f"name: n\ndocker: {{serviceName: {service}, image: '{image}'}}\n"
    assert parse_manifest(text).is_ollama == is_ollama


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty\na service needs name and docker.serviceName"),
        ("# nothing\n---\n", "is empty\n"),
        ("just words", "the file is 'just words' (str)\naccepted: a map of keys"),
        ("- a\n- b", "the file is ['a', 'b'] (list)\naccepted: a map of keys"),
        ("name: x\n", "docker is missing\naccepted: a map"),
        ("name: x\ndocker:\n", "docker is missing\naccepted: a map"),
        ("name: x\ndocker: compose.yml\n", "docker is 'compose.yml' (str)\naccepted: a map"),
        ("name: x\ndocker: {image: y}\n", "docker.serviceName is missing\naccepted: a text"),
        ("docker: {serviceName: y}\n", "name (or id) is missing"),
        ("name: [x]\ndocker: {serviceName: y}\n", "name is ['x'] (list)\naccepted: a text"),
        ("name: yes\ndocker: {serviceName: y}\n", "name is True (bool)\naccepted: a text"),
        (MINIMAL + "  healthCheck: /health\n", "docker.healthCheck is '/health' (str)"),
        (MINIMAL + "  healthCheck: {interval: soon}\n", 'docker.healthCheck.interval is "soon"'),
        (MINIMAL + "  healthCheck: {retries: 1.5}\n", "docker.healthCheck.retries is 1.5 (float)"),
        (MINIMAL + "  volumes: {a: b}\n", "docker.volumes is {'a': 'b'} (dict)"),
        (MINIMAL + "  environment: [A=1]\n", "docker.environment is ['A=1'] (list)"),
        (MINIMAL + "  environment: {A: [1]}\n", "docker.environment.A is [1] (list)"),
        (MINIMAL + "requirements: {gpu: maybe}\n", "requirements.gpu is 'maybe' (str)"),
        (MINIMAL + "requirements: {memory: lots}\n", "requirements.memory is 'lots' (str)"),
        (MINIMAL + "requirements: {cpu: true}\n", "requirements.cpu is True (bool)"),
        (MINIMAL + "  composeFile: ../../x.yml\n", "docker.composeFile is '../../x.yml'"),
        (MINIMAL + "  composeFile: /etc/x.yml\n", "docker.composeFile is '/etc/x.yml'"),
        ("name: 'x\n", "is not valid YAML: found unexpected end of stream in line 2"),
        ("a: b: c\n", "is not valid YAML: mapping values are not allowed"),
        ("name: !!python/object/apply:os.getcwd []\n", "is not valid YAML: could not determine"),
        ("name: \0\n", "is not valid YAML:"),
        ("version: 2024-13-45\n", "is not valid YAML: month must be in 1..12"),
        ("[" * 100_000, "is not valid YAML:"),
    ],
)
def test_errors_say_where_what_and_what_instead(text: str, said: str) -> None:
    assert said.replace('"soon"', "'soon'") in refused(text)


def test_bombs_are_only_an_error() -> None:
    levels = [f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    text = "name: x\nbombs:\n  - &a0 [boom]\n" + "\n".join(levels) + "\ndocker: *a39\n"
    began = time.monotonic()
    assert "has more than 20,000 values" in refused(text)
    assert "has more than 100 aliases" in refused("a: &a 1\nb: [" + "*a, " * 101 + "]\n")
    assert "nests more than 50 deep" in refused("a: " + "[" * 60 + "]" * 60)
    assert "has more than 20,000 values" in refused("a: &a {b: *a}\n")
    assert "has more than 20,000 values" in refused("a: [" + "x," * 30_000 + "]\n")
    assert time.monotonic() - began < 5


def test_a_manifest_has_a_bound(tmp_path: Path) -> None:
    (tmp_path / FILE_NAMES[0]).write_text(MINIMAL + "#" * MAX_FILE)
    with pytest.raises(ManifestError, match="cannot be read: it has more than 1 MB"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "fifo"])
def test_a_manifest_that_is_no_file_of_the_folder(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    (tmp_path / "outside").write_text(MINIMAL)
    (folder / FILE_NAMES[0]).symlink_to(target)
    with pytest.raises(ManifestError, match=r"lies outside the repository|has no Media"):
        read_manifest(folder)


def test_a_manifest_in_git_lfs(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (tmp_path / FILE_NAMES[0]).write_text(pointer)
    with pytest.raises(ManifestError, match="is kept in Git LFS, which is not fetched") as caught:
        read_manifest(tmp_path, "github:a/b")
    assert caught.value.hint == "clone it with git lfs, then %mc load ./FOLDER"


@pytest.mark.parametrize("name", FILE_NAMES)
def test_every_file_name_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("\ufeff" + MINIMAL.replace("\n", "\r\n"), encoding="utf-8")
    manifest = read_manifest(tmp_path)
    assert (manifest.name, manifest.file) == ("echo-service", str(tmp_path / name))


def test_a_file_that_is_missing_or_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"has no MediaConduit\.service\.yml\n.*prizm"):
        find_manifest(tmp_path)
    (tmp_path / FILE_NAMES[0]).write_bytes(b"name: \xff\xfe")
    with pytest.raises(ManifestError, match="cannot be read: 'utf-8' codec"):
        read_manifest(tmp_path)
    (tmp_path / FILE_NAMES[0]).write_bytes(b"")
    with pytest.raises(ManifestError, match="is empty"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        f"requirements: {{memory: {'9' * 400}GB}}",
        f"requirements: {{disk: 0x{'f' * 5000}}}",
        f"description: 0x{'f' * 5000}",
        f"metadata: {{a: 0x{'f' * 5000}}}",
    ],
    ids=["memory", "disk", "description", "metadata"],
)
def test_a_number_that_is_too_large_to_be_one_is_an_error(line: str) -> None:
    with pytest.raises(ManifestError, match="too large to be one"):
        parse_manifest(f"name: a\ndocker: {{serviceName: a}}\n{line}")
