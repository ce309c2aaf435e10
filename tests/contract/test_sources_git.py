"""Fetching from a real git server: which commit comes, what never runs, and what errors say."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_server import (
    SERVICE_FILES,
    GitServer,
    Link,
    Submodule,
    annotate,
    make_repository,
    redirect,
)

from mc_jupyter.errors import (
    GitMissingError,
    MediaConduitError,
    RefNotFoundError,
    RepositoryNotFoundError,
    SourceError,
    SourceUnreachableError,
)
from mc_jupyter.events import Event
from mc_jupyter.settings import Settings
from mc_jupyter.sources import fetch, parse_identifier
from mc_jupyter.sources.base import Checkout
from mc_jupyter.sources.guard import Clock

NAME = "github:Someone/echo-service"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        for name, value in redirect(running.url).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def repository(server: GitServer) -> Path:
    return server.repository("Someone/echo-service")


def load(identifier: str = NAME, **options: object) -> Checkout:
    return fetch(parse_identifier(identifier), Settings(), **options)  # type: ignore[arg-type]


def refused(kind: type[MediaConduitError], identifier: str = NAME, **options: object) -> str:
    """The text of the error, which must be of exactly that kind, and leave nothing on disk."""
    with pytest.raises(kind) as caught:
        load(identifier, **options)
    assert type(caught.value) is kind
    left = [path for path in Settings().cache.rglob("*") if path.is_file() and path.name != "lock"]
    assert left == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("ref", "full"),
    [
        ("", "refs/heads/main"),
        ("@HEAD", "refs/heads/main"),
        ("@main", "refs/heads/main"),
        ("@v1.0", "refs/tags/v1.0"),
        ("@feat/x", "refs/heads/feat/x"),
        ("@refs/heads/feat/x", "refs/heads/feat/x"),
    ],
)
def test_every_kind_of_ref(repository: Path, ref: str, full: str) -> None:
    refs = {"refs/tags/v1.0": {"V": "1"}, "refs/heads/feat/x": {"V": "x"}}
    commits = make_repository(repository, refs=refs)
    checkout = load(NAME + ref)
    assert (checkout.commit, checkout.fetched, checkout.note) == (commits[full], True, None)
    found = {path.name: path.read_text() for path in checkout.folder.iterdir()}
    assert found == {**SERVICE_FILES, **refs.get(full, {})}


def test_a_commit_id_and_an_annotated_tag(repository: Path) -> None:
    commits = make_repository(repository, refs={"refs/heads/old": {"V": "old"}})
    annotate(repository, "v2", commits["refs/heads/old"])
    by_id = load(f"{NAME}@{commits['refs/heads/old']}")
    assert by_id.commit == commits["refs/heads/old"]
    assert (by_id.folder / "V").read_text() == "old"
    assert load(f"{NAME}@v2").commit == commits["refs/heads/old"]


def test_a_missing_ref_is_an_error_and_never_the_default_branch(repository: Path) -> None:
    make_repository(repository, refs={"refs/heads/develop": {}})
    text = refused(RefNotFoundError, f"{NAME}@devlop")
    assert text == (
        f"{NAME}@devlop: the repository has no branch, tag or commit 'devlop'\n"
        f"did you mean 'develop'? %mc load {NAME}@develop"
    )
    assert "it has develop, main" in refused(RefNotFoundError, f"{NAME}@v9.9")
    assert "40 digits" in refused(RefNotFoundError, f"{NAME}@0123abc")
    assert "no branch, tag or commit" in refused(RefNotFoundError, f"{NAME}@{'0' * 39}1")


def test_an_empty_repository(repository: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(repository)], check=True)
    assert "no commit yet" in refused(RefNotFoundError)


def test_a_repository_that_is_not_there(server: GitServer) -> None:
    text = refused(RepositoryNotFoundError)
    assert text.startswith(f"{NAME}: github.com has no such repository")
    assert "https://github.com/Someone/echo-service;" in text


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_wants_a_login_is_asked_nothing_more(server: GitServer, status: int) -> None:
    server.status = status
    refused(RepositoryNotFoundError)
    assert len(server.requests) == 1


def test_a_page_that_is_no_repository(server: GitServer) -> None:
    server.status, server.body = 200, b"<html>\n<p>Sign in</p>\n</html>\n"
    assert "is this a git repository?" in refused(RepositoryNotFoundError)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_no_missing_connection(server: GitServer, status: int) -> None:
    server.status = status
    assert f"error: {status}" in refused(SourceError)


def test_a_connection_cut_in_mid_pack(server: GitServer, repository: Path) -> None:
    make_repository(repository, {**SERVICE_FILES, "big": os.urandom(100_000)})
    server.cut_after = 30_000
    refused(SourceUnreachableError)


def test_nothing_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    text = refused(SourceUnreachableError, f"https://127.0.0.1:{port}/o/r")
    assert text.startswith(f"https://127.0.0.1:{port}/o/r: 127.0.0.1:{port} could not be reached")


@pytest.mark.parametrize("identifier", ["https://127.0.0.1:{port}/o/r", NAME])
def test_a_server_that_never_answers(
    identifier: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A TLS handshake, or an HTTP answer, that does not come: git itself waits for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for name, value in redirect(f"http://127.0.0.1:{port}").items():
            monkeypatch.setenv(name, value)
        text = refused(
            SourceUnreachableError, identifier.format(port=port), clock=Clock(first_byte=0.5)
        )
    assert "could not be reached (no answer for 0.5 s)" in text


def test_a_server_that_falls_silent(server: GitServer, repository: Path) -> None:
    make_repository(repository, {**SERVICE_FILES, "big": os.urandom(300_000)})
    server.bytes_per_second, server.cut_after = 20_000, None
    text = refused(SourceUnreachableError, clock=Clock(first_byte=5.0, silence=0.3))
    assert "(silent for 0.3 s)" in text


def test_progress_is_reported(server: GitServer, repository: Path) -> None:
    make_repository(repository, {**SERVICE_FILES, "big": os.urandom(100_000)})
    events: list[Event] = []
    load(report=events.append)
    assert {event.step for event in events} == {"fetch"}
    assert events[0].text == f"fetching {NAME}"
    told = [event.text for event in events]
    words = rf"fetching {NAME}: receiving 5 of 5 objects, \d+ kB(, \d+ [kMG]?B/s)?"
    assert [text for text in told if re.fullmatch(words, text)]
    assert [event.text for event in events if event.settled] == [told[-1]]
    assert told[-1] == f"fetched {NAME}"


def test_a_repository_can_lead_nowhere_and_run_nothing(repository: Path) -> None:
    tricks = {
        "data": Link("/"),
        "sub": Submodule("1" * 40),
        ".gitmodules": '[submodule "sub"]\n\tpath = sub\n\turl = file:///etc\n',
        ".gitattributes": "* filter=evil\n",
        "crlf.sh": "#!/bin/sh\necho one\n",
    }
    make_repository(repository, {**SERVICE_FILES, **tricks})
    checkout = load()
    folder = checkout.folder
    assert not os.path.lexists(folder / "data")
    assert checkout.links == {"data": "/"}
    assert checkout.note == (
        "submodules are not fetched: sub; links out of the repository are left out: data -> /"
    )
    assert list((folder / "sub").iterdir()) == []
    assert not (folder / ".git").exists()
    assert (folder / "crlf.sh").read_bytes() == b"#!/bin/sh\necho one\n"


def test_nothing_of_the_users_environment_or_configuration_takes_part(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(repository)
    spoor, hooks = tmp_path / "spoor", tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    for hook in ("post-checkout", "reference-transaction", "fsmonitor"):
        (hooks / hook).write_text(f"#!/bin/sh\necho {hook} >> {spoor}\n")
        (hooks / hook).chmod(0o755)
    (tmp_path / "config").write_text(
        f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = {hooks}/fsmonitor\n\tautocrlf = true\n"
        f"[init]\n\ttemplateDir = {tmp_path}/template\n[submodule]\n\trecurse = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.hooksPath={hooks}'")
    monkeypatch.setenv("GIT_TRACE", str(spoor))
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "OBJECT_DIRECTORY", "COMMON_DIR", "NAMESPACE"):
        monkeypatch.setenv(f"GIT_{name}", str(tmp_path / "elsewhere"))
    folder = load().folder
    assert (folder / "docker-compose.yml").read_bytes().count(b"\r") == 0
    assert not spoor.exists()
    assert not (tmp_path / "elsewhere").exists()


def test_only_what_git_needs_is_passed_on() -> None:
    from mc_jupyter.sources.git import environment

    given = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy:3128",
        "GIT_SSL_CAINFO": "/ca.pem",
        "GIT_CONFIG_COUNT": "0",
        "GITHUB_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "GIT_DIR": "/elsewhere",
        "GIT_ASKPASS": "/bin/ask",
        "LD_PRELOAD": "/evil.so",
    }
    passed = environment(given)
    assert {name for name in given if passed.get(name) == given[name]} == {
        "PATH",
        "HTTPS_PROXY",
        "GIT_SSL_CAINFO",
        "GIT_CONFIG_COUNT",
    }
    assert passed["GIT_ALLOW_PROTOCOL"] == "https"
    assert environment({"GIT_ALLOW_PROTOCOL": "https:ssh"})["GIT_ALLOW_PROTOCOL"] == "https:ssh"


def test_another_protocol_must_be_allowed_by_the_user(
    server: GitServer, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(repository)
    monkeypatch.delenv("GIT_ALLOW_PROTOCOL")
    assert "%env GIT_ALLOW_PROTOCOL=https:http" in refused(SourceError)
    assert server.requests == []


def test_no_git_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = refused(GitMissingError)
    assert text.startswith("there is no git program")
    assert "%mc load ollama" in text


def test_git_may_be_installed_while_the_kernel_lives(server: GitServer, repository: Path) -> None:
    """GitPython cannot even be imported without git; that must not be remembered."""
    make_repository(repository)
    script = (
        "import os\n"
        "from mc_jupyter import errors, settings, sources\n"
        "path = os.environ.pop('PATH')\n"
        f"wanted = sources.parse_identifier({NAME!r})\n"
        "os.environ['PATH'] = '/nowhere'\n"
        "try:\n"
        "    sources.fetch(wanted, settings.Settings())\n"
        "except errors.GitMissingError:\n"
        "    os.environ['PATH'] = path\n"
        "    print(sources.fetch(wanted, settings.Settings()).fetched)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("True\n", "")
