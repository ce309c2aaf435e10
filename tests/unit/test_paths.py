"""Paths and addresses that somebody typed: what is none is said, and nothing else is raised."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mc_jupyter import paths
from mc_jupyter.clients.http import Http
from mc_jupyter.clients.names import connectable, is_loopback
from mc_jupyter.errors import IdentifierError, MediaConduitError
from mc_jupyter.sources import parse_identifier
from mc_jupyter.urls import split_url

NO_NAMES = ["a\0b", "\ud800", "x" * 300, "/y" * 3000]
NO_ADDRESSES = [
    "http://[",
    "http://[::1",
    "file://]",
    "http://[:::]",
    "http://[x]",
    "http://h:99999",
    "http://h:abc",
    "http://h:" + "9" * 5000,
    "http://a..b",
    "http://" + "a" * 70,
    "http://\u2100",
    "http://\ud800",
]
# fmt: off
PIECES = [
    "http://", "https://", "[", "]", "::1", "@", ":", "/", "%", "#", "?", "\\", "a", "é", "℀", "ß",
    "1", "99999", "٣", "..", ".", "-", "~", "%zz", "xn--a", "github:", "a/b", "file:", "bundled:",
    "0x7f", "256.1.1.1", " ", "\0", "\t", "\u200b", "\ud800", "a" * 64, "a" * 260,
]
# fmt: on


@pytest.mark.parametrize("address", NO_ADDRESSES, ids=lambda text: ascii(text)[:20])
def test_what_is_no_address_has_no_parts(address: str) -> None:
    assert split_url(address) is None
    with pytest.raises(IdentifierError):
        parse_identifier(address)


def test_what_is_an_address_has_its_parts() -> None:
    parts = split_url("https://user@[::1]:80/a?b#c")
    assert parts is not None
    assert (parts.hostname, parts.port, parts.path) == ("::1", 80, "/a")


@pytest.mark.parametrize(
    "text",
    ["github:\x00", "github:" + "a" * 5000, "~nosuchuser/x", "file:///proc/1/root", *NO_NAMES],
    ids=lambda text: ascii(text)[:20],
)
def test_an_identifier_that_names_nothing_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        parse_identifier(text)
    assert len(str(caught.value)) < 4500


@pytest.mark.parametrize("seed", range(4))
def test_random_addresses_are_understood_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(3000):
        start = dice.choice(["", "http://", "https://a", "http://127.0.0.1"])
        text = start + "".join(dice.choice(PIECES) for _ in range(dice.randrange(1, 7)))
        for read in (parse_identifier, connectable):
            try:
                found = read(text)
            except MediaConduitError:
                continue
            if isinstance(found, str):
                assert split_url(found) is not None, text
                is_loopback(found)


@pytest.mark.parametrize("url", ["http://[@h", "http://h/\x7f", "http://h/" + "a" * 70_000])
def test_a_client_for_what_is_no_address_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(MediaConduitError):
        Http(url)


def test_a_regular_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert paths.read(file) == paths.read(file, limit=5) == b"12345"
    with pytest.raises(OSError, match="more than"):
        paths.read(file, limit=4)


@pytest.mark.parametrize("name", ["folder", "pipe", "circle", "circle/x", "file/x", *NO_NAMES])
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")  # opened, it would be waited for
    with pytest.raises(OSError):
        paths.read(tmp_path / name)


def test_a_device_is_not_read() -> None:
    with pytest.raises(OSError, match="no regular file"):
        paths.read("/dev/zero")


def test_a_path_is_resolved_as_far_as_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert paths.real(tmp_path / "link" / "new" / "file") == tmp_path / "folder" / "new" / "file"
    assert paths.real(tmp_path / "link") == tmp_path / "folder"


@pytest.mark.parametrize("name", ["circle", "circle/x", "file/x", *NO_NAMES[:3]])
def test_a_path_that_leads_nowhere_is_not_resolved(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    assert paths.real(tmp_path / name) is None


def test_a_folder_that_was_removed_is_still_called_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert paths.here() == "a folder that is gone"
    with pytest.raises(IdentifierError, match="does not exist"):
        parse_identifier("./x")


def test_a_file_within_a_folder(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    (root / "in").mkdir(parents=True)
    (root / "in" / "file").write_bytes(b"12345")
    (root / "link").symlink_to("in")
    assert paths.read_inside(root, root / "link" / "file", 5) == b"12345"
    assert paths.read_inside(root, root / "in" / ".." / "in" / "file", 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 0 MB"):
        paths.read_inside(root, root / "in" / "file", 4)
    with pytest.raises(FileNotFoundError):
        paths.read_inside(root, root / "in" / "missing", 5)
    for folder in (root, root / "in"):
        with pytest.raises(IsADirectoryError):
            paths.read_inside(root, folder, 5)


@pytest.mark.parametrize(
    "target", ["/etc/hostname", "../outside", "circle", "fifo", "in/../../outside"]
)
def test_a_file_that_is_none_of_the_folder(tmp_path: Path, target: str) -> None:
    root = (tmp_path / "root").resolve()
    (root / "in").mkdir(parents=True)
    (tmp_path / "outside").write_text("secret")
    (root / "circle").symlink_to("circle")
    os.mkfifo(root / "fifo")
    (root / "link").symlink_to(target)
    for path in (root / "link", root / target):
        with pytest.raises(OSError):
            paths.read_inside(root, path, 100)


def test_a_file_that_becomes_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = (tmp_path / "root").resolve()
    (root / "in").mkdir(parents=True)
    (root / "in" / "file").write_text("harmless")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    resolved = paths.real(root / "in" / "file")

    def swap(path: object) -> Path | None:  # between the look and the opening
        (root / "in").rename(root / "was")
        (root / "in").symlink_to(tmp_path / "outside")
        return resolved

    monkeypatch.setattr(paths, "real", swap)
    with pytest.raises(OSError):
        paths.read_inside(root, root / "in" / "file", 100)


def test_a_pointer_of_git_lfs() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    assert paths.is_lfs_pointer(pointer)
    assert not paths.is_lfs_pointer(b"version 1\n")
    assert not paths.is_lfs_pointer(pointer + b"x" * 1024)
