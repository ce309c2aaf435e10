"""A model's answer: its text, what was asked, what it cost, and how it is shown.

An answer says only what the server said or what was measured here; what is not known is None.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .made import Input, Made
from .markdown import safe
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
        What the model thought first, where it does and the server says so.
    data
        The parsed text, where JSON was asked for and came.
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
    data: Any = None
    is_json: bool = False
    done_reason: str | None = None
    interrupted: bool = False
    error: str | None = None
    notes: tuple[str, ...] = ()
    plain: bool = False
    verbose: bool = False
    inputs: tuple[Input, ...] = ()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Answer of {self.footer.replace('`', '')}: {self.text[:40]!r}>"

    @property
    def footer(self) -> str:
        """One line on the answer that is the same when the same answer comes again."""
        tokens = self.usage.answer_tokens
        counted = f"{tokens:,} token{'' if tokens == 1 else 's'}" if tokens is not None else ""
        cut = "cut off at the token limit" if self.done_reason == "length" else ""
        stopped = "interrupted" if self.interrupted else "broken off" if self.error else ""
        parts = [f"`{self.model}`", self.runtime, counted, cut, stopped, *self.notes]
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

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The raw text, and the same as safe Markdown (or HTML, if plain) with the footer."""
        times = [self.times] if self.verbose and self.times else []
        if self.plain:
            footer = [self.footer.replace("`", ""), *times]
            rich = {"text/html": preformatted(self.text, *footer)}
        else:
            footer = [safe(self.footer), *times]
            body = json_block(self.text) if self.is_json else safe(self.text)
            rich = {"text/markdown": _markdown(self.thinking, body, "<br>".join(footer))}
        return rich | {"text/plain": self.text}, {"mc_jupyter": self.facts()}

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
        """What goes into the output's metadata: no texts, and no handle (it may hold a port)."""
        return {
            "model": self.model,
            "runtime": self.runtime,
            "options": dict(self.options),
            "usage": vars(self.usage),
            "timings": vars(self.timings),
            "done_reason": self.done_reason,
            "interrupted": self.interrupted,
            "error": self.error,
        }


def _prompt(messages: Sequence[Mapping[str, Any]]) -> tuple[Input, ...]:
    """The last message as an input."""
    text = str(messages[-1].get("content", "")).encode() if messages else b""
    return (Input("prompt", hashlib.sha256(text).hexdigest(), len(text)),) if text else ()


def json_block(text: str) -> str:
    """Return JSON (or what there is of it) as a block of code: in Markdown, it loses its lines."""
    fence = "````" if "```" in text else "```"
    return f"{fence}json\n{text.strip()}\n{fence}"


def _markdown(thinking: str, body: str, footer: str) -> str:
    thought = safe(thinking.strip())
    parts = [
        f"<details><summary>Thinking</summary>\n\n{thought}\n\n</details>" if thought else "",
        body.rstrip(),
        f"<sub>{footer}</sub>",
    ]
    return "\n\n".join(part for part in parts if part)


def preformatted(text: str, *footer: str) -> str:
    """Return a text as HTML that keeps its lines, with small lines below."""
    style = (  # JupyterLab would indent it, with gaps around it, and cut lines within words
        "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; "
        "font-family: var(--jp-code-font-family, monospace); "
        "margin: 4px 0; padding: 0"
    )
    small = f"<small>{'<br>'.join(map(escape, footer))}</small>" if footer else ""
    return f'<pre style="{style}">{escape(text)}</pre>{small}'
