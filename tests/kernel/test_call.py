"""``%mc call``: any path of any service, shown by what it answers with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel
from support.media import png, tone
from support.scripted_service import Asked, Says, ScriptedService

ANSWERS = {
    "/": Says("<h1>Hello</h1>", type="text/html"),
    "/json": Says({"a": [1, 2], "ü": None}),
    "/text": Says("just words\n", type="text/plain; charset=utf-8"),
    "/picture": Says(png(7, 5), type="image/png"),
    "/sound": Says(tone(0.5), type="audio/x-wav"),
    "/file": Says(b"PK\3\4", type="application/zip"),
    "/nothing": Says(b"", 204, type=""),
    "/teapot": Says({"detail": "I am a teapot"}, 418),
    "/fields": Says({"detail": "Field required"}, 422),
    "/big": Says(type="video/mp4", size=2_000_000),
    "/lie": Says("no json", type="application/json"),
}


@pytest.fixture(scope="module")
def folder(kernel: Kernel) -> Path:
    folder = Path(kernel.value("__import__('os').getcwd()"))
    (folder / "tone.wav").write_bytes(tone(0.5))
    return folder


@pytest.fixture(scope="module", autouse=True)
def service(kernel: Kernel, folder: Path) -> Iterator[ScriptedService]:
    with ScriptedService(ANSWERS) as service:
        assert not kernel.run(f"%mc load {service.url} --as thing --client plain").error
        yield service


def asked(service: ScriptedService) -> Asked:
    return service.requests[-1]


@pytest.mark.parametrize(
    ("path", "kind", "plain", "rich"),
    [
        ("/json", "Said", '{\n  "a": [\n    1,\n    2\n  ],\n  "ü": null\n}', "text/html"),
        ("/text", "Said", "just words\n", "text/html"),
        ("/", "Said", "<h1>Hello</h1>", "text/html"),
        ("/picture", "Picture", "answer, 7 × 5, png, ", "image/png"),
        ("/sound", "Audio", "answer, 0.50 s, 8 kHz mono, wav, 8 kB", "text/html"),
        ("/file", "File", "answer.zip, application/zip, 4 B", "text/html"),
        ("/nothing", "Said", "204, and an empty answer", "text/html"),
        ("/lie", "Said", "no json", "text/html"),
    ],
)
def test_an_answer_is_shown_by_its_type(
    kernel: Kernel, path: str, kind: str, plain: str, rich: str
) -> None:
    got = kernel.run(f"%mc call thing GET {path} --out it")
    assert not got.error, got.error
    (output,) = got.outputs()
    assert output["data"]["text/plain"].startswith(plain)
    assert rich in output["data"]
    assert "<h1>" not in output["data"].get("text/html", "")  # what a service says is no page
    assert kernel.value("[type(it).__name__, it is _answer is _]") == [kind, True]


def test_json_is_data(kernel: Kernel) -> None:
    kernel.run("answer = %mc call thing GET /json")
    assert kernel.value("[answer.data['a'], answer.told['status']]") == [[1, 2], 200]


def test_query_and_headers(kernel: Kernel, service: ScriptedService) -> None:
    kernel.run("word = 'a b&c'")
    assert not kernel.run(
        "%mc call thing get /json --query q={{word}} --query q=2 --query e="
    ).error
    assert (asked(service).method, asked(service).query) == (
        "GET",
        [("q", "a b&c"), ("q", "2"), ("e", "")],
    )
    assert kernel.value("_answer.made.options") == {"call": "GET /json", "q": "2", "e": ""}


def test_a_body_of_json_and_of_text(kernel: Kernel, service: ScriptedService) -> None:
    kernel.run("n = 3")
    assert not kernel.run(
        '%%mc call thing POST /json --json\n{"n": {{n}},\n "more": {"x": "{y}"}}'
    ).error
    assert asked(service).json == {"n": 3, "more": {"x": "{y}"}}
    assert asked(service).headers["content-type"] == "application/json"
    kernel.run("%%mc call thing PUT /text\nline {{n}}\nline two")
    assert (asked(service).method, asked(service).body) == ("PUT", b"line 3\nline two")
    assert asked(service).headers["content-type"].startswith("text/plain")
    kernel.run("%%mc call thing PATCH /text --literal\n{{n}}")
    assert asked(service).body == b"{{n}}"
    kernel.run("%%mc call thing DELETE /nothing")
    assert (asked(service).method, asked(service).size) == ("DELETE", 0)


def test_a_body_that_nests_too_deeply_is_refused(kernel: Kernel) -> None:
    error = kernel.run(f"%%mc call thing POST /json --json\n{'[' * 5000}{']' * 5000}").error
    assert error.startswith("ArgumentError: the lines below are no JSON: maximum recursion depth")


def test_the_settings_say_how_much_is_taken(kernel: Kernel) -> None:
    kernel.run("%config McJupyter.max_reply = '1MB'")
    try:
        assert "(bound max_reply: 1.0 MB)" in kernel.run("%mc call thing GET /big").error
    finally:
        kernel.run("%config McJupyter.max_reply = ''")


def test_a_form_with_files(kernel: Kernel, service: ScriptedService) -> None:
    kernel.run("%mc call thing GET /sound --out heard")
    line = "%mc call thing POST /json --file audio=tone.wav --file more=heard --form lang=de"
    assert not kernel.run(line).error
    assert asked(service).form == {"lang": "de"}
    sent = [(part.name, part.filename, part.content) for part in asked(service).files]
    assert [name for name, _, _ in sent] == ["audio", "more"]
    assert sent[0][1:] == ("tone.wav", tone(0.5))
    assert sent[1][2] == tone(0.5)
    assert kernel.value("[s.what for s in _answer.made.chain]") == ["answer", "answer"]


def test_it_is_saved(kernel: Kernel, folder: Path) -> None:
    got = kernel.run("%mc call thing GET /picture --save p.png --quiet")
    assert got.types == ["execute_input"]
    assert (folder / "p.png").read_bytes() == png(7, 5)
    error = kernel.run("%mc call thing GET /picture --save p.jpg").error
    assert error.splitlines()[0] == (
        "ArgumentError: p.jpg: this is png, and saving does not convert it"
    )
    assert error.endswith("the result is in _answer")
    assert kernel.value("_answer.size") == len(png(7, 5))


def test_what_is_large_lies_beside_the_notebook(kernel: Kernel, folder: Path) -> None:
    got = kernel.run("%mc call thing GET /big")
    assert got.bytes < 20_000
    (file,) = (folder / "mc-media").glob("answer-*.mp4")
    assert file.stat().st_size == 2_000_000


def test_head_has_no_body(kernel: Kernel, service: ScriptedService) -> None:
    shown = kernel.run("%mc call thing HEAD /json").last["data"]["text/plain"]
    assert shown == "200, and an empty answer"
    assert asked(service).method == "HEAD"


@pytest.mark.parametrize(
    ("cell", "first", "hint"),
    [
        ("%mc call thing GET json", "the path is 'json'", "a path begins with /"),
        ("%mc call thing GTE /", "there is no method 'GTE': did you mean 'GET'?", None),
        ("%mc call thing", "%mc call: the following arguments are required: METHOD", None),
        (
            "%mc call thing GET / --query q",
            "--query q: this is no NAME=VALUE",
            "--query NAME=VALUE",
        ),
        ("%mc call thing GET / --form q", "--form q: this is no NAME=VALUE", "--form NAME=VALUE"),
        ("%mc call thing POST / --file tone.wav", "--file tone.wav: this is no FIELD=FILE", None),
        ("%mc call thing POST / --file f=no.wav", "no.wav: no such file", None),
        ("%mc call thing GET / --host thing", "%mc call: there is no option --host", None),
        ("%mc call nothing GET /", "no service 'nothing' is loaded", None),
        ("%%mc call thing POST / --json\n{1}", "the lines below are no JSON: ", None),
        (
            "%%mc call thing POST / --json\n{{ {'a': True} }}",
            "the lines below are no JSON: ",
            "a value of Python goes in as {{json.dumps(VALUE)}}, after import json",
        ),
        (
            "%%mc call thing POST / --json",
            "--json: there is no body",
            "the JSON goes into the lines below %%mc call",
        ),
        (
            """%mc call thing POST /json --query a=b --json '{"input": 1}'""",
            "--json takes no value: the JSON goes into the lines below",
            "%%mc call thing POST /json --query a=b --json",
        ),
        (
            """%mc call thing POST /json --json={"input":1}""",
            "--json takes no value: the JSON goes into the lines below",
            "%%mc call thing POST /json --json",
        ),
        (
            """%mc call thing POST /json --query "q=a b" --json '[1, 2]'""",
            "--json takes no value: the JSON goes into the lines below",
            '%%mc call thing POST /json --query "q=a b" --json',
        ),
        ("%mc call thing POST {{'/json'}} --json --qury a=b", "%mc call: there is no option", None),
        ("%mc call thing POST /json --json more", "%mc call: unrecognized arguments: more", None),
        ("%%mc call thing POST / --form a=b\nx", "a form and a body", None),
        ("%mc call thing GET /teapot", "thing: I am a teapot (418)", None),
    ],
)
def test_what_goes_wrong_is_one_line(
    kernel: Kernel, service: ScriptedService, cell: str, first: str, hint: str | None
) -> None:
    before = len(service.requests)
    got = kernel.run(cell)
    lines = got.error.splitlines()
    assert lines[0].partition(": ")[2].startswith(first)
    assert len(lines) <= 2
    if hint:
        assert lines[1] == hint
    if "teapot" not in cell:
        assert [one.path for one in service.requests[before:]] in ([], ["/"])  # at most a look


def test_help(kernel: Kernel) -> None:
    assert kernel.run("%mc call --help").text.startswith("usage: %mc call [--query")
    assert kernel.run("%%mc call --help").text.startswith("usage: %%mc call [--query")
    assert kernel.run("%mc call").text.startswith("What to type next:\n%mc call NAME METHOD /path")


def test_json_that_was_sent_as_text_is_said(kernel: Kernel, service: ScriptedService) -> None:
    lines = kernel.run('%%mc call thing POST /fields\n{"a": 1}').error.splitlines()
    assert "(422)" in lines[0]
    assert lines[1].startswith("--json sends the lines below as JSON")
    assert asked(service).body == b'{"a": 1}'
    for cell in (
        "%%mc call thing POST /fields\njust words",
        "%%mc call thing POST /fields --json\n{}",
    ):
        assert "--json" not in kernel.run(cell).error, cell
