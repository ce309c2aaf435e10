"""Progress in a cell: one line that is updated, a bounded number of messages, one settled line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_server import GitServer, make_repository, redirect
from support.kernel import MODEL, Kernel, Messages, Serve, prompt, seen
from support.scripted_handler import Answer

NAME = "github:Someone/echo-service"
TIMES = re.compile(r"\d+(\.\d+)? ?(s|ms|sec|seconds|min)\b")


def texts(messages: Messages) -> list[str]:
    """What the cell showed, one after the other."""
    states = (*messages.displays, *messages.updates)
    return [seen(m["data"]) for m in states]


def saved(messages: Messages) -> list[str]:
    """What the file keeps, byte by byte."""
    return [json.dumps([output["data"], output["metadata"]]) for output in messages.outputs()]


def test_a_long_pull_costs_few_messages_and_leaves_one_line(kernel: Kernel, serve: Serve) -> None:
    server = serve(library={"tiny:1b": [92_000_000]}, pull_steps=6000, rate=2000)
    got = kernel.run(f"%ollama pull tiny:1b --host {server.url}")
    assert server.tokens_sent > 6000
    assert got.seconds > 2
    assert len(got.displays) + len(got.updates) <= 4 * got.seconds + 6
    assert got.bytes <= 20_000
    shown = texts(got)
    line = r"pulling tiny:1b: \d+ of 92 MB(, \d+ MB/s, about \d s left)? · \d+ %"
    assert [text for text in shown if re.fullmatch(line, text) and " left" in text]
    assert all("\n" not in text for text in shown)  # one line, updated in place
    assert [output["data"]["text/plain"] for output in got.outputs()] == ["pulled tiny:1b (92 MB)"]


def test_a_pull_is_saved_the_same_live_settled_and_again(kernel: Kernel, serve: Serve) -> None:
    server = serve(library={"tiny:1b": [92_000_000, 500]})
    line = f"%ollama pull tiny:1b --host {server.url}"
    live, again = kernel.run(line), kernel.run(line)
    kernel.run("%config McJupyter.render = 'settled'")
    settled = kernel.run(line)
    kernel.run("%config McJupyter.render = ''")
    assert saved(live) == saved(again) == saved(settled)
    assert settled.types == ["execute_input", "display_data"]


def test_a_stall_is_said_and_an_interrupt_says_how_to_go_on(kernel: Kernel, serve: Serve) -> None:
    server = serve(library={"tiny:1b": [92_000_000]}, fault="silent", fail_after=5)
    request = kernel.send(f"%ollama pull tiny:1b --host {server.url}")
    seen: list[str] = []
    while not any("no byte for" in text for text in seen):
        seen += texts(kernel.until(request, "update_display_data"))
    assert re.fullmatch(r"pulling tiny:1b: 28 of 92 MB, no byte for \d s · 30 %", seen[-1])
    kernel.interrupt()
    assert "what came stays on the server" in kernel.receive(request).error


def test_a_load_into_memory_counts_the_seconds(kernel: Kernel, serve: Serve) -> None:
    got = kernel.run(f"%%ollama {MODEL} --host {serve(delay=2.5).url}")
    assert texts(got) == [
        f"loading {MODEL} into memory",
        f"loading {MODEL} (1.3 GB) into memory (1 s)",
        f"loading {MODEL} (1.3 GB) into memory (2 s)",
        f"{MODEL} is loaded; a prompt goes into the lines below %%ollama",
    ]


def test_a_prompt_says_that_its_model_is_loaded_first(kernel: Kernel, serve: Serve) -> None:
    empty = Answer(body=b'{"models": []}')
    got = kernel.run(prompt(serve(body_delay=2.0, answers={"/api/ps": empty})))
    assert texts(got)[:2] == [
        f"waiting for {MODEL}",
        f"loading {MODEL} (1.3 GB) into memory (2 s)",
    ]
    assert len(got.outputs()) == 1


@pytest.fixture
def git(kernel: Kernel, tmp_path: Path) -> Iterator[GitServer]:
    """GitHub's stand-in for the kernel, with a home of its own."""
    with GitServer(tmp_path / "served") as running:
        make_repository(running.repository("Someone/echo-service"))
        variables = redirect(running.url) | {"MC_JUPYTER_HOME": str(tmp_path / "home")}
        kernel.run(f"import os; _before = dict(os.environ); os.environ.update({variables!r})")
        yield running
        kernel.run("os.environ.clear(); os.environ.update(_before)")


def test_a_fetch_is_one_line_that_is_not_saved(kernel: Kernel, git: GitServer) -> None:
    git.bytes_per_second = 2_000
    live = kernel.run(f"%mc load {NAME}")
    assert not live.error
    shown = texts(live)
    assert shown[0] == f"fetching {NAME}"
    assert any(text.startswith(f"fetching {NAME}: receiving ") for text in shown)
    (output,) = live.outputs()
    assert any(text.startswith(f"fetched {NAME}") for text in shown[:-1])
    assert "fetched" not in output["data"]["text/plain"]  # a second run would not say it
    assert not TIMES.search(saved(live)[0])
    kernel.run("%mc remove echo")
    kernel.run("import mc_jupyter; mc_jupyter.registry.clear_cache()")
    kernel.run("%config McJupyter.render = 'settled'")
    settled = kernel.run(f"%mc load {NAME}")
    kernel.run("%config McJupyter.render = ''")
    assert saved(settled) == saved(live)
    kernel.run("%mc remove echo")


def test_a_terminal_overwrites_its_line(tmp_path: Path, serve: Serve) -> None:
    server = serve(library={"tiny:1b": [92_000_000]}, rate=40, pull_steps=40)
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
            input=f"%load_ext mc_jupyter\n%ollama pull tiny:1b --host {server.url}\n",
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            timeout=60,
            env={**os.environ, "IPYTHONDIR": str(tmp_path), "COLUMNS": "80"},
        )
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "pulled tiny:1b (92 MB)" in done.stdout
    assert shown.count("\x1b[1A\r\x1b[K") >= 4
    # each line is erased before the next one, and the last one before the result
    assert shown.endswith("\x1b[1A\r\x1b[K")
    assert shown.count("\n") == shown.count("\x1b[1A")


def test_no_progress_stays_above_an_error(kernel: Kernel, serve: Serve) -> None:
    server = serve(models=[])
    for cell in (f"%ollama pull missing:1b --host {server.url}", prompt(server)):
        got = kernel.run(cell)
        assert "pull" in got.error
        shown = texts(got)
        assert any("pulling" in text for text in shown)
        assert "pulling" not in shown[-1]
        assert shown[-1].endswith("stopped")
