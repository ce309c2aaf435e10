"""A compose file as a tree, and the tree as text."""

from __future__ import annotations

import itertools
import time

import pytest

from mc_jupyter.errors import StartError
from mc_jupyter.runtimes.compose.tree import (
    MAX_DEPTH,
    MAX_NODES,
    Scalar,
    needed,
    parse,
    plain,
    strings,
    write,
)


def problem(text: str | bytes) -> str:
    with pytest.raises(StartError) as caught:
        parse(text.encode() if isinstance(text, str) else text, "c.yml")
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2", "c.yml, line 2: the key 'a' is there twice"),
        ('a: {b: 1, "b": 2}', "c.yml, line 1: the key 'b' is there twice"),
        ("? [x]\n: 1", "c.yml, line 1: a key is a list or a map"),
        ("? {x: y}\n: 1", "c.yml, line 1: a key is a list or a map"),
        ("x: &k include\n*k : [y]", "c.yml, line 2: a key is an alias (*k)"),
        ("&k include: [y]", "c.yml, line 1: the key 'include' has a tag or an anchor"),
        ("!!binary aW5jbHVkZQ==: [y]", "c.yml, line 1: the tag '!!binary' is not known here"),
        ("!!merge x: {a: 1}", "c.yml, line 1: the tag '!!merge' is not known here"),
        ("a: !!python/object:x 1", "c.yml, line 1: the tag '!!python/object:x' is not known here"),
        ("a: !secret 1", "c.yml, line 1: the tag '!secret' is not known here"),
        ("%TAG ! tag:x,1:\n---\na: !y 1", "c.yml, line 3: the tag 'tag:x,1:y' is not known here"),
        ("!!int 1: x", "c.yml, line 1: the key '1' has a tag or an anchor"),
        ("a: !!int 'x y'", "c.yml, line 1: 'x y' is no int"),
        ("a: 1\n---\ninclude: x", "c.yml, line 2: a second document begins"),
        ("'<<': {a: 1}", "c.yml, line 1: the key '<<' stands in quotes"),
        ("<<: 1", "c.yml, line 1: '<<' merges something that is not a map"),
        ("<<: {a: 1}\n<<: {b: 1}", "c.yml, line 2: the key '<<' is there twice"),
        ("a: &a [*a]", "c.yml, line 1: the alias *a refers to itself"),
        ("a: *b", "c.yml, line 1: the alias *b is not defined"),
        ("- a", "c.yml has no services: it is not a map of keys"),
        ("", "c.yml has no services: it is not a map of keys"),
        ("? " + "k" * 1001 + "\n: 1", "c.yml, line 1: a key has more than 1000 characters"),
        (b"\xff\xfea\0", "c.yml is not UTF-8 text: invalid start byte at byte 0"),
    ],
)
def test_what_no_compose_file_needs(text: str | bytes, expected: str) -> None:
    assert problem(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a: b: c", "a: [", 'a: "\\ud800"', "a: \0", "a: 'x\x07'", "\t- a", "%YAML 2.0\n---\na: 1"],
)
def test_what_is_no_yaml(text: str) -> None:
    assert problem(text).startswith("c.yml")


def test_aliases_and_merges_are_expanded() -> None:
    text = "x: &x {k: 1, l: 1}\ny: &y {l: 2, m: 2}\nz: {<<: [*x, *y], k: 3}\nl: [*x]\n"
    assert plain(parse(text.encode(), "c"))["z"] == {"k": "3", "l": "1", "m": "2"}
    assert plain(parse(text.encode(), "c"))["l"] == [{"k": "1", "l": "1"}]


def test_reset_takes_a_value_out_and_override_is_nothing_by_itself() -> None:
    text = "a: !reset {b: 1}\nc: [1, !reset 2]\nd: !override {e: 1}\n"
    assert plain(parse(text.encode(), "c")) == {"c": ["1"], "d": {"e": "1"}}


def test_bombs_have_a_bound() -> None:
    names = "abcdefghij"
    lists = [f"{names[0]}: &{names[0]} [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in itertools.pairwise(names):
        lists.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    began = time.monotonic()
    assert f"more than {MAX_NODES} values" in problem("\n".join(lists))
    assert f"nests more than {MAX_DEPTH} deep" in problem("a: " + "[" * 60 + "]" * 60)
    deep = "a0: &a0 " + "[" * 40 + "]" * 40 + "\n"
    deep += "".join(f"a{n}: &a{n} [[[[*a{n - 1}]]]]\n" for n in range(1, 5))
    assert f"nests more than {MAX_DEPTH} deep" in problem(deep)
    problem("[" * 100_000)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("010", "010"),
        ("1_000", "1_000"),
        ("true", "true"),
        ("~", "~"),
        ("", "~"),
        ("null", "null"),
        ("'010'", '"010"'),
        ('"~"', '"~"'),
        ("''", '""'),
        ("a b", '"a b"'),
        ("a:b", '"a:b"'),
        ("2001-12-14 21:59", '"2001-12-14 21:59"'),
        ("!!str 1", '"1"'),
        ("!!int '1'", "1"),
        (".5", ".5"),
        ("-1", "-1"),
        ("|-\n  x\n  y", '"x\\u000ay"'),
        ("'é😀'", '"é😀"'),
        ('"\\x07\\u2028"', '"\\u0007\\u2028"'),
        ("'\"\\\\'", '"\\u0022\\u005c\\u005c"'),
        ("<<", '"<<"'),
        ("'{a}'", '"{a}"'),
    ],
)
def test_scalars_keep_text_and_type(text: str, written: str) -> None:
    assert write(parse(f"a: {text}\n".encode(), "c")) == f'{{"a": {written}}}'


def test_what_is_written_is_read_the_same() -> None:
    text = b'a: {b: [1, \'x\', "\\t\\""], c: ~}\nd: |\n  two\n  lines\n'
    tree = parse(text, "c")
    assert parse(write(tree).encode(), "c") == {**tree}


SERVICES = b"""
services:
  web: {depends_on: [a], links: ["b:x"], network_mode: "service:c", volumes_from: ["d:ro"]}
  a: {depends_on: {e: {condition: service_started}}}
  b: {build: {additional_contexts: {x: "service:f"}}}
  c: {build: {additional_contexts: ["x=service:g"]}}
  d: {pid: "service:h"}
  e: {depends_on: [web, missing]}
  f: {}
  g: {}
  h:
  unneeded: {depends_on: [web]}
"""


def test_services_that_are_needed() -> None:
    tree = parse(SERVICES, "c")
    assert "".join(sorted(needed(tree, "web")["services"])) == "abcdefghweb"
    assert list(needed(tree, "f")["services"]) == ["f"]
    assert needed(tree, "missing") == tree
    unknown = parse(b"services: {web: {depends_on: ['${X}']}, other: {}}", "c")
    assert set(needed(unknown, "web")["services"]) == {"web", "other"}


def test_strings() -> None:
    assert strings([Scalar("a"), {}, Scalar("b", is_plain=True)]) == ["a", "b"]
    assert strings({"a": Scalar("1")}) == ["a"]
    assert (strings(Scalar("a")), strings(Scalar("", is_plain=True)), strings(None)) == (
        ["a"],
        [],
        [],
    )
