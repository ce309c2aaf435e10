"""What a repository may hold and a user's configuration may do: real git, real repositories."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_server import (
    SERVICE_FILES,
    File,
    GitServer,
    Link,
    Submodule,
    make_repository,
    redirect,
)

from mc_jupyter.errors import MediaConduitError, RefNotFoundError, SourceError
from mc_jupyter.settings import Settings
from mc_jupyter.sources import fetch, parse_identifier
from mc_jupyter.sources.base import Checkout

NAME = "github:Someone/echo-service"
MARK = "#!/bin/sh\ntouch {place}\ncat\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        for name, value in redirect(running.url).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def repository(server: GitServer) -> Path:
    return server.repository("Someone/echo-service")


def load(**overrides: str) -> Checkout:
    return fetch(parse_identifier(NAME), Settings(overrides))


def refused(kind: type[MediaConduitError], **overrides: str) -> MediaConduitError:
    with pytest.raises(kind) as caught:
        load(**overrides)
    left = [path for path in Settings().cache.rglob("*") if path.is_file() and path.name != "lock"]
    assert left == []
    return caught.value


# --- what the user's configuration may do

ATTRIBUTES = (
    "* filter=evil\n*.txt text eol=crlf\nwide.txt working-tree-encoding=UTF-16\n"
    "*.id ident\n*.evil merge=evil diff=evil\n[attr]all filter=evil\n*.all all\n"
)


def test_filters_and_attributes_change_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, File] = {
        ".gitattributes": ATTRIBUTES,
        "sub/.gitattributes": "* filter=evil text eol=crlf\n",
        "a.txt": "one\ntwo\n",
        "b.txt": "one\r\ntwo\r\n",
        "wide.txt": "wide\n",
        "x.id": "$Id$\n",
        "x.all": "x\n",
        "sub/deep": "deep\n",
    }
    make_repository(repository, {**SERVICE_FILES, **files})
    marks = tmp_path / "marks"
    marks.mkdir()
    programs = {}
    for name in (
        "smudge",
        "clean",
        "process",
        "fsmonitor",
        "hook",
        "editor",
        "credential",
        "askpass",
    ):
        programs[name] = tmp_path / f"{name}.sh"
        programs[name].write_text(MARK.format(place=marks / name))
        programs[name].chmod(0o755)
    (tmp_path / "attributes").write_text("* filter=evil\n")
    (tmp_path / "hooks").mkdir()
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (tmp_path / "hooks" / hook).write_text(MARK.format(place=marks / hook))
        (tmp_path / "hooks" / hook).chmod(0o755)
    (tmp_path / "config").write_text(
        f'[filter "evil"]\n\tsmudge = {programs["smudge"]}\n\tclean = {programs["clean"]}\n'
        f"\tprocess = {programs['process']}\n\trequired = true\n"
        f"[core]\n\tattributesFile = {tmp_path}/attributes\n\tfsmonitor = {programs['fsmonitor']}\n"
        f"\thooksPath = {tmp_path}/hooks\n\tautocrlf = true\n\teol = crlf\n\tsymlinks = true\n"
        f"\teditor = {programs['editor']}\n\taskPass = {programs['askpass']}\n"
        f"[init]\n\ttemplateDir = {tmp_path}\n[checkout]\n\tworkers = 4\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_ATTR_NOSYSTEM", "0")
    folder = load().folder
    assert list(marks.iterdir()) == []
    for name, content in files.items():
        assert (folder / name).read_bytes() == str(content).encode()
    # the configuration does have teeth: a plain clone runs the filter
    clone = ["git", "clone", "-q", str(repository), str(tmp_path / "clone")]
    subprocess.run(clone, capture_output=True, env={**os.environ, "GIT_ALLOW_PROTOCOL": "file"})
    assert list(marks.iterdir()) != []


# --- sizes


def test_a_fetch_has_a_bound(repository: Path) -> None:
    make_repository(repository, {**SERVICE_FILES, "noise": os.urandom(30_000_000)})
    error = refused(SourceError, max_fetch="5MB")
    assert error.message.startswith(f"{NAME}: more than 5.0 MB came; at most 5.0 MB are fetched")
    assert error.hint is not None
    assert "%config McJupyter.max_fetch = '2GB'" in error.hint


def test_what_unpacks_to_more_is_not_written(repository: Path) -> None:
    make_repository(repository, {**SERVICE_FILES, "zeros": b"\0" * 60_000_000})
    assert sum(p.stat().st_size for p in repository.rglob("*") if p.is_file()) < 2_000_000
    began = time.monotonic()
    error = refused(SourceError, max_fetch="50MB")
    assert "60 MB of files; at most 50 MB are fetched" in error.message
    assert time.monotonic() - began < 30
    assert load().folder.is_dir()


def test_the_number_of_files_has_a_bound(repository: Path) -> None:
    files: dict[str, File] = {f"d{n // 1000}/{n}": "" for n in range(100_001)}
    make_repository(repository, {**SERVICE_FILES, **files})
    assert "more than 100,000 files" in refused(SourceError).message


# --- links


LINKS: dict[str, File] = {
    "deploy/docker-compose.yml": SERVICE_FILES["docker-compose.yml"],
    "docker-compose.yml": Link("deploy/docker-compose.yml"),
    "deploy/extra/a": "a",
    "chain1": Link("chain2"),
    "chain2": Link("./deploy/../chain3"),
    "chain3": Link("deploy/extra/a"),
    "folder": Link("deploy"),
    "through": Link("folder/extra/a"),
    "deploy/up": Link("../MediaConduit.service.yml"),
    "deploy/inner": Link("extra"),
}
OUTSIDE: dict[str, File] = {
    "absolute": Link("/etc/passwd"),
    "above": Link("../../etc/passwd"),
    "deploy/above": Link("../../x"),
    "itself": Link("itself"),
    "circle1": Link("circle2"),
    "circle2": Link("circle1"),
    "nothing": Link("missing"),
    "around": Link("."),
    "deploy/around": Link("../deploy"),
    "git": Link(".git/config"),
    "indirect": Link("absolute"),
    "long": Link("x/" * 1500),
    "dir-of-link": Link("absolute/../a"),
}


def test_links_within_the_repository_are_followed(repository: Path) -> None:
    make_repository(repository, {**SERVICE_FILES, **LINKS, **OUTSIDE})
    checkout = load()
    folder = checkout.folder
    compose = SERVICE_FILES["docker-compose.yml"]
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    assert (folder / "docker-compose.yml").read_text() == compose
    for name in ("chain1", "chain2", "chain3", "folder/extra/a", "through", "folder/inner/a"):
        assert (folder / name).read_text() == "a"
    assert (folder / "folder" / "up").read_text() == SERVICE_FILES["MediaConduit.service.yml"]
    assert set(checkout.links) == set(OUTSIDE)
    assert checkout.links["above"] == "../../etc/passwd"
    for name in OUTSIDE:
        assert not os.path.lexists(folder / name)
    assert checkout.note is not None
    assert "links out of the repository are left out: " in checkout.note
    assert load().links == checkout.links  # from the disk


def test_a_long_chain_of_links_ends(repository: Path) -> None:
    chain: dict[str, File] = {f"l{n}": Link(f"l{n + 1}") for n in range(60)}
    make_repository(repository, {**SERVICE_FILES, **chain, "l60": "end"})
    links = load().links
    assert "l0" in links
    assert "l59" not in links


def test_copies_of_links_have_a_bound(repository: Path) -> None:
    files: dict[str, File] = {"big/x": os.urandom(1_000_000)}
    files |= {f"l{n}": Link("big") for n in range(10)}
    make_repository(repository, {**SERVICE_FILES, **files})
    assert "with what its symbolic links lead to" in refused(SourceError, max_fetch="5MB").message
    bomb: dict[str, File] = {"d0/x": "x"}
    for n in range(1, 30):
        bomb |= {f"d{n}/{m}": Link(f"../d{n - 1}") for m in range(10)}
    make_repository(repository.with_name("bomb.git"), {**SERVICE_FILES, **bomb})
    began = time.monotonic()
    with pytest.raises(SourceError, match="symbolic links"):
        fetch(parse_identifier("github:Someone/bomb"), Settings())
    assert time.monotonic() - began < 30


def test_odd_names(repository: Path) -> None:
    files: dict[str, File] = {
        "a b": "1",
        'quo"te': "2",
        "ta\tb": "3",
        "new\nline": "4",
        "back\\slash": "5",
        "ü/é": "6",
        "link é": Link("ü/é"),
    }
    make_repository(repository, {**SERVICE_FILES, **files})
    folder = load().folder
    assert {name: (folder / name).read_text() for name in files if name != "link é"} == {
        name: content for name, content in files.items() if name != "link é"
    }
    assert (folder / "link é").read_text() == "6"


# --- what is not there


def test_a_default_branch_that_does_not_exist(repository: Path) -> None:
    make_repository(repository)
    (repository / "HEAD").write_text("ref: refs/heads/master\n")
    error = refused(RefNotFoundError)
    assert error.message == f"{NAME}: its default branch 'master' does not exist; it has: main"
    assert error.hint == f"%mc load {NAME}@main"


def test_a_repository_without_any_branch(repository: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", "--template=", str(repository)], check=True)
    assert "the repository has no commit yet" in refused(RefNotFoundError).message


def test_submodules_are_named(repository: Path) -> None:
    files: dict[str, File] = {f"sub/{n}": Submodule("1" * 40) for n in range(5)}
    make_repository(repository, {**SERVICE_FILES, **files})
    assert load().note == "submodules are not fetched: sub/0, sub/1, sub/2, ..."
