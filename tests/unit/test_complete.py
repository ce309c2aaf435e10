"""Tab behind our magics: where the cursor stands, what fits there, and how it is written."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from IPython.core.completer import CompletionContext
from support.wait import wait_until

from mc_jupyter.clients import OllamaClient
from mc_jupyter.errors import ConnectionFailedError, TimeLimitError
from mc_jupyter.notebook.arguments import THINK_LEVELS, Parser, expand_think, split_head
from mc_jupyter.notebook.candidates import Asked, Candidates
from mc_jupyter.notebook.complete import TabCompletion
from mc_jupyter.notebook.cursor import scan
from mc_jupyter.notebook.installed import Installed
from mc_jupyter.notebook.kinds import Desk
from mc_jupyter.notebook.kinds.loaded import LoadedKinds
from mc_jupyter.notebook.prompts import MODEL
from mc_jupyter.notebook.request import _THINKING, add_prompt_options
from mc_jupyter.notebook.results import Text
from mc_jupyter.notebook.verbs import Verbs
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.sources.known import known

OURS = [("line", "mc"), ("cell", "mc"), ("line", "ollama"), ("cell", "ollama")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder, and a runtime for which no address is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MC_JUPYTER_RUNTIME", "embedded")
    return tmp_path


@pytest.fixture
def registry() -> ServiceRegistry:
    registry = ServiceRegistry()
    registry.get_service("ollama")
    registry.get_service("ollama", name="other")
    return registry


def kinds(registry: ServiceRegistry) -> LoadedKinds:
    """The services' magics, of which none is run here."""
    nothing = cast("Any", None)
    return LoadedKinds(Desk(registry, nothing, nothing, nothing, dict, nothing, tuple, tuple))


@pytest.fixture
def tab(registry: ServiceRegistry) -> TabCompletion:
    """Two magics of a few verbs, as others may add them."""
    mc, ollama = (Verbs(name, "", lambda: Text("")) for name in ("%mc", "%ollama"))
    start = mc.add("start", "", lambda given: Text(""))
    start.add_argument("name", metavar="NAME")
    start.add_argument("--gpu", choices=("auto", "on", "off"))
    start.add_argument("--wait", metavar="SECONDS")
    start.add_argument("--env", action="append", metavar="NAME=VALUE")
    mc.add("stop", "", lambda given: Text("")).add_argument("name", metavar="NAME", nargs="?")
    load = mc.add("load", "", lambda given: Text(""))
    load.add_argument("identifier", metavar="IDENTIFIER")
    load.add_argument("--as", metavar="NAME")
    mc.add("bump-it", "", lambda given: Text("")).add_argument("--all", action="store_true")
    run = add_prompt_options(ollama.add("run", "", lambda given: Text(""), is_raw=True))
    run.add_argument("model", metavar="MODEL", nargs="?")
    ollama.add("pull", "", lambda given: Text("")).add_argument("model", metavar="MODEL", nargs="+")
    prompt = add_prompt_options(Parser("%%ollama", ""))
    prompt.add_argument("model", metavar="MODEL", nargs="?")
    return TabCompletion(registry, mc, ollama, prompt, kinds(registry), OURS)


def lines(tab: TabCompletion, typed: str) -> list[str] | None:
    """The cells that Tab leads to from ``|`` or the end; None where it is left to IPython."""
    before, bar, after = typed.partition("|")
    *above, line = before.split("\n")
    offer = tab.offer(before + after, len(above), len(line))
    if offer is None:
        return None
    assert before.endswith(offer.fragment)
    head = before.removesuffix(offer.fragment)
    return [head + text + (bar and "|") + after for text, _ in offer.matches]


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("%mc st", ["%mc start", "%mc stop"]),
        (
            "%mc ",
            [
                f"%mc {verb}"
                for verb in ("start", "stop", "load", "bump-it", "ollama", "call", "other")
            ],
        ),
        ("%mc --h", ["%mc --help"]),
        ("%mc zz", []),
        ("x = %mc st", ["x = %mc start", "x = %mc stop"]),
        ("x['a'], y=%mc lo", ["x['a'], y=%mc load"]),
        ("if x:\n    %mc lo|\n    y", ["if x:\n    %mc load|\n    y"]),
        ("%mc start o", ["%mc start ollama", "%mc start other"]),
        ("%mc start OT", ["%mc start other"]),
        ("%mc start ollama ", [f"%mc start ollama {o}" for o in ("--gpu", "--wait", "--env")]),
        ("%mc start ollama --gpu o", [f"%mc start ollama --gpu {o}" for o in ("on", "off")]),
        ("%mc start --gpu=of", ["%mc start --gpu=off"]),
        ("%mc start --gpu on --g", []),
        ("%mc start --g| --gpu on", []),
        ("%mc start --env A=1 --e", ["%mc start --env A=1 --env"]),
        ("%mc bump_it ", ["%mc bump_it --all"]),
        ("%mc ollama pu", ["%mc ollama pull"]),
        ("%ollama run smo", [f"%ollama run {MODEL}"]),
        (f"%ollama pull {MODEL} s", []),
        ("%%ollama smo|\nbody", [f"%%ollama {MODEL}|\nbody"]),
        ("# about\n%%ollama smollm2:|\n", [f"# about\n%%ollama {MODEL}|\n"]),
        ("%%ollama --top_", ["%%ollama --top_p", "%%ollama --top_k"]),
        ("%%ollama --dry_", ["%%ollama --dry_run"]),
        ("%%ollama --th", ["%%ollama --think"]),
        ("%%ollama --no-think --th", []),
        ("%%ollama --temperature ", []),  # a number
        ("%%ollama --think h", ["%%ollama --think high"]),
        ("%%ollama --think=h", ["%%ollama --think=high"]),
        ("%%ollama --think s", [f"%%ollama --think {MODEL}"]),
        ("%%ollama --host o", ["%%ollama --host ollama", "%%ollama --host other"]),
        ("%%ollama --option num_c", ["%%ollama --option num_ctx="]),
        ("%%ollama --option=num-c", ["%%ollama --option=num-ctx="]),
        (
            "%%ollama --option seed=1 --option num_ct",
            ["%%ollama --option seed=1 --option num_ctx="],
        ),
        ("%%mc o", ["%%mc ollama", "%%mc other"]),
        ("%%mc other sm", [f"%%mc other {MODEL}"]),
        ("%%mc other --form", ["%%mc other --format"]),
    ],
)
def test_what_a_line_becomes(tab: TabCompletion, typed: str, whole: list[str]) -> None:
    assert lines(tab, typed) == whole


