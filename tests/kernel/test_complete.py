"""Tab in a real kernel: what is offered, and what the line becomes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel, Serve
from support.scripted_ollama import ScriptedOllama
from support.tabs import tab
from support.wait import wait_until

MODELS = ("smollm2:135m", "smollm2:360m", "llama3:latest", "hf.co/a-b/c.d-x:Q4_K")
WATCH = """
import sys
_touched = []
def _watch(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event in ("os.mkdir", "os.rename", "os.remove", "socket.connect",
                           "subprocess.Popen", "os.posix_spawn", "os.fork"):
        if "__pycache__" not in str(args[0]):
            _touched.append((event, str(args)))
sys.addaudithook(_watch)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOllama]:
    with ScriptedOllama(models=MODELS) as server:
        yield server


@pytest.fixture(scope="module", params=["jedi", "no jedi"])
def kernel(
    tmp_path_factory: pytest.TempPathFactory,
    server: ScriptedOllama,
    request: pytest.FixtureRequest,
) -> Iterator[Kernel]:
    """A kernel in which a service runs, with two names."""
    folder = tmp_path_factory.mktemp("complete")
    (folder / "cat one.png").touch()
    env = {"MC_JUPYTER_HOME": str(folder / "home"), "MC_JUPYTER_RUNTIME": "embedded"}
    kernel = Kernel(env, str(folder))
    try:
        kernel.run(f"%config Completer.use_jedi = {request.param == 'jedi'}")
        kernel.run("%load_ext mc_jupyter\nimport os\nsmart = starry = 1")
        assert not kernel.run(f"%mc load {server.url} --as one --start").error
        assert not kernel.run(f"%mc load {server.url} --as uno").error
        kernel.run(WATCH)
        assert tab(kernel, "%ollama show ")  # whatever is slow the first time
        yield kernel
    finally:
        kernel.close()


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("%mc st", ["%mc start", "%mc stop", "%mc status"]),
        ("%mc_service rest", ["%mc_service restart"]),
        ("x = %mc sta", ["x = %mc start", "x = %mc status"]),
        (
            "import os\n%mc sta|x one\nos.x",
            [f"import os\n%mc sta{r}|x one\nos.x" for r in ("rt", "tus")],
        ),
        ("%mc start ", ["%mc start one", "%mc start uno"]),
        ("%mc start u", ["%mc start uno"]),
        ("%mc start nothing", []),
        ("%mc load git", ["%mc load github:MediaConduit/ollama-service"]),
        ("%mc load oll", ["%mc load ollama"]),
        ("%mc load x --runtime d", ["%mc load x --runtime docker"]),
        ("%mc load x --runtime=d", ["%mc load x --runtime=docker"]),
        ("%mc start one --gpu o", ["%mc start one --gpu on", "%mc start one --gpu off"]),
        ("%mc start one --gpu on --g", []),
        ("%mc --h", ["%mc --help"]),
        ("%ollama sh", ["%ollama show"]),
        ("%ollama show smol", ["%ollama show smollm2:135m", "%ollama show smollm2:360m"]),
        ("%ollama run smollm2:3", ["%ollama run smollm2:360m"]),
        ("%ollama run smollm2:360m --tempe", ["%ollama run smollm2:360m --temperature"]),
        ("%ollama run smollm2:360m -t 0 --see", ["%ollama run smollm2:360m -t 0 --seed"]),
        ("%ollama run smollm2:360m Why --see", []),
        ("%ollama run smollm2:360m -- --see", []),
        ("%ollama use hf", ["%ollama use hf.co/a-b/c.d-x:Q4_K"]),
        ("%ollama use hf.co/a-", ["%ollama use hf.co/a-b/c.d-x:Q4_K"]),
        ("%ollama use hf.co/a-b/c.d", ["%ollama use hf.co/a-b/c.d-x:Q4_K"]),
        ("%%ollama smollm2:|", [f"%%ollama smollm2:{tag}|" for tag in ("135m", "360m")]),
        ("%%ollama smollm2:1|\nWhy?", ["%%ollama smollm2:135m|\nWhy?"]),
        ("%%ollama llama3", ["%%ollama llama3", "%%ollama llama3:latest"]),
        ("%%ollama llama3:", ["%%ollama llama3:latest"]),
        (
            "# ünï 🐑\n%%ollama lla|\n🐑",
            [f"# ünï 🐑\n%%ollama {m}|\n🐑" for m in ("llama3", "llama3:latest")],
        ),
        ("%%ollama smollm2 --te", ["%%ollama smollm2 --temperature"]),
        ("%%ollama --host ", ["%%ollama --host one", "%%ollama --host uno"]),
        ("%%ollama --host one llama3:", ["%%ollama --host one llama3:latest"]),
        ("%%ollama --format j", ["%%ollama --format json"]),
        (
            "%%ollama smollm2 --think m",
            [f"%%ollama smollm2 --think {m}" for m in ("medium", "max")],
        ),
        ("%%ollama --option num_c", ["%%ollama --option num_ctx="]),
        ("%%ollama --image c", ["%%ollama --image cat\\ one.png"]),
        ('%%ollama --image "cat o|"', ['%%ollama --image "cat one.png|"']),
        ("%%mc o", ["%%mc ollama", "%%mc one"]),
        ("%%mc one smollm2:1", ["%%mc one smollm2:135m"]),
    ],
)
def test_what_the_line_becomes(kernel: Kernel, typed: str, whole: list[str]) -> None:
    assert tab(kernel, typed) == whole


