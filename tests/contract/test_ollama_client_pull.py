"""Pulling: progress, stalls, and the watch over how much is fetched."""

from __future__ import annotations

import json
import re
import time
import warnings
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.scripted_ollama import ScriptedOllama
from support.wait import wait_until

from mc_jupyter.clients import Limits, OllamaClient, Progress
from mc_jupyter.errors import (
    ConnectionFailedError,
    DiskFullError,
    DownloadLimitError,
    ModelNotFoundError,
    ResponseError,
    StreamCutError,
    TimeLimitError,
)
from mc_jupyter.events import Event

SMALL = {"new:1b": [900, 100]}
DIGEST = "sha256:" + "0" * 64


def layer(done: int, total: int = 1000) -> bytes:
    item = {"status": "pulling 000000000000", "digest": DIGEST, "total": total, "completed": done}
    return json.dumps(item).encode()


def status(text: str) -> bytes:
    return json.dumps({"status": text}).encode()


def pulled(server: ScriptedOllama, **limits: float) -> list[Progress]:
    return list(OllamaClient(server.url, limits=Limits(**limits)).pull("new:1b"))


def test_progress_up_to_success() -> None:
    with ScriptedOllama(library=SMALL, pull_steps=3) as server:
        steps = pulled(server)
        assert steps[0] == Progress("pulling manifest")
        assert steps[1:5] == [
            Progress("pulling 000000000000", DIGEST, done, 900) for done in (0, 300, 600, 900)
        ]
        assert [step.status for step in steps[-3:]] == [
            "verifying sha256 digest",
            "writing manifest",
            "success",
        ]
        assert OllamaClient(server.url).has_model("new:1b")
        assert server.asked("/api/pull")[0].body == {"model": "new:1b", "stream": True}


def test_an_unknown_model() -> None:
    with ScriptedOllama() as server, pytest.raises(ModelNotFoundError) as caught:
        pulled(server)
    assert str(caught.value).splitlines() == [
        "ollama: there is no model 'new:1b' to pull (pull model manifest: file does not exist)",
        "check the spelling, the tag too; to see what is here: %ollama list",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write /root/.ollama/models/blobs/x: no space left on device", DiskFullError),
        ("pull model manifest: Get https://r/v2/: dial tcp: lookup r: no such host", ResponseError),
    ],
)
def test_other_errors(text: str, expected: type[Exception]) -> None:
    with (
        ScriptedOllama(library=SMALL, fault="error", fail_after=3, error=text) as server,
        pytest.raises(expected, match=re.escape(text)),
    ):
        pulled(server)


def test_no_success_is_no_success() -> None:
    with ScriptedOllama(library=SMALL, fault="end", fail_after=5) as server:
        with pytest.raises(StreamCutError):
            pulled(server)
        assert not OllamaClient(server.url).has_model("new:1b")
    with (
        ScriptedOllama(library=SMALL, fault="cut", fail_after=5) as server,
        pytest.raises(ConnectionFailedError),
    ):
        pulled(server)


def test_a_stall_shows_in_the_numbers() -> None:
    lines = [status("pulling manifest"), *[layer(200)] * 400, status("success")]
    with ScriptedOllama(lines=lines, rate=50) as server:
        with pytest.raises(TimeLimitError) as caught:
            pulled(server, silence=0.3)
        assert "the pull of new:1b did not move for 0.3 s (limit silence)" in str(caught.value)
        wait_until(lambda: server.closed_at, 2, "the pull is cancelled")


def test_moving_and_finished_layers_are_no_stall() -> None:
    lines = [*map(layer, range(10)), layer(3), *[layer(1000)] * 10, status("success")]
    with ScriptedOllama(lines=lines, rate=50) as server:  # 0.4 s; once it runs backwards
        assert pulled(server, silence=0.15)[-1].status == "success"