@pytest.mark.parametrize(
    "typed",
    [
        "%mc",
        "st",
        "print(%mc st",
        "x %mc st",
        "%who st",
        "%mc nothing st",
        "%mc load a --as o",
        "%mc start ollama --wait ",
        "%%ollama --system {{na",
        "%%ollama {{mod",
        '%%ollama --system "a b"',
        f"%ollama run {MODEL} sm",
        "%%ollama m\n%mc st",
        "# %mc st|\n%%ollama m",
    ],
)
def test_what_is_left_to_ipython(tab: TabCompletion, typed: str) -> None:
    assert lines(tab, typed) is None


def test_only_magics_that_are_ours(registry: ServiceRegistry) -> None:
    verbs = Verbs("%mc", "", lambda: Text(""))
    verbs.add("start", "", lambda given: Text(""))
    theirs = TabCompletion(
        registry, verbs, verbs, Parser("%%ollama", ""), kinds(registry), [("line", "mc")]
    )
    assert lines(theirs, "%mc sta") == ["%mc start"]
    assert lines(theirs, "%ollama sta") is None
    assert lines(theirs, "%%ollama -") is None


def test_files_and_folders(tab: TabCompletion, folder: Path) -> None:
    (folder / "pics").mkdir()
    (folder / ".hidden").mkdir()
    for name in ("cat one.png", "cat.png", "pics/it's.png"):
        (folder / name).touch()

    def image(typed: str) -> list[str] | None:
        found = lines(tab, f"%%ollama --image {typed}")
        return found and [line.removeprefix("%%ollama --image ") for line in found]

    assert image("") == ["cat\\ one.png", "cat.png", "pics/"]
    assert image("cat\\ ") == ["cat\\ one.png"]
    assert image('"cat ') == ['"cat one.png"']
    assert image("pi") == ["pics/"]
    assert image('"pi') == ['"pics/']
    assert image("pics/") == ["pics/it\\'s.png"]
    assert image("./c") == ["./cat\\ one.png", "./cat.png"]
    assert image(f"{folder}/cat.") == [f"{folder}/cat.png"]
    assert image(".h") == [".hidden/"]
    assert lines(tab, '%%ollama --image "cat o|"') == ['%%ollama --image "cat one.png|"']
    assert lines(tab, "%%ollama --system @cat.") == ["%%ollama --system @cat.png"]
    assert lines(tab, "%%ollama --system=@cat.") == ["%%ollama --system=@cat.png"]
    assert lines(tab, "%%ollama --system @@cat") is None
    assert lines(tab, "%mc load p") == ["%mc load pics/"]


def test_identifiers(tab: TabCompletion, registry: ServiceRegistry) -> None:
    slots = registry.settings.cache / "services"
    facts = '{"url": "https://github.com/Some/Where.git", "ref": "%s", "commit": "1"}'
    other = '{"url": "https://example.org/some/where", "ref": "HEAD", "commit": "1"}'
    for name, text in (("a", facts % "HEAD"), ("b", facts % "v1"), ("c", other), ("d", "{")):
        (slots / name / "ref" / "0001-ab").mkdir(parents=True)
        (slots / name / "ref" / "0001-ab" / "fetched.json").write_text(text)
    fetched = ["github:Some/Where", "github:Some/Where@v1", "https://example.org/some/where"]
    assert known(registry.settings) == fetched
    assert lines(tab, "%mc load GITHUB:s") == [f"%mc load {name}" for name in fetched[:2]]
    assert lines(tab, "%mc load git")[0] == "%mc load github:MediaConduit/ollama-service"  # type: ignore[index]
    assert lines(tab, "%mc load oll") == ["%mc load ollama"]


