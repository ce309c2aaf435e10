"""What ``--format`` takes as an object."""

from __future__ import annotations

import builtins
import enum
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from mc_jupyter.errors import ArgumentError
from mc_jupyter.notebook.format import schema_of


class Model(BaseModel):
    n: int


@dataclass
class Data:
    n: int


class Typed(TypedDict):
    n: int


class Color(enum.Enum):
    RED = "red"


@pytest.mark.parametrize("value", [Model, Data, Typed, {"properties": {"n": {}}}])
def test_schema_has_the_fields(value: object) -> None:
    schema = schema_of(value)
    assert isinstance(schema, dict)
    assert list(schema["properties"]) == ["n"]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (list[Model], {"type": "array"}),
        (dict[str, int], {"type": "object"}),
        (Color, {"enum": ["red"]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        ('{"type": "array"}', {"type": "array"}),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b"]}),
    ],
)
def test_other_types(value: object, part: dict[str, Any]) -> None:
    schema = schema_of(value)
    assert isinstance(schema, dict)
    assert part.items() <= schema.items()


def test_json_is_the_word() -> None:
    assert schema_of("json") == schema_of(" JSON ") == "json"


class _Odd:
    def __repr__(self) -> str:
        raise ValueError("odd")


_deep: dict[str, Any] = {}
for _ in range(200):
    _deep = {"items": _deep}
_loop: dict[str, Any] = {}
_loop["items"] = _loop


@pytest.mark.parametrize(
    "value",
    [
        5,
        None,
        "text",
        "[1]",
        '{"type": ',
        str,
        dict,
        Model(n=1),
        Data(1),
        lambda: 5,
        object(),
        _Odd(),
        {"x": object()},
        {"x": float("nan")},
        _deep,
        _loop,
        type("Own", (), {"model_json_schema": lambda: 1 / 0}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_schema_is_an_error(value: object) -> None:
    with pytest.raises(ArgumentError, match="--format"):
        schema_of(value)


def test_pydantic_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pydantic":
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ArgumentError, match="pydantic reads its fields"):
        schema_of(Data)
