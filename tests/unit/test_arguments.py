from __future__ import annotations

from pathlib import Path

import pytest

from mc_jupyter.errors import ArgumentError, MediaConduitError, OptionError, TemplateError
from mc_jupyter.lab.templates import fill
from mc_jupyter.notebook.arguments import (
    Parser,
    expand_think,
    split,
    split_head,
    split_line,
    wants_help,
)
from mc_jupyter.notebook.request import Request, add_prompt_options, make_request, merged


def parser() -> Parser:
    made = add_prompt_options(Parser("%%ollama", "Prompt."))
    made.add_argument("model", nargs="?")
    return made


def request(line: str, prompt: str = "hi", **names: object) -> Request:
    given = parser().read(expand_think(split(line)), lambda text: fill(text, dict(names)))
    return make_request([given.model or "m"], prompt, given)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("a \"b c\" --x='d e'", ["a", "b c", "--x=d e"]),
        ('-s "it\'s"', ["-s", "it's"]),
        ('-t {{d["k"]}} m', ["-t", '{{d["k"]}}', "m"]),
        ("-s {{ x + 1 }} m", ["-s", "{{ x + 1 }}", "m"]),
        ("-s \\{{x", ["-s", "\\{{x"]),
        ("# is no comment", ["#", "is", "no", "comment"]),
        ('-s ""', ["-s", ""]),
    ],
)
def test_a_line_is_split_as_a_shell_does_it(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_an_open_quotation_mark_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="quotation mark is not closed"):
        split("-s it's")


@pytest.mark.parametrize(
    ("line", "head", "rest"),
    [
        ("m Why is it?", ["m"], "Why is it?"),
        (
            '-t 0 --verbose m What\'s "up"  doc?',
            ["-t", "0", "--verbose", "m"],
            'What\'s "up"  doc?',
        ),
        (
            "--system='be brief' m -t is no option here",
            ["--system=be brief", "m"],
            "-t is no option here",
        ),
        ("{{m}} say {{x}}", ["{{m}}"], "say {{x}}"),
        ("m", ["m"], ""),
        ("", [], ""),
    ],
)
def test_the_rest_of_a_line_stays_raw(line: str, head: list[str], rest: str) -> None:
    assert split_head(line, parser()) == (head, rest)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--tempereture 0", "there is no option --tempereture: did you mean '--temperature'?"),
        ("--qqqq", "there is no option --qqqq\n"),
        ("--cow", "there is no option --cow\n"),
        ("--seeed 1", "there is no option --seeed: did you mean '--seed'?"),
        ("-q", "there is no option -q"),
        ("-t hot", "'hot' is not a number"),
        ("--seed 1.5", "'1.5' is not a whole number"),
        ("-t 0 --temperature 1", "--temperature is given twice"),
        ("--think --no-think", "--no-think is given twice"),
        ("-t", "expected one argument"),
        ("a b", "unrecognized arguments: b"),
        ("-s @/no/such/file", "@/no/such/file cannot be read: No such file"),
        ("--image /no/such.png", "/no/such.png: there is no folder /no"),
        ("--out 2x", "--out is '2x'"),
        ("--out class", "--out is 'class'"),
        ("--option top_p", "--option is 'top_p'\naccepted: KEY=VALUE"),
        ("-t 0 --option temperature=1", "temperature is given twice"),
        ("--think=hard", "--think is 'hard'\naccepted: on, off, low"),
        ("-s {{nope}}", "there is no name 'nope'"),
    ],
)
def test_what_was_typed_wrong_is_said_in_two_lines(line: str, said: str) -> None:
    with pytest.raises(MediaConduitError) as caught:
        request(line)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_an_option_that_the_server_would_ignore_is_an_error() -> None:
    with pytest.raises(OptionError, match=r"'temprature' is not an option"):
        request("--option temprature=0")


def test_options_become_what_the_api_has() -> None:
    made = request(
        "m --temperature 0 --top_p=.5 --top-k 3 --seed -1 --num_predict 20 --num-ctx 99"
        ' --option min_p=0.1 --option use_mmap=false --stop END --stop "a b" --format json'
        " --think --keepalive 10m --out x"
    )
    assert made.options == {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 3,
        "seed": -1,
        "num_predict": 20,
        "num_ctx": 99,
        "min_p": 0.1,
        "use_mmap": False,
        "stop": ["END", "a b"],
    }
    assert (made.format, made.think, made.keep_alive, made.out) == ("json", True, "10m", "x")


@pytest.mark.parametrize(
    ("line", "think"),
    [("", None), ("--think m", True), ("--no-think", False), ("--think=high", "high")],
)
def test_think(line: str, think: object) -> None:
    assert request(line).think == think


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-1", -1), ("2.5", 2.5), ("5m", "5m")])
def test_keepalive(text: str, value: object) -> None:
    assert request(f"--keepalive {text}").keep_alive == value


def test_values_are_filled_and_read_from_files_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "role.md").write_text("You are {{who}}.\n")
    made = request("m -s @{{at}}/role.md -t {{cold}} --stop @@me", at=tmp_path, who="Ada", cold=0)
    assert made.messages[0] == {"role": "system", "content": "You are {{who}}.\n"}
    assert made.options == {"temperature": 0.0, "stop": ["@me"]}


