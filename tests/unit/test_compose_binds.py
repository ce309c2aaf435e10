"""What a container is given of a repository, and what it is not."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from support import specs

from mc_jupyter.errors import StartError
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import binds
from mc_jupyter.runtimes.compose.read import Source


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return specs.write(
        tmp_path / "checkout",
        {"run.sh": "one", "in/a": "a", "in/deep/b": "b", "other": "x", "docker-compose.yml": ""},
    )


def fetched(root: Path, commit: str = "1" * 40) -> Spec:
    return specs.spec(root, commit=commit, data=root.parent / "data" / "p")


def place(spec: Spec, *sources: str, **changes: Any) -> tuple[list[dict[str, Any]], binds.Binds]:
    assert spec.folder is not None
    folder = spec.folder.resolve()
    mounts = [
        {"type": "bind", "source": str(folder / name), "target": f"/{number}", **changes}
        for number, name in enumerate(sources)
    ]
    found = binds.place({"web": {"volumes": mounts}}, spec, Source(folder / "c.yml", folder))
    return mounts, found


def lay(spec: Spec, *names: str) -> list[str]:
    return binds.copy(spec, [Path(name) for name in names])


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_fetched_repository_is_never_bound_itself(root: Path) -> None:
    spec = fetched(root)
    mounts, found = place(spec, "in", "run.sh", "not/there", ".")
    assert [mount["source"] for mount in mounts] == [
        str(spec.data / "repo" / "in"),
        str(spec.data / "repo" / "run.sh"),
        str(spec.data / "binds" / "not" / "there"),
        str(spec.data / "repo"),
    ]
    assert found.copies == [Path("in"), Path("run.sh"), Path()]
    assert not found.notes
    assert not spec.data.exists()


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


def test_what_containers_wrote_stays_where_the_commit_changes_nothing(root: Path) -> None:
    lay(fetched(root), ".")
    repo = fetched(root).data / "repo"
    (repo / "in" / "a").write_text("changed")
    (root / "run.sh").write_text("two")
    assert lay(fetched(root, "2" * 40), ".") == []
    assert (tree(repo)["in/a"], tree(repo)["run.sh"]) == ("changed", "two")


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
    "record", ["", "[]", "{}", '{"version": 1, "paths": 3, "files": []}', "\0"]
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


def test_a_link_in_the_copy_is_seen_by_the_policy(root: Path) -> None:
    spec = fetched(root)
    lay(spec, "in")
    (spec.data / "repo" / "in" / "deep" / "b").unlink()
    (spec.data / "repo" / "in" / "deep").rmdir()
    (spec.data / "repo" / "in" / "deep").symlink_to("/etc")
    mounts, _ = place(spec, "in/deep")
    assert mounts[0]["source"] == "/etc"


def test_folders_are_made_without_following_a_link(root: Path, tmp_path: Path) -> None:
    spec = fetched(root)
    (tmp_path / "outside").mkdir()
    _, found = place(spec, "not/there/yet")
    (spec.data / "binds").mkdir(parents=True)
    (spec.data / "binds" / "not").symlink_to(tmp_path / "outside")
    binds.lay_down(spec, found)
    assert list((tmp_path / "outside").iterdir()) == []
    assert (spec.data / "binds" / "not" / "there" / "yet").is_dir()


def test_a_bind_within_a_bind(root: Path) -> None:
    assert place(fetched(root), ".", "in", read_only=True)[1].refusals == []
    (refusal,) = place(fetched(root), ".", "in")[1].refusals
    assert refusal.value == str(fetched(root).data / "repo" / "in")
    assert refusal.reason.endswith("repo can be written to from a container")


def test_a_bind_without_a_source_is_left_to_the_policy(root: Path) -> None:
    mounts: list[dict[str, Any]] = [{"type": "bind", "target": "/x"}]
    found = binds.place({"web": {"volumes": mounts}}, fetched(root), Source(root / "c.yml", root))
    assert mounts == [{"type": "bind", "target": "/x"}]
    assert not found.copies


def test_very_many_binds(root: Path) -> None:
    names = [f"d{number}" for number in range(binds.MAX_BINDS + 1)]
    (refusal,) = place(fetched(root), *names)[1].refusals
    assert (refusal.value, refusal.reason) == (101, "at most 100 folders are bound")
    assert place(fetched(root), *names[1:])[1].refusals == []


def test_a_bind_that_leads_elsewhere_by_now(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    services = {"web": {"volumes": [{"type": "bind", "source": str(tmp_path.resolve() / "a")}]}}
    binds.check(services)
    (tmp_path / "a").rmdir()
    (tmp_path / "a").symlink_to("/etc")
    with pytest.raises(StartError, match="leads elsewhere by now"):
        binds.check(services)


def test_too_much_is_not_copied(root: Path) -> None:
    with open(root / "in" / "big", "wb") as file:
        file.truncate(binds.MAX_COPY)
    spec = fetched(root)
    with pytest.raises(StartError, match=r"at most 1\.0 GB are copied") as caught:
        lay(spec, "in")
    assert caught.value.hint == "clone the repository, then %mc load ./FOLDER"
    assert not (spec.data / "repo").exists()


def test_no_git_repository_is_copied(root: Path) -> None:
    specs.write(root, {"in/.git/config": "x", "in/sub/.git": "gitdir: x"})
    spec = fetched(root)
    lay(spec, "in")
    assert set(tree(spec.data / "repo")) == {"in/a", "in/deep/b"}
    _, found = place(spec, "in/.git", "in/.git/config", read_only=True)
    assert [refusal.reason for refusal in found.refusals] == ["it is part of a git repository"] * 2


@pytest.mark.parametrize(
    ("files", "is_read_only"),
    [
        ({".git/config": ""}, True),
        ({".git": "gitdir: x"}, True),
        ({"a/b/c/.git/HEAD": ""}, True),
        ({"a/HEAD": "", "a/objects/x": "", "a/refs/x": ""}, True),
        ({"a/HEAD": ""}, False),
        ({".gitignore": ""}, False),
    ],
)
def test_a_folder_of_one_s_own(
    tmp_path: Path, files: dict[str, str | bytes], is_read_only: bool
) -> None:
    folder = specs.write(tmp_path / "mine", {"docker-compose.yml": "", **files})
    spec = specs.spec(folder)
    (mount,), found = place(spec, ".")
    assert mount["source"] == str(folder)
    assert mount.get("read_only", False) is is_read_only
    if is_read_only:
        assert found.notes[0].startswith(f"/0 is read-only in the container: {folder} holds a git")
    else:
        assert found.notes == [f"web can write to {folder}"]
    assert place(spec, ".", read_only=True)[1].notes == []


def test_a_part_of_a_clone_can_be_written(tmp_path: Path) -> None:
    folder = specs.write(tmp_path / "mine", {".git/config": "", "data/x": ""})
    (mount,), found = place(specs.spec(folder), "data")
    assert not mount.get("read_only")
    assert found.notes == [f"web can write to {folder}/data"]


def test_too_many_files_to_look_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = specs.write(tmp_path / "mine", {f"{number}/x": "" for number in range(20)})
    monkeypatch.setattr(binds, "_MOST_LOOKS", 10)
    (mount,), found = place(specs.spec(folder), ".")
    assert mount["read_only"]
    assert "too many to look for a git repository" in found.notes[0]


def test_bundled_definitions_are_copied_too(root: Path) -> None:
    spec = dataclasses.replace(fetched(root), commit=None, content="abc123")
    (mount,), _ = place(spec, "in")
    assert mount["source"] == str(spec.data / "repo" / "in")
    lay(spec, "in")
    assert json.loads((spec.data / "repo.json").read_text())["version"] == "abc123"
