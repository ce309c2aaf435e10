"""What a container is given of a repository, and what it is not."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import specs
from support.checkouts import checkout, fetched, lay, place, tree, unprivileged

from mc_jupyter.errors import StartError
from mc_jupyter.runtimes.compose import binds, copies
from mc_jupyter.runtimes.compose.read import Source


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return checkout(tmp_path / "checkout")


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


def test_a_link_in_the_copy_is_seen_by_the_policy(root: Path) -> None:
    spec = fetched(root)
    lay(spec, "in")
    (spec.data / "repo" / "in" / "deep" / "b").unlink()
    (spec.data / "repo" / "in" / "deep").rmdir()
    (spec.data / "repo" / "in" / "deep").symlink_to("/etc")
    mounts, _ = place(spec, "in/deep")
    assert mounts[0]["source"] == "/etc"


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


def test_a_part_of_a_bare_repository(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"x/{name}/y": "" for name in ("objects", "refs", "hooks")}
    folder = specs.write(tmp_path / "mine", {"docker-compose.yml": "", "x/HEAD": "", **files})
    (mount,), found = place(specs.spec(folder), "x/hooks")
    assert mount["read_only"]
    assert found.notes[0].endswith(f"is part of a bare git repository ({folder}/x)")


def test_git_in_other_letters(tmp_path: Path) -> None:
    """One folder where the file system ignores the case of letters."""
    folder = specs.write(tmp_path / "mine", {"docker-compose.yml": "", "in/.Git/hooks/x": ""})
    (refusal,) = place(specs.spec(folder), "in/.Git/hooks")[1].refusals
    assert refusal.reason == "it is part of a git repository"
    assert place(specs.spec(folder), "in")[0][0]["read_only"]
    lay(fetched(folder), "in")
    assert tree(fetched(folder).data / "repo") == {}


@pytest.mark.parametrize(("outer", "inner"), [("IN", "in/deep"), ("caf\u00e9", "cafe\u0301/x")])
def test_a_bind_within_a_bind_in_other_letters(root: Path, outer: str, inner: str) -> None:
    specs.write(root, {f"{outer}/x": "", f"{inner}/x": ""})
    (refusal,) = place(fetched(root), outer, inner)[1].refusals
    assert refusal.reason.endswith("can be written to from a container")


def test_a_folder_that_cannot_be_looked_through(tmp_path: Path) -> None:
    with unprivileged(tmp_path) as top:
        folder = specs.write(top / "mine", {"docker-compose.yml": "", "in/closed/x": ""})
        (folder / "in" / "closed").chmod(0)
        (mount,), found = place(specs.spec(folder), "in")
    assert mount["read_only"]
    assert found.notes[0].endswith(f"may hold a git repository ({folder}/in/closed cannot be read)")


def test_a_path_that_the_repository_has_no_longer(root: Path) -> None:
    first = fetched(root)
    lay(first, "in")
    (first.data / "repo" / "in" / "weights").write_text("w")
    shutil.rmtree(root / "in")
    later = fetched(root, "2" * 40)
    (mount,), found = place(later, "in")
    assert copies.lay_down(later, found.folders, found.copies) == []
    assert tree(Path(mount["source"])) == {"weights": "w"}


def test_an_empty_folder_that_the_repository_has_no_longer(root: Path) -> None:
    lay(fetched(root), "in")
    shutil.rmtree(root / "in")
    later = fetched(root, "2" * 40)
    (mount,), found = place(later, "in")
    copies.lay_down(later, found.folders, found.copies)
    assert list(Path(mount["source"]).iterdir()) == []


def test_a_path_that_the_repository_has_by_now(root: Path) -> None:
    first = fetched(root)
    (mount,), found = place(first, "out")
    copies.lay_down(first, found.folders, found.copies)
    specs.write(root, {"out/keep": ""})
    assert place(fetched(root, "2" * 40), "out")[1].notes == []
    (Path(mount["source"]) / "weights").write_text("w")
    (note,) = place(fetched(root, "2" * 40), "out")[1].notes
    assert note.endswith(f"lies in {mount['source']}")