def test_every_model_that_is_installed(kernel: Kernel) -> None:
    names = [*MODELS[:2], "llama3", *MODELS[2:]]
    assert tab(kernel, "%%ollama |\n") == [f"%%ollama {name}|\n" for name in names]


def test_python_is_completed_as_before(kernel: Kernel) -> None:
    assert "print(star" + "ry" in tab(kernel, "print(star")
    assert tab(kernel, "%load_e") == ["%load_ext"]
    assert "%%mc_service" in tab(kernel, "%%mc")
    assert "%%ollama m\nsmart|" in tab(kernel, "%%ollama m\nsmar|")
    assert "%%ollama m --system {{starry|" in tab(kernel, "%%ollama m --system {{starr|")


def test_nothing_is_started_loaded_or_written(kernel: Kernel, server: ScriptedOllama) -> None:
    before = kernel.value("[s.handle for s in __import__('mc_jupyter').registry.services()]")
    kernel.run("_touched.clear()")
    for typed in ("%mc start ", "%mc load ", "%%ollama ", "%ollama pull ", "%mc logs o"):
        assert tab(kernel, typed), typed
    touched = kernel.value("_touched")
    assert [t for t in touched if t[0] != "socket.connect" or str(server.port) not in t[1]] == []
    after = kernel.value("[s.handle for s in __import__('mc_jupyter').registry.services()]")
    assert before == after == ["one"]
    assert {request.path for request in server.requests} <= {"/api/version", "/api/tags"}


def test_a_new_model_is_offered(kernel: Kernel, serve: Serve) -> None:
    other = serve(models=["first:1b"])
    assert not kernel.run(f"%mc load {other.url} --as other --start").error
    assert tab(kernel, "%%ollama --host other f") == ["%%ollama --host other first:1b"]
    assert tab(kernel, f"%%ollama --host {other.url} f")[0].endswith(" first:1b")
    other.models.append("fresh:2b")
    wait_until(lambda: tab(kernel, "%%mc other fr") == ["%%mc other fresh:2b"])
    kernel.run("%mc remove other")


def test_a_server_that_hangs_does_not_hold_up_tab(kernel: Kernel, serve: Serve) -> None:
    slow, stuck = serve(models=["first:1b"]), serve(models=["never:1b"])
    for name, server in (("slow", slow), ("stuck", stuck)):
        assert not kernel.run(f"%mc load {server.url} --as {name} --start").error
    assert tab(kernel, "%%mc slow fi") == ["%%mc slow first:1b"]
    slow.fault = stuck.fault = "hang"

    def is_asked(server: ScriptedOllama, name: str) -> bool:
        tab(kernel, f"%%mc {name} fi")
        return any(not request.ended for request in server.asked("/api/tags"))

    wait_until(lambda: is_asked(slow, "slow"))
    start = time.monotonic()
    assert is_asked(stuck, "stuck")
    assert tab(kernel, "%%mc stuck n") == []
    assert tab(kernel, "%%mc slow fi") == ["%%mc slow first:1b"]
    found = tab(kernel, "%%ollama |\n")
    assert time.monotonic() - start < 1
    assert "%%ollama first:1b|\n" in found
    assert "%%ollama smollm2:135m|\n" in found
    slow.fault = stuck.fault = None
    wait_until(lambda: tab(kernel, "%%mc stuck n") == ["%%mc stuck never:1b"], timeout=20)
    kernel.run("%mc remove slow")
    kernel.run("%mc remove stuck")


def test_the_ollama_that_a_first_prompt_would_find(tmp_path: Path, serve: Serve) -> None:
    there = serve(models=["there:1b"])
    env = {"MC_JUPYTER_HOME": str(tmp_path / "home"), "OLLAMA_HOST": there.url}
    kernel = Kernel(env, str(tmp_path))
    try:
        kernel.run("%load_ext mc_jupyter")
        wait_until(lambda: tab(kernel, "%%ollama th") == ["%%ollama there:1b"])
        assert kernel.value("len(__import__('mc_jupyter').registry.services())") == 0
        assert {request.path for request in there.requests} == {"/api/tags"}
    finally:
        kernel.close()


def test_where_nothing_runs_the_model_of_the_examples(tmp_path: Path) -> None:
    env = {"MC_JUPYTER_HOME": str(tmp_path / "home"), "MC_JUPYTER_RUNTIME": "embedded"}
    kernel = Kernel(env, str(tmp_path))
    try:
        kernel.run("%load_ext mc_jupyter")
        assert tab(kernel, "%%ollama ") == ["%%ollama smollm2:135m"]
        assert tab(kernel, "%mc start ") == []
        kernel.run("%load_ext mc_jupyter\n%reload_ext mc_jupyter")
        assert tab(kernel, "%mc sta") == ["%mc start", "%mc status"]
        assert kernel.value("len(get_ipython().Completer.custom_matchers)") == 1
        kernel.run("%unload_ext mc_jupyter")
        assert kernel.value("len(get_ipython().Completer.custom_matchers)") == 0
        assert "%mc status" not in tab(kernel, "%mc sta")
    finally:
        kernel.close()
