"""What the panel withstands: hostile text, servers that misbehave, closing in the middle."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.front import Front
from support.kernel import Serve
from support.scripted_handler import Answer
from support.scripted_ollama import ScriptedOllama
from support.wait import wait_until

from mc_jupyter.notebook.panel import render
from mc_jupyter.notebook.panel.log import Follower

PANEL = "__import__('mc_jupyter').panel()"
THREADS = "sorted(t.name for t in __import__('threading').enumerate() if 'mc-jupyter' in t.name)"


def shown(front: Front, server: ScriptedOllama, name: str = "sea") -> None:
    assert not front.run(f"%mc load {server.url} --as {name}").error
    front.run("%mc panel")


def ask(front: Front, text: str) -> None:
    front.type("Prompt", text, "TextareaModel")
    front.click("Ask")


def asked(front: Front, server: ScriptedOllama, count: int = 1) -> object:
    front.until(lambda: len(server.asked("/api/chat")) >= count, "the request", 10)
    return server.asked("/api/chat")[-1].body


def printed(front: Front, expression: str) -> str:
    return front.run(f"print({expression})").streams.strip()


def tags(*models: dict[str, object]) -> Answer:
    return Answer(body=json.dumps({"models": models}).encode())


@pytest.mark.parametrize(
    "name", ["{{open('owned', 'w').close() or 'x'}}", "--system=@secret", "-m", "two words", "a'b"]
)
def test_a_models_name_is_neither_code_nor_option(
    front: Front, serve: Serve, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("my secret")
    server = serve(answers={"/api/tags": tags({"name": name, "size": 1})})
    shown(front, server)
    front.says(name)
    ask(front, "Hello?")
    front.listen(1.5)
    assert not (tmp_path / "owned").exists()
    body = asked(front, server)
    assert isinstance(body, dict)
    assert body["model"] == name
    assert [m["content"] for m in body["messages"]] == ["Hello?"]


@pytest.mark.parametrize(
    "system", ["- be brief", "--verbose", 'it\'s "so" $(id) `id` \\n {x}', "a=b", "-h"]
)
def test_a_system_prompt_is_sent_as_typed(front: Front, serve: Serve, system: str) -> None:
    server = serve()
    shown(front, server)
    front.says("llama3.2:1b")
    front.type("System", system)
    ask(front, "--Hello?")
    body = asked(front, server)
    assert isinstance(body, dict)
    assert [m["content"] for m in body["messages"]] == [system, "--Hello?"]
    cell = front.kernel.value(f"{PANEL}._board.playground._cell")
    assert not front.run(cell).error  # what is shown does the same
    assert asked(front, server, 2) == body


@pytest.mark.parametrize(
    "text",
    [
        "> ```\n![x](http://h/a.png)",
        "1) ```\n![x](http://h/a.png)",
        "$![x](http://h/a.png)$",
        "\\(![x](http://h/a.png)\\)",
        "[x]: http://h/a.png\n\n$![x]$",
        "<img src=http://h/a.png onerror=x()>",
        "</pre><script>x()</script>",
        "[a](javascript:x())",
        '```"><script>\nx\n```',
    ],
)
def test_what_a_model_writes_loads_nothing_and_runs_nothing(text: str) -> None:
    html = render.markdown(text)
    assert "<img" not in html
    assert "<script" not in html
    assert 'href="javascript' not in html


def test_the_panel_says_what_is_shown_as_it_is() -> None:
    html = render.markdown("word " * 50_000)
    assert html.endswith("<small>the last 50,000 characters are shown as they are</small><br>")
    assert "<small>" not in render.markdown("word")


def test_a_server_that_lists_nonsense_ends_no_thread(front: Front, serve: Serve) -> None:
    broken = serve(answers={"/api/tags": tags({"name": "odd", "size": "huge", "digest": 7})})
    sound = serve(models=["sound:1b"])
    shown(front, broken, "broken")
    front.says("broken")
    front.listen(1)
    assert not front.run(f"%mc load {sound.url} --as sound").error
    front.choose("Service", "sound")
    front.says("sound:1b", 5)
    assert not [m for m in front.messages if m["msg_type"] == "stream"]


def test_a_server_that_hangs_delays_no_other(front: Front, serve: Serve) -> None:
    never = threading.Event()

    class Never:
        """Stands in for an answer that does not come."""

        status, type, headers = 200, "application/json", dict[str, str]()

        @property
        def body(self) -> bytes:
            never.wait(20)
            return b"{}"

    hung, sound = serve(), serve(models=["sound:1b"])
    for name, server in (("hung", hung), ("sound", sound)):
        assert not front.run(f"%mc load {server.url} --as {name}").error
    hung.answers["/api/ps"] = Never()  # type: ignore[assignment]
    front.run("%mc panel")
    front.says("hung")
    front.choose("Service", "sound")
    front.says("sound:1b", 3)
    front.click("Refresh")
    start = time.monotonic()
    assert not front.run("%mc panel --close").error
    assert time.monotonic() - start < 2
    wait_until(lambda: printed(front, THREADS) == "[]", 3, "the end of the threads")
    never.set()


def test_another_kind_of_service_is_said_to_have_no_models(front: Front, tmp_path: Path) -> None:
    folder = tmp_path / "web-service"
    folder.mkdir()
    (folder / "MediaConduit.service.yml").write_text(
        "name: <img src=x onerror=x()>\nversion: '</td><script>x()</script>'\n"
        "docker: {serviceName: web, image: 'nginx', composeFile: docker-compose.yml}\n"
    )
    (folder / "docker-compose.yml").write_text("services: {web: {image: nginx}}\n")
    assert not front.run(f"%mc load {folder}").error
    front.run("%mc panel")
    front.says("web is no Ollama service")
    values = " ".join(str(state.get("value", "")) for state in front.models.values())
    assert "<script>" not in values
    assert "<img" not in values
    ask(front, "Hello?")
    front.says("web is no Ollama service: type %mc call web GET / in a cell")


def test_the_chosen_model_stays_chosen_while_its_server_does_not_answer(
    front: Front, serve: Serve
) -> None:
    server = serve(models=["first:1b", "second:1b"])
    shown(front, server)
    offered = front.models[front.find("Model", "DropdownModel")]
    front.until(lambda: "second:1b" in offered["_options_labels"], "the choice of models")
    front.choose("Model", "second:1b")
    server.answers["/api/tags"] = Answer(500, b'{"error": "out of order"}')
    front.click("Refresh")
    front.says("out of order")
    ask(front, "Hello?")
    body = asked(front, server)
    assert isinstance(body, dict)
    assert body["model"] == "second:1b"
    del server.answers["/api/tags"]
    front.click("Refresh")
    front.until(lambda: offered["index"] == 1, "the same choice")


def test_a_choice_stays_when_there_is_more_to_choose_from(front: Front, serve: Serve) -> None:
    server = serve(models=["first:1b", "second:1b"], library={"third:1b": [1000]})
    assert not front.run(f"%mc load {serve().url} --as lake").error
    shown(front, server)
    front.choose("Service", "sea")
    fields = {name: front.find(name, "DropdownModel") for name in ("Service", "Model", "Installed")}

    def chosen() -> list[str]:
        states = [front.models[comm] for comm in fields.values()]
        return [state["_options_labels"][state["index"]] for state in states]

    models = front.models[fields["Model"]]
    front.until(lambda: "second:1b" in models["_options_labels"], "the choice of models")
    front.choose("Model", "second:1b")
    front.choose("Installed", "second:1b")
    front.until(lambda: chosen() == ["sea", "second:1b", "second:1b"], "the choices", 3)
    front.type("Pull", "third:1b")
    front.click("Pull")
    front.until(lambda: "third:1b" in models["_options_labels"], "the third")
    assert not front.run(f"%mc load {serve().url} --as pond").error
    front.says("pond")
    front.listen(0.5)
    assert chosen() == ["sea", "second:1b", "second:1b"]


@pytest.mark.parametrize("fault", ["cut", "reset", "end", "error", "garbage"])
def test_an_answer_that_breaks_off_is_kept_and_the_next_one_comes(
    front: Front, serve: Serve, fault: str
) -> None:
    server = serve(tokens=["word "] * 20, rate=40, fault=fault, fail_after=8)
    shown(front, server)
    front.says("llama3.2:1b")
    ask(front, "Go on.")
    front.says("what came of the answer is in mc_jupyter.panel().answer")
    front.says("word word")  # drawn in the same moment, or in the next
    assert front.kernel.value(f"{PANEL}.answer.text").startswith("word word")
    assert front.kernel.value("'_answer' in globals()") is False
    server.fault = None
    ask(front, "Again?")
    front.until(lambda: "20 tokens" in front.text, "the next answer")
    *_, before, last = server.asked("/api/chat")[-1].body["messages"]
    assert before["content"].startswith("word word")  # what came is a part of the conversation
    assert last["content"] == "Again?"


def test_closing_ends_the_answer_keeps_it_and_opens_again(front: Front, serve: Serve) -> None:
    server = serve(tokens=["word "] * 2000, rate=30)
    shown(front, server)
    front.says("llama3.2:1b")
    ask(front, "Go on.")
    front.says("word word")
    assert not front.run("%mc panel --close").error
    wait_until(lambda: server.closed_at, 1, "the server's freedom")
    assert front.models == {}
    assert front.kernel.value(f"{PANEL}.answer.text").startswith("word word")
    front.run("%mc panel")
    front.says("llama3.2:1b")
    ask(front, "Once more.")
    front.says("word word")
    assert not front.run("%reload_ext mc_jupyter").error
    wait_until(lambda: server.closed_at, 1, "the server's freedom")
    wait_until(lambda: printed(front, THREADS) == "[]", 5, "the end of the threads")


def test_the_signals_handler_is_left_as_it_was(front: Front, serve: Serve) -> None:
    look = "import signal, asyncio\nfound = []\n"
    look += "asyncio.get_running_loop().call_later({}, lambda: found.append("
    look += "str(signal.getsignal(signal.SIGINT))))"
    front.run(look.format(0.3))
    front.listen(0.6)
    server = serve(tokens=["word "] * 2000, rate=30)
    shown(front, server)
    front.says("llama3.2:1b")
    for _ in range(5):
        ask(front, "Go on.")
        front.says("word word")
        front.click("Stop")
        front.says("interrupted", 3)
        front.click("New conversation")
        front.until(lambda: "word word" not in front.text, "a new conversation")
    front.run(look.format(0.3).replace("found = []", ""))
    front.listen(0.6)
    before, after = front.kernel.value("found")
    assert before == after


def test_a_long_answer_costs_a_bounded_multiple_whatever_else_changes(
    front: Front, serve: Serve
) -> None:
    server = serve(tokens=["word " * 3200, *(["x"] * 300)], rate=50)
    shown(front, server)
    front.says("llama3.2:1b")
    front.run(
        f"import threading, time\nboard = {PANEL}._board\ndef other():\n"
        "    for _ in range(300): board.dirty(); time.sleep(0.02)\n"
        "threading.Thread(target=other, daemon=True).start()"
    )
    start = len(front.messages)
    ask(front, "Go on.")
    front.until(lambda: "301 tokens" in front.text, "the end", 30)
    sent = sum(
        len(json.dumps(message["content"]))
        for message in front.messages[start:]
        if message["msg_type"] == "comm_msg"
    )
    assert sent / 16000 < 8


@pytest.mark.parametrize(
    "cell", ["%%time\nimport time; time.sleep(20)", "import asyncio\nawait asyncio.sleep(20)"]
)
def test_the_interrupt_of_any_cell_ends_the_answer(front: Front, serve: Serve, cell: str) -> None:
    server = serve(tokens=["word "] * 2000, rate=30)
    shown(front, server)
    front.says("llama3.2:1b")
    ask(front, "Go on.")
    front.says("word word")
    running = front.kernel.send(cell)
    front.says("A cell is running")
    front.kernel.interrupt()
    assert front.finish(running).error
    wait_until(lambda: server.closed_at, 1, "the server's freedom")


def test_a_cell_that_ends_as_it_is_noticed_is_not_said_to_run(front: Front) -> None:
    front.run("%mc panel")
    front.run(
        f"import time\ncells = {PANEL}._board._cells\ncells._begins(None)\n"
        "timer = cells._timer\ntime.sleep(0.999)\ncells._ends(None)\ntimer.join()\n"
        "timer.function()"
    )
    front.listen(0.5)
    assert "A cell is running" not in front.text


def test_half_a_character_is_no_end(front: Front, serve: Serve) -> None:
    server = serve(
        lines=[
            b'{"message": {"role": "assistant", "content": "odd \\ud83d"}, "done": false}',
            b'{"message": {"role": "assistant", "content": " end"}, "done": true}',
        ]
    )
    shown(front, server)
    front.says("llama3.2:1b")
    ask(front, "Hello?")
    front.says("odd")
    front.until(lambda: " end" in front.text, "the rest")


def test_a_log_without_lines_stays_small() -> None:
    class Endless:
        """Stands in for a service that writes no line end."""

        handle = "sea"

        def follow(self, lines: int) -> Iterator[str]:
            yield from ["x" * 1000] * 1000

    follower = Follower(Endless(), lambda: None)  # type: ignore[arg-type]
    wait_until(lambda: "has ended" in follower.text(), 5, "the end")
    assert len(follower.text()) < 2000