def test_a_filled_value_is_never_taken_for_an_option_or_a_file() -> None:
    made = request("-s {{text}} m", text="--quiet @/etc/hostname")
    assert made.messages[0]["content"] == "--quiet @/etc/hostname"
    assert request("-s {{text}}", text="@bob").messages[0]["content"] == "@bob"


def test_images_are_sent_as_base64(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    made = request(f"m --image {tmp_path}/a.png")
    assert made.messages == ({"role": "user", "content": "hi", "images": ["iVBORw=="]},)


def test_what_a_cell_says_wins_over_the_default() -> None:
    default = parser().read(
        ["-t", "1", "--seed", "7", "--option", "min_p=0.1", "--option=num_gpu=1"]
    )
    given = parser().read(["m", "-t", "0", "--option", "min_p=0.2"])
    options = make_request(["m"], "hi", merged(given, default)).options
    assert options == {"temperature": 0.0, "seed": 7, "min_p": 0.2, "num_gpu": 1}


def test_dry_run_is_exactly_what_is_sent() -> None:
    body = request("m -t 0 -s brief").body()
    assert body == {
        "model": "m",
        "stream": True,
        "options": {"temperature": 0.0},
        "messages": [
            {"role": "system", "content": "brief"},
            {"role": "user", "content": "hi"},
        ],
    }


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("--help", True), ("m -h", True), ("?", True), ("m ?", True), ("m", False), ("", False)],
)
def test_wants_help(line: str, wanted: bool) -> None:
    assert wants_help(line.split()) is wanted


def test_a_bad_template_on_the_line_is_said(tmp_path: Path) -> None:
    with pytest.raises(TemplateError):
        split("-s {{x m")
    assert split("-s {{x m", literal=True) == ["-s", "{{x", "m"]


@pytest.mark.parametrize(
    ("default", "typed", "options"),
    [
        ("--option top_p=0.5 -t 0.3", "--top-p 0.9", {"temperature": 0.3, "top_p": 0.9}),
        ("--top-p 0.5", "--option top_p=0.9", {"top_p": 0.9}),
        ("--option num_ctx=1", "--option num-ctx=2", {"num_ctx": 2}),
        ("--stop a", "--option stop=b", {"stop": ["b"]}),
    ],
)
def test_a_cell_s_option_wins_in_either_spelling(
    default: str, typed: str, options: dict[str, object]
) -> None:
    both = merged(parser().read(split(typed)), parser().read(split(default)))
    assert make_request(["m"], "hi", both).options == options


def test_think_alone_takes_no_word_of_the_line() -> None:
    words, rest = split_head("--think llama3.2:1b Why is it?", parser())
    assert (words, rest) == (["--think", "llama3.2:1b"], "Why is it?")


def test_a_sign_of_the_private_use_area_stays() -> None:
    assert split("-s '\ue000 {{x}}'") == ["-s", "\ue000 {{x}}"]


def test_the_dry_run_of_a_load_is_the_load() -> None:
    loads = request("-t 0 --keepalive 10m", "")
    assert loads.body() == {
        "model": "m",
        "stream": False,
        "keep_alive": "10m",
        "options": {"temperature": 0.0},
    }


@pytest.mark.parametrize(
    ("line", "words", "literal"),
    [
        ("m --literal -s {{x", ["m", "--literal", "-s", "{{x"], True),
        ('--literal -s "{{a b}}"', ["--literal", "-s", "{{a b}}"], True),
        ("m -s 'say --literal now'", ["m", "-s", "say --literal now"], False),
        ("m -s '{{ \"--literal\" }}'", ["m", "-s", '{{ "--literal" }}'], False),
        ("m -s {{ x --literal }}", ["m", "-s", "{{ x --literal }}"], False),
    ],
)
def test_literal_is_a_word_of_its_own(line: str, words: list[str], literal: bool) -> None:
    assert split_line(line) == (words, "", literal)


def test_literal_in_a_value_or_in_a_raw_prompt_hides_no_mistake() -> None:
    with pytest.raises(TemplateError):
        split_line("-s 'say --literal {{x' m")
    with pytest.raises(TemplateError):
        split_line("m what is --literal {{x", parser())
    seen = split_line("--literal m what is {{x", parser())
    assert seen == (["--literal", "m"], "what is {{x", True)


def test_a_text_begins_at_its_first_word() -> None:
    parser = Parser("%x say", "")
    parser.add_argument("--voice")
    for line, expected in (
        ('It\'s me, "said" he', ([], 'It\'s me, "said" he')),
        ("--voice 'a b' It's  me", (["--voice", "a b"], "It's  me")),
        ("--voice=a -5 degrees", (["--voice=a"], "-5 degrees")),
        ("{{a}} --voice", ([], "{{a}} --voice")),
        ("", ([], "")),
    ):
        assert split_head(line, parser, is_text=True) == expected


def test_a_switch_is_on_off_or_not_given() -> None:
    parser = Parser("%x", "")
    parser.add_argument("--trim-it", "--no-trim-it", dest="trim", action="switch", help="cut")
    assert [parser.read(line.split()).trim for line in ("", "--trim_it", "--no-trim-it")] == [
        None,
        True,
        False,
    ]
    with pytest.raises(ArgumentError, match="--no-trim-it is given twice"):
        parser.read(["--trim-it", "--no-trim-it"])
    assert "[--[no-]trim-it]" in parser.format_usage()
    assert "--trim-it, --no-trim-it" in parser.format_help()
