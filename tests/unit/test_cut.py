"""When a prompt counts as cut by the server."""

from __future__ import annotations

import pytest

from mc_jupyter.lab.cut import cut_note, fewest_tokens, fitting_context, is_cut


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("Hello, world", 2),
        ("a.b(c) == 12", 5),
        ("   \n\n", 0),
        ("\u4eca\u65e5\u306f\u4e16\u754c", 2),
        ("word " * 9000, 9000),
    ],
)
def test_a_text_has_at_least_so_many_tokens(text: str, tokens: int) -> None:
    assert fewest_tokens([{"content": text}, {"content": None}, {}]) == tokens


@pytest.mark.parametrize(
    ("read", "fewest", "num_ctx", "expected"),
    [
        (2050, 7000, 4096, True),  # Ollama keeps about half of the context
        (4096, 3300, 4096, True),
        (2050, 3900, 4096, True),
        (26, 3900, 4096, False),  # the rest was cached
        (3900, 3300, 4096, False),
        (9021, 7000, 4096, False),  # num_ctx was not heeded
        (26, 20, 4096, False),
        (2050, 2500, 4096, False),
    ],
)
def test_a_prompt_is_cut(read: int, fewest: int, num_ctx: int, expected: bool) -> None:
    assert is_cut(read, fewest, num_ctx) is expected


def test_the_note_names_a_context_that_holds_the_prompt() -> None:
    assert cut_note(7000, 4096).endswith("4,096 tokens of context; --num-ctx 16384")
    assert cut_note(3300, 4096).endswith("--num-ctx 8192")
    assert fitting_context(4096, 0) == 4096
    assert fitting_context(4096, 1) == 8192
