"""What lies on disk, what is bundled, and what is read in place."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import service_folder
from support.git_server import SERVICE_FILES, GitServer, make_repository, redirect

from mc_jupyter.errors import (
    IdentifierError,
    RefNotFoundError,
    RepositoryNotFoundError,
    SourceError,
    SourceUnreachableError,
)
from mc_jupyter.manifest import read_manifest
from mc_jupyter.placement import place
from mc_jupyter.runtimes import make
from mc_jupyter.settings import Settings
from mc_jupyter.sources import bundled, clear, fetch, parse_identifier
from mc_jupyter.sources.base import Checkout

OLLAMA = "github:MediaConduit/ollama-service"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        for name, value in redirect(running.url).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub, out of reach: nothing listens on port 1."""
    for name, value in redirect("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)


def load(identifier: str = OLLAMA, *, refresh: bool = False) -> Checkout:
    return fetch(parse_identifier(identifier), Settings(), refresh=refresh)


def publish(server: GitServer, version: str) -> str:
    """Make the repository anew with another content; return its commit."""
    bare = server.repository("MediaConduit/ollama-service")
    shutil.rmtree(bare, ignore_errors=True)
    return make_repository(bare, {**SERVICE_FILES, "VERSION": version})["refs/heads/main"]


def test_the_folders_are_those_that_other_versions_read(server: GitServer) -> None:
    publish(server, "1")
    checkout = load()
    folder = checkout.folder.relative_to(Settings().cache).as_posix()
    slot = r"services/github-mediaconduit-ollama-service-4bd77530/head-b5180223"
    assert re.fullmatch(slot + r"/0001-[0-9a-f]{12}/checkout", folder)
    identifier = parse_identifier(OLLAMA)
    settings = Settings()
    spec = place(
        identifier,
        checkout,
        read_manifest(checkout.folder),
        handle="ollama",
        wanted="docker",
        environment={},
        settings=settings,
        runtime=make,
    ).spec
    user = re.sub(r"[^a-z0-9]+", "-", getpass.getuser().lower())
    assert re.fullmatch(rf"mcj-{user}-ollama-[0-9a-f]{{8}}", spec.project)
    assert (spec.data, spec.locks) == (settings.data / spec.project, settings.data / "locks")
    assert spec.weights == settings.cache / "models"


def test_the_second_load_is_from_disk(server: GitServer) -> None:
    publish(server, "1")
    first = load()
    again = load("https://GitHub.com/mediaconduit/OLLAMA-Service.git")
    assert (first.fetched, again.fetched) == (True, False)
    assert (again.folder, again.commit, again.origin) == (first.folder, first.commit, "git")
    assert server.fetches == 1


def test_a_new_process_reads_from_disk_without_git_or_network(server: GitServer) -> None:
    publish(server, "1")
    folder = load().folder
    script = (
        "import os, sys\n"
        "os.environ['PATH'] = '/nowhere'\n"
        "from mc_jupyter import settings, sources\n"
        f"identifier = sources.parse_identifier({OLLAMA!r})\n"
        "print(sources.fetch(identifier, settings.Settings()).folder)\n"
        "heavy = {'git', 'filelock', 'yaml', 'docker', 'httpx', 'IPython', 'ipywidgets'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.splitlines() == [str(folder), "[]"], result.stderr
    assert server.fetches == 1


def test_every_ref_has_a_folder_of_its_own(server: GitServer) -> None:
    refs = {"refs/tags/v1": {"V": "tag"}, "refs/heads/V1": {"V": "branch"}}
    make_repository(server.repository("MediaConduit/ollama-service"), refs=refs)
    head, main = load(), load(f"{OLLAMA}@main")
    tag, branch = load(f"{OLLAMA}@v1"), load(f"{OLLAMA}@V1")
    assert len({head.folder, main.folder, tag.folder, branch.folder}) == 4
    assert len({path.name.lower() for path in head.folder.parents[2].iterdir()}) == 4
    assert ((tag.folder / "V").read_text(), (branch.folder / "V").read_text()) == ("tag", "branch")
    assert head.commit == main.commit


def test_a_refresh_takes_a_new_folder(server: GitServer) -> None:
    first_commit = publish(server, "1")
    first = load()
    second_commit = publish(server, "2")
    assert load().commit == first_commit
    second = load(refresh=True)
    assert (second.commit, second.fetched) == (second_commit, True)
    assert (first.folder / "VERSION").read_text() == "1"
    assert (second.folder / "VERSION").read_text() == "2"
    assert load().folder == second.folder
    assert load(refresh=True).folder != second.folder


def test_a_refresh_that_fails_changes_nothing(
    server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, "1")
    before = load()
    server.status = 404
    with pytest.raises(RepositoryNotFoundError):
        load(refresh=True)
    for name, value in redirect("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SourceUnreachableError):
        load(refresh=True)
    assert load().folder == before.folder


def test_clear_removes_what_is_not_kept(server: GitServer) -> None:
    publish(server, "1")
    old, tagless = load(), load(f"{OLLAMA}@main")
    new = load(refresh=True)
    leftover = new.folder.parents[1] / "tmp-0123"
    leftover.mkdir()
    assert clear(Settings(), keep=[old.folder]) == 2
    assert [path.exists() for path in (old.folder, new.folder, tagless.folder)] == [
        True,
        False,
        False,
    ]
    assert not leftover.exists()
    assert load().folder == old.folder
    assert clear(Settings()) == 1
    assert load().fetched
    assert clear(Settings()) == 1
    assert clear(Settings()) == 0


@pytest.mark.parametrize("damage", ["tmp-", "no facts", "half facts", "no files"])
def test_what_is_not_whole_is_not_used(server: GitServer, damage: str) -> None:
    publish(server, "1")
    version = load().folder.parent
    match damage:
        case "tmp-":
            version.rename(version.with_name("tmp-0123"))
        case "no facts":
            (version / "fetched.json").unlink()
        case "half facts":
            (version / "fetched.json").write_text('{"commit": ')
        case "no files":
            shutil.rmtree(version / "checkout")
    checkout = load()
    assert checkout.fetched
    assert (checkout.folder / "VERSION").read_text() == "1"
    assert not list(version.parent.glob("tmp-*"))


def test_a_load_from_disk_tidies_up_after_the_dead(server: GitServer) -> None:
    publish(server, "1")
    slot = load().folder.parents[1]
    (slot / "tmp-0123" / "checkout").mkdir(parents=True)
    assert not load().fetched
    assert not (slot / "tmp-0123").exists()


def test_a_cache_that_cannot_be_written(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file where a folder is wanted")
    monkeypatch.setenv("MC_JUPYTER_HOME", str(tmp_path / "home"))
    with pytest.raises(SourceError, match="the cache cannot be written") as caught:
        load()
    assert "%env MC_JUPYTER_HOME=" in str(caught.value)
    assert clear(Settings()) == 0


@pytest.mark.usefixtures("nobody")
def test_the_bundled_definition_serves_when_nobody_answers() -> None:
    checkout = load()
    assert (checkout.origin, checkout.fetched, checkout.commit) == ("bundled", False, None)
    assert checkout.note is not None
    assert checkout.note.startswith("github.com could not be reached (")
    assert checkout.note.endswith("using the definition of ollama that comes with mc_jupyter")
    assert read_manifest(checkout.folder).is_ollama
    with pytest.raises(SourceUnreachableError):
        load(f"{OLLAMA}@main")
    with pytest.raises(SourceUnreachableError):
        load("github:MediaConduit/zonos-service")


@pytest.mark.usefixtures("nobody")
def test_the_next_load_tries_the_network_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load().origin == "bundled"
    with GitServer(tmp_path / "served") as server:
        publish(server, "1")
        for name, value in redirect(server.url).items():
            monkeypatch.setenv(name, value)
        assert load().origin == "git"


def test_the_bundled_definition_hides_no_other_error(server: GitServer) -> None:
    with pytest.raises(RepositoryNotFoundError):
        load()
    publish(server, "1")
    with pytest.raises(RefNotFoundError):
        load(f"{OLLAMA}@v9")
    server.status = 503
    with pytest.raises(SourceError, match="503"):
        load()


def test_every_bundled_definition_can_be_read() -> None:
    assert "ollama" in bundled.names()
    for name in bundled.names():
        checkout = load(name)
        manifest = read_manifest(checkout.folder)
        compose = (checkout.folder / manifest.compose_file).read_text()
        assert f"  {manifest.compose_service}:\n" in compose
        assert f"image: {manifest.image}\n" in compose or "build: .\n" in compose
        assert "container_name" not in compose
        assert dict(manifest.extra) == {}
        assert (checkout.origin, checkout.commit, checkout.note) == ("bundled", None, None)


def test_a_folder_is_read_in_place(tmp_path: Path) -> None:
    folder = service_folder(tmp_path)
    checkout = load(str(folder))
    assert (checkout.folder, checkout.origin, checkout.commit) == (folder, "folder", None)
    identifier = parse_identifier(str(folder))
    shutil.rmtree(folder)
    with pytest.raises(SourceError, match="no folder"):
        fetch(identifier, Settings())
    assert not Settings().cache.exists()


def test_an_address_is_not_fetched() -> None:
    with pytest.raises(IdentifierError, match="nothing to fetch"):
        load("http://localhost:11434")
