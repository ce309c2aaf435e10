"""What the panel shows, as HTML: state in words, native elements, colours of the theme.

What comes from outside (a manifest, a log, a model) is escaped by the templates' type.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...html import Html, attribute, code, lines
from ...html import render as rendered
from ...meter import size_text
from ..jobs import Job

if TYPE_CHECKING:
    from ...events import Event
    from ...records import Snapshot

STYLE = Html("""<style>
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
</style><div class="mcj-live"></div>""")
_NOTHING = "No service is loaded. Load one below; a prompt in the Playground does it by itself."
_COPY = Html(
    "var b=this,t=b.parentNode.querySelector('pre'),r=document.createRange();"
    "r.selectNodeContents(t);var s=getSelection();s.removeAllRanges();s.addRange(r);"
    "(navigator.clipboard?navigator.clipboard.writeText(t.textContent):Promise.reject())"
    ".then(function(){b.textContent='Copied'},"
    "function(){b.textContent='Selected: press Ctrl+C or Cmd+C'})"
)


def page(body: str, role: str = "") -> Html:
    """Wrap a part, so that the style sheet holds for it; `role` may be ``status``."""
    live = Html(' role="status" aria-live="polite"' if role == "status" else "")
    return Html('<div class="mcj"{}>{}</div>').format(live, body) if body else Html()


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


def services(snapshots: Sequence[Snapshot], chosen: str | None) -> Html:
    """The table of services."""
    if not snapshots:
        return page(Html("<p>{}</p>").format(_NOTHING))
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
        title = lines((f"{'▸ ' if mine else ''}{names}", _breakable(now.identifier)))
        rows.append(_row(mine, title, cells))
    return page(table("Services of this kernel", titles, rows))


def _row(is_chosen: bool, title: str, cells: Sequence[str]) -> Html:
    mark = Html(' class="mcj-chosen" aria-current="true"' if is_chosen else "")
    body = Html().join(Html("<td>{}</td>").format(cell) for cell in cells)
    return Html('<tr{}><th scope="row">{}</th>{}</tr>').format(mark, title, body)


def _breakable(identifier: str) -> Html:
    """A long name that may go on in the next line where its parts end."""
    parts = re.split(r"(?<=[/@:-])", identifier)
    return Html("<small>{}</small>").format(Html("<wbr>").join(parts))


def models(rows: Sequence[Mapping[str, Any]], chosen: str | None, caption: str) -> Html:
    """The table of a service's models; see :mod:`.look` for the rows."""
    titles = ("Model", "Size on disk", "In memory", "Context")
    body = []
    for row in rows:
        mine = row["name"] == chosen
        title = f"{'▸ ' if mine else ''}{row['name']}"
        body.append(_row(mine, title, (row["size"], row["loaded"], row["context"])))
    return page(table(caption, titles, body) if body else Html("<p>{}</p>").format(caption))


def table(caption: str, titles: Sequence[str], rows: Sequence[Html]) -> Html:
    """A table of rows."""
    head = Html().join(Html('<th scope="col">{}</th>').format(title) for title in titles)
    whole = Html(
        '<div style="overflow-x: auto"><table><caption>{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    )
    return whole.format(caption, head, Html().join(rows))


def job(now: Job | None) -> Html:
    """The line of a job: its step while it runs, then what it came to."""
    if now is None:
        return Html()
    shown = Html("{} {} {}{}")
    if now.state == "running":
        words = f"cancelling: {now.title}" if now.is_cancelled else now.text
        return page(shown.format(step(now.event), words, same_as(now.twin), ""), "status")
    if now.state == "failed":
        return bad(now.text)
    kept = Html().join(Html("<br>{}").format(note) for note in now.notes)
    return page(Html("{} {}{}").format(now.text, same_as(now.twin), kept), "status")


def step(event: Event | None) -> Html:
    """A bar for what has a size."""
    if event is None or event.current is None or not event.total:
        return Html()
    percent = min(100, 100 * event.current // event.total)
    bar = Html('<progress max="100" value="{0}" aria-label="progress">{0} %</progress> {0} %')
    return bar.format(percent)


def same_as(twin: str) -> Html:
    """The magic that does the same."""
    small = Html("<small>(same as <code>{}</code>)</small>")
    return small.format(code(twin)) if twin else Html()


def log(name: str, text: str) -> Html:
    """The end of a service's log, scrolled to its end."""
    title = f"Log of {name}"
    scroll = Html(
        '<small>{}</small><div class="mcj-scroll" tabindex="0" role="group" aria-label="{}">'
        "<pre>{}</pre></div>"
    )
    return page(scroll.format(title, attribute(title), code(text)))


def line(text: str) -> Html:
    """A line of text that is announced."""
    return page(text, "status")


def bad(text: str) -> Html:
    """What failed."""
    return page(Html('<div class="mcj-bad">{}</div>').format(text) if text else "", "status")


def cell(text: str, remark: str = "") -> Html:
    """A cell as selectable text, with a button to copy it (clipboards fail on Binder)."""
    if not text:
        return Html()
    small = Html(" <small>{}</small>").format(remark) if remark else ""
    whole = Html(
        '<div><small>The same in a cell:</small><pre tabindex="0">{}</pre>'
        '<button class="jupyter-button" onclick="{}">Copy this cell</button>{}</div>'
    )
    return page(whole.format(code(text), _COPY, small))


def turn(prompt: str, answer: Html) -> Html:
    """A prompt and its answer."""
    return Html('<div class="mcj-turn"><p><b>{}</b></p>{}</div>').format(prompt, answer)


@lru_cache(maxsize=4)  # drawn again whenever anything changes
def markdown(text: str) -> Html:
    """A model's Markdown as HTML, and below it what was not read as Markdown."""
    shown = rendered(text)
    remark = Html("<small>{}</small><br>").format(shown.remark) if shown.remark else Html()
    return Html('<div class="jp-RenderedHTMLCommon">{}</div>{}').format(shown.html, remark)
