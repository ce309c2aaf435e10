"""What ``--format`` may name: a JSON schema, or a class that has one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_origin

from ..clients.loads import loads
from ..errors import ArgumentError
from ..lab.values import problem_of

ACCEPTED = "accepted: json, a JSON schema (a dict, its text, @FILE), a pydantic class, a dataclass"
_MAX_DEPTH = 100
_MAX_VALUES = 100_000


def schema_of(value: object) -> str | dict[str, Any]:
    """Return what the server gets as `format`.

    Parameters
    ----------
    value
        ``"json"``, a schema as a dict or as its text, or a type that pydantic knows: a model, a
        dataclass, a TypedDict, ``list[Model]``.

    Returns
    -------
    str or dict
        ``"json"``, or the schema.

    Raises
    ------
    ArgumentError
        It is nothing of these, or pydantic is not installed and needed.
    """
    if isinstance(value, str):
        return "json" if value.strip().lower() == "json" else _parsed(value)
    if isinstance(value, Mapping):
        schema: Any = dict(value)
    elif callable(own := getattr(value, "model_json_schema", None)) and isinstance(value, type):
        schema = _asked(value, own)
    else:
        schema = _of_type(value)
    try:
        text = json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"--format: {problem_of(error)}", ACCEPTED) from error
    return _parsed(text)


def _parsed(text: str) -> dict[str, Any]:
    try:
        schema = loads(text, _MAX_DEPTH, _MAX_VALUES)
    except ValueError as error:
        shown = " ".join(text.split())[:60]
        raise ArgumentError(f"--format {shown!r} is no JSON: {error}", ACCEPTED) from error
    if not isinstance(schema, dict):
        raise ArgumentError(f"--format is {type(schema).__name__}, no JSON schema", ACCEPTED)
    return schema


def _of_type(value: object) -> Any:
    if not (isinstance(value, type) or get_origin(value) is not None):
        raise ArgumentError(f"--format is of type {type(value).__name__}", ACCEPTED)
    if value in (str, int, float, bool, dict, list, object):
        raise ArgumentError(f"--format is {value}: any JSON would do", ACCEPTED)
    try:
        from pydantic import TypeAdapter
    except ImportError:
        raise ArgumentError(
            f"--format {getattr(value, '__name__', value)}: pydantic reads its fields, "
            "and is not installed",
            "%pip install pydantic   or give the JSON schema as a dict",
        ) from None
    given: Any = value
    return _asked(value, lambda: TypeAdapter(given).json_schema())


def _asked(value: object, ask: Any) -> Any:
    try:
        return ask()
    except Exception as error:
        name = getattr(value, "__name__", type(value).__name__)
        raise ArgumentError(
            f"--format {name} has no JSON schema: {problem_of(error)}", ACCEPTED
        ) from error
