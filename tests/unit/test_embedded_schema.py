"""JSON schemas as the embedded engine is given them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from mc_jupyter.embedded.schema import closed
from mc_jupyter.errors import ResponseError

TEXT = {"type": "string"}


def thing(*names: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(names, TEXT), **more}


def is_closed(node: dict[str, Any]) -> bool:
    return node.get("additionalProperties") is False


def test_objects_are_closed_at_every_depth() -> None:
    schema = thing(
        "a",
        **{
            "$defs": {"D": thing("d")},
            "definitions": {"E": thing("e")},
            "anyOf": [thing("x"), thing("y"), {"type": "null"}],
        },
    )
    schema["properties"]["list"] = {"type": "array", "items": thing("i"), "prefixItems": [thing()]}
    schema["properties"]["deep"] = thing("b", properties={"c": thing("c")})
    before = copy.deepcopy(schema)
    shaped = closed(schema)
    assert schema == before
    assert is_closed(shaped["$defs"]["D"])
    assert is_closed(shaped["definitions"]["E"])
    assert is_closed(shaped["properties"]["list"]["items"])
    assert is_closed(shaped["properties"]["deep"]["properties"]["c"])
    first, second, null = shaped["anyOf"]
    assert is_closed(first)
    assert set(first["properties"]) == {"x", "a", "list", "deep"}
    assert set(second["properties"]) == {"y", "a", "list", "deep"}
    assert null == {"type": "null"}


@pytest.mark.parametrize(
    "more",
    [
        {"additionalProperties": True},
        {"additionalProperties": TEXT},
        {"additionalProperties": False},
        {"patternProperties": {"^x": TEXT}},
        {"unevaluatedProperties": False},
        {"minProperties": 3},
    ],
)
def test_what_the_schema_says_of_other_names_stays(more: dict[str, Any]) -> None:
    schema = thing("a", **more)
    assert closed({"items": schema})["items"] == schema


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, thing(), {"type": ["object", "null"]}])
def test_an_object_without_names_is_a_dictionary(schema: dict[str, Any]) -> None:
    assert closed({"items": schema})["items"] == schema


def test_what_is_no_schema_is_left_alone() -> None:
    schema = {
        "enum": [thing("a")],
        "const": thing("a"),
        "default": thing("a"),
        "examples": [thing("a")],
        "type": "object",
        "properties": {"properties": TEXT, "items": thing("b"), "enum": thing("c")},
    }
    shaped = closed(schema)
    for word in ("enum", "const", "default", "examples"):
        assert shaped[word] == schema[word]
    assert set(shaped["properties"]) == {"properties", "items", "enum"}
    assert shaped["properties"]["properties"] == TEXT
    assert is_closed(shaped["properties"]["items"])
    assert is_closed(shaped["properties"]["enum"])


def test_parts_that_add_names_to_each_other_are_closed_together() -> None:
    base = thing("a", properties={"a": thing("inner")})
    schema = {
        "$defs": {"Base": base, "Other": thing("o")},
        "properties": {
            "whole": {"allOf": [{"$ref": "#/$defs/Base"}, thing("b")]},
            "alone": {"$ref": "#/$defs/Base"},
            "other": {"allOf": [{"$ref": "#/$defs/Other"}], "description": "one part"},
            "opened": {"allOf": [thing("c"), {"additionalProperties": TEXT}]},
        },
    }
    shaped = closed(schema)
    properties, base = shaped["properties"], shaped["$defs"]["Base"]
    assert not is_closed(base), "others add names to it"
    assert is_closed(base["properties"]["a"])
    assert not any(is_closed(part) for part in properties["whole"]["allOf"])
    assert set(properties["whole"]["properties"]) == {"a", "b"}
    assert set(properties["alone"]["properties"]) == {"a"}
    assert is_closed(properties["whole"])
    assert is_closed(properties["alone"])
    assert is_closed(shaped["$defs"]["Other"])
    assert properties["other"] == schema["properties"]["other"]
    assert properties["opened"] == schema["properties"]["opened"]


def test_a_name_that_is_only_required_can_be_answered() -> None:
    assert set(closed(thing("a", required=["a", "b"]))["properties"]) == {"a", "b"}


def test_references_may_go_round() -> None:
    node = thing("value", properties={"next": {"$ref": "#/$defs/Node"}, "up": {"$ref": "#"}})
    shaped = closed({"$defs": {"Node": node}, "$ref": "#/$defs/Node"})
    assert is_closed(shaped["$defs"]["Node"])
    assert shaped["$ref"] == "#/$defs/Node"
    for reference in ("#/$defs/nope", "#/anyOf/0", "other.json", 5, None, "#a/b", "#/%zz"):
        assert closed({"$ref": reference, "type": "object"})["$ref"] == reference


def test_whitespace_is_fixed_unless_the_schema_says_how() -> None:
    assert closed(thing("a"))["x-guidance"]["whitespace_flexible"] is False
    own = {"whitespace_pattern": " "}
    assert closed({**thing("a"), "x-guidance": own})["x-guidance"] == own


def nested(depth: int) -> dict[str, Any]:
    schema = thing("deepest")
    for _ in range(depth):
        schema = {"items": schema}
    return schema


def chain(length: int) -> dict[str, Any]:
    links = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(length)}
    return {"$defs": {**links, f"d{length}": thing("a")}, "$ref": "#/$defs/d0"}


def test_deep_and_circular_schemas_are_left_to_the_engine() -> None:
    assert '"additionalProperties"' in json.dumps(closed(nested(199)))
    for schema in (chain(5000), {"$ref": "#"}, {"allOf": [{"$ref": "#"}], "title": ""}):
        shaped = closed(schema)
        del shaped["x-guidance"]
        assert shaped == schema


@pytest.mark.parametrize(
    "schema",
    [
        chain(30),
        {"$defs": {"W": thing(*map(str, range(5000)))}, "items": {
            "prefixItems": [{"$ref": "#/$defs/W", "required": ["a"]}] * 500}},
    ],
)  # fmt: skip
def test_a_schema_without_measure_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ResponseError, match="the format is too large") as caught:
        closed(schema)
    assert caught.value.status == 400


def test_odd_values_of_keywords_are_passed_on() -> None:
    odd = json.loads(
        '{"properties": 5, "required": [1, null], "items": true, "allOf": {}, "anyOf": [1],'
        ' "$defs": [], "type": 7, "minProperties": "x", "oneOf": [], "additionalItems": {}}'
    )
    shaped = closed(odd)
    assert {name: shaped[name] for name in odd} == odd
