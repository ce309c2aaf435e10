"""What a Dockerfile may have the builder fetch."""

from __future__ import annotations

import random
import time

import pytest

from mc_jupyter.runtimes.compose import hosts
from mc_jupyter.runtimes.compose.dockerfile import check

FINE = {
    "plain": 'FROM python:3.11-slim\nRUN pip install x\nCOPY . /app\nCMD ["python", "app.py"]\n',
    "stages": "FROM golang:1 AS build\nRUN go build\nFROM build\nCOPY --from=build /a /b\n"
    "COPY --from=0 /a /b\nFROM scratch\nCOPY --from=BUILD / /\n",
    "arguments": "ARG CUDA=12.1.0\nARG OS=ubuntu22.04\nFROM nvidia/cuda:${CUDA}-runtime-${OS}\n",
    "argument with a default": "ARG BASE\nFROM ${BASE:-python:3.11}\n",
    "platform": "FROM --platform=$BUILDPLATFORM golang:1\nARG TARGETARCH\nRUN echo $TARGETARCH\n",
    "platform in the name": "FROM tonistiigi/xx-$TARGETARCH\n",
    "registries": "FROM ghcr.io/a/b:1\nFROM nvcr.io/nvidia/pytorch:24.01-py3\nFROM quay.io/x/y\n"
    "FROM mcr.microsoft.com/x\nFROM registry.gitlab.com:443/a/b@sha256:" + "0" * 64 + "\n",
    "uv": "FROM python\nCOPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/\n",
    "syntax": "# syntax=docker/dockerfile:1.4\n# check=skip=all\nFROM x\n",
    "syntax with a digest": "#syntax = docker.io/docker/dockerfile:1@sha256:"
    + "a" * 64
    + "\nFROM x\n",
    "escape": "# escape=`\nFROM x\nRUN a `\n  b\nCOPY a\\b /c\n",
    "caches": "FROM x\nRUN --mount=type=cache,target=/root/.cache,sharing=locked "
    "--mount=type=bind,source=a,target=/a,from=y apt-get update && \\\n"
    "    # a comment\n\n    apt-get install -y git\n",
    "secret that is not given": "FROM x\nRUN --mount=type=secret,id=t cat /run/secrets/t\n",
    "here-document": "FROM x\nRUN <<EOF\nset -e\necho hello\nEOF\n"
    'COPY <<-"END" /x\n\tfree text\n\tEND\nRUN a\n',
    "a script in Python": "FROM x\nRUN python3 <<EOF\nfrom pathlib import Path\nimport os\nEOF\n",
    "archive": "FROM x\nARG V=1\nADD https://github.com/a/b/archive/${V}.tar.gz /x\n"
    "ADD --checksum=sha256:0 --chown=1:1 http://example.org:8080/x /y\nADD a.tar b* ./dir/ /x\n"
    'ADD ["a b", "/x"]\nADD github.com/a/b /x\nADD https://github.com/a/b.git#main /x\n'
    "ADD ssh://git@github.com/a/b.git /x\n",
    "everything else": 'FROM x\nMAINTAINER me\nLABEL a=b c="d"\nENV A=1 B=$A\nEXPOSE 80\nUSER 1\n'
    'VOLUME /v\nWORKDIR /w\nSTOPSIGNAL 9\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT x\nARG Y=$A\n'
    "HEALTHCHECK --interval=5s CMD curl -f http://localhost/\nONBUILD COPY . /x\nCMD x\n",
    "windows line ends": "# syntax=docker/dockerfile:1\r\nFROM x\r\nRUN a \\\r\n  b\r\n",
    "mark of the byte order": "\ufeffFROM x\n",
    "shifts": 'FROM x\nRUN python -c "print(1<<3)" && cat <<< x\n',
}


@pytest.mark.parametrize("case", FINE)
def test_what_public_services_write(case: str) -> None:
    assert check(FINE[case]) == []


