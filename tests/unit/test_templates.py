from __future__ import annotations

import sys
import warnings
from typing import Any

import pytest

from mc_jupyter.clients.content import Content
from mc_jupyter.errors import MediaConduitError, TemplateError
from mc_jupyter.lab.answer import Answer
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Audio, File, Gallery, Picture, Said, Video
from mc_jupyter.lab.templates import fill


class Frame:
    """As much of a pandas DataFrame as the templates use; pandas is not a dependency."""

    def __init__(self, rows: int, index: str = "RangeIndex") -> None:
        self.rows = rows
        self.index = type(index, (), {})()

    def __len__(self) -> int:
        return self.rows

    def head(self, rows: int) -> Frame:
        return Frame(min(rows, self.rows))

    def to_csv(self, index: bool) -> str:
        return ("i,a\n" if index else "a\n") + "".join(f"{n}\n" for n in range(self.rows))


class Array:
    ndim = 1

    def __init__(self, size: int) -> None:
        self.size = size

    def __str__(self) -> str:
        return "[0 1 ...]"

    def tolist(self) -> list[int]:
        return list(range(self.size))


NAMES = {
    "x": 3,
    "name": "Ada",
    "d": {"k": {"n": 1}},
    "df": Frame(3),
    "named": Frame(1, "Index"),
    "long": Frame(201),
    "array": Array(1001),
    "node": 1,
    "answer": Answer(text="forty-two", model="m"),
    "braces": "{{x}}",
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("no braces", "no braces"),
        ("", ""),
        ("{{x}}", "3"),
        ("{{ x + 1 }} and {{name}}", "4 and Ada"),
        ('a {single} {"a": {"b": 1}} stays', 'a {single} {"a": {"b": 1}} stays'),
        ("f(x) = {x | x > 0}", "f(x) = {x | x > 0}"),
        (r"\{{x}} is literal", "{{x}} is literal"),
        (r"\{{ and {{x}}", "{{ and 3"),
        ('{{d["k"]["n"]}}', "1"),
        ('{{ {"a": {"b": 1}}["a"] }}', "{'b': 1}"),
        ('{{{"a": 1}}}', "{'a': 1}"),
        ('{{f"{x:.2f}"}}', "3.00"),
        ("{{'}}'}}", "}}"),
        ("{{\n x\n}}", "3"),
        ("{{df}}", "a\n0\n1\n2\n"),
        ("{{named}}", "i,a\n0\n"),
        ("{{answer}}", "forty-two"),
        ("{{braces}}", "{{x}}"),
        ("{{[i for i in range(x)]}}", "[0, 1, 2]"),
    ],
)
def test_fill(text: str, filled: str) -> None:
    assert fill(text, dict(NAMES)) == filled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{nodes}}", "{{nodes}}: there is no name 'nodes' here: did you mean 'node'?"),
        ("{{len(zzzzzz)}}", "there is no name 'zzzzzz' here\n"),
        ("{{d['nope']}}", "{{d['nope']}} failed: KeyError: 'nope'"),
        ("{{1/0}}", "ZeroDivisionError"),
        ("{{}}", "{{}} is no Python expression"),
        ("{{a b}}", "{{a b}} is no Python expression"),
        ("{{x", "'{{x' has no closing }}"),
        ("{% if %}{{", "has no closing }}"),
        ("{{long}}", "has 201 rows; up to 200 are inserted whole\nwrite {{long.head(200)}}"),
        ("{{array}}", "has 1,001 elements, and its text would be shortened"),
    ],
)
def test_what_cannot_be_filled_is_an_error_that_names_it(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        fill(text, dict(NAMES))
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_the_line_that_an_error_proposes_works() -> None:
    assert fill("{{long.head(200)}}", dict(NAMES)).count("\n") == 201
    assert fill("{{array.tolist()}}", dict(NAMES)).endswith("1000]")


def test_a_tensor_counts_its_elements_by_a_method() -> None:
    class Tensor:
        ndim = 2

        def __init__(self, count: int) -> None:
            self.count = count

        def size(self) -> tuple[int, ...]:
            return (self.count,)

        def numel(self) -> int:
            return self.count

        def __str__(self) -> str:
            return "tensor"

    assert fill("{{t}}", {"t": Tensor(3)}) == "tensor"
    with pytest.raises(TemplateError, match="2,000 elements"):
        fill("{{t}}", {"t": Tensor(2000)})


def test_the_hint_names_first_what_helps_everywhere() -> None:
    with pytest.raises(TemplateError) as caught:
        fill("{{nothing_here}}", {})
    assert str(caught.value.hint).startswith("\\{{ is a literal {{")


MADE = Made("thing")
BYTES = Content(b"x", "image/png")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (Picture(BYTES, MADE), "a picture"),
        (Video(BYTES, MADE), "a video"),
        (File(BYTES, MADE), "a file"),
        (Gallery([Picture(BYTES, MADE)]), "several pictures"),
    ],
)
def test_a_result_that_is_no_text_is_not_filled_in(value: object, what: str) -> None:
    with pytest.raises(TemplateError) as caught:
        fill("see {{ d['x'] }}", {"d": {"x": value}})
    assert str(caught.value).splitlines() == [
        f"d['x'] is {what}, not a text",
        "as a file, without braces: d['x']",
    ]


