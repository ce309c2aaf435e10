from __future__ import annotations

import inspect

import pytest

from mc_jupyter import errors


def _classes() -> list[type]:
    found = [c for _, c in inspect.getmembers(errors, inspect.isclass)]
    return [c for c in found if c.__module__ == errors.__name__ and c.__name__[0] != "_"]


def test_the_drawing_names_every_class() -> None:
    assert [c.__name__ for c in _classes() if c.__name__ not in (errors.__doc__ or "")] == []


@pytest.mark.parametrize(
    "error", [c for c in _classes() if issubclass(c, errors.MediaConduitError)]
)
def test_message_and_hint_are_the_whole_rendering(error: type[errors.MediaConduitError]) -> None:
    made = error("what failed", "the next step")
    assert made._render_traceback_() == [f"{error.__name__}: what failed", "the next step"]
    assert str(error("alone")) == "alone"


def test_a_terminal_does_not_obey_an_error() -> None:
    made = errors.ResponseError("m: \x1b[2J\x9bx", "do \x07")
    assert str(made) == "m: ␛[2J\\x9bx\ndo ␇"
    assert made._render_traceback_() == ["ResponseError: m: ␛[2J\\x9bx", "do ␇"]
    stopped = errors.Interrupted("\x1b[2J was interrupted")
    assert stopped._render_traceback_() == ["Interrupted: ␛[2J was interrupted"]


def test_a_long_line_of_an_error_is_cut() -> None:
    shown = errors.MediaConduitError("x" * 5000, "the next step")._render_traceback_()
    assert [len(line) for line in shown] == [2003, 13]


def test_interrupted_is_a_keyboard_interrupt_of_one_line() -> None:
    made = errors.Interrupted("stopped after 3 tokens")
    assert isinstance(made, KeyboardInterrupt)
    assert made._render_traceback_() == ["Interrupted: stopped after 3 tokens"]


def test_did_you_mean() -> None:
    assert errors.did_you_mean("strat", ["start", "stop"]) == "did you mean 'start'?"
    assert errors.did_you_mean("num-predcit", ["num_predict"]) == "did you mean 'num_predict'?"
    assert errors.did_you_mean("xyz", ["b", "a"]) == "known: a, b"
    assert errors.did_you_mean("xyz", []) == "nothing is known yet"