HOSTS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1.",
    "registry",
    "a.internal",
    "a.local",
    "a.lan",
    "a.home.arpa",
    "host.docker.internal",
    "metadata.google.internal",
    "１２７.0.0.1",
    "good.com@127.0.0.1",
    "good.com:80@127.0.0.1",
    "good.com\\@127.0.0.1",
    "good。com",
    "a..com",
    "-a.com",
    "%3127.0.0.1",
    "0",
    "127.0.0.1%2f.com",
    "com",
    "a.test",
    "a.localhost",
    "$HOST",
    "${HOST}",
]


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_that_are_not_public(host: str) -> None:
    for line in (
        f"ADD http://{host}/x /y",
        f"ADD https://{host}:5000/x /y",
        f"ADD git://{host}/x.git /y",
        f'ADD ["http://{host}/x", "/y"]',
        f'ADD "http://{host}/x" /y',
        f"ADD a http://{host} /y",
        f"ONBUILD ADD http://{host}/x /y",
        f"add\thttp://{host}/x /y",
    ):
        assert check(f"FROM scratch\n{line}\n"), line
    assert check(f"FROM {host}:5000/x\n")
    assert check(f"FROM scratch\nCOPY --from={host}:5000/x /a /b\n")
    assert check(f"# syntax={host}:5000/x\nFROM scratch\n")
    assert not hosts.is_public(host)


REFUSED = {
    "no instruction": "FROM x\nFETCH http://a\n",
    "syntax of somebody": "# syntax=somebody/dockerfile:1\nFROM x\n",
    "syntax 2": "#SYNTAX=docker/dockerfile:2\nFROM x\n",
    "syntax after another": "# escape=\\\n# syntax = 127.0.0.1:5000/x\nFROM x\n",
    "syntax after a comment": "# hello\n# syntax=127.0.0.1:5000/x\nFROM x\n",
    "syntax in C": "// syntax=127.0.0.1:5000/x\nFROM x\n",
    "syntax in JSON": '{"syntax": "127.0.0.1:5000/x"}\nFROM x\n',
    "syntax behind a shebang": "#!/usr/bin/docker build\n# syntax=127.0.0.1:5000/x\nFROM x\n",
    "escape behind a comment": "# hello\n# escape=`\nFROM x\n",
    "parts of a word": "FROM x\nADD ht\\tp://127.0.0.1/x /y\n",
    "quotes in a word": "FROM x\nADD ht''tp://127.0.0.1/x /y\n",
    "an escape in JSON": 'FROM x\nADD ["\\u0068ttp://127.0.0.1/x", "/y"]\n',
    "broken JSON": 'FROM x\nADD ["http://127.0.0.1/x", "/y"\n',
    "continued": "FROM x\nAD\\\nD http://127.0.0.1/x /y\n",
    "continued over a comment": "FROM x\nADD \\\n# hello\n\nhttp://127.0.0.1/x /y\n",
    "a doubled escape": "FROM x\nRUN x \\\\\nADD http://127.0.0.1/x /y\n",
    "hidden by a space of Python": "FROM x\nRUN x \\\n\x1c\nADD http://127.0.0.1/x /y\n",
    "hidden by a wide space": "FROM x\nRUN x \\\n\u3000\nADD http://127.0.0.1/x /y\n",
    "NUL": "FROM x\0\n",
    "return": "FROM x\nRUN x\rADD http://127.0.0.1/x /y\n",
    "in a here-document": "FROM x\nRUN <<EOF\nADD http://127.0.0.1/x /y\nEOF\n",
    "behind a here-document": "FROM x\nRUN <<EOF\na \\\nEOF\nADD http://127.0.0.1/x /y\n",
    "odd end of a here-document": "FROM x\nRUN <<'E\\'\nE\\\nADD http://127.0.0.1/x /y\n",
    "option with quotes": 'FROM x\nCOPY --fr"om"=127.0.0.1:5000/x /a /b\n',
    "option behind one with a space": "FROM x\nCOPY --chown='a b' --from=127.0.0.1:5000/x /a /b\n",
    "option with an escape": "FROM x\nCOPY --fr\\om=127.0.0.1:5000/x /a /b\n",
    "unknown option": "FROM x\nCOPY --source=127.0.0.1:5000/x /a /b\n",
    "variable in a host": "FROM x\nARG A=a\nADD http://${A:-a}.com/x /y\n",
    "variable in an option": "ARG A=y\nFROM x\nCOPY --from=$A /a /b\n",
    "mount": "FROM x\nRUN --mount=type=bind,from=127.0.0.1:5000/x,target=/x true\n",
    "mount, spelled": "FROM x\nRUN --mount=target=/x,FROM=localhost/x true\n",
    "mount with quotes": 'FROM x\nRUN --mount=type=bind,\\"from=127.0.0.1:5000/x\\" true\n',
    "mount of another kind": "FROM x\nRUN --mount=type=host true\n",
    "network": "FROM x\nRUN --network=host curl http://127.0.0.1\n",
    "rights": "FROM x\nRUN --security=insecure true\n",
    "device": "FROM x\nRUN --device=vendor/x true\n",
    "unknown variable": "FROM $BASE\n",
    "argument of a stage": "FROM x\nARG BASE=y\nFROM $BASE\n",
    "argument with a bad default": "ARG BASE=localhost:5000/x\nFROM $BASE\n",
    "another way to cut": "ARG BASE=xlocalhost:5000/x\nFROM ${BASE#x}\n",
    "empty platform": "FROM local${TARGETARCH}host/x\n",
    "platform's default": "FROM ${TARGETVARIANT:-localhost/x}\n",
    "stage with an odd name": "FROM scratch AS localhost:5000/x\nFROM localhost:5000/x\n",
    "file by a variable": "FROM x\nARG A\nADD $A /x\n",
    "name of git": "FROM x\nADD git@127.0.0.1:a/b.git /x\n",
    "scheme": "FROM x\nADD oci-layout://a /x\n",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    assert check(REFUSED[case])


def test_arguments_win_over_defaults() -> None:
    text = "ARG BASE=x\nFROM $BASE\n"
    assert check(text, arguments={"BASE": "ghcr.io/a/b"}) == []
    assert check(text, arguments={"BASE": "localhost/b"})
    assert check("FROM ${BASE:-x}\n", arguments={"BASE": "localhost/b"}) == []  # not declared


def test_a_finding_names_line_and_reason() -> None:
    (found,) = check("FROM x\n\nRUN a\nADD   http://127.0.0.1/x \\\n  /y\n")
    assert (found.line, found.text) == (4, "ADD http://127.0.0.1/x /y")
    assert found.reason == "127.0.0.1 is not the public name of a host"


@pytest.mark.parametrize(
    "name", ["ghcr.io", "a.b.co.uk", "GitHub.com", "xn--bcher-kva.example.org"]
)
def test_public_hosts(name: str) -> None:
    assert hosts.is_public(name)


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        ("x", None),
        ("a/b:1", None),
        ("a.b/c", "a.b"),
        ("a:1/c", "a:1"),
        ("localhost/c", "localhost"),
        ("A/c", "A"),
        ("a.b", None),
        ("docker.io/x", "docker.io"),
    ],
)
def test_the_host_of_an_image(reference: str, host: str | None) -> None:
    assert hosts.of_image(reference) == host


