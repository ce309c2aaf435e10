"""A model's answer: its text, what was asked, what it cost, and how it is shown.

An answer says only what the server said or what was measured here; what is not known is None.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..control_characters import make_visible
from ..errors import DataError
from ..html import Html, Rendered, code_block, lines, preformatted, render
from .made import Input, Made
from .shown import Shown


@dataclass(frozen=True)
class Usage:
    """How many tokens, as the server counted them; None where it did not say.

    Attributes
    ----------
    prompt_tokens
        Evaluated for this prompt; absent from a server's answer when all were cached.
    answer_tokens
        Generated, thinking included.
    """

    prompt_tokens: int | None = None
    answer_tokens: int | None = None


@dataclass(frozen=True)
class Timings:
    """Seconds. `first_token` and `total` are measured here, the rest is what the server said."""

    first_token: float | None = None
    total: float | None = None
    load: float | None = None
    prompt: float | None = None
    generation: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True)
class Answer(Shown):
    """What a model answered. ``str(answer)`` is its text.

    Attributes
    ----------
    text
        The raw answer, without the thinking.
    model
        The model's name as it was asked.
    service, runtime
        The handle that answered, and ``docker``, ``native``, ``embedded`` or ``url``.
    identifier, commit
        What loads the service, and its repository's commit; None at an address, outside git.
    messages
        What was sent; append ``{"role": "assistant", "content": answer.text}`` to go on.
    options
        The sampling options that were sent.
    usage, timings
        See :class:`Usage` and :class:`Timings`.
    thinking
        What the model thought first, where it does: as the server says it, or from between the
        tags (``<think>...</think>``) at the beginning of its text.
    parsed, json_problem
        What JSON came, where it was asked for, and what was wrong with it; see :attr:`data`.
    is_json
        Whether JSON was asked for; it is shown as a block of code.
    done_reason
        ``stop``, ``length`` (cut off), ``load``...; None where the server did not say.
    interrupted
        Whether the user interrupted it.
    error
        What broke it off; None where nothing did.
    notes
        What the reader must know besides (a fall-back, a model that was pulled).
    plain, verbose
        How it is shown: as it is instead of as Markdown, and with its times.
    inputs
        What the prompt was made of, where that is known better than by its text.
    """

    text: str
    model: str
    service: str | None = None
    runtime: str | None = None
    identifier: str | None = None
    commit: str | None = None
    messages: Sequence[Mapping[str, Any]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    timings: Timings = Timings()
    thinking: str = ""
    parsed: Any = None
    json_problem: str = ""
    is_json: bool = False
    done_reason: str | None = None
    interrupted: bool = False
    error: str | None = None
    notes: tuple[str, ...] = ()
    plain: bool = False
    verbose: bool = False
    inputs: tuple[Input, ...] = ()

    @property
    def data(self) -> Any:
        """The parsed JSON; None where none was asked for.

        Raises
        ------
        DataError
            What came is not valid JSON, nests too deeply or has too many values.
        """
        if not self.json_problem:
            return self.parsed
        tokens = self.usage.answer_tokens
        if self.done_reason == "length":
            after = f" after {tokens:,} tokens" if tokens is not None else ""
            wrong, hint = f", cut off{after} at the token limit", "a larger --num-predict N"
        elif self.interrupted or self.error:
            wrong, hint = ", broken off before its end", "ask again; what came is in .text"
        else:
            wrong, hint = "", "--format with a JSON schema; what came is in .text"
        raise DataError(f"the answer of {self.model} is {self.json_problem}{wrong}", hint)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return make_visible(f"<Answer of {self.footer}: {self.text[:40]!r}>")

    @property
    def footer(self) -> str:
        """One line on the answer that is the same when the same answer comes again."""
        tokens = self.usage.answer_tokens
        counted = f"{tokens:,} token{'' if tokens == 1 else 's'}" if tokens is not None else ""
        cut = "cut off at the token limit" if self.done_reason == "length" else ""
        stopped = "interrupted" if self.interrupted else "broken off" if self.error else ""
        parts = [self.model, self.runtime, counted, cut, stopped, *self.notes]
        return " · ".join(part for part in parts if part)

    @property
    def times(self) -> str:
        """The times in words; empty where there are none."""
        spent = self.timings
        words = {
            "first token after {:.2f} s": spent.first_token,
            "{:.2f} s in all": spent.total,
            "loading {:.2f} s": spent.load,
            "prompt {:.2f} s": spent.prompt,
            "{:.1f} tokens/s": spent.tokens_per_second,
        }
        return " · ".join(word.format(value) for word, value in words.items() if value is not None)

    def html(self) -> Html:
        """The text as safe HTML (or as it is, if plain) with the footer."""
        shown = shown_text(self.text, is_json=self.is_json, plain=self.plain)
        first = " · ".join(filter(None, (self.footer, shown.remark)))
        footer = lines((first, self.times if self.verbose else ""))
        small = Html("<small>{}</small>").format(footer)
        return folded_thinking(self.thinking) + shown.html + small

    def _plain(self) -> str:
        return self.text

    def _metadata(self) -> dict[str, Any]:
        return {"mc_jupyter": self.facts()}

    @property
    def made(self) -> Made:
        """How it was made: by which model, and of which prompt."""
        return Made(
            "answer",
            service=self.service,
            identifier=self.identifier,
            commit=self.commit,
            model=self.model,
            options=dict(self.options),
            inputs=self.inputs or _prompt(self.messages),
        )

    def facts(self) -> dict[str, Any]:
        """What goes into the output's metadata: the same whenever the same answer comes again.

        No texts, no times, no handle (it may hold a port), and no tokens of the prompt, of which
        some servers count only those that they had not cached.
        """
        return {
            "model": self.model,
            "runtime": self.runtime,
            "options": dict(self.options),
            "usage": {"answer_tokens": self.usage.answer_tokens},
            "done_reason": self.done_reason,
            "interrupted": self.interrupted,
            "error": self.error,
        }


def _prompt(messages: Sequence[Mapping[str, Any]]) -> tuple[Input, ...]:
    """The last message as an input."""
    text = str(messages[-1].get("content", "")).encode() if messages else b""
    return (Input("prompt", hashlib.sha256(text).hexdigest(), len(text)),) if text else ()


def shown_text(text: str, *, is_json: bool = False, plain: bool = False) -> Rendered:
    """Return an answer's text as HTML, complete or not.

    Parameters
    ----------
    text
        As it came.
    is_json
        JSON, or what there is of it, is shown as code: as Markdown it would lose its lines.
    plain
        Whether to show it as it is.

    Returns
    -------
    Rendered
        As :func:`mc_jupyter.html.render` does.
    """
    if plain:
        body, unread = preformatted(text), 0
    elif is_json:
        body, unread = code_block(text.strip()), 0
    else:
        body, unread = render(text)
    # a text that begins from right to left is one from right to left
    return Rendered(Html('<div dir="auto">{}</div>').format(body), unread)


def folded_thinking(text: str) -> Html:
    """Return what a model thought, folded; empty where there is none."""
    if not text.strip():
        return Html()
    whole = Html("<details><summary>Thinking</summary>{}</details>")
    return whole.format(render(text.strip()).html)