def test_a_line_is_split_as_the_parser_does_it() -> None:
    words, here = scan(r"""a\ b "c d" 'e\f' --x={{g + h}} "i j""") or ([], None)
    assert words == ["a b", "c d", r"e\f", "--x={{g + h}}"]
    assert here is not None
    assert (here.text, here.quote, here.since(2)) == ("i j", '"', "j")
    assert split_head(r"""a\ b "c d" 'e\f' --x={{g + h}}""", None)[0] == words


def test_variables_that_seem_to_hold_a_key_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AAA_PLAIN", "x")
    monkeypatch.setenv("AAA_API_KEY", "x")
    parser = Parser("%mc load", "")
    action = parser.add_argument("--key-env", metavar="VARIABLE")
    found = Candidates(ServiceRegistry()).of(action, Asked("aaa"))
    assert found == ("variable", ["AAA_API_KEY", "AAA_PLAIN"])


def test_think_and_its_level() -> None:
    assert set(THINK_LEVELS) == set(_THINKING)
    assert expand_think(["--think", "high", "m"]) == ["--think=high", "m"]
    assert expand_think(["--think", "m", "high"]) == ["--think=on", "m", "high"]
    parser = add_prompt_options(Parser("%ollama run", ""))
    assert split_head("--think high m Why?", parser) == (["--think", "high", "m"], "Why?")


def test_an_error_of_ours_is_no_completion(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = ServiceRegistry()
    verbs = Verbs("%ollama", "", lambda: Text(""))
    verbs.add("show", "", lambda given: Text("")).add_argument("model", metavar="MODEL")
    tab = TabCompletion(registry, verbs, verbs, Parser("%%ollama", ""), kinds(registry), OURS)
    monkeypatch.setenv("MC_JUPYTER_RUNTIME", "nonsense")  # which the settings refuse
    with caplog.at_level("DEBUG", "mc_jupyter"):
        context = CompletionContext("", "%ollama show ", len("%ollama show "), 0, None)
        assert tab.matcher(context) == {"completions": []}
    assert "MC_JUPYTER_RUNTIME" in caplog.text


# the models of servers ------------------------------------------------------------------------


class StandIn:
    """In place of a client: answers when it is let, what it is told."""

    def __init__(self, *answers: list[str] | Exception) -> None:
        self.answers, self.asked, self.let = list(answers), 0, threading.Event()

    def models(self) -> list[dict[str, Any]]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        assert self.let.wait(10)
        if isinstance(answer, Exception):
            raise answer
        return [{"name": name} for name in answer]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Every list is old at once, and a first one is not waited for."""
    for name in ("FIRST_S", "LATER_S", "FRESH_S"):
        monkeypatch.setattr(f"mc_jupyter.notebook.installed.{name}", 0.0)
    return Installed()


def serving(client: StandIn) -> dict[str, Callable[[], OllamaClient]]:
    return {"http://one": lambda: cast(OllamaClient, client)}


def test_a_slow_server_is_asked_once_and_known_later(installed: Installed) -> None:
    client = StandIn(["a", "b"])
    assert installed.of(serving(client)) == ([], False)
    assert installed.of(serving(client)) == ([], False)
    wait_until(lambda: client.asked)
    client.let.set()
    wait_until(lambda: installed.of(serving(client))[0] == ["a", "b"])


@pytest.mark.parametrize(
    ("error", "names", "is_known"),
    [(ConnectionFailedError("gone"), [], True), (TimeLimitError("late"), ["a"], False)],
)
def test_a_server_that_is_gone_has_no_models_and_a_late_one_keeps_them(
    installed: Installed,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    names: list[str],
    is_known: bool,
) -> None:
    for name in ("FIRST_S", "LATER_S"):
        monkeypatch.setattr(f"mc_jupyter.notebook.installed.{name}", 10.0)
    client = StandIn(["a"], error)
    client.let.set()
    assert installed.of(serving(client)) == (["a"], True)
    assert installed.of(serving(client)) == (names, is_known)


def test_a_list_is_not_asked_for_at_every_tab() -> None:
    client, installed = StandIn(["a"]), Installed()
    client.let.set()
    wait_until(lambda: installed.of(serving(client)) == (["a"], True))
    for _ in range(20):
        installed.of(serving(client))
    assert client.asked == 1


def test_nothing_was_written(folder: Path, tab: TabCompletion) -> None:
    lines(tab, "%mc load ")
    lines(tab, "%%ollama ")
    assert os.listdir(folder) == []
    assert not Path(os.environ["MC_JUPYTER_HOME"], "cache").exists()
