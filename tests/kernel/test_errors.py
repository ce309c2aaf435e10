"""What fails is one or two lines with the next step, a real error, and loses nothing that came."""

from __future__ import annotations

import json

import nbclient
import nbformat
import pytest
from support.kernel import MODEL, Kernel, Serve, prompt
from support.scripted_ollama import Answer, words


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("error", "ResponseError"),
        ("cut", "ConnectionFailedError"),
        ("end", "StreamCutError"),
        ("reset", "ConnectionFailedError"),
    ],
)
def test_an_answer_that_breaks_off_is_kept(
    kernel: Kernel, serve: Serve, fault: str, name: str
) -> None:
    server = serve(tokens=["one ", "two ", "three "], fault=fault, fail_after=2)
    got = kernel.run(prompt(server, "--out partial"))
    assert got.reply["ename"] == name
    assert "; what came of the answer is in _answer" in got.error
    assert len(got.error.splitlines()) <= 2
    assert kernel.value("[_answer.text, partial is _answer, _answer.error is None]") == [
        "one two ",
        True,
        False,
    ]
    (shown,) = (output for output in got.outputs() if output["type"] == "display_data")
    assert shown["data"]["text/plain"] == "one two "
    end = f"<small>{MODEL} · url · broken off</small></div>"
    assert shown["data"]["text/html"].endswith(end)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("%mc stat", "ArgumentError: %mc has no verb 'stat': did you mean 'start'?"),
        ("%mc start nope", "ServiceNotFoundError: no service 'nope'"),
        ("%mc start", "ArgumentError: %mc start: the following arguments are required: NAME"),
        ("%mc stop", "ArgumentError: %mc stop: which service?\n%mc stop NAME, or %mc stop --all"),
        ("%mc load --runtime dokcer x", "--runtime is 'dokcer': did you mean 'docker'?"),
        ("%mc load x --env A", "ArgumentError: --env is 'A'\naccepted: NAME=VALUE"),
        ("%mc start x --waitt 3", "there is no option --waitt: did you mean '--wait'?"),
        ("%mc status 'x", "a quotation mark is not closed"),
        ("%ollama lst", "ArgumentError: %ollama has no verb 'lst': did you mean 'list'?"),
        ("%ollama pull", "the following arguments are required: MODEL"),
        ("%%ollama m --temprature 1\nx", "did you mean '--temperature'?"),
        ("%%ollama m hello\nx", "in one line: %ollama run MODEL PROMPT"),
        ("%%ollama a -m b\nx", "two models: a and b"),
        ("%%mc nope m\nx", "no service 'nope'"),
        ("%%mc status\nx", "%%mc takes the handle of a service, not 'status'\n%mc status"),
        ("%%ollama m --host nope\nx", "no service 'nope'"),
        ("%%ollama m\n{{nope}}", "TemplateError: {{nope}}: there is no name 'nope'"),
    ],
)
def test_what_was_typed_wrong(kernel: Kernel, typed: str, said: str) -> None:
    got = kernel.run(typed)
    assert "error" in got.types
    assert said in got.error
    assert len(got.error.splitlines()) <= 2
    assert got.streams == ""


def test_a_notebook_may_use_the_name_of_its_module(kernel: Kernel) -> None:
    kernel.run("__name__ = 5")
    got = kernel.run("%%ollama m\n{{1/0}}")
    kernel.run("__name__ = '__main__'")
    assert got.error.startswith("TemplateError: {{1/0}} failed: ZeroDivisionError")


def test_a_model_that_is_not_there(kernel: Kernel, serve: Serve) -> None:
    got = kernel.run(f"%%ollama nope:1b --host {serve().url}\nhi")
    assert got.reply["ename"] == "ModelNotFoundError"
    assert "'nope:1b'" in got.error
    assert len(got.error.splitlines()) <= 2


def test_stop_of_a_model_names_the_other_magic(kernel: Kernel, serve: Serve) -> None:
    kernel.run(f"%mc load {serve().url} --as here --start")
    assert kernel.run(f"%mc stop {MODEL}").error == (
        f"ServiceNotFoundError: {MODEL} is a model, not a service\n%ollama stop {MODEL}"
    )


@pytest.mark.parametrize("status", [404, 500, 502])
def test_a_server_that_refuses(kernel: Kernel, serve: Serve, status: int) -> None:
    html = Answer(status, b"<html><body>Bad Gateway</body></html>", "text/html")
    got = kernel.run(prompt(serve(answers={"/api/chat": html})))
    assert got.reply["status"] == "error"
    assert len(got.error.splitlines()) <= 2
    assert "<html>" not in got.error


def test_a_server_that_is_gone(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    cell = prompt(server)
    assert not kernel.run(cell).error
    server.stop()
    got = kernel.run(cell)
    assert got.reply["ename"].endswith("Error")
    assert len(got.error.splitlines()) <= 2


def test_a_connection_that_fails_before_the_first_chunk_is_tried_once_more(
    kernel: Kernel, serve: Serve
) -> None:
    server = serve(fault="cut")
    got = kernel.run(prompt(server))
    assert got.reply["ename"] == "ConnectionFailedError"
    assert len(server.asked("/api/chat")) == 2


def test_run_all_stops_at_a_failed_prompt(serve: Serve, tmp_path: object) -> None:
    server = serve(tokens=words(4, 20), fault="error", fail_after=2)
    cells = ["%load_ext mc_jupyter", prompt(server), "print('not reached')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ResponseError"):
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute(
            cwd=str(tmp_path)
        )
    kinds = [output["output_type"] for output in notebook.cells[1]["outputs"]]
    assert kinds == ["display_data", "error"]
    assert notebook.cells[2]["outputs"] == []
    assert "Traceback" not in json.dumps(notebook.cells[1]["outputs"])


def test_a_disk_that_fills_up_in_the_middle_keeps_what_came(kernel: Kernel, serve: Serve) -> None:
    server = serve(
        tokens=["one ", "two ", "three "],
        fault="error",
        fail_after=2,
        error="write: no space left on device",
    )
    got = kernel.run(prompt(server))
    assert got.reply["ename"] == "DiskFullError"
    assert kernel.value("_answer.text") == "one two "


def test_a_chunk_that_is_no_answer(kernel: Kernel, serve: Serve) -> None:
    got = kernel.run(prompt(serve(lines=[b'{"message":"text"}', b'{"done":true}'])))
    assert got.reply["ename"] == "ResponseError"
    assert len(got.error.splitlines()) <= 2


def test_something_else_answers_at_the_port_of_before(kernel: Kernel, serve: Serve) -> None:
    """Another kernel has restarted the service: its port moved, and a stranger has the old one."""
    server = serve()
    stranger = serve(answers={"/api/chat": Answer(404, b"<html>no</html>", "text/html")})
    kernel.run(prompt(server))
    kernel.run(
        "import dataclasses, mc_jupyter\n"
        "moved = mc_jupyter.registry.services()[-1]\n"
        f"moved._condition = dataclasses.replace(moved._condition, url={stranger.url!r})"
    )
    got = kernel.run(prompt(server))
    assert not got.error
    assert len(stranger.asked("/api/chat")) == 1
    assert len(server.asked("/api/chat")) == 2
