"""Bytes on their way: files that change, pipes and devices, what a result's copies hold."""

from __future__ import annotations

import copy
import gc
import hashlib
import os
import pickle
import threading
from collections import deque
from contextlib import closing
from pathlib import Path

import pytest

from mc_jupyter.clients.content import Content, gather
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import ArgumentError, InputError
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Audio, show

MADE = Made("speech", "kokoro")
PIECE = bytes(1_000_000)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def large() -> Content:
    """What lies in a temporary file."""
    content = gather([PIECE] * 20, "audio/wav")
    assert content.path
    return content


def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe")
    with pytest.raises(InputError, match="pipe is no file of bytes"):
        Upload.of("pipe")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/dev/zero", "is no file of bytes"),
        (".", "is a folder"),
        ("a\0b", "embedded null byte"),
        ("~nobody-of-that-name/a.wav", "No such file"),
        ("nothing.wav", "No such file"),
        ("/proc/self/mounts", "mounts is empty"),  # it does not say how long it is
    ],
)
def test_what_cannot_be_sent(path: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Upload.of(path)


def test_a_file_that_grows_is_sent_as_it_was() -> None:
    Path("a.log").write_bytes(b"one")
    upload = Upload.of("a.log")
    with closing(upload.reader()) as reader:
        with open("a.log", "ab") as file:
            file.write(b"two")
        assert reader.seek(0, os.SEEK_END) == 3
        reader.seek(0)
        assert reader.read(2) + reader.read() + reader.read() == b"one"
    assert upload.sha256 == hashlib.sha256(b"one").hexdigest()


def test_a_file_that_shrinks() -> None:
    Path("a.wav").write_bytes(PIECE)
    upload = Upload.of("a.wav")
    with closing(upload.reader()) as reader:
        assert reader.read(1) == b"\0"
        os.truncate("a.wav", 1)
        with pytest.raises(InputError, match=r"a\.wav became shorter while it was sent"):
            deque(iter(lambda: reader.read(1 << 16), b""), 0)


def test_a_file_that_went() -> None:
    Path("a.wav").write_bytes(b"1")
    upload = Upload.of("a.wav")
    os.unlink("a.wav")
    for look in (lambda: upload.size, lambda: upload.sha256, upload.reader):
        with pytest.raises(InputError, match=r"a\.wav cannot be read: No such file"):
            look()


def test_copies_hold_the_bytes() -> None:
    small, big = show(Content(b"x", "audio/wav"), MADE), show(large(), MADE)
    for one in (small, big):
        assert pickle.loads(pickle.dumps(one)).bytes == one.bytes
        assert copy.deepcopy(one).bytes == copy.copy(one).bytes == one.bytes
        assert str(pickle.loads(pickle.dumps(one))) == str(one)


def test_a_cleaned_temporary_folder() -> None:
    content = large()
    sound = Audio(content, MADE)
    digest = content.sha256
    assert content.path
    content.path.unlink()
    assert (content.size, content.sha256, str(sound)) == (20_000_000, digest, "speech, wav, 20 MB")
    html = sound._repr_mimebundle_()[0]["text/html"]
    assert "not saved with the notebook: its temporary file is gone" in html
    for look in (
        lambda: content.bytes,
        lambda: sound.save("a.wav"),
        lambda: Upload.of(content).sha256,
    ):
        with pytest.raises(InputError, match="its temporary file is gone") as raised:
            look()
        assert raised.value.hint == "make it again"
    assert not Path("a.wav").exists()


@pytest.mark.parametrize("path", ["", ".", "..", "here", "here/", "/"])
def test_a_folder_is_no_place_for_a_file(path: str) -> None:
    Path("here").mkdir()
    with pytest.raises(ArgumentError, match="is a folder") as raised:
        Audio(Content(b"x", "audio/wav"), MADE).save(path)
    assert str(raised.value.hint).endswith("NAME.wav")
    assert os.listdir() == ["here"]


@pytest.mark.parametrize(
    "path", ["a\0b.wav", f"{'x' * 300}.wav", "file/a.wav", "~nobody-of-that-name/a.wav"]
)
def test_names_that_cannot_be(path: str) -> None:
    Path("file").write_bytes(b"")
    with pytest.raises(ArgumentError, match="cannot be written"):
        Audio(Content(b"x", "audio/wav"), MADE).save(path)
    assert os.listdir() == ["file"]


def test_threads_that_write_the_same_file() -> None:
    contents = [Content(bytes([number]) * 3_000_000, "audio/wav") for number in range(8)]
    failed: list[BaseException] = []

    def save(content: Content) -> None:
        try:
            content.save("a.wav")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=save, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert Path("a.wav").read_bytes() in [content.bytes for content in contents]
    assert os.listdir() == ["a.wav"]


def test_results_in_a_loop_leave_nothing() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    gc.collect()  # what earlier tests left
    before, kept = open_files(), [large()]
    places = []
    for _ in range(30):
        kept[0] = large()
        places.append(kept[0].path)
        with kept[0].open() as file:
            assert file.read(1)
    assert open_files() <= before  # others may close theirs meanwhile
    kept.clear()
    assert not [place for place in places if place and place.exists()]


def test_saving_writes_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old.wav").write_bytes(b"old")
    link = tmp_path / "said.wav"
    link.symlink_to("disk/old.wav")
    assert Content(b"new").save(link) == link
    assert link.is_symlink()
    assert (tmp_path / "disk" / "old.wav").read_bytes() == b"new"
    link.unlink()
    link.symlink_to("gone/new.wav")
    with pytest.raises(ArgumentError, match=r"said\.wav cannot be written"):
        Content(b"new").save(link)