def test_a_list_that_holds_one_is_not_filled_in() -> None:
    results = [Said("moo", MADE), Audio(Content(b"x", "audio/wav"), MADE)]
    with pytest.raises(
        TemplateError, match=r"results\[1\] is a sound, not a text\n%whisper results"
    ):
        fill("{{results}}", {"results": results})
    assert fill("{{results[0]}}", {"results": results}) == "moo"


def test_a_result_that_is_a_text_is_filled_in() -> None:
    used: list[object] = []
    said = Said("moo", MADE)
    assert fill("{{said}}!", {"said": said}, used) == "moo!"
    assert used == [said]


class Stop(BaseException):
    """What is no Exception, as SystemExit is none."""


RAISED = [
    ValueError("boom\nand more"),
    RecursionError("deep"),
    MemoryError(),
    SystemExit(3),
    GeneratorExit(),
    StopIteration(1),
    Stop("odd"),
    MediaConduitError("ours", "a hint"),
]


def raising(error: BaseException, *names: str) -> object:
    """A value of which the named methods and attributes raise."""

    def fail(*_: object) -> None:
        raise error

    base = {"head": None, "to_csv": None, "__len__": lambda _: 3} if "to_csv" in names else {}
    special = {name: fail if name.startswith("__") else property(fail) for name in names}
    return type("Broken", (), base | special)()


def refusal(text: str, names: dict[str, Any]) -> str:
    with pytest.raises(TemplateError) as caught:
        fill(text, names)
    assert len(str(caught.value).splitlines()) <= 2
    assert len(str(caught.value)) <= 600
    return str(caught.value)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("__str__",), "str() of it failed"),
        (("__repr__",), "str() of it failed"),
        (("made",), "looking at its .made failed"),
        (("to_csv",), "looking for its .to_csv failed"),
        (("ndim",), "asking how large it is failed"),
    ],
)
def test_what_a_value_raises_is_told_of_its_field(
    error: BaseException, names: tuple[str, ...], told: str
) -> None:
    said = refusal("see {{ r }}", {"r": raising(error, *names)})
    assert said.startswith(f"{{{{ r }}}}: {told}: {type(error).__name__}")


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_an_expression_raises_is_told_of_its_field(error: BaseException) -> None:
    def fail() -> None:
        raise error

    assert refusal("{{f()}}", {"f": fail}).startswith(f"{{{{f()}}}} failed: {type(error).__name__}")