def test_the_time_of_the_caller_is_no_stall() -> None:
    lines = [*[layer(200)] * 5, status("success")]
    with ScriptedOllama(lines=lines) as server:
        steps = OllamaClient(server.url, limits=Limits(silence=0.1)).pull("new:1b")
        next(steps)
        time.sleep(0.15)
        assert list(steps)[-1].status == "success"


def test_silence_within_a_layer_and_between_layers() -> None:
    with (
        ScriptedOllama(library=SMALL, fault="silent", fail_after=4) as server,
        pytest.raises(TimeLimitError, match="limit silence"),
    ):
        pulled(server, silence=0.2, first_byte=30)
    checking = 1 + 2 * 11 + 1  # manifest, two layers, "verifying"
    with ScriptedOllama(library=SMALL, fault="silent", fail_after=checking) as server:
        with pytest.raises(TimeLimitError, match="limit first_byte"):
            pulled(server, silence=0.05, first_byte=0.4)
        assert server.tokens_sent == checking


def test_closing_cancels() -> None:
    with ScriptedOllama(library=SMALL, rate=10) as server:
        with closing(OllamaClient(server.url).pull("new:1b")) as steps:
            next(steps)
        wait_until(lambda: server.closed_at, 2, "the pull is cancelled")


# ensure_model


def ensured(server: ScriptedOllama, limit: int | None, **more: Any) -> list[Event]:
    events: list[Event] = []
    client = OllamaClient(server.url)
    assert client.ensure_model("new:1b", max_download=limit, report=events.append, **more) is True
    return events


def test_what_is_there_is_not_pulled() -> None:
    with ScriptedOllama(models=["Llama2:latest", "ns/m:q4"]) as server:
        client = OllamaClient(server.url)
        for name in ("llama2", "LLAMA2:LATEST", "registry.ollama.ai/library/llama2", "NS/m:Q4"):
            assert client.ensure_model(name, max_download=0) is False
        assert not server.asked("/api/pull")


def test_reports_are_throttled_and_tell_the_rate() -> None:
    library = {"new:1b": [1_200_000_000, 500]}
    with ScriptedOllama(library=library, rate=60, pull_steps=50) as server:
        start = time.monotonic()
        events = ensured(server, 6_000_000_000)
        took = time.monotonic() - start
    bytes_ = [event for event in events if event.total and not event.settled]
    assert 3 <= len(bytes_) <= took / 0.25 + 2
    words = r"pulling new:1b: \d\.\d of 1\.2 GB, (\d\.\d G|\d+ M)B/s, about \d s left"
    assert re.fullmatch(words, bytes_[-1].text)
    assert all(a.current <= b.current for a, b in pairwise(bytes_))  # type: ignore[operator]
    assert all(event.step == "model" for event in events)
    assert events[0].text == "pulling new:1b: pulling manifest"
    assert events[-1] == Event("model", "pulled new:1b (1.2 GB)", settled=True)


def test_over_the_limit_is_cancelled_at_once(tmp_path: Path) -> None:
    library = {"new:1b": [1_500_000_000, 2_500_000_000]}
    with ScriptedOllama(library=library, rate=200) as server:
        client = OllamaClient(server.url)
        with pytest.raises(DownloadLimitError) as caught:
            client.ensure_model("new:1b", max_download=2_000_000_000)
        wait_until(lambda: server.closed_at, 2, "the pull is cancelled")
        assert 1 + 11 + 1 <= server.tokens_sent < 1 + 11 + 11
        assert str(caught.value).splitlines() == [
            "new:1b has at least 4.0 GB to fetch; the download limit is 2.0 GB",
            "to fetch it: %ollama pull new:1b",
        ]
        with pytest.raises(DownloadLimitError, match=r"limit is 1\.0 GB, [\d.]+ [MGT]B are free"):
            client.ensure_model("new:1b", max_download=1_000_000_000, store=tmp_path)


def test_the_limit_itself_is_allowed_and_none_is_no_limit() -> None:
    for limit in (1000, None):
        with ScriptedOllama(library=SMALL) as server:
            assert ensured(server, limit)[-1].text == "pulled new:1b (1 kB)"
    with ScriptedOllama(library=SMALL) as server, pytest.raises(DownloadLimitError):
        ensured(server, 999)


