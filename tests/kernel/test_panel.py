"""The panel as a kernel has it: comms, messages, threads, and the magics beside it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.embedded_server import weights
from support.engine import service_folder
from support.front import Front
from support.kernel import Kernel, Serve
from support.scripted_ollama import ScriptedOllama
from support.wait import wait_until

COMPOSE = "services:\n  ollama:\n    image: ollama/ollama:latest\n"
MANIFEST = "name: {name}\nversion: '1.0'\ndocker:\n  serviceName: ollama\n  image: ollama/ollama\n"
ALIVE = "[t.name for t in __import__('threading').enumerate() if 'mc-jupyter' in t.name]"


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """A kernel of its own, with the extension and the real small model."""
    env = {
        "MC_JUPYTER_HOME": str(tmp_path / "home"),
        "MC_JUPYTER_RUNTIME": "embedded",
        "MC_JUPYTER_MODELS": str(weights()),
    }
    kernel = Kernel(env, str(tmp_path))
    front = Front(kernel)
    try:
        assert not front.run("%load_ext mc_jupyter\nimport mc_jupyter").error
        yield front
    finally:
        kernel.close()


def widgets(front: Front) -> int:
    """How many widgets the kernel holds."""
    code = "import ipywidgets as _w; print(len(_w.widgets.widget._instances))"
    return int(front.run(code).streams)


def service(tmp_path: Path, name: str) -> Path:
    """A repository with an Ollama service."""
    return service_folder(tmp_path / name, COMPOSE, MANIFEST.format(name=name), {})


def load(front: Front, folder: Path, *options: str) -> None:
    assert not front.run(f"%mc load {folder} {' '.join(options)}").error


def test_comms_do_not_grow_with_the_services_and_all_are_closed(
    front: Front, tmp_path: Path
) -> None:
    opened = {}
    for count in (1, 10, 50):
        for number in range(count):
            load(front, service(tmp_path, f"s{number}-service"))
        assert front.run("print(len(mc_jupyter.registry.services()))").streams == f"{count}\n"
        shown = front.run("%mc panel")
        opened[count] = shown.types.count("comm_open")
        assert f"s{count - 1}-service" in shown.displays[0]["data"]["text/plain"]
        front.says(f"s{count - 1}")
        assert widgets(front) == opened[count]
        assert not front.run("%mc panel --close").error
        assert widgets(front) == 0
        assert front.models == {}
    assert opened[1] == opened[10] == opened[50]
    assert opened[1] <= 80


def test_nothing_is_sent_while_nothing_changes(front: Front, tmp_path: Path) -> None:
    load(front, service(tmp_path, "one-service"), "--start")
    front.run("%mc panel")
    front.says("smollm2:135m")
    front.listen(1.5)  # what the first look brings
    assert front.listen(10) == []


def test_it_is_shown_again_not_copied(front: Front) -> None:
    first = front.run("%mc panel").displays[1]["data"]
    held = widgets(front)
    second = front.run("mc_jupyter.panel()")
    assert "comm_open" not in second.types
    view = "application/vnd.jupyter.widget-view+json"
    assert second.displays[1]["data"][view] == first[view]
    assert widgets(front) == held


def test_unload_leaves_no_widget_no_thread_and_no_hook(front: Front, tmp_path: Path) -> None:
    hooks = "{k: len(v) for k, v in get_ipython().events.callbacks.items()}"
    front.run("%unload_ext mc_jupyter")
    before = front.run(f"print({hooks})").streams
    front.run("%load_ext mc_jupyter")
    load(front, service(tmp_path, "one-service"))
    front.run("%mc panel")
    front.click("Follow logs")
    front.run("%unload_ext mc_jupyter")
    assert widgets(front) == 0
    assert front.run(f"print({hooks})").streams == before
    wait_until(lambda: front.run(f"print({ALIVE})").streams == "[]\n", 5, "the end of the threads")


def test_what_the_panel_does_the_magics_see_and_the_other_way_round(
    front: Front, tmp_path: Path
) -> None:
    front.run("%mc panel")
    front.says("No service is loaded")
    front.type("Load", str(service(tmp_path, "sea-service")))
    front.click("Load")
    front.says("loaded, not started")
    assert "sea" in front.run("%mc status").text
    front.click("Start sea")
    front.says("running, answers")
    assert "running" in front.run("%mc status sea").text
    front.says("smollm2:135m")  # its models are looked at
    assert not front.run("%mc stop sea").error
    front.says("sea: stopped", timeout=1)
    front.until(lambda: "Start sea" in front.labels(), "the button's new name", timeout=1)
    assert not front.run("%mc start sea").error
    front.says("sea: running, answers", timeout=1)
    assert not front.run("%mc remove sea").error
    front.says("No service is loaded", timeout=1)


def test_every_action_names_its_magic(front: Front, tmp_path: Path) -> None:
    load(front, service(tmp_path, "sea-service"))
    front.run("%mc panel")
    front.says("sea")
    tips = {
        state["description"]: state.get("tooltip") or ""
        for state in front.models.values()
        if state.get("_model_name") in ("ButtonModel", "ToggleButtonModel")
    }
    assert {label for label, tip in tips.items() if not tip} <= {"Options", "New conversation"}
    front.click("Start sea")
    front.says("(same as %mc start sea )")


def test_a_server_that_is_killed_is_seen(front: Front, tmp_path: Path) -> None:
    load(front, service(tmp_path, "sea-service"), "--start")
    front.run("%mc panel")
    front.says("running, answers")
    pid = int(
        front.run("%mc status").text
        and front.run(
            "print(mc_jupyter.registry.find('sea')._condition.detail.split()[-1])"
        ).streams
    )
    os.kill(pid, signal.SIGKILL)
    front.says("killed by SIGKILL", timeout=2)


def prompt(front: Front, text: str) -> None:
    front.type("Prompt", text, "TextareaModel")
    front.click("Ask")


def slow(serve: Serve, front: Front, **script: object) -> ScriptedOllama:
    """A scripted server that answers slowly, loaded and chosen."""
    server = serve(**{"tokens": ["word "] * 2000, "rate": 30, **script})
    assert not front.run(f"%mc load {server.url} --as sea").error
    front.run("%mc panel")
    front.says("llama3.2:1b")
    return server


def test_the_real_model_answers_and_the_cell_gives_the_same(front: Front) -> None:
    front.run("%mc load ollama --start")
    front.run("%mc panel")
    front.says("smollm2:135m")
    front.type("temperature", "0")
    front.type("seed", "1")
    front.type("num-predict", "40")
    front.type("System", "You answer in one sentence.")
    prompt(front, "What is the capital of France?")
    front.says("Paris")
    front.until(lambda: "tokens/s" in front.text and "about" not in front.text, "the end")
    cell = json.loads(
        front.run(
            "import json; print(json.dumps(mc_jupyter.panel()._board.playground._cell))"
        ).streams
    )
    head, body = cell.split("\n")
    assert head.startswith("%%ollama smollm2:135m --temperature 0 --seed 1 --num-predict 40")
    assert body == "What is the capital of France?"
    assert not front.run(cell).error
    assert front.run("print(_answer.text == mc_jupyter.panel().answer.text)").streams == "True\n"


def test_a_conversation_goes_on_and_is_forgotten(front: Front, serve: Serve) -> None:
    server = slow(serve, front, tokens=["It ", "is."], rate=None)
    for number, text in enumerate(("One?", "Two?"), 1):
        prompt(front, text)
        front.until(lambda n=number: len(server.asked("/api/chat")) == n, "the request")
        front.until(lambda n=number: front.text.count("It is.") == n, "the answer")
        front.until(lambda: not answering(front), "the end")
    sent = server.asked("/api/chat")[-1].body["messages"]
    assert [m["content"] for m in sent] == ["One?", "It is.", "Two?"]
    front.says("It does not know the 1 turn of conversation before it.")
    front.click("New conversation")
    prompt(front, "Three?")
    front.until(lambda: len(server.asked("/api/chat")) == 3, "the third")
    assert len(server.asked("/api/chat")[-1].body["messages"]) == 1


def test_what_came_of_a_stopped_answer_belongs_to_the_conversation(
    front: Front, serve: Serve
) -> None:
    server = slow(serve, front)
    prompt(front, "One?")
    front.says("word word")
    front.click("Stop")
    front.says("interrupted", timeout=2)
    prompt(front, "Two?")
    front.until(lambda: len(server.asked("/api/chat")) == 2, "the request")
    sent = server.asked("/api/chat")[-1].body["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"].startswith("word word")


def test_a_log_is_followed_on_after_a_restart(front: Front) -> None:
    front.run("%mc load ollama --start\n%mc panel")
    front.says("ollama: running, answers")
    front.click("Follow logs")
    front.says("GET /api/")
    front.run("%mc stop ollama")
    front.says("(that was the last line: it has ended)")
    front.run("%mc start ollama")
    front.until(lambda: "that was the last line" not in front.text, "the log of the new one")
    front.says("GET /api/")


def answering(front: Front) -> bool:
    return "answering" in front.text or "about" in front.text


def test_stop_ends_within_a_second_and_frees_the_server(front: Front, serve: Serve) -> None:
    server = slow(serve, front)
    prompt(front, "Go on.")
    front.says("word word")
    start = time.monotonic()
    front.click("Stop")
    front.says("interrupted", timeout=2)
    assert time.monotonic() - start < 1
    wait_until(lambda: server.closed_at, 1, "the server's freedom")


def test_the_magic_ends_it_too_and_says_what(front: Front, serve: Serve) -> None:
    slow(serve, front)
    prompt(front, "Go on.")
    front.says("word word")
    assert front.run("%ollama cancel").text == "cancelled: asking"
    assert front.run("%ollama cancel").text == "nothing goes on in the background"


def test_cancel_takes_one_kind_and_leaves_the_others(front: Front, serve: Serve) -> None:
    slow(serve, front)
    prompt(front, "Go on.")
    front.says("word word")
    for kind in ("pull", "service"):
        assert front.run(f"%ollama cancel {kind}").text == "nothing goes on in the background"
    assert "known: answer, pull, service" in front.run("%mc cancel all").error
    assert front.run("%mc cancel answer").text == "cancelled: asking"


def test_a_deletion_that_was_begun_is_not_done_to_another_service(
    front: Front, serve: Serve
) -> None:
    first, second = serve(), serve()
    for name, server in (("one", first), ("two", second)):
        assert not front.run(f"%mc load {server.url} --as {name}").error
    front.run("%mc panel")
    front.says("llama3.2:1b")
    front.click("Delete")
    sure = "Really delete llama3.2:1b"
    front.until(lambda: sure in front.labels(), "the question")
    front.choose("Service", "two")
    front.says("Models of two")
    front.until(lambda: sure not in front.labels(), "the end of the question")
    front.click("Delete")
    front.until(lambda: sure in front.labels(), "the question, for this one")
    front.click(sure)
    front.says("deleted llama3.2:1b")
    assert (first.models, second.models) == (["llama3.2:1b"], [])


def test_the_verdict_on_a_pull_stands_with_its_service_only(front: Front, serve: Serve) -> None:
    first = serve(library={"tiny:1b": [1000]})
    for name, server in (("one", first), ("two", serve())):
        assert not front.run(f"%mc load {server.url} --as {name}").error
    front.run("%mc panel")
    front.says("Models of one")
    front.type("Pull", "tiny:1b")
    front.click("Pull")
    front.says("tiny:1b: 1 kB to fetch")
    front.choose("Service", "two")
    front.says("Models of two")
    front.until(lambda: "to fetch" not in front.text, "the end of the verdict")


def test_a_server_that_never_answers_is_stopped_as_well(front: Front, serve: Serve) -> None:
    slow(serve, front, delay=60)
    prompt(front, "Go on.")
    front.says("waiting for llama3.2:1b")
    start = time.monotonic()
    front.click("Stop")
    front.says("cancelled: asking", timeout=2)
    assert time.monotonic() - start < 1


def test_interrupt_ends_the_answer_while_a_cell_runs_and_while_none_does(
    front: Front, serve: Serve
) -> None:
    slow(serve, front)
    prompt(front, "Go on.")
    front.says("word word")
    front.listen(0.3)
    front.kernel.interrupt()  # no cell runs
    front.says("interrupted", timeout=1)
    prompt(front, "Go on again.")
    front.says("word word")
    cell = front.kernel.send("import time; time.sleep(30)")
    front.says("A cell is running: clicks arrive when it has ended")
    front.kernel.interrupt()
    assert "KeyboardInterrupt" in front.finish(cell).error
    front.until(lambda: front.text.count("interrupted") >= 2, "the end of the second", 2)
    assert "A cell is running" not in front.text


def test_a_long_answer_costs_few_messages(front: Front, serve: Serve) -> None:
    slow(serve, front, tokens=["word "] * 300, rate=60)
    front.listen(0.5)
    start = len(front.messages)
    prompt(front, "Go on.")
    front.until(lambda: "300 tokens" in front.text, "the end")
    sent = [m for m in front.messages[start:] if m["msg_type"] == "comm_msg"]
    assert 5 < len(sent) < 90


def test_without_ipywidgets_it_is_a_table(front: Front, tmp_path: Path) -> None:
    load(front, service(tmp_path, "sea-service"))
    front.run(
        "import sys\nfor n in list(sys.modules):\n"
        "    if n.startswith(('ipywidgets', 'mc_jupyter.notebook.panel.')): del sys.modules[n]\n"
        "sys.modules['ipywidgets'] = None"
    )
    (shown,) = front.run("%mc panel").displays
    data = shown["data"]
    assert set(data) == {"text/plain", "text/html"}
    assert "<table>" in data["text/html"]
    assert "sea" in data["text/plain"]


def test_wrong_values_are_said_and_nothing_is_lost(front: Front, serve: Serve) -> None:
    slow(serve, front)
    front.type("temperature", "hot")
    prompt(front, "Go on.")
    front.says("'hot' is not a number")
    front.type("temperature", "")
    front.type("Prompt", "  ", "TextareaModel")
    front.click("Ask")
    front.says("type a prompt first")
