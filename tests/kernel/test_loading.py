"""What ``%mc load`` says: what was found, how it is used, what a second load changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import service_folder
from support.kernel import Kernel, Serve
from support.services import Served, running, why_not

needs_standins = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("kokoro") as served:
        yield served


@pytest.fixture(autouse=True)
def forgotten(kernel: Kernel) -> Iterator[None]:
    kernel.run("import mc_jupyter")
    yield
    kernel.run("for s in mc_jupyter.registry.services(): mc_jupyter.registry.remove(s.handle)")


def said(kernel: Kernel, cell: str) -> str:
    """The last state of what a cell shows."""
    return str(kernel.run(cell).last["data"]["text/plain"])


@needs_standins
def test_an_address_is_used_at_once(kernel: Kernel, served: Served) -> None:
    loaded = said(kernel, f"%mc load {served.url} --as reader")
    assert "reader    running   url       answers" in loaded
    assert "reader is of the kind kokoro; next: %%mc reader" in loaded
    again = said(kernel, f"%mc load {served.url} --as kokoro")
    assert "kokoro is one more name of reader" in again
    assert again.endswith("next: %%kokoro")
    assert not kernel.run("%%kokoro\nThe sea is calm.").error


@needs_standins
def test_another_client_is_another_client_for_all_its_names(kernel: Kernel, served: Served) -> None:
    kernel.run(f"%mc load {served.url} --as kokoro")
    taken = said(kernel, f"%mc load {served.url} --client whisper --as wrong")
    assert "kokoro is taken for whisper from now on, no longer for kokoro" in taken
    back = taken.partition("back: ")[2].splitlines()[0]
    assert back == f"%mc load {served.url} --client kokoro"
    assert "taken for kokoro from now on, no longer for whisper" in said(kernel, back)
    assert "taken for" not in said(kernel, back)
    assert not kernel.run("%%kokoro\nThe sea is calm.").error


@needs_standins
def test_python_finds_what_runs(kernel: Kernel, served: Served) -> None:
    voices = f"mc_jupyter.load({served.url!r}).client().voices()"
    assert kernel.value(f"len({voices})") > 1


def test_an_address_is_not_restarted(kernel: Kernel, serve: Serve) -> None:
    url = serve().url
    kernel.run(f"%mc load {url} --as sea")
    for verb in ("restart", "stop"):
        assert kernel.run(f"%mc {verb} sea").error == (
            f"ArgumentError: sea was not started by mc_jupyter ({url})\n"
            "stop it where it lives; %mc remove sea forgets it here"
        )
    assert "running" in kernel.run("%mc status sea").text


def test_new_settings_of_what_runs_take_a_restart(kernel: Kernel, tmp_path: Path) -> None:
    folder = service_folder(tmp_path)
    assert not kernel.run(f"%mc load {folder} --as toy --runtime embedded --start").error
    assert "%mc restart toy" not in said(kernel, f"%mc load {folder}")
    again = said(kernel, f"%mc load {folder} --env A=b")
    assert "toy runs already: %mc restart toy applies what --env changed" in again
    kernel.run("%mc stop toy")


def test_a_verb_is_no_name(kernel: Kernel, serve: Serve) -> None:
    assert kernel.run(f"%mc load {serve().url} --as start").error == (
        "ArgumentError: --as start: %mc start is a verb\nanother name: --as NAME"
    )
    assert kernel.value("[s.handle for s in mc_jupyter.registry.services()]") == []


def test_all_names_go_at_once(kernel: Kernel, serve: Serve) -> None:
    url = serve().url
    kernel.run(f"%mc load {url} --as one\n%mc load {url} --as two")
    assert said(kernel, "%mc remove two") == "one and two are no longer loaded"