def test_layers_that_are_there_do_not_count() -> None:
    library = {"new:1b": [7_000_000_000, 300]}
    with ScriptedOllama(library=library, cached=[0]) as server:
        assert ensured(server, 300)[-1].text == "pulled new:1b (300 B)"


def test_a_limit_of_0_starts_no_pull() -> None:
    with ScriptedOllama(library=SMALL) as server:
        with pytest.raises(DownloadLimitError, match="the download limit is 0"):
            ensured(server, 0)
        assert not server.asked("/api/pull")


def test_an_interrupted_report_cancels() -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    with ScriptedOllama(library=SMALL, rate=20) as server:
        client = OllamaClient(server.url)
        with pytest.raises(KeyboardInterrupt):
            client.ensure_model("new:1b", max_download=None, report=interrupt)
        wait_until(lambda: server.closed_at, 2, "the pull is cancelled")


def test_a_cloud_model_is_announced() -> None:
    names = ["gpt-oss:120b-cloud", "alias:latest", "llama3:latest"]
    with ScriptedOllama(models=names, cloud=["alias:latest"]) as server:
        for name, said in (
            ("gpt-oss:120b-cloud", "runs in the cloud: prompts leave the server's machine"),
            ("alias", "runs in the cloud: prompts leave the server's machine to https://ollama"),
            ("llama3", ""),
        ):
            events: list[Event] = []
            OllamaClient(server.url).ensure_model(name, max_download=0, report=events.append)
            assert len(events) == bool(said)
            assert all(event.keep and said in event.text for event in events)


def test_nothing_is_pulled_for_a_cloud_model() -> None:
    with ScriptedOllama(models=[]) as server:
        with pytest.warns(UserWarning, match="far:cloud runs in the cloud"):
            assert OllamaClient(server.url).ensure_model("far:cloud", max_download=None) is False
        assert server.asked("/api/pull") == []


@pytest.mark.parametrize("ask", ["chat", "generate"])
def test_the_first_prompt_to_a_cloud_model_is_announced_before_it_is_sent(ask: str) -> None:
    with ScriptedOllama(
        models=["far:1b-cloud", "copy:latest", "m"], cloud=["copy:latest"]
    ) as server:
        client, sent_before = OllamaClient(server.url), list[int]()

        def report(event: Event) -> None:
            sent_before.append(len(server.asked(f"/api/{ask}")))

        prompt: Any = [{"role": "user", "content": "Hi"}] if ask == "chat" else "Hi"
        for model in ("m", "far:1b-cloud", "FAR:1b-cloud", "copy", "copy:latest"):
            list(getattr(client, ask)(model, prompt, report=report))
        assert sent_before == [1, 3]


def test_python_is_warned_of_a_cloud_model_once() -> None:
    with ScriptedOllama(models=["far:cloud"]) as server:
        with pytest.warns(UserWarning, match="far:cloud runs in the cloud"):
            list(OllamaClient(server.url).generate("far:cloud", "Hi"))
        assert [one.path for one in server.requests] == ["/api/generate"]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(OllamaClient(server.url).generate("far:cloud", "Hi"))


def test_python_is_warned_of_an_alias_of_a_cloud_model_before_anything_is_sent() -> None:
    with ScriptedOllama(models=["copy:latest"], cloud=["copy:latest"]) as server:
        client = OllamaClient(server.url)
        with pytest.warns(UserWarning, match="copy runs in the cloud"):
            client.ensure_model("copy", max_download=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(client.generate("copy", "Hi"))
    with ScriptedOllama(models=["copy:latest"], cloud=["copy:latest"]) as server:
        with pytest.warns(UserWarning, match="copy runs in the cloud"):
            list(OllamaClient(server.url).generate("copy", "Hi"))
        assert [one.path for one in server.requests] == ["/api/tags", "/api/generate"]
