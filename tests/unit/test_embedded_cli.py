"""The arguments of the embedded server."""

from __future__ import annotations

import os

import pytest

from mc_jupyter.embedded.catalogue import CATALOGUE
from mc_jupyter.embedded.cli import TOKEN_VARIABLE, is_loopback, parse


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("a.localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_what_is_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_the_token_is_taken_out_of_the_environment_and_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "secret")
    arguments = parse(["serve"], ())
    assert arguments.token == "secret"
    assert "secret" not in repr(arguments)
    assert TOKEN_VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("arguments", "token"),
    [
        ((), None),
        ((), "  "),
        (("--host", "0.0.0.0"), "t"),
        (("--host", "0.0.0.0", "--no-token"), None),
        (("--host", "0.0.0.0", "--allow-remote"), "t"),
        (("--host", "::", "--no-token"), None),
        (("--host", "example.org", "--no-token"), None),
        (("--no-token",), "t"),
        (("--gguf", "x=/no/such/file"), "t"),
        (("--gguf", "/dev/null"), "t"),
        (("--num-ctx", "0"), "t"),
        (("--port", "70000"), "t"),
        (("--nonsense",), "t"),
    ],
)
def test_wrong_arguments_are_exit_2_and_a_clear_line(
    arguments: tuple[str, ...],
    token: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if token is not None:
        monkeypatch.setenv(TOKEN_VARIABLE, token)
    with pytest.raises(SystemExit) as caught:
        parse(["serve", *arguments], CATALOGUE)
    assert caught.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "error: " in last
    if "0.0.0.0" in arguments:
        assert "--no-token and --allow-remote" in last


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["pull", "--help"]])
def test_help_is_there(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments, CATALOGUE)
    assert not caught.value.code
    said = capsys.readouterr().out
    assert "usage: python -P -m mc_jupyter.embedded" in said
    if "serve" in arguments:
        assert all(word in said for word in ("--no-token", TOKEN_VARIABLE, "examples:"))
    if "pull" in arguments:
        assert "smollm2:135m" in said