@pytest.mark.parametrize(
    "expression", ["f()", "r", "made", "[x for x in items]", "f'{formatted}'", "table"]
)
def test_an_interrupt_in_a_template_stays_an_interrupt(expression: str) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    class Table(Frame):
        __len__ = fail  # type: ignore[assignment]

    names = {
        "f": fail,
        "r": raising(KeyboardInterrupt(), "__str__"),
        "made": raising(KeyboardInterrupt(), "made"),
        "items": raising(KeyboardInterrupt(), "__iter__"),
        "formatted": raising(KeyboardInterrupt(), "__format__"),
        "table": Table(3),
    }
    with pytest.raises(KeyboardInterrupt):
        fill(f"{{{{{expression}}}}}", names)


def test_what_a_table_raises_is_told_of_its_field() -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("gone")

    uncounted = type("Uncounted", (Frame,), {"__len__": fail})(3)
    assert "{{t}}: len() of it failed: OSError: gone" in refusal("{{t}}", {"t": uncounted})
    unwritten = type("Unwritten", (Frame,), {"to_csv": fail})(3)
    assert "{{t}}: its .to_csv() failed: OSError: gone" in refusal("{{t}}", {"t": unwritten})


def test_an_error_whose_own_text_raises_is_named_by_its_type() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert refusal("{{r}}", {"r": raising(Mute(), "__str__")}).startswith(
        "{{r}}: str() of it failed: Mute\n"
    )


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("exit(3)", "failed: SystemExit: 3"),
        ("sys.exit('bye')", "failed: SystemExit: bye"),
        ("10**5000", "str() of it failed: ValueError: Exceeds the limit"),
        ("odd", "str() of it failed: TypeError: __str__ returned non-string"),
        ("chr(0xD800)", "holds U+D800, half of a character, which cannot be sent"),
        ("unnamed()", "there is no name 'unnamed()' here"),
        ("await x", "is no Python expression"),
        ("x := 5", "is no Python expression"),
        ("(yield)", "is no Python expression"),
        ("'\0'", "is no Python expression"),
        ("'\ud800'", "is no Python expression"),
        ("1" * 5000, "is no Python expression"),
        ("(" * 300 + ")" * 300, "is no Python expression"),
        ("-" * 100_000 + "1", "is no Python expression"),
        ("x" + ".x" * 100_000, "is no Python expression"),
        ("fail('a' * 10_000)", "failed: ValueError: aaa"),
        ("(1 /\n0)", "{{(1 / 0)}} failed"),
    ],
    ids=lambda text: text[:24].encode("ascii", "replace").decode().replace("\0", "NUL"),
)
def test_an_expression_out_of_the_ordinary_is_told_of_its_field(expression: str, said: str) -> None:
    def unnamed() -> None:
        raise NameError("not ours", name=5)  # type: ignore[arg-type]

    def fail(text: str) -> None:
        raise ValueError(text)

    odd = type("Odd", (), {"__str__": lambda _: 5})()
    names = {"sys": sys, "exit": sys.exit, "odd": odd, "unnamed": unnamed, "fail": fail, 7: "7"}
    assert said in refusal(f"{{{{{expression}}}}}", names)  # type: ignore[arg-type]


def test_the_line_proposed_for_half_a_character_works() -> None:
    names = {"r": "a\ud800b"}
    hint = refusal("{{r}}", names).splitlines()[1].removeprefix("leave it out: ")
    assert fill(hint, names) == "a?b"


def test_a_warning_that_is_an_error_makes_no_expression() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "{{1 is 1}} is no Python expression" in refusal("{{1 is 1}}", {})


@pytest.mark.parametrize("call", ["exit()", "quit", "(lambda: exit())()", "[quit() for _ in '1']"])
def test_exit_of_ipython_is_refused_where_it_stands(call: str) -> None:
    from IPython.core.autocall import ExitAutocall

    ends = ExitAutocall()  # without a shell to end: to call it would be an AttributeError
    assert "would end the kernel" in refusal(f"{{{{{call}}}}}", {"exit": ends, "quit": ends})
    assert fill("{{exit}}", {"exit": "my own"}) == "my own"
