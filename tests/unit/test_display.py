from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest

from mc_jupyter.events import Event
from mc_jupyter.lab.answer import Answer
from mc_jupyter.lab.draft import Draft
from mc_jupyter.notebook.display import Mode, Pace, Screen
from mc_jupyter.notebook.looking import LookingVerbs
from mc_jupyter.notebook.results import DryRun, Facts, Table, Text


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Notebook:
    """The publishing half of a shell: keeps what was published."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.shown: list[object] = []
        self.display_pub = SimpleNamespace(publish=self._publish)

    def _publish(self, data: Any, metadata: Any, *, transient: Any, update: bool) -> None:
        self.published.append({"data": data, "transient": transient, "update": update})

    def screen(self, mode: Mode) -> Screen:
        def keep(shown: object, quiet: bool) -> None:
            self.shown.append(shown)

        return Screen(self, mode, keep)  # type: ignore[arg-type]


def updates(tokens: int, rate: float, characters: int) -> list[int]:
    """The sizes at which a text that comes evenly is shown."""
    clock = Clock()
    pace, sizes = Pace(clock), []
    for token in range(1, tokens + 1):
        clock.now = token / rate
        if pace.due(size := characters * token // tokens):
            sizes.append(size)
    return sizes


def test_the_first_token_is_shown_at_once() -> None:
    assert updates(300, 60, 1350)[0] == 1350 // 300


def test_updates_of_a_short_answer() -> None:
    assert len(updates(300, 60, 1350)) <= 34


@pytest.mark.parametrize("tokens", [4000, 13_333, 15_000])
def test_a_long_answer_costs_a_bounded_multiple_of_its_length(tokens: int) -> None:
    assert sum(updates(tokens, 400, 60_000)) <= 22 * 60_000


def test_a_slow_answer_is_shown_every_two_seconds() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.due(10_000)
    clock.now = 1.9
    assert not pace.due(10_001)
    clock.now = 2.0
    assert pace.due(10_001)


def test_one_display_whose_last_state_is_the_answer() -> None:
    notebook = Notebook()
    screen = notebook.screen("live")
    draft = Draft("m")
    screen.report(Event("start", "starting ollama"))
    screen.report(Event("note", "on CPU, though it was given a GPU", keep=True))
    screen.report(Event("note", "no Docker engine: using the embedded engine", settled=True))
    screen.grow(draft, draft.feed({"message": {"content": "Hi"}}), plain=False)
    draft.notes = screen.notes
    answer = draft.finish()
    screen.settle(answer)
    first, *others = notebook.published
    assert (first["update"], {p["update"] for p in others}) == (False, {True})
    assert len({p["transient"]["display_id"] for p in notebook.published}) == 1
    assert all(set(p["data"]) == {"text/html"} for p in notebook.published[:-1])
    assert notebook.published[-1]["data"] == answer._repr_mimebundle_()[0]
    assert "using the embedded engine" in notebook.published[-2]["data"]["text/html"]
    assert "embedded engine" not in str(notebook.published[-1])
    assert "though it was given a GPU" in notebook.published[-1]["data"]["text/html"]
    assert notebook.shown == [answer]


def test_what_was_fetched_is_not_saved_and_notices_stay_with_a_verb_only() -> None:
    for mode in ("live", "settled"):
        screen = Notebook().screen(mode)  # type: ignore[arg-type]
        screen.report(Event("fetch", "fetching x: receiving 1 of 2 objects"))
        screen.report(Event("fetch", "fetched x (2 files, 3 kB)", settled=True))
        screen.report(Event("note", "no docker program: using the embedded engine", settled=True))
        screen.report(Event("note", "on CPU, though it was given a GPU", keep=True))
        screen.report(Event("wait", "waiting for x"))
        assert screen.notes == ("on CPU, though it was given a GPU",)
        shown = screen.end(Table({"name": "name"}, [{"name": "x"}]))
        assert str(shown).splitlines()[2:] == [
            "no docker program: using the embedded engine",
            "on CPU, though it was given a GPU",
        ]


def test_progress_that_is_cut_short_says_so() -> None:
    notebook = Notebook()
    screen = notebook.screen("live")
    screen.report(Event("note", "no Docker engine", keep=True))
    screen.report(Event("work", "kokoro is speaking: 458 s are there"))
    screen.stop("stopped: nothing was kept")
    screen.report(Event("work", "kokoro is speaking: 459 s are there"))
    last = notebook.published[-1]
    html = "<div>no Docker engine<br>stopped: nothing was kept</div>"
    assert last["data"] == {"text/html": html}
    assert last["update"] is True
    for mode in ("live", "settled", "quiet"):  # nothing was shown, so nothing is to be said
        notebook = Notebook()
        screen = notebook.screen(mode)  # type: ignore[arg-type]
        if mode != "live":
            screen.report(Event("work", "kokoro is speaking"))
        screen.stop("stopped: nothing was kept")
        assert notebook.published == []


def test_what_there_is_of_a_result_is_shown_before_the_cell_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = Text("half of it")
    for mode in ("live", "settled"):
        notebook = Notebook()
        notebook.screen(mode).leave(result)  # type: ignore[arg-type]
        assert notebook.published[-1]["data"]["text/plain"] == "half of it"
        assert notebook.shown == [result]
        assert capsys.readouterr().out == ""
    notebook = Notebook()
    notebook.screen("terminal").leave(result)
    assert capsys.readouterr().out == "half of it\n"
    notebook.screen("quiet").leave(result)
    assert capsys.readouterr().out == ""
    assert notebook.published == []


def test_the_line_of_now_stands_below_what_stays() -> None:
    notebook = Notebook()
    screen = notebook.screen("live")
    screen.report(Event("fetch", "fetched x (2 files, 3 kB)", settled=True))
    screen.report(Event("model", "pulling m: 1 of 4 MB", 1, 4))
    shown = notebook.published[-1]["data"]["text/html"]
    assert shown == "<div>fetched x (2 files, 3 kB)<br>pulling m: 1 of 4 MB · 25 %</div>"
    screen.report(Event("model", "pulled m (4 MB)", 4, 4, keep=True))
    shown = notebook.published[-1]["data"]["text/html"]
    assert shown == "<div>fetched x (2 files, 3 kB)<br>pulled m (4 MB)</div>"


def test_settled_publishes_once() -> None:
    notebook = Notebook()
    screen = notebook.screen("settled")
    draft = Draft("m")
    screen.report(Event("start", "starting ollama", keep=True))
    screen.grow(draft, draft.feed({"message": {"content": "Hi"}}), plain=False)
    screen.settle(draft.finish())
    assert [p["transient"] for p in notebook.published] == [{}]
    assert screen.notes == ("starting ollama",)


def test_quiet_shows_nothing_and_is_not_shown_later_either() -> None:
    notebook = Notebook()
    screen = notebook.screen("quiet")
    answer = Answer(text="x", model="m")
    screen.report(Event("start", "starting"))
    screen.settle(answer)
    assert (notebook.published, notebook.shown) == ([], [answer])


def test_a_terminal_gets_the_text_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = Notebook()
    screen = notebook.screen("terminal")
    draft = Draft("m")
    for _ in range(2):
        screen.report(Event("start", "starting ollama"))
    for text in ("Hel", "lo"):
        screen.grow(draft, draft.feed({"message": {"content": text}}), plain=False)
    screen.settle(draft.finish())
    assert capsys.readouterr() == ("Hello\n", "starting ollama\n")
    assert notebook.published == []


def test_progress_is_throttled_and_ends_with_the_answer() -> None:
    notebook = Notebook()
    screen = notebook.screen("live")
    for done in range(1000):
        screen.report(Event("model", "pulling m", done, 1000))
    assert len(notebook.published) < 5
    assert "pulling m · 0 %" in notebook.published[0]["data"]["text/html"]
    screen.settle(Text("pulled"))
    before = len(notebook.published)
    screen.report(Event("load", "waiting for m"))
    assert len(notebook.published) == before


def test_a_table_of_one_row_has_its_values_as_attributes() -> None:
    table = Table({"name": "name", "on": "on"}, [{"name": "a<b>", "on": True, "url": "http://x:1"}])
    assert (table.name, table.url, len(table), table[0]["on"]) == ("a<b>", "http://x:1", 1, True)
    assert str(table) == "NAME   ON\na<b>   yes"
    assert ">a&lt;b&gt;</td>" in table.html()
    assert "http" not in table.text() + table.html()
    with pytest.raises(AttributeError, match="no 'nope'"):
        _ = table.nope


def test_a_table_of_several_rows_is_iterated() -> None:
    table = Table({"name": "name"}, [{"name": "a"}, {"name": "b"}], ["a note"])
    assert [row["name"] for row in table] == ["a", "b"]
    assert str(table).endswith("b\na note")
    with pytest.raises(AttributeError):
        _ = table.name


def test_facts_show_what_is_known() -> None:
    facts = Facts({"a": None, "b": (1, 2), "c": {"d": "e"}, "home": "/x"}, ["note"], ["home"])
    assert str(facts) == "b   1, 2\nc   d: e\nnote"
    assert facts["home"] == "/x"


def test_a_dry_run_shortens_only_what_it_shows() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "x", "images": ["A" * 900]}]}
    run = DryRun(request)
    assert "<image, 900 characters of base64>" in str(run)
    assert run.request == request


def test_a_terminal_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Notebook().screen("terminal")
    for done in range(400):
        screen.report(Event("model", f"pulling m: {done} of 400 MB", done, 400))
    screen.report(Event("start", "starting"))
    assert len(capsys.readouterr().err.splitlines()) <= 3


def test_a_terminal_that_can_overwrite_has_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    screen = Notebook().screen("terminal")
    screen.report(Event("model", "pulling m: 0 of 400 MB", 0, 400))
    screen.report(Event("model", "pulled m (400 MB)", keep=True))
    screen.report(Event("wait", "waiting for web: " + "x" * 50))
    up = "\x1b[1A\r\x1b[K"
    lines = f"pulling m: 0 of 400 MB\n{up}pulled m (400 MB)\nwaiting for web: {'x' * 21}…\n"
    assert capsys.readouterr().err == lines
    draft = Draft("m")
    screen.grow(draft, draft.feed({"message": {"content": "Hi"}}), plain=False)
    screen.settle(draft.finish())
    assert capsys.readouterr() == ("Hi\n", up)


def test_a_terminal_does_not_obey_what_a_model_prints(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Notebook().screen("terminal")
    draft = Draft("m")
    screen.report(Event("note", "pulling \x1b[2Jx"))
    for text in ("a\x1b", "]0;title\x07b\r", "\nc\r"):
        screen.grow(draft, draft.feed({"message": {"content": text}}), plain=False)
    screen.settle(draft.finish())
    assert capsys.readouterr() == ("a␛]0;title␇b\nc␍\n", "pulling ␛[2Jx\n")


def test_a_terminal_does_not_obey_what_a_table_holds() -> None:
    table = Table({"name": "name"}, [{"name": "a\x1b[2J"}])
    assert repr(table) == "NAME\na␛[2J"
    assert table._repr_mimebundle_()[0]["text/plain"] == repr(table)


def test_a_terminal_does_not_obey_a_log_that_is_followed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pieces = (piece for piece in ("\x1b[2Ja\r", "\nb\x9b", "c\r"))
    service: Any = SimpleNamespace(handle="web", follow=lambda lines: pieces)
    registry: Any = SimpleNamespace(find=lambda name: service)
    verbs = LookingVerbs(registry, None, None)  # type: ignore[arg-type]
    given = Namespace(name="web", lines=10, follow=True)
    assert str(verbs._logs(given)) == "web has ended"
    assert capsys.readouterr().out == "␛[2Ja\nb\\x9bc␍"
