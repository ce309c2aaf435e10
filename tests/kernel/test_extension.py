"""Loading, unloading and settings: what a kernel is given, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel

WATCH = """
import sys
_touched = []
def _watch(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event in ("os.mkdir", "os.rename", "os.remove", "socket.connect",
                           "subprocess.Popen", "os.posix_spawn", "os.fork"):
        if "__pycache__" not in str(args[0]):
            _touched.append((event, str(args[0])))
sys.addaudithook(_watch)
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("bare")
    kernel = Kernel({"MC_JUPYTER_HOME": str(folder / "home")}, str(folder))
    yield kernel
    kernel.close()


def test_load_ext_is_silent_light_and_touches_nothing(bare: Kernel) -> None:
    bare.run(WATCH)
    before = set(bare.value("list(sys.modules)"))
    loaded = bare.run("_touched.clear()\n%load_ext mc_jupyter")
    touched = bare.value("_touched")
    assert loaded.types == ["execute_input"]
    assert touched == []
    assert not Path(bare.value("__import__('os').environ['MC_JUPYTER_HOME']")).exists()
    added = {name.partition(".")[0] for name in set(bare.value("list(sys.modules)")) - before}
    assert "mc_jupyter" in added
    assert not added & {"docker", "git", "httpx", "ipywidgets", "yaml", "pandas", "requests"}


def test_bare_magics_and_help_start_nothing(bare: Kernel) -> None:
    bare.run("%load_ext mc_jupyter\n_touched.clear()")
    assert "%mc load github:MediaConduit/ollama-service" in bare.run("%mc").text
    assert "%ollama run" in bare.run("%ollama").text
    for typed in ("%mc --help", "%mc start ?", "%ollama pull --help", "%%ollama --help", "%%mc ?"):
        assert bare.run(typed).text, typed
    assert bare.value("_touched") == []


def test_reload_keeps_the_registry(bare: Kernel) -> None:
    bare.run("%load_ext mc_jupyter\nimport mc_jupyter; before = mc_jupyter.registry")
    assert bare.run("%reload_ext mc_jupyter").types == ["execute_input"]
    assert bare.value("mc_jupyter.registry is before") is True
    assert bare.run("%mc").text


def test_unload_takes_everything_away(bare: Kernel) -> None:
    state = (
        "ip = get_ipython()\n"
        "def state():\n"
        "    return [sorted(map(str, m)) for m in ip.magics_manager.magics.values()] + [\n"
        "        [str(t) for t in ip.input_transformers_cleanup],\n"
        "        [str(t) for t in ip.input_transformer_manager.token_transformers],\n"
        "        [str(t) for t in ip.display_formatter.ipython_display_formatter.type_printers],\n"
        "        [type(c).__name__ for c in ip.configurables],\n"
        "        [str(c) for c in ip.events.callbacks['post_execute']]]\n"
    )
    bare.run("%unload_ext mc_jupyter")
    bare.run(state)
    before = bare.value("state()")
    bare.run("%load_ext mc_jupyter")
    assert bare.value("state()") != before
    assert "mc" in bare.value("list(ip.magics_manager.magics['line'])")
    assert bare.run("%unload_ext mc_jupyter").types == ["execute_input"]
    assert bare.value("state()") == before
    bare.run("%load_ext mc_jupyter")


def test_a_foreign_ollama_magic_is_left_alone_and_named_once(bare: Kernel) -> None:
    bare.run("%unload_ext mc_jupyter")
    bare.run(
        "def foreign(line, cell): print('foreign:', cell)\n"
        "get_ipython().register_magic_function(foreign, 'cell', 'ollama')"
    )
    loaded = bare.run("%load_ext mc_jupyter")
    assert loaded.streams.splitlines() == [
        "mc_jupyter: another extension has %%ollama; ours is %%mc ollama"
    ]
    assert "foreign: x" in bare.run("%%ollama\nx").streams
    assert bare.run("%%mc ollama m --dry-run\nx").text.startswith("POST /api/chat")
    assert bare.run("%reload_ext mc_jupyter").streams == ""
    bare.run("%unload_ext mc_jupyter")
    assert "foreign: x" in bare.run("%%ollama\nx").streams
    bare.run("del get_ipython().magics_manager.magics['cell']['ollama']\n%load_ext mc_jupyter")


def test_config_writes_the_settings(bare: Kernel) -> None:
    bare.run("import mc_jupyter")
    assert not bare.run("%config McJupyter.runtime = 'embedded'").error
    assert bare.value("mc_jupyter.registry.settings.runtime") == "embedded"
    bare.run("%reload_ext mc_jupyter")
    assert bare.run("%config McJupyter.runtime").text == "'embedded'"
    bare.run("%config McJupyter.max_download = '1MB'")
    assert bare.value("mc_jupyter.registry.settings.max_download") == 1_000_000
    assert "is not a size" in bare.run("%config McJupyter.max_download = 'big'").streams
    assert bare.value("mc_jupyter.registry.settings.max_download") == 1_000_000
    bare.run("%config McJupyter.runtime = ''\n%config McJupyter.max_download = ''")
    assert bare.value("mc_jupyter.registry.settings.overrides") == {}
    assert "How services run" in bare.run("%config McJupyter").streams


def test_the_question_mark_shows_the_parsers_help(bare: Kernel) -> None:
    for typed, text in (
        ("%mc?", "%mc load"),
        ("%%ollama?", "--top-p"),
        ("%mc_service?", "%mc logs"),
    ):
        payload = bare.run(typed).reply["payload"]
        assert text in payload[0]["data"]["text/plain"], typed


def test_a_wrong_setting_does_not_take_the_magics_away(tmp_path: Path) -> None:
    kernel = Kernel({"MC_JUPYTER_HOME": str(tmp_path / "home")}, str(tmp_path))
    try:
        kernel.run("%load_ext mc_jupyter")
        kernel.run("%config McJupyter.render = 'settled'")
        kernel.run("%config McJupyter.runtime = 'dokcer'")
        again = kernel.run("%reload_ext mc_jupyter")
        assert not again.error
        assert "dokcer" in again.streams
        assert kernel.run("%config McJupyter.render").text == "'settled'"
        assert "No service is loaded" in kernel.run("%mc").text
    finally:
        kernel.close()


def test_a_question_mark_behind_a_handle_is_help(kernel: Kernel) -> None:
    assert kernel.run("%%mc ollama?").text.startswith("usage: %%ollama")
