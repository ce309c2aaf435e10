from __future__ import annotations

import pytest

from mc_jupyter.clients.content import Content
from mc_jupyter.errors import TemplateError
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
        ("{{nodes}}", "{{nodes}}: there is no name 'nodes' in this notebook: did you mean 'node'?"),
        ("{{len(zzzzzz)}}", "there is no name 'zzzzzz' in this notebook\n"),
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
