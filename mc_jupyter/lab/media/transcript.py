"""What was said in a recording: text first, then its segments, a table, and subtitles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...clients.content import Content, file_named
from ...clients.subtitles import srt, tsv, vtt
from ...control_characters import make_visible
from ...errors import ArgumentError
from ...html import Html, preformatted, table
from ..made import Made
from .base import INLINE_LIMIT, Media
from .words import clock_text, duration_text, is_time, shortened

if TYPE_CHECKING:
    import pandas

    from ...clients.whisper import Transcription

_TYPES = {
    "text": "text/plain",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
}
_SUFFIXES = {"": "text", ".txt": "text", ".md": "text"} | {
    f".{name}": name for name in _TYPES if name != "text"
}
_MOST_ROWS = 300  # of the segments that are shown; a table of thousands makes a notebook slow
_NUMBERS = ("speaker", "avg_logprob", "no_speech_prob", "compression_ratio", "temperature")


class Transcript(Media):
    """What was said in a recording. ``str(transcript)`` is the text.

    Parameters
    ----------
    heard
        What the service's client returned.
    made
        How it was made.
    output
        What is shown, and what ``.bytes`` holds: ``text``, ``srt``, ``vtt``, ``tsv`` or ``json``.
    settings, facts, notes, inline_limit
        See :class:`Media`; by default those of `heard`.

    Attributes
    ----------
    text
        All of it.
    language
        Its code; None where the service did not say.
    segments
        As the service gave them: ``start`` and ``end`` in seconds, ``text``, and more.
    raw
        The service's whole answer.
    output
        As above.
    """

    def __init__(
        self,
        heard: Transcription,
        made: Made,
        *,
        output: str = "text",
        settings: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
        inline_limit: int = INLINE_LIMIT,
    ) -> None:
        self.text, self.language, self.raw = heard.text, heard.language, heard.raw
        self.segments: list[Mapping[str, Any]] = list(heard.segments)
        self.output = "text" if output == "txt" else output
        content = Content(self._as(self.output).encode(), _TYPES[self.output])
        super().__init__(
            content,
            made,
            settings=heard.settings if settings is None else settings,
            facts=heard.facts if facts is None else facts,
            notes=notes,
            inline_limit=inline_limit,
        )

    @property
    def suffix(self) -> str:
        """The usual ending of a file of what is shown."""
        return ".txt" if self.output == "text" else f".{self.output}"

    @property
    def words(self) -> list[dict[str, Any]]:
        """Each word with its times in seconds; empty where they were not asked for."""
        given = [segment.get("words") for segment in self.segments]
        each = [word for words in given if isinstance(words, list) for word in words]
        return [dict(word) for word in each if isinstance(word, Mapping)]

    @property
    def frame(self) -> pandas.DataFrame:
        """A row for each segment: ``start``, ``end`` (seconds), ``text``, and what else is known.

        Raises
        ------
        ArgumentError
            pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ArgumentError("a frame needs pandas", "%pip install pandas") from error
        more = [name for name in _NUMBERS if any(name in one for one in self.segments)]
        rows = [
            [one.get("start"), one.get("end"), _said(one), *(one.get(name) for name in more)]
            for one in self.segments
        ]
        return pandas.DataFrame(rows, columns=["start", "end", "text", *more])

    @property
    def srt(self) -> str:
        """Subtitles as SubRip text."""
        return srt(self.segments)

    @property
    def vtt(self) -> str:
        """Subtitles as WebVTT text."""
        return vtt(self.segments)

    @property
    def tsv(self) -> str:
        """A table with tabs; start and end in milliseconds."""
        return tsv(self.segments)

    @property
    def json(self) -> str:
        """The service's whole answer as JSON."""
        return json.dumps(self.raw, ensure_ascii=False, indent=2)

    def _as(self, output: str) -> str:
        writers: dict[str, Callable[[], str]] = {
            "text": lambda: self.text,
            "srt": lambda: self.srt,
            "vtt": lambda: self.vtt,
            "tsv": lambda: self.tsv,
            "json": lambda: self.json,
        }
        if output not in writers:
            raise ArgumentError(f"output is {output!r}", f"accepted: {', '.join(writers)}")
        return writers[output]()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return make_visible(f"<Transcript of {self.summary}: {self.text[:40]!r}>")

    @property
    def duration(self) -> float | None:
        """Seconds from the beginning to the end of the last segment; None without segments."""
        ends = [end for one in self.segments if is_time(end := one.get("end"))]
        return max(ends) if ends else None

    @property
    def summary(self) -> str:
        """One line: language, segments, length."""
        count = len(self.segments)
        parts = [
            self.language,
            f"{count} segment{'' if count == 1 else 's'}",
            duration_text(self.duration) if self.duration else None,
        ]
        return ", ".join(part for part in parts if part)

    def save(self, path: str | Path) -> Path:
        """Write it in the format that the suffix says: .txt, .srt, .vtt, .tsv or .json.

        Parameters
        ----------
        path
            Where; without a suffix it is what is shown.

        Raises
        ------
        ArgumentError, InputError, DiskFullError
            Another suffix; segments without times; the file cannot be written.
        """
        target = file_named(path, self.suffix)
        text = self._as(output_for(target))
        return Content(text.encode() if text.endswith("\n") else f"{text}\n".encode()).save(target)

    def facts(self) -> dict[str, Any]:
        """The common facts, the language and how many segments; no text."""
        more = {"language": self.language, "segments": len(self.segments)}
        return super().facts() | more

    @property
    def _shown(self) -> str:
        return shortened(self._as(self.output).rstrip("\n"))

    def html(self) -> Html:
        """The text, below it the segments with their times, folded."""
        if self.output == "text":
            text = self._shown or Html("" if self.notes else "<i>nothing was heard</i>")
            body = Html('<div style="white-space: pre-wrap">{}</div>').format(text)
        else:
            body = preformatted(self._shown)
        return Html("{}{}{}").format(body, self._table(), self._lines())

    def _table(self) -> Html:
        if len(self.segments) < 2 or self.output != "text":
            return Html()
        rows = table(("from", "to", "text"), map(_row, self.segments[:_MOST_ROWS]))
        more = len(self.segments) - _MOST_ROWS
        tail = Html("<small>{} more: .frame or .segments has all</small>").format(f"{more:,}")
        title = f"{len(self.segments):,} segments with their times"
        whole = Html("<details><summary>{}</summary>{}{}</details>")
        return whole.format(title, rows, tail if more > 0 else "")

    def _plain(self) -> str:
        return "\n".join(filter(None, (self._shown, *self.notes)))


def output_for(target: Path) -> str:
    """Return the format that a file's suffix says; ``text`` where it has none.

    Raises
    ------
    ArgumentError
        It is none of a transcript's.
    """
    output = _SUFFIXES.get(target.suffix.lower())
    if output is None:
        raise ArgumentError(
            f"{target.name}: a transcript is not written as {target.suffix}",
            f"accepted: {', '.join(filter(None, _SUFFIXES))}",
        )
    return output


def _said(segment: Mapping[str, Any]) -> str:
    return " ".join(str(segment.get("text", "")).split())


def _row(segment: Mapping[str, Any]) -> tuple[str, str, str]:
    start, end = (segment.get(name) for name in ("start", "end"))
    times = [clock_text(at) if is_time(at) else "" for at in (start, end)]
    return times[0], times[1], _said(segment)
