"""What the panel shows, as HTML: state in words, native elements, colours of the theme.

Everything that comes from outside (a manifest, a log, a model) is escaped here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from ...lab.markdown import safe
from ...meter import size_text
from ..jobs import Job

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

    from ...events import Event
    from ...records import Snapshot

STYLE = """<style>
.mcj { color: var(--jp-ui-font-color1, inherit); font-size: var(--jp-ui-font-size1, 13px);
  line-height: 1.45; overflow-wrap: break-word; }
.mcj th small { font-weight: normal; }
.mcj table { border-collapse: collapse; width: 100%; }
.mcj caption, .mcj th, .mcj td { text-align: left; padding: 2px 5px; vertical-align: top; }
.mcj caption { padding-left: 0; color: var(--jp-ui-font-color2, inherit); }
.mcj th, .mcj td { border-bottom: 1px solid var(--jp-border-color2, #8886); }
.mcj td:last-child { overflow-wrap: anywhere; min-width: 5em; }
.mcj tr.mcj-chosen > * { background: var(--jp-layout-color2, #8882); }
.mcj small { color: var(--jp-ui-font-color2, inherit); font-size: 0.9em; }
.mcj progress { width: min(16em, 40%); vertical-align: middle; }
.mcj pre, .mcj code { font-family: var(--jp-code-font-family, monospace);
  font-size: var(--jp-code-font-size, 13px); }
.mcj pre { white-space: pre-wrap; margin: 0.3em 0; padding: 6px 8px;
  background: var(--jp-layout-color2, #8882); color: var(--jp-content-font-color1, inherit); }
.mcj-scroll { max-height: 20em; overflow: auto; display: flex; flex-direction: column-reverse; }
.mcj-turn { border-left: 3px solid var(--jp-border-color1, #888); padding-left: 10px;
  margin: 0.6em 0; }
.mcj-turn p:first-child { margin-top: 0; }
.mcj-bad { border-left: 3px solid var(--jp-error-color1, #c33); padding-left: 8px;
  white-space: pre-wrap; }
</style><div class="mcj-live"></div>"""
_NOTHING = "No service is loaded. Load one below; a prompt in the Playground does it by itself."
_COPY = (
    "var b=this,t=b.parentNode.querySelector('pre'),r=document.createRange();"
    "r.selectNodeContents(t);var s=getSelection();s.removeAllRanges();s.addRange(r);"
    "(navigator.clipboard?navigator.clipboard.writeText(t.textContent):Promise.reject())"
    ".then(function(){b.textContent='Copied'},"
    "function(){b.textContent='Selected: press Ctrl+C or Cmd+C'})"
)


def page(body: str, role: str = "") -> str:
    """Wrap a part, so that the style sheet holds for it; `role` may be ``status``."""
    live = ' role="status" aria-live="polite"' if role == "status" else ""
    return f'<div class="mcj"{live}>{body}</div>' if body else ""


_TOLD = ("exited", "restarting", "created", "absent", "stopped", "paused", "disconnected")


def state_words(now: Snapshot) -> str:
    """The state of a service in words."""
    if now.doing is not None:
        return f"{now.state}: {now.doing.text}"
    if now.state == "running":
        answers = {True: "running, answers", False: "running, does not answer", None: "running"}
        return answers[now.healthy]
    if now.state == "loaded":
        return "loaded, not started"
    if now.state in _TOLD:
        return now.detail or now.state
    return now.state


def gpu_words(now: Snapshot) -> str:
    """Whether a GPU is used and why not; a dash where that is not known."""
    return (now.gpu or "–").replace("not used: ", "no: ")


def version_words(now: Snapshot) -> str:
    """The version of the manifest and the commit."""
    parts = [now.version if now.version not in ("", "unknown") else "", (now.commit or "")[:7]]
    return " · ".join(filter(None, parts)) or "–"


def clock(started_at: str | None) -> str:
    """A moment as this machine's clock shows it, with the day where it is not today."""
    if not started_at:
        return "–"
    moment = dt.datetime.fromisoformat(started_at).astimezone()
    is_today = moment.date() == dt.datetime.now().astimezone().date()
    return f"{moment:%H:%M:%S}" if is_today else f"{moment:%Y-%m-%d %H:%M}"


def services(snapshots: Sequence[Snapshot], chosen: str | None) -> str:
    """The table of services."""
    if not snapshots:
        return page(f"<p>{_NOTHING}</p>")
    titles = ("Service", "State", "Runs on", "Version", "Started", "Memory", "GPU")
    rows = []
    for now in snapshots:
        mine = now.handle == chosen
        names = ", ".join((now.handle, *now.aliases))
        cells = (
            state_words(now),
            now.runtime or "not decided yet",
            version_words(now),
            clock(now.started_at),
            size_text(now.memory) if now.memory else "–",
            gpu_words(now),
        )
        head = (
            f"{'▸ ' if mine else ''}{escape(names)}<br><small>{_breakable(now.identifier)}</small>"
        )
        mark = ' class="mcj-chosen" aria-current="true"' if mine else ""
        body = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr{mark}><th scope="row">{head}</th>{body}</tr>')
    return page(table("Services of this kernel", titles, rows))


def _breakable(identifier: str) -> str:
    """A long name that may go on in the next line where its parts end."""
    return re.sub(r"([/@:-])", r"\1<wbr>", escape(identifier))


def models(rows: Sequence[Mapping[str, Any]], chosen: str | None, caption: str) -> str:
    """The table of a service's models; see :mod:`.look` for the rows."""
    titles = ("Model", "Size on disk", "In memory", "Context")
    lines = []
    for row in rows:
        mine = row["name"] == chosen
        mark = ' class="mcj-chosen" aria-current="true"' if mine else ""
        cells = (row["size"], row["loaded"], row["context"])
        body = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        head = f"{'▸ ' if mine else ''}{escape(row['name'])}"
        lines.append(f'<tr{mark}><th scope="row">{head}</th>{body}</tr>')
    return page(table(caption, titles, lines) if lines else f"<p>{escape(caption)}</p>")


def table(caption: str, titles: Sequence[str], rows: Sequence[str]) -> str:
    """A table of rows that are HTML already."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    return (
        f'<div style="overflow-x: auto"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def job(now: Job | None) -> str:
    """The line of a job: its step while it runs, then what it came to."""
    if now is None:
        return ""
    if now.state == "running":
        words = f"cancelling: {now.title}" if now.is_cancelled else now.text
        return page(f"{step(now.event)} {escape(words)} {same_as(now.twin)}", "status")
    kept = "".join(f"<br>{escape(note)}" for note in now.notes)
    if now.state == "failed":
        return page(f'<div class="mcj-bad">{escape(now.text)}</div>', "status")
    return page(f"{escape(now.text)} {same_as(now.twin)}{kept}", "status")


def step(event: Event | None) -> str:
    """A bar for what has a size."""
    if event is None or event.current is None or not event.total:
        return ""
    percent = min(100, 100 * event.current // event.total)
    return (
        f'<progress max="100" value="{percent}" aria-label="progress">{percent} %</progress>'
        f" {percent} %"
    )


def same_as(twin: str) -> str:
    """The magic that does the same."""
    return f"<small>(same as <code>{escape(twin)}</code>)</small>" if twin else ""


def log(name: str, text: str) -> str:
    """The end of a service's log, scrolled to its end."""
    title = f"Log of {escape(name)}"
    scroll = f'<div class="mcj-scroll" tabindex="0" role="group" aria-label="{title}">'
    return page(f"<small>{title}</small>{scroll}<pre>{escape(text)}</pre></div>")


def line(text: str) -> str:
    """A line of text that is announced."""
    return page(escape(text), "status")


def bad(text: str) -> str:
    """What failed."""
    return page(f'<div class="mcj-bad">{escape(text)}</div>' if text else "", "status")


def cell(text: str, remark: str = "") -> str:
    """A cell as selectable text, with a button to copy it (clipboards fail on Binder)."""
    if not text:
        return ""
    button = f'<button class="jupyter-button" onclick="{_COPY}">Copy this cell</button>'
    small = f" <small>{escape(remark)}</small>" if remark else ""
    return page(
        f'<div><small>The same in a cell:</small><pre tabindex="0">{escape(text)}</pre>'
        f"{button}{small}</div>"
    )


def turn(prompt: str, answer: str) -> str:
    """A prompt and its answer; `answer` is HTML already."""
    return f'<div class="mcj-turn"><p><b>{escape(prompt)}</b></p>{answer}</div>'


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # No raw HTML: what a model writes is never markup of ours. No pictures: `safe` leaves some,
    # such as those between dollar signs, which are no formula here.
    parser = MarkdownIt("commonmark", {"html": False, "breaks": False})
    return parser.enable("table").disable("image")


@lru_cache(maxsize=4)  # drawn again whenever anything changes
def markdown(text: str) -> str:
    """A model's Markdown as HTML; pictures from elsewhere become links, tags are shown as text."""
    html = _markdown().render(safe(text)).replace("<a href=", '<a target="_blank" href=')
    return f'<div class="jp-RenderedHTMLCommon">{html}</div>'
