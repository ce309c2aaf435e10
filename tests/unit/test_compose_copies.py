"""Copies of a repository: what containers wrote stays, and leads nowhere."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from pathlib import Path

import pytest
from support import specs
from support.checkouts import checkout, fetched, lay, place, tree, unprivileged

from mc_jupyter.errors import MediaConduitError, StartError
from mc_jupyter.runtimes.compose import copies


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return checkout(tmp_path / "checkout")


def test_only_what_is_bound_is_copied(root: Path) -> None:
    (root / "run.sh").chmod(0o755)
    spec = fetched(root)
    assert lay(spec, "in", "run.sh") == []
    assert tree(spec.data / "repo") == {"in/a": "a", "in/deep/b": "b", "run.sh": "one"}
    assert os.access(spec.data / "repo" / "run.sh", os.X_OK)
    assert lay(spec) == []


def test_what_containers_wrote_stays_over_starts_and_commits(root: Path) -> None:
    spec = fetched(root)
    lay(spec, ".")
    repo = spec.data / "repo"
    specs.write(repo, {"in/log": "log", "in/a": "changed", "new/x": "x"})
    assert lay(spec, ".") == []  # the same commit: nothing is touched
    assert tree(repo)["in/a"] == "changed"

    specs.write(root, {"in/a": "a2", "run.sh": "two"})
    (root / "other").unlink()
    (root / "in" / "deep" / "b").unlink()
    later = fetched(root, "2" * 40)
    (repo / "in" / "deep" / "b").write_text("changed, too")
    (note,) = lay(later, ".")
    assert note == f"changed files are kept in {repo}: in/a.before-22222222"
    after = tree(repo)
    assert (after["in/a"], after["in/a.before-22222222"]) == ("a2", "changed")
    assert (after["run.sh"], after["in/log"], after["new/x"]) == ("two", "log", "x")
    assert "other" not in after
    assert after["in/deep/b"] == "changed, too"


def test_a_renewal_that_was_cut_is_done_again(root: Path) -> None:
    lay(fetched(root), ".")
    specs.write(root, {"in/a": "a2", "run.sh": "two"})
    later = fetched(root, "2" * 40)
    record = (later.data / "repo.json").read_text()
    lay(later, ".")
    (later.data / "repo.json").write_text(record)  # as if it had ended before the last step
    assert lay(later, ".") == []
    assert tree(later.data / "repo")["in/a"] == "a2"


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        "{}",
        '{"version": 1, "paths": 3, "files": []}',
        '{"version": 1, "paths": [], "files": [1]}',
        "\0",
    ],
)
def test_a_broken_record_loses_nothing(root: Path, record: str) -> None:
    spec = fetched(root)
    lay(spec, ".")
    (spec.data / "repo" / "in" / "a").write_text("changed")
    (spec.data / "repo.json").write_text(record)
    assert lay(spec, ".") == [f"changed files are kept in {spec.data}/repo: in/a.before-11111111"]


def test_nothing_is_written_through_a_link_of_a_container(root: Path, tmp_path: Path) -> None:
    outside = specs.write(tmp_path / "outside", {"a": "mine", "deep/b": "mine", "run.sh": "mine"})
    spec = fetched(root)
    lay(spec, ".")
    repo = spec.data / "repo"
    (repo / "in" / "a").unlink()
    (repo / "in" / "deep" / "b").unlink()
    (repo / "in" / "deep").rmdir()
    (repo / "in").rmdir()
    (repo / "in").symlink_to(outside)
    (repo / "run.sh").unlink()
    (repo / "run.sh").symlink_to(outside / "run.sh")
    (repo / "other").unlink()
    os.link(outside / "a", repo / "other")
    specs.write(root, {"in/a": "new", "run.sh": "two", "other": "new"})
    lay(fetched(root, "2" * 40), ".")
    assert tree(outside) == {"a": "mine", "deep/b": "mine", "run.sh": "mine"}
    assert (repo / "in" / "a").read_text() == "new"
    assert (repo / "in.before-22222222").is_symlink()
    mounts, _ = place(spec, "in.before-22222222")
    assert mounts[0]["source"] == str(spec.data / "binds" / "in.before-22222222")


def test_folders_are_made_without_following_a_link(root: Path, tmp_path: Path) -> None:
    spec = fetched(root)
    (tmp_path / "outside").mkdir()
    _, found = place(spec, "not/there/yet")
    (spec.data / "binds").mkdir(parents=True)
    (spec.data / "binds" / "not").symlink_to(tmp_path / "outside")
    copies.lay_down(spec, found.folders, found.copies)
    assert list((tmp_path / "outside").iterdir()) == []
    assert (spec.data / "binds" / "not" / "there" / "yet").is_dir()


def test_too_much_is_not_copied(root: Path) -> None:
    with open(root / "in" / "big", "wb") as file:
        file.truncate(copies.MAX_COPY)
    spec = fetched(root)
    with pytest.raises(StartError, match=r"at most 1\.0 GB are copied") as caught:
        lay(spec, "in")
    assert caught.value.hint == "clone the repository, then %mc load ./FOLDER"
    assert not (spec.data / "repo").exists()


def test_what_containers_wrote_stays_where_the_commit_changes_nothing(root: Path) -> None:
    lay(fetched(root), ".")
    repo = fetched(root).data / "repo"
    (repo / "in" / "a").write_text("changed")
    (root / "run.sh").write_text("two")
    assert lay(fetched(root, "2" * 40), ".") == []
    assert (tree(repo)["in/a"], tree(repo)["run.sh"]) == ("changed", "two")


def test_more_is_bound_at_the_same_commit(root: Path) -> None:
    lay(fetched(root), "in")
    repo = fetched(root).data / "repo"
    (repo / "in" / "a").write_text("changed")
    assert lay(fetched(root), "in", "run.sh") == []
    assert (tree(repo)["in/a"], tree(repo)["run.sh"]) == ("changed", "one")


def test_a_copy_that_was_taken_away_is_made_again(root: Path) -> None:
    lay(fetched(root), "in")
    repo = fetched(root).data / "repo"
    shutil.rmtree(repo)
    assert lay(fetched(root), "in") == []
    assert tree(repo) == {"in/a": "a", "in/deep/b": "b"}


def test_what_was_kept_before_is_never_written_over(root: Path) -> None:
    lay(fetched(root), ".")
    repo = fetched(root).data / "repo"
    for number, (commit, text) in enumerate([("2", "a2"), ("1", "a"), ("2", "a2")]):
        (repo / "in" / "a").write_text(f"mine {number}")
        specs.write(root, {"in/a": text})
        assert len(lay(fetched(root, commit * 40), ".")) == 1
    assert {"mine 0", "mine 1", "mine 2", "a2"} <= set(tree(repo).values())


@pytest.mark.parametrize("name", ["a", "n" * 255, "\N{GRINNING FACE}" * 60])
def test_a_kept_file_beside_what_has_its_name(root: Path, name: str) -> None:
    specs.write(root, {f"in/{name}": "1"})
    lay(fetched(root), ".")
    repo = fetched(root).data / "repo"
    for taken in (".before-22222222", ".part"):
        with contextlib.suppress(OSError):  # too long
            (repo / "in" / (name + taken) / "x").mkdir(parents=True)
    (repo / "in" / ".a.part").mkdir()
    specs.write(repo, {f"in/{name}": "changed"})
    specs.write(root, {f"in/{name}": "2"})
    assert len(lay(fetched(root, "2" * 40), ".")) == 1
    assert {"changed", "2"} <= set(tree(repo).values())


def test_a_folder_of_a_container_where_a_file_was(root: Path) -> None:
    lay(fetched(root), ".")
    repo = fetched(root).data / "repo"
    (repo / "in" / "a").unlink()
    specs.write(repo, {"in/a/mine": "mine"})
    specs.write(root, {"in/a": "a2"})
    (note,) = lay(fetched(root, "2" * 40), ".")
    assert note.endswith("in/a.before-22222222")
    assert (tree(repo)["in/a"], tree(repo)["in/a.before-22222222/mine"]) == ("a2", "mine")


def test_a_path_that_is_a_link_in_a_later_commit(root: Path) -> None:
    lay(fetched(root), "in")
    (root / "in").rename(root / "weights")
    (root / "in").symlink_to("weights")
    later = fetched(root, "2" * 40)
    (mount,), found = place(later, "in")
    assert copies.lay_down(later, found.folders, found.copies) == []
    assert mount["source"] == str(later.data / "repo" / "weights")
    assert tree(later.data / "repo") == {"weights/a": "a", "weights/deep/b": "b"}


def test_a_folder_becomes_a_file_and_a_file_a_folder(root: Path) -> None:
    lay(fetched(root), ".")
    (root / "in" / "a").unlink()
    shutil.rmtree(root / "in" / "deep")
    specs.write(root, {"in/a/x": "x", "in/deep": "file"})
    assert lay(fetched(root, "2" * 40), ".") == []
    found = tree(fetched(root).data / "repo")
    assert {name: found[name] for name in found if name.startswith("in")} == {
        "in/a/x": "x",
        "in/deep": "file",
    }


def test_pipes_of_a_container_are_not_waited_for(root: Path) -> None:
    lay(fetched(root), ".")
    repo = fetched(root).data / "repo"
    for name in ("in/a", "run.sh"):
        (repo / name).unlink()
        os.mkfifo(repo / name)
    specs.write(root, {"in/a": "a2"})
    (note,) = lay(fetched(root, "2" * 40), ".")
    assert (tree(repo)["in/a"], tree(repo)["run.sh"]) == ("a2", "one")
    assert {"in/a.before-22222222", "run.sh.before-22222222"} <= set(
        note.split(": ")[1].split(", ")
    )


def test_a_checkout_that_changes_while_it_is_copied(root: Path, tmp_path: Path) -> None:
    """Links and pipes in the place of what was listed a moment ago."""
    outside = specs.write(tmp_path / "outside", {"a": "secret", "deep/b": "secret"})
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name in ("a", "deep"):
                os.rename(root / "in" / name, root / "aside")
                if name == "a" and secrets.randbelow(2):
                    os.mkfifo(root / "in" / name)
                else:
                    (root / "in" / name).symlink_to(outside / name)
                (root / "in" / name).unlink()
                os.rename(root / "aside", root / "in" / name)

    thread = threading.Thread(target=swap)
    thread.start()
    messages = []
    try:
        for number in range(1000):
            spec = fetched(root, f"{number:040d}")
            try:
                lay(spec, "in")
            except StartError as error:
                messages.append(error.message)
            found = tree(spec.data / "repo") if spec.data.exists() else {}
            assert "secret" not in found.values()
            shutil.rmtree(spec.data, ignore_errors=True)
    finally:
        stop.set()
        thread.join()
    assert messages
    assert all(
        "of its repository cannot be copied: it changed meanwhile" in text for text in messages
    )


def test_what_a_container_made_its_own(root: Path, tmp_path: Path) -> None:
    with unprivileged(tmp_path) as top:
        mine = checkout(top / "checkout")
        lay(fetched(mine), ".")
        spec = fetched(mine, "2" * 40)
        (spec.data / "repo" / "in").chmod(0o555)
        specs.write(mine, {"in/a": "a2"})
        with pytest.raises(MediaConduitError, match="may belong to a container's user") as caught:
            copies.lay_down(spec, [], [Path()])
        assert caught.value.hint == f'sudo chown -Rh "$(id -u)" {spec.data.resolve()}'
        (spec.data / "repo" / "in").chmod(0o755)
        copies.lay_down(spec, [], [Path()])
        assert (spec.data / "repo" / "in" / "a").read_text() == "a2"
