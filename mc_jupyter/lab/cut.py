"""Whether a server has cut a prompt that was too long for it, judged from what it counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_WIDE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS = re.compile(rf"(?:(?![{_WIDE}])[^\W\d_])+|\d+|[^\w\s]{{2,}}")
_CHARACTERS = re.compile(f"[{_WIDE}]")
_MORE = 1.3  # tokens that a text has, at most as a rule, for one that is counted here
_ANSWER = 512  # tokens that are left for an answer whose length was not said


def fewest_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return how many tokens the texts have at least, whatever the tokenizer.

    No tokenizer has tokens of several words; of Chinese and Japanese, two characters count as one.
    """
    texts = [str(message.get("content") or "") for message in messages]
    words = sum(1 for text in texts for _ in _WORDS.finditer(text))
    return words + sum(1 for text in texts for _ in _CHARACTERS.finditer(text)) // 2


def is_cut(read: int, fewest: int, num_ctx: int) -> bool:
    """Whether a prompt of at least `fewest` tokens was cut to the context's size.

    Parameters
    ----------
    read
        What the server says that it evaluated. A small part is no sign by itself: some servers
        count only what they had not cached.
    fewest, num_ctx
        Tokens that the prompt has at least, and that the context holds.
    """
    if read > num_ctx:  # the server has a larger context than it was asked for
        return False
    if fewest > num_ctx or read == num_ctx:
        return True
    return 0.4 * num_ctx <= read < fewest and _MORE * fewest > num_ctx


def fitting_context(tokens: int, answer: int | None = None) -> int:
    """Return the power of two that holds that many tokens of a prompt, and its answer."""
    most = _ANSWER if answer is None or answer < 0 else answer
    return 1 << (tokens + most - 1).bit_length()


def cut_note(fewest: int, num_ctx: int, answer: int | None = None) -> str:
    """Return what the footer says of a prompt that was cut; the same for the same prompt."""
    wanted = fitting_context(max(int(_MORE * fewest), num_ctx + 1), answer)
    return f"the prompt was cut: it does not fit {num_ctx:,} tokens of context; --num-ctx {wanted}"
