"""``%mc`` and ``%ollama``: what their verbs return and show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import MODEL, Kernel, Messages, Serve, seen
from support.scripted_ollama import ScriptedOllama


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOllama]:
    with ScriptedOllama(library={"tiny:1b": [1000, 2000]}) as server:
        yield server


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory, server: ScriptedOllama) -> Iterator[Kernel]:
    """A kernel whose environment names an Ollama, as on a machine that has one."""
    folder = tmp_path_factory.mktemp("services")
    env = {"MC_JUPYTER_HOME": str(folder / "home"), "OLLAMA_HOST": server.url}
    kernel = Kernel(env, str(folder))
    kernel.run("%load_ext mc_jupyter")
    yield kernel
    kernel.close()


def text(messages: Messages) -> str:
    assert not messages.error, messages.error
    return str(messages.last["data"]["text/plain"])


def test_the_first_prompt_finds_the_ollama_that_is_there_and_says_so(
    kernel: Kernel, server: ScriptedOllama
) -> None:
    got = kernel.run(f"%%ollama {MODEL}\nhi")
    assert text(got) == "Hello from the script."
    shown = [seen(m["data"]) for m in (*got.displays, *got.updates)]
    assert any("using the Ollama named by OLLAMA_HOST" in one for one in shown[:-1])
    again = kernel.run(f"%%ollama {MODEL}\nhi")
    assert again.outputs()[0]["data"] == got.outputs()[0]["data"]  # it is not saved
    assert not any("OLLAMA_HOST" in seen(m["data"]) for m in (*again.displays, *again.updates))


def test_load_status_info_stop(kernel: Kernel, serve: Serve) -> None:
    second = serve()
    loaded = kernel.run(f"s = %mc load {second.url} --as second --start")
    assert len(loaded.outputs()) == 1
    assert text(loaded).splitlines()[0].split() == ["SERVICE", "STATE", "RUNTIME", "HEALTH", "FROM"]
    assert text(loaded).splitlines()[1].split()[:4] == ["second", "running", "url", "answers"]
    assert "<table>" in loaded.last["data"]["text/html"]
    assert kernel.value("[s.state, s.handle, s.healthy, len(s)]") == ["running", "second", True, 1]
    shown = kernel.run("s = %mc status second\ns")
    assert shown.types == ["execute_input", "execute_result"]
    assert kernel.value(
        "[row['handle'] for row in get_ipython().run_line_magic('mc', 'status')]"
    ) == ["ollama", "second"]
    assert "0.33.0-scripted" in kernel.run("%mc info second").text
    assert "was not started by mc_jupyter" in kernel.run("%mc stop second").error


def test_bare_mc_shows_the_state_and_what_to_type_next(kernel: Kernel) -> None:
    shown = kernel.run("%mc").text
    assert "ollama" in shown
    assert "%mc stop ollama" in shown
    assert "%%ollama smollm2:135m" in shown
    assert shown == kernel.run("%mc_service").text


def test_mc_ollama_is_ollama(kernel: Kernel, serve: Serve) -> None:
    assert text(kernel.run(f"%%mc ollama {MODEL}\nhi")) == "Hello from the script."
    assert text(kernel.run("%mc ollama list")) == text(kernel.run("%ollama list"))
    third = serve(tokens=["the", " third"])
    kernel.run(f"%mc load {third.url} --as third")
    assert text(kernel.run(f"%%mc third {MODEL}\nhi")) == "the third"
    assert text(kernel.run(f"%%ollama {MODEL} --host third\nhi")) == "the third"
    kernel.run("%mc remove third")
    assert "no service 'third'" in kernel.run("%mc status third").error


def test_models_are_looked_after(kernel: Kernel, server: ScriptedOllama) -> None:
    assert text(kernel.run("%ollama list")).splitlines()[1].split() == [MODEL, "1.3", "GB"]
    assert kernel.run("m = %ollama list").types == ["execute_input"]
    assert kernel.value("[m.name, m.size]") == [MODEL, 1_321_098_329]
    pulled = kernel.run("%ollama pull tiny:1b")
    assert text(pulled) == "pulled tiny:1b (3 kB)"
    assert len(pulled.outputs()) == 1
    assert kernel.value("len(get_ipython().run_line_magic('ollama', 'list'))") == 2
    assert "llama" in text(kernel.run("%ollama show tiny:1b"))
    kernel.run("%%ollama tiny:1b")
    assert "100% CPU" in text(kernel.run("%ollama ps"))
    assert text(kernel.run("%ollama stop tiny:1b")) == "tiny:1b is unloaded"
    assert server.asked("/api/generate")[-1].body["keep_alive"] == 0
    assert text(kernel.run("%ollama rm tiny:1b")) == "deleted tiny:1b"
    assert "tiny:1b" not in server.models
    assert "ModelNotFoundError" in kernel.run("%ollama rm tiny:1b").error


def test_the_raw_rest_of_the_line_is_the_prompt(kernel: Kernel, server: ScriptedOllama) -> None:
    for typed, sent in (
        (f"%ollama run {MODEL} Why?", "Why?"),
        (f'%ollama run -t 0 {MODEL} What\'s "this"  -t 5 ?', 'What\'s "this"  -t 5 ?'),
        (f"a = %ollama run {MODEL} Is it {{{{1 + 1}}}}?", "Is it 2?"),
        (f"# a comment\n%mc ollama run {MODEL} And this?", "And this?"),
    ):
        assert not kernel.run(typed).error
        assert server.asked("/api/chat")[-1].body["messages"][0]["content"] == sent


def test_a_cell_is_sent_as_it_was_typed(kernel: Kernel, server: ScriptedOllama) -> None:
    for body in (
        ">>> 1 + 1\n2",
        "... and then?",
        "  indented\n\tmore",
        "What is `!ls`?",
        "a\n\nb;",
    ):
        got = kernel.run(f"# comment\n\n%%ollama {MODEL}\n{body}\n\n")
        assert not got.error
        assert server.asked("/api/chat")[-1].body["messages"][0]["content"] == body


def test_an_answer_in_its_variable_survives_stop(kernel: Kernel) -> None:
    kernel.run(f"%%ollama {MODEL} -o kept\nhi")
    stopped = text(kernel.run("%mc stop --all"))
    assert "ollama was not started from here and goes on" in stopped
    assert kernel.run("print(kept)").streams == "Hello from the script.\n"


def test_a_folder_is_loaded_and_pinned_lines_are_shown(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "MediaConduit.service.yml").write_text(
        "name: Toy\nversion: 1.2.3\ndocker: {serviceName: toy}\nfancy: {key: 1}\n"
    )
    shown = text(kernel.run(f"%mc load {tmp_path} --as toy"))
    assert "%mc start toy" in shown
    facts = kernel.run("facts = %mc info toy\nfacts").text
    assert "1.2.3" in facts
    assert "fancy" in facts
    assert str(tmp_path) in kernel.value("facts['folder']")


def test_a_model_goes_to_the_loaded_ollama_that_has_it(kernel: Kernel, serve: Serve) -> None:
    here, there = serve(models=["near:1b"]), serve(models=["there:1b"])
    kernel.run(f"%mc load {here.url} --as here\n%mc load {there.url} --as there")
    got = kernel.run("%%ollama there:1b\nHi")
    assert not got.error
    assert got.last["data"]["text/plain"] == "Hello from the script."
    assert (len(there.asked("/api/chat")), here.asked("/api/chat")) == (1, [])
    assert there.asked("/api/pull") == here.asked("/api/pull") == []
    kernel.run("%mc remove here\n%mc remove there")
