"""One prompt: what the notebook receives, keeps and can go on with."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from support.kernel import MODEL, Kernel, Messages, Serve, prompt, seen
from support.scripted_handler import Answer
from support.scripted_ollama import words

FOOTER = f"<small>{MODEL} · url · 5 tokens</small></div>"


def test_a_short_answer_costs_few_messages_and_one_saved_output(
    kernel: Kernel, serve: Serve
) -> None:
    text = "".join(words(300, 1350))
    got = kernel.run(prompt(serve(tokens=words(300, 1350), rate=60)))
    assert not got.error
    assert len(got.all) <= 40
    assert got.bytes <= 60_000
    assert len(got.displays) == 1
    assert got.last["data"] == {
        "text/plain": text,
        "text/html": f'<div><div dir="auto"><p>{text.strip()}</p></div>'
        f"<small>{MODEL} · url · 300 tokens</small></div>",
    }
    live = [m["data"] for m in (*got.displays, *got.updates[:-1])]
    assert all(set(data) == {"text/html"} for data in live)
    assert any("tokens/s" in data["text/html"] for data in live)


def test_a_long_answer_costs_a_bounded_multiple_of_its_bytes(kernel: Kernel, serve: Serve) -> None:
    tokens = words(4000, 60_000)
    got = kernel.run(prompt(serve(tokens=tokens, rate=400)))
    assert got.last["data"]["text/plain"] == "".join(tokens)
    assert got.bytes <= 25 * 60_000


def test_the_first_token_is_shown_at_once(kernel: Kernel, serve: Serve) -> None:
    server = serve(tokens=["first", " second"], rate=0.5)
    request = kernel.send(prompt(server))
    shown = kernel.until(request, "display_data").displays[0]["data"]["text/html"]
    assert shown.startswith('<div><div dir="auto"><p>first</p>')
    assert server.tokens_sent == 1
    kernel.interrupt()
    assert kernel.receive(request).error


@pytest.mark.parametrize("options", ["", "--plain", "--verbose"])
def test_live_and_settled_save_the_same(kernel: Kernel, serve: Serve, options: str) -> None:
    server = serve(thinking=["Hm, "], tokens=["costs $5 ", "<b> \\(x\\)\n", "```py\nx = 1"])
    live = kernel.run(prompt(server, options))
    again = kernel.run("display(_answer)")
    kernel.run("%config McJupyter.render = 'settled'")
    settled = kernel.run(prompt(server, options))
    kernel.run("%config McJupyter.render = ''")
    assert len(live.updates) > 0
    assert (settled.types, settled.updates) == (["execute_input", "display_data"], [])
    outputs = [messages.outputs() for messages in (live, again, settled)]
    assert [len(saved) for saved in outputs] == [1, 1, 1]
    (first,), (second,), (third,) = ([_bytes(o) for o in saved] for saved in outputs)
    assert first == second  # the same answer
    if options != "--verbose":  # which shows times
        assert third == first
    assert "transient" not in settled.outputs()[0] or not settled.outputs()[0]["transient"]


def test_thinking_in_the_text_is_never_shown_as_the_answer(kernel: Kernel, serve: Serve) -> None:
    server = serve(tokens=["<thi", "nk>\nSecret ", "plan\n</th", "ink>", "\n\nFour."], rate=10)
    got = kernel.run(prompt(server))
    assert got.last["data"]["text/plain"] == "Four."
    live = [m["data"]["text/html"] for m in (*got.displays, *got.updates)]
    assert not any("think" in shown for shown in live)
    assert any("<blockquote><p>Secret plan</p>" in shown for shown in live)
    facts = kernel.run("print([_answer.text, _answer.thinking])").streams
    assert facts == "['Four.', 'Secret plan']\n"


def test_an_answer_that_ended_while_thinking_says_so(kernel: Kernel, serve: Serve) -> None:
    got = kernel.run(prompt(serve(tokens=["<think>", "only ", "thinking"])))
    assert not got.error
    assert "· ended while thinking</small>" in got.last["data"]["text/html"]
    assert (
        kernel.run("print([_answer.text, _answer.thinking])").streams == "['', 'only thinking']\n"
    )


def test_each_cloud_model_is_announced_at_its_first_prompt(kernel: Kernel, serve: Serve) -> None:
    server = serve(models=[MODEL, "far:1b-cloud", "copy:latest"], cloud=["copy:latest"])
    assert not kernel.run(prompt(server)).error
    for model in ("far:1b-cloud", "copy"):
        for is_first in (True, False):
            got = kernel.run(f"%%ollama {model} --host {server.url}\nHello?")
            footer = got.last["data"]["text/html"]
            assert ("runs in the cloud: prompts leave" in footer) is is_first
    assert server.asked("/api/pull") == []


@pytest.mark.parametrize("option", ["--json", ""])
def test_a_call_of_a_path_announces_a_cloud_model_too(
    kernel: Kernel, serve: Serve, option: str
) -> None:
    server = serve(models=["copy:latest"], cloud=["copy:latest"])
    kernel.run(f"%mc load {server.url} --as far{option[2:]}")
    cell = f"%%mc call far{option[2:]} POST /api/chat {option}\n"
    cell += '{"model": "copy", "messages": [{"role": "user", "content": "Hi"}]}'
    for is_first in (True, False):
        got = kernel.run(cell)
        assert len(server.asked("/api/chat")) == 2 - is_first
        assert ("copy runs in the cloud: prompts leave" in str(got.outputs())) is is_first


def cut_to(tokens: int) -> list[bytes]:
    """The lines of an answer to a prompt of which the server has read so many tokens."""
    said = {"model": MODEL, "message": {"role": "assistant", "content": "Yes."}}
    end = {"done": True, "done_reason": "stop", "eval_count": 1, "prompt_eval_count": tokens}
    return [json.dumps(said | {"done": False}).encode(), json.dumps(said | end).encode()]


@pytest.mark.parametrize("options", ["", "--num-ctx 4096"])
def test_a_cut_prompt_is_said_with_what_mends_it(
    kernel: Kernel, serve: Serve, options: str
) -> None:
    server = serve(lines=cut_to(2050))
    got = kernel.run(prompt(server, options, "word " * 7000))
    assert "the prompt was cut: it does not fit 4,096" in got.last["data"]["text/html"]
    assert "--num-ctx 16384</small>" in got.last["data"]["text/html"]
    got = kernel.run(prompt(serve(lines=cut_to(2050)), "--num-ctx 16384", "word " * 7000))
    assert "cut" not in got.last["data"]["text/html"]


def test_no_truncate_has_the_server_refuse(kernel: Kernel, serve: Serve) -> None:
    text = "the request (9021 tokens) exceeds the available context size (4096 tokens)"
    refusal = Answer(400, json.dumps({"error": text}).encode())
    server = serve(answers={"/api/chat": refusal})
    got = kernel.run(prompt(server, "--no-truncate"))
    assert server.asked("/api/chat")[0].body["truncate"] is False
    assert text in got.error
    assert "--num-ctx 16384" in got.error


def _bytes(output: dict[str, Any]) -> tuple[bytes, bytes]:
    return (json.dumps(output["data"]).encode(), json.dumps(output["metadata"]).encode())


def test_no_time_and_no_address_is_saved(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    (output,) = kernel.run(prompt(server)).outputs()
    facts = output["metadata"]["mc_jupyter"]
    assert facts["model"] == MODEL
    assert facts["usage"] == {"answer_tokens": 5}
    assert "timings" not in facts
    assert kernel.value("_answer.timings.first_token") > 0
    assert str(server.port) not in json.dumps([output["data"], output["metadata"]])
    assert output["data"]["text/html"].endswith(FOOTER)


def test_the_answer_is_underscore_out_and_answer(kernel: Kernel, serve: Serve) -> None:
    got = kernel.run(prompt(serve(tokens=["forty", "-two"]), "--out mine"))
    assert got.types.count("display_data") == 1
    assert "execute_result" not in got.types
    count = got.reply["execution_count"]
    assert kernel.run(f"Out[{count}] is _{count} is _answer is mine").text == "True"
    got = kernel.run(prompt(serve(tokens=["forty", "-two"])))
    assert kernel.run("_ is _answer, str(_)").text == "(True, 'forty-two')"
    assert kernel.value("[_answer.model, _answer.messages, _answer.interrupted]") == [
        MODEL,
        [{"role": "user", "content": "Hello?"}],
        False,
    ]


def test_an_answer_shows_itself_again_in_a_later_cell(kernel: Kernel, serve: Serve) -> None:
    kernel.run(prompt(serve()))
    again = kernel.run("_answer")
    assert again.types == ["execute_input", "execute_result"]
    assert again.displays[0]["data"]["text/html"].endswith(FOOTER)
    server = serve()
    assigned = kernel.run(f"kept = %ollama run --host {server.url} {MODEL} hi")
    assert len(assigned.outputs()) == 1
    assert "execute_result" in kernel.run("kept").types


def test_a_semicolon_does_not_silence_and_quiet_does(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    assert len(kernel.run(prompt(server, body="Hello?;")).outputs()) == 1
    assert server.asked("/api/chat")[-1].body["messages"][0]["content"] == "Hello?;"
    quiet = kernel.run(prompt(server, "--quiet"))
    assert quiet.types == ["execute_input"]
    assert kernel.run("_ is _answer, _.text").text == "(True, 'Hello from the script.')"


def test_several_prompts_in_one_cell_are_one_output_each(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    line = f"%ollama run --host {server.url} {MODEL} hi"
    assert len(kernel.run(f"{line}\n{line}").outputs()) == 2
    loop = f"for _i in range(3):\n    {line}"
    assert len(kernel.run(loop).outputs()) == 3


def test_capture_keeps_one_output(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    kernel.run(f"%%capture captured\n%ollama run --host {server.url} {MODEL} hi")
    assert kernel.value("len(captured.outputs)") in (1, 2)
    assert kernel.run("captured.outputs[0].data['text/plain']").text == "'Hello from the script.'"


def test_templates_are_filled_before_anything_is_sent(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    kernel.run("role, n = 'brief', 7")
    kernel.run(prompt(server, "-s 'Be {{role}}.' --seed {{n}}", 'Add {{n + 1}} to {"a": 1}.'))
    sent = server.asked("/api/chat")[-1].body
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": 'Add 8 to {"a": 1}.'},
    ]
    assert sent["options"] == {"seed": 7}
    before = len(server.requests)
    assert "{{nope}}: there is no name 'nope'" in kernel.run(prompt(server, body="{{nope}}")).error
    assert len(server.requests) == before
    kernel.run(prompt(server, "--literal", "{{nope}} {x}"))
    assert server.asked("/api/chat")[-1].body["messages"][0]["content"] == "{{nope}} {x}"


def test_an_answer_and_an_image_go_into_the_next_prompt(
    kernel: Kernel, serve: Serve, tmp_path: Path
) -> None:
    server = serve(tokens=["forty", "-two"])
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    kernel.run(prompt(server, "--out first"))
    kernel.run(prompt(server, f"--image {tmp_path}/a.png", "Why {{first}}?"))
    assert server.asked("/api/chat")[-1].body["messages"] == [
        {"role": "user", "content": "Why forty-two?", "images": ["iVBORw=="]}
    ]


def test_a_picture_in_a_variable_is_shown_and_a_sound_is_not_sent(
    kernel: Kernel, serve: Serve, tmp_path: Path
) -> None:
    server = serve(tokens=["a", "cat"])
    kernel.run("from IPython.display import Image; frame = Image(b'\\x89PNG', format='png')")
    got = kernel.run(prompt(server, "--image frame", "What?"))
    assert not got.error
    sent = server.asked("/api/chat")
    assert sent[-1].body["messages"][0]["images"] == ["iVBORw=="]
    (tmp_path / "sound.png").write_bytes(b"RIFF\0\0\0\0WAVE")
    got = kernel.run(prompt(server, f"--image {tmp_path}/sound.png", "What?"))
    assert "sound.png is a sound (WAV), and no picture" in got.error
    assert len(server.asked("/api/chat")) == len(sent)


def test_dry_run_shows_what_would_be_sent_and_needs_no_server(kernel: Kernel, serve: Serve) -> None:
    shown = kernel.run("%%ollama m -t 0 --dry-run --format json\nHello")
    assert shown.types == ["execute_input", "execute_result"]
    server = serve()
    kernel.run(prompt(server, "-t 0 --format json"))
    request = kernel.run("%%ollama " + f"{MODEL} -t 0 --dry-run --format json\nHello?").text
    assert json.loads(request.partition("\n")[2]) == server.asked("/api/chat")[-1].body


def test_json_is_parsed(kernel: Kernel, serve: Serve) -> None:
    got = kernel.run(prompt(serve(tokens=['{"a":', " [1]}"]), "--format json"))
    assert kernel.value("_answer.data") == {"a": [1]}
    assert got.last["data"]["text/plain"] == '{"a": [1]}'
    assert '<code>{"a": [1]}</code></pre></div><small>' in unescape(got.last["data"]["text/html"])


def test_an_empty_body_loads_the_model(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    got = kernel.run(f"%%ollama {MODEL} --host {server.url}")
    assert f"{MODEL} is loaded" in got.last["data"]["text/plain"]
    assert server.asked("/api/generate")[-1].body == {"model": MODEL, "stream": False}


def test_use_sets_the_default_and_says_what_it_took(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    error = kernel.run("%%ollama\nhi").error
    assert error.startswith("ArgumentError: which model?\n%%ollama ")
    assert "%ollama use MODEL" in error
    used = kernel.run(f"%ollama use nope --or {MODEL} --seed 7 --host {server.url}")
    assert used.last["data"]["text/plain"] == (
        f"%%ollama uses {MODEL} in this notebook (nope: not installed)"
    )
    kernel.run("%%ollama --seed 8\nhi")
    kernel.run("%%ollama\nhi")
    seeds = [request.body["options"]["seed"] for request in server.asked("/api/chat")]
    assert seeds == [8, 7]
    assert "temprature" in kernel.run("%ollama use m --option temprature=1").error


def test_a_model_that_is_missing_is_pulled_with_progress(kernel: Kernel, serve: Serve) -> None:
    server = serve(library={"tiny:1b": [1000, 2000]}, models=["llama3.2:1b"])
    got = kernel.run(f"%%ollama tiny:1b --host {server.url}\nhi")
    assert not got.error
    assert len(got.outputs()) == 1
    assert "pulling" in got.displays[0]["data"]["text/html"]


def test_exactly_one_output_is_saved(tmp_path: Path, serve: Serve) -> None:
    """The same through nbclient, which is what writes notebooks in CI."""
    server = serve(tokens=words(40, 200), rate=100)
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("%load_ext mc_jupyter"),
            nbformat.v4.new_code_cell(f"# asked live\n{prompt(server)}"),
            nbformat.v4.new_code_cell("_answer.text"),
        ]
    )
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=str(tmp_path))
    loaded, asked, text = (cell["outputs"] for cell in notebook.cells)
    assert loaded == []
    assert [output["output_type"] for output in asked] == ["display_data"]
    assert asked[0]["data"]["text/plain"] == "".join(words(40, 200))
    assert len(text) == 1


def test_a_terminal_prints_the_text_as_it_comes(tmp_path: Path, serve: Serve) -> None:
    import os
    import subprocess
    import sys

    server = serve(tokens=["forty", "-two"])
    typed = (
        f"%load_ext mc_jupyter\n%ollama run --host {server.url} {MODEL} What's it?\n_answer.text\n"
        f"%ollama run --quiet --host {server.url} {MODEL} And now?\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    assert f"forty-two\nOut[2]: {MODEL} · url · 2 tokens\n" in done.stdout
    assert "Out[3]: 'forty-two'" in done.stdout
    assert done.stdout.count("2 tokens") == 1
    assert server.asked("/api/chat")[0].body["messages"][0]["content"] == "What's it?"


def _texts(messages: Messages) -> list[str]:
    return [seen(m["data"]) for m in (*messages.displays, *messages.updates)]


def test_a_silent_server_is_waited_for_visibly(kernel: Kernel, serve: Serve) -> None:
    got = kernel.run(prompt(serve(body_delay=1.0)))
    assert _texts(got)[0] == f"waiting for {MODEL}"
    assert len(got.outputs()) == 1


def test_an_empty_body_loads_with_the_options(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    kernel.run(f"%%ollama {MODEL} --num-ctx 512 --host {server.url}")
    assert server.asked("/api/generate")[-1].body["options"]["num_ctx"] == 512


def test_run_with_think_and_nothing_more(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    assert not kernel.run(f"%ollama run --host {server.url} --think {MODEL} Why is it?").error
    sent = server.asked("/api/chat")[-1].body
    assert (sent["think"], sent["messages"][-1]["content"]) == (True, "Why is it?")
