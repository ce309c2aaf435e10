"""The magics of a kind of service: when they are there, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel, Serve
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")

HERE = "sorted(get_ipython().magics_manager.magics[{!r}].keys() & {{'kokoro', 'whisper'}})"
COMMON = ("--out NAME", "--host HANDLE", "--quiet", "--literal")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("kokoro") as served:
        yield served


@pytest.fixture(scope="module")
def other() -> Iterator[Served]:
    with running("kokoro", "voices=strings") as served:
        yield served


@pytest.fixture
def kokoro(kernel: Kernel, served: Served) -> Iterator[Served]:
    """One Kokoro, loaded by its own name."""
    assert not kernel.run(f"%mc load {served.url} --as kokoro").error
    yield served
    kernel.run("%mc remove kokoro")


def magics(kernel: Kernel) -> list[list[str]]:
    return [kernel.value(HERE.format(kind)) for kind in ("line", "cell")]


def spoken(served: Served) -> list[str]:
    """What it was asked to say."""
    return [one["json"]["input"] for one in served.asked("/v1/audio/speech")]


# When they are there


def test_they_come_with_the_service_and_go_with_it(kernel: Kernel, served: Served) -> None:
    assert magics(kernel) == [[], []]
    assert kernel.run(f"%mc load {served.url} --as kokoro").streams == ""
    assert magics(kernel) == [["kokoro"], ["kokoro"]]
    kernel.run(f"%mc load {served.url} --as more")  # another name of the same one
    assert magics(kernel) == [["kokoro"], ["kokoro"]]
    kernel.run("%mc remove kokoro")
    assert magics(kernel) == [[], []]
    assert "not found" in kernel.run("%%kokoro\nhi").streams


def test_the_last_of_two_takes_them_away(kernel: Kernel, served: Served, other: Served) -> None:
    kernel.run(f"%mc load {served.url} --as one\n%mc load {other.url} --as two")
    kernel.run("%mc remove one")
    assert magics(kernel) == [["kokoro"], ["kokoro"]]
    kernel.run("%mc remove two")
    assert magics(kernel) == [[], []]


def test_another_extensions_magic_is_left_alone_and_named_once(
    kernel: Kernel, served: Served
) -> None:
    kernel.run(
        "def foreign(line): print('foreign:', line)\n"
        "get_ipython().register_magic_function(foreign, 'line', 'kokoro')"
    )
    loaded = kernel.run(f"%mc load {served.url} --as kokoro")
    assert loaded.streams == "mc_jupyter: another extension has %kokoro; ours is %mc kokoro\n"
    assert kernel.run("%kokoro say hi").streams == "foreign: say hi\n"
    assert kernel.run("%mc kokoro say hi").last["data"]["text/plain"].startswith("speech, ")
    assert not kernel.run("%%kokoro\nhi").error  # the cell's name was free
    kernel.run("%mc remove kokoro")
    assert kernel.run(f"%mc load {served.url} --as kokoro").streams == ""
    kernel.run("%mc remove kokoro")
    assert kernel.run("%kokoro x").streams == "foreign: x\n"
    kernel.run("del get_ipython().magics_manager.magics['line']['kokoro']")


def test_an_extension_that_is_loaded_later_has_them(kernel: Kernel, kokoro: Served) -> None:
    kernel.run("%unload_ext mc_jupyter")
    assert magics(kernel) == [[], []]
    kernel.run("%load_ext mc_jupyter")
    assert magics(kernel) == [["kokoro"], ["kokoro"]]
    assert not kernel.run("# a comment above\n%%kokoro\nhi").error
    assert kernel.run("%reload_ext mc_jupyter").streams == ""
    assert magics(kernel) == [["kokoro"], ["kokoro"]]


# Which service is meant


def test_two_of_a_kind_are_told_apart(kernel: Kernel, served: Served, other: Served) -> None:
    kernel.run(f"%mc load {served.url} --as one\n%mc load {other.url} --as two")
    error = kernel.run("%%kokoro\nhi").error
    assert error.splitlines() == [
        "ServiceNotFoundError: several services of the kind kokoro are loaded: one, two",
        "say which: --host NAME",
    ]
    before = [len(spoken(one)) for one in (served, other)]
    for cell in (
        "%%kokoro --host two\nby its name",
        "%%mc two\nby the house",
        "%mc two say in a line",
        "%kokoro say --host two in a line",
    ):
        got = kernel.run(cell)
        assert not got.error, (cell, got.error)
    assert spoken(other)[before[1] :] == ["by its name", "by the house", "in a line", "in a line"]
    assert len(spoken(served)) == before[0]
    kernel.run(f"%mc load {served.url} --as kokoro")  # an alias, and the kind's own name
    assert not kernel.run("%%kokoro\nthe first").error
    assert spoken(served)[-1] == "the first"
    assert "no service 'three' is loaded" in kernel.run("%%kokoro --host three\nhi").error
    kernel.run("%mc remove one\n%mc remove two")


def test_one_of_a_kind_needs_no_name(kernel: Kernel, served: Served) -> None:
    kernel.run(f"%mc load {served.url}")
    assert not kernel.run("%%kokoro\nhi").error
    kernel.run(f"%mc load {served.url} --as voice")
    assert not kernel.run("%%mc voice\nhi").error
    assert "VOICE" in kernel.run("%mc voice voices").last["data"]["text/plain"]
    kernel.run("%mc remove voice")


def test_a_service_of_another_kind_is_refused(kernel: Kernel, kokoro: Served, serve: Serve) -> None:
    ollama = serve()
    kernel.run(f"%mc load {ollama.url} --as talker")
    before = len(ollama.requests)
    error = kernel.run("%%kokoro --host talker\nhi").error
    assert error.splitlines() == [
        "ArgumentError: talker is no kokoro: it is ollama",
        "%%mc talker MODEL",
    ]
    assert "kokoro is no Ollama service" in kernel.run("%%ollama m --host kokoro\nhi").error
    assert kernel.run("%mc talker list").error.splitlines() == [
        "ArgumentError: talker is an Ollama",
        "%ollama VERB --host talker",
    ]
    assert len(ollama.requests) == before
    kernel.run("%mc remove talker")


def test_a_service_of_no_known_kind(kernel: Kernel, tmp_path: Path) -> None:
    with ScriptedService({"/": Says({"hello": "you"})}) as service:
        kernel.run(f"%mc load {service.url} --as thing --client plain")
        for cell in ("%%mc thing\nhi", "%mc thing say hi"):
            assert kernel.run(cell).error.splitlines() == [
                "ArgumentError: thing is of no kind that is known here",
                "%mc call thing GET /   or load it with --client NAME",
            ]
        assert kernel.run("%mc call thing GET /").last["data"]["text/plain"] == (
            '{\n  "hello": "you"\n}'
        )
        kernel.run("%mc remove thing")


def test_bare_mc_names_what_to_type(kernel: Kernel, kokoro: Served, other: Served) -> None:
    assert kernel.run("%mc").text.splitlines()[3:6] == [
        "What to type next:",
        "%%kokoro",
        "%mc stop kokoro",
    ]
    kernel.run(f"%mc load {other.url} --as second")
    assert kernel.run("%mc").text.splitlines()[4:7] == [
        "What to type next:",
        "%%kokoro",
        "%%mc second",
    ]
    kernel.run("%mc remove second")


# What is typed


def test_help_is_there_in_every_way(kernel: Kernel, kokoro: Served) -> None:
    for typed in ("%%kokoro --help", "%%mc kokoro --help", "%%mc kokoro?", "%%kokoro ?"):
        shown = kernel.run(typed).text
        assert shown.startswith("usage: %%kokoro"), typed
        assert all(option in shown for option in COMMON), typed
    for typed in ("%kokoro?", "%%kokoro?"):
        (payload,) = kernel.run(typed).reply["payload"]
        assert "%kokoro voices" in payload["data"]["text/plain"], typed
    assert kernel.run("%kokoro say --help").text.startswith("usage: %kokoro say")
    assert kernel.run("%kokoro say?").text.startswith("usage: %kokoro say")
    lines = kernel.run("%kokoro").text.splitlines()
    assert lines[0] == "What to type next:"
    assert [line.split("   ")[0].strip() for line in lines[1:]] == [
        "%%kokoro",
        "%kokoro say TEXT",
        "%kokoro voices",
        "%kokoro --help",
    ]
    assert kernel.run("%mc kokoro").text == "\n".join(lines)


def _two_cells(first: str, second: str) -> str:
    """What the error shows where two cells stand in one."""
    return f"in two cells (with --literal it is text):\n\n{first}\n\n{second}"


@pytest.mark.parametrize(
    ("cell", "first", "hint"),
    [
        ("%%kokoro --out 1x\nhi", "--out is '1x'", "accepted: the name of a variable"),
        ("%%kokoro --out class\nhi", "--out is 'class'", "accepted: the name of a variable"),
        (
            "%%kokoro --save no/x.wav\nhi",
            "--save no/x.wav: there is no folder no",
            "make it: !mkdir no",
        ),
        ("%%kokoro --save .\nhi", "--save .: this is a folder", "name a file in it"),
        (
            "%%kokoro --save x.mp3\nhi",
            "--save x.mp3: the format is wav",
            "--format mp3 --save x.mp3",
        ),
        (
            "%%kokoro --voic x\nhi",
            "%%kokoro: there is no option --voic: did you mean '--voice'?",
            "%%kokoro --help",
        ),
        ("%%kokoro --voice\nhi", "%%kokoro: --voice: expected one argument", "%%kokoro --help"),
        ("%%kokoro --speed fast\nhi", "%%kokoro: --speed: 'fast' is not a number", None),
        ("%%kokoro --format doc\nhi", "%%kokoro: --format is 'doc': ", None),
        (
            "%%kokoro --normalize --no-normalize\nhi",
            "%%kokoro: --no-normalize is given twice",
            None,
        ),
        ("%%kokoro some words\nhi", "%%kokoro: unrecognized arguments: some words", None),
        ("%%kokoro", "%%kokoro: there is no text", "the text goes into the lines below"),
        ("%%kokoro\n\n   \n", "%%kokoro: there is no text", "the text goes into the lines below"),
        ("%kokoro say", "%kokoro say: there is no text", "%kokoro say Hello"),
        ("%kokoro sya hi", "%kokoro has no verb 'sya': did you mean 'say'?", "%kokoro --help"),
        (
            "%%kokoro\none\n%%kokoro --voice af_bella\ntwo",
            "a second %%kokoro in the cell: one cell magic a cell",
            _two_cells("%%kokoro\none", "%%kokoro --voice af_bella\ntwo"),
        ),
        (
            "%%kokoro\n%%timeit\ntwo",
            "%%timeit below %%kokoro in the cell: one cell magic",
            _two_cells("%%kokoro", "%%timeit\ntwo"),
        ),
        (
            "%%mc kokoro\none\n%%mc kokoro\ntwo",
            "%%mc below %%kokoro in the cell: one",
            _two_cells("%%kokoro\none", "%%mc kokoro\ntwo"),
        ),
        ("%%kokoro --cow tux\nhi", "%%kokoro: there is no option --cow", "%%kokoro --help"),
        (
            "%%kokoro --save x.avi\nhi",
            "--save x.avi: the format is wav",
            "--save x.wav   or --format wav|mp3|opus|flac|aac|pcm|ogg",
        ),
        (
            "%kokoro say --voice 'a b' say --quiet it --voice=af_bella",
            "%kokoro say: --quiet stands behind the text, and options come first",
            "%kokoro say --voice 'a b' --quiet --voice=af_bella say it   "
            "or, to be spoken as it is, in a cell",
        ),
        (
            "%kokoro say hi --save",
            "%kokoro say: --save stands behind the text, and options come first",
            "%kokoro say --save PATH hi   or, to be spoken as it is, in a cell",
        ),
        ('%kokoro say "a --quiet b"', "%kokoro say: --quiet stands behind the text", None),
        ("%%kokoro\n{{nope}}", "{{nope}}: there is no name 'nope'", None),
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_is_sent(
    kernel: Kernel, kokoro: Served, cell: str, first: str, hint: str | None
) -> None:
    before = len(kokoro.requests())
    got = kernel.run(cell)
    lines = got.error.splitlines()
    assert lines[0].partition(": ")[2].startswith(first)
    assert len(lines) == 2 or "\n" in str(hint)
    if hint:
        assert "\n".join(lines[1:]) == hint
    assert got.streams == ""
    assert len(kokoro.requests()) == before


def test_run_all_stops_at_an_error(kernel: Kernel, kokoro: Served) -> None:
    kernel.run("after = 'not run'")
    first = kernel.send("%%kokoro --voice nobody\nhi")
    second = kernel.send("after = 'run'")
    error = kernel.receive(first).error
    assert error.startswith("VoiceNotFoundError: kokoro has no voice 'nobody'")
    assert kernel.receive(second).reply["status"] == "aborted"
    assert kernel.value("after") == "not run"


def test_fields_are_filled_and_literal_leaves_them(kernel: Kernel, kokoro: Served) -> None:
    kernel.run("who, n, voice = 'you', 2, 'af_bella'")
    assert not kernel.run("%%kokoro --voice {{voice}}\nHello {{who}}, {{n + 1}} {times}").error
    assert kokoro.asked("/v1/audio/speech")[-1]["json"]["voice"] == "af_bella"
    kernel.run("%%kokoro --literal\nHello {{who}}")
    kernel.run("%%kokoro --literal\nType\n%%kokoro")
    kernel.run("%%kokoro\n%%nobody knows\nit")
    kernel.run("%kokoro say It's {{who}}, isn't it?")
    kernel.run("%kokoro say --literal Hello {{who}} -5")
    assert spoken(kokoro)[-6:] == [
        "Hello you, 3 {times}",
        "Hello {{who}}",
        "Type\n%%kokoro",
        "%%nobody knows\nit",
        "It's you, isn't it?",
        "Hello {{who}} -5",
    ]


# What becomes of it


def test_the_result_is_shown_once_and_kept(kernel: Kernel, kokoro: Served) -> None:
    got = kernel.run("%%kokoro --out mine\nhi")
    assert [output["type"] for output in got.outputs()] == ["display_data"]
    count = got.reply["execution_count"]
    assert kernel.run(f"Out[{count}] is _{count} is _answer is mine").text == "True"
    assert kernel.run("mine").types == ["execute_input", "execute_result"]
    loop = kernel.run("for _i in range(2):\n    %kokoro say hi")
    assert [output["type"] for output in loop.outputs()] == ["display_data"] * 2
    assigned = kernel.run("x = %kokoro say hi")
    assert [output["type"] for output in assigned.outputs()] == ["display_data"]
    assert "execute_result" in kernel.run("x").types
    again = kernel.run("x\ndisplay(x)\nx")
    assert [o["type"] for o in again.outputs()] == ["display_data", "execute_result"]


def test_quiet_shows_nothing_and_keeps_it(kernel: Kernel, kokoro: Served) -> None:
    assert kernel.run("%%kokoro --quiet --out silent\nhi").types == ["execute_input"]
    assert kernel.run("_ is _answer is silent").text == "True"


def test_what_was_only_looked_at_does_not_displace_the_answer(
    kernel: Kernel, kokoro: Served
) -> None:
    kernel.run("%%kokoro --out mine\nhi")
    assert not kernel.run("%kokoro voices --out there").error
    assert kernel.value("[_answer is mine, there[0]['id']]") == [True, "af_bella"]


def test_what_cannot_be_saved_is_kept(kernel: Kernel, kokoro: Served) -> None:
    kernel.run("_answer = None")
    name = "x" * 245 + ".wav"  # only writing it shows that this is too long
    got = kernel.run(f"%%kokoro --save {name}\nhi")
    lines = got.error.splitlines()
    assert lines[0].startswith(f"ArgumentError: {name} cannot be written: ")
    assert lines[1].endswith("; the result is in _answer")
    assert kernel.value("_answer.size > 1000") is True
    assert [output["type"] for output in got.outputs()] == ["display_data", "error"]
