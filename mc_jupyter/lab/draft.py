"""An answer while it comes: fed with the chunks of a stream, shown at any moment."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..clients.loads import TooDeepError, TooManyError, amount, count, loads
from ..errors import ResponseError
from ..html import Html, block, lines, render
from ..settings import Bounds
from .answer import Answer, Timings, Usage, shown_text
from .thinking import ThinkingSplitter

_NS = 1e9
_RATE_AFTER = 0.5  # seconds; a rate over less is noise
_CHARACTERS_PER_TOKEN = 5  # of English text, at most
_SHOWN_THINKING = 300  # characters of the thinking that are shown while it comes


class Draft:
    """An answer that is being written: fed with the chunks of ``/api/chat``.

    Parameters
    ----------
    model, wants_json, details
        The model's name, whether JSON was asked for, and what else :class:`Answer` shall know.
    clock
        Seconds, for the times that are measured here.
    bounds
        How deep JSON may nest and how many values it may have.

    Attributes
    ----------
    pieces, size
        How many chunks held text, and the characters of them all.
    notes
        What the reader must know besides.
    """

    def __init__(
        self,
        model: str,
        *,
        wants_json: bool = False,
        clock: Callable[[], float] = time.monotonic,
        bounds: Bounds = Bounds(),  # noqa: B008 (frozen)
        **details: Any,
    ) -> None:
        self.model, self.details = model, details
        self._wants_json, self._clock, self._bounds = wants_json, clock, bounds
        # not lists: a token is a few bytes, as a text of its own it takes over fifty
        self._splitter, self._thought = ThinkingSplitter(), io.StringIO(newline="")
        self._start = clock()
        self._first: float | None = None
        self._end: Mapping[str, Any] = {}
        self._remote = ""
        self.notes: tuple[str, ...] = ()
        self.pieces = 0
        self.size = 0

    def feed(self, chunk: Mapping[str, Any]) -> str:
        """Take one chunk of the stream; return what it adds to the text."""
        text, thought = _message(chunk)
        added = ""
        if text or thought:
            if self._first is None:
                self._first = self._clock() - self._start
            if thought:
                self._splitter.skip()
                self._thought.write(thought)
            added = self._splitter.feed(text)
            self.pieces += 1
            self.size += len(text) + len(thought)
        if chunk.get("remote_host"):
            self._remote = str(chunk["remote_host"])
        if chunk.get("done"):
            self._end = chunk
        return added

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._splitter.text

    @property
    def thinking(self) -> str:
        """The thinking so far, by itself or from between tags in the text."""
        return self._thought.getvalue() + self._splitter.thought

    @property
    def prompt_tokens(self) -> int | None:
        """How many tokens of the prompt the server says that it evaluated."""
        return count(self._end.get("prompt_eval_count"))

    @property
    def live_line(self) -> str:
        """About how many tokens so far, how fast, and the time since it was sent."""
        elapsed = self._clock() - self._start
        spent = elapsed - (self._first if self._first is not None else elapsed)
        # A piece is a token or a few; the exact count comes with the last one.
        tokens = max(self.pieces, self.size // _CHARACTERS_PER_TOKEN)
        rate = f" · {tokens / spent:.0f} tokens/s" if spent >= _RATE_AFTER else ""
        return f"about {tokens} tokens{rate} · {elapsed:.0f} s"

    def progress(self, plain: bool = False, notices: Sequence[str] = ()) -> dict[str, str]:
        """Return the answer so far as it is shown while it comes: one format, and a live line.

        Parameters
        ----------
        plain
            Whether to show the text as it is.
        notices
            What was found on the way here: shown above it until it is settled, and not saved.
        """
        text = self.text
        if text:
            body = shown_text(text, is_json=self._wants_json, plain=plain).html
        else:
            thought = render(self.thinking[-_SHOWN_THINKING:]).html
            body = Html("<blockquote>{}</blockquote>").format(thought)
        small = Html("<small>{}</small>")
        above = small.format(lines(notices)) if notices else Html()
        return {"text/html": str(block(above, body, small.format(self.live_line)))}

    def finish(self, *, interrupted: bool = False, error: str | None = None) -> Answer:
        """Return the answer, complete or as far as it came."""
        self._splitter.end()
        text, end = self.text, self._end
        data, problem = _parsed(text, self._bounds) if self._wants_json else (None, "")
        remote = f"answered by {self._remote}, not by this service" if self._remote else ""
        thinks = "" if interrupted or error else self._ended_thinking()
        notes = (*self.notes, *(note for note in (remote, thinks, problem) if note))
        return Answer(
            text=text,
            model=self.model,
            thinking=self.thinking,
            usage=Usage(count(end.get("prompt_eval_count")), count(end.get("eval_count"))),
            timings=self._timings(),
            parsed=data,
            json_problem=problem,
            is_json=self._wants_json,
            done_reason=reason if isinstance(reason := end.get("done_reason"), str) else None,
            interrupted=interrupted,
            error=error,
            notes=notes,
            **self.details,
        )

    def _ended_thinking(self) -> str:
        """What to say of an answer that is nothing but thinking; empty where it is more."""
        if self.text.strip() or not (self._splitter.is_open or self.thinking.strip()):
            return ""
        more = "; raise --num-predict" if self._end.get("done_reason") == "length" else ""
        return f"ended while thinking{more}"

    def _timings(self) -> Timings:
        end = self._end
        tokens, generation = count(end.get("eval_count")), _seconds(end.get("eval_duration"))
        return Timings(
            first_token=None if self._first is None else round(self._first, 4),
            total=round(self._clock() - self._start, 4),
            load=_seconds(end.get("load_duration")),
            prompt=_seconds(end.get("prompt_eval_duration")),
            generation=generation,
            tokens_per_second=round(tokens / generation, 2) if tokens and generation else None,
        )


def _message(chunk: Mapping[str, Any]) -> tuple[str, str]:
    """The text and the thinking that a chunk adds."""
    message = chunk.get("message") or {}
    if isinstance(message, Mapping):
        text, thought = message.get("content") or "", message.get("thinking") or ""
        if isinstance(text, str) and isinstance(thought, str):
            return text, thought
    raise ResponseError(f"the server sent what is no part of an answer: {chunk!s:.120}")


def _seconds(nanoseconds: Any) -> float | None:
    """The seconds of a server's figure; None for what is none."""
    known = amount(nanoseconds)
    return None if known is None else round(known / _NS, 4)


def _parsed(text: str, bounds: Bounds) -> tuple[Any, str]:
    """What a text says as JSON, and what to say where it says nothing."""
    try:
        return loads(text, bounds.max_depth, bounds.max_values), ""
    except TooDeepError:  # a small model may write "[" for ever, and close them
        return None, "JSON that nests too deeply"
    except TooManyError:
        return None, "JSON of too many values"
    except ValueError:
        return None, "not valid JSON"