def test_no_text_breaks_it() -> None:
    chance = random.Random(11)
    words = [
        *"\\`\n\r\t \"'$[]{}<>#=,-:/@.\0é",
        "FROM ",
        "ADD ",
        "COPY --from=",
        "RUN --mount=",
        "<<EOF",
        "ARG A=",
        "${A:-",
        "# syntax=",
        "# escape=`",
        "http://",
        "127.0.0.1",
        "x",
        "ONBUILD ",
        "\n",
    ]
    for _ in range(5000):
        check("".join(chance.choices(words, k=chance.randrange(40))))
    check("ONBUILD " * 200 + "ADD x")
    check("FROM " + "${A:-" * 1000)
    began = time.process_time()
    check("ONBUILD " * 120_000)
    check("FROM x\nCOPY " + "--chown=a " * 100_000 + "a b\n")
    check("FROM " + "--platform=a " * 80_000 + "x\n")
    check("FROM x\nRUN <<A\n" + "from " * 200_000 + "\n")
    check("FROM x\nRUN " + "<<A " * 250_000)
    check("FROM x\n" + "RUN a \\\n" * 120_000)
    check("FROM " + "a." * 500_000 + "/x\n")
    assert time.process_time() - began < 10
    check("FROM x AS y\n" * 1000)
