"""The panel's third part: try a prompt, see the answer come, take it along as a cell.

What is sent is read from the very cell that is shown, by the parser of ``%%ollama``; only the
conversation so far is put before it.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...html import Html, lines
from ...lab.answer import Answer
from ..prompts import Prompts
from ..request import Request
from ..stream import ask
from . import others, render
from .kit import Kit, assign
from .screen import PanelScreen

if TYPE_CHECKING:
    from ...events import Report
    from ...lab.draft import Draft
    from ...records import Snapshot
    from ..jobs import Job
    from .board import Board
    from .look import Models

_OPTIONS = {
    "temperature": "0 for always the likeliest word",
    "top-p": "of the likeliest words, this total probability",
    "top-k": "of the likeliest words, this many",
    "seed": "the same seed gives the same answer",
    "num-predict": "at most this many tokens in the answer",
    "num-ctx": "tokens of prompt and answer together",
}
_SHOWN_THINKING = 300


class Playground:
    """Model, options, prompt, answer, and the cell that does the same.

    Parameters
    ----------
    board
        What the parts share.
    kit
        Makes the widgets.
    prompts
        Reads the cell.

    Attributes
    ----------
    answer
        The last answer, complete or not; None before the first one.
    """

    def __init__(self, board: Board, kit: Kit, prompts: Prompts) -> None:
        self._board, self._prompts = board, prompts
        self.answer: Answer | None = None
        self._turns: list[Html] = []
        self._messages: list[dict[str, Any]] = []
        self._draft: tuple[str, str, str] | None = None  # text, thinking, line of an answer
        self._asked, self._cell, self._remark = "", "", ""
        self._wished: dict[str, str] = {}  # by service: the model that was shown last
        self._offered: tuple[str, tuple[str, ...]] | None = None
        self._model = kit.dropdown("Model", self._chose)
        self._system = kit.text("System", "what the model shall be or heed", alone=True)
        self._values = {
            name: kit.text(name, "default", tooltip=hint, narrow=True)
            for name, hint in _OPTIONS.items()
        }
        self._fold = kit.toggle("Options", "", lambda _: board.dirty())
        self._folded = kit.column(self._system, kit.row(*self._values.values()), foldable=True)
        self._folded.layout.display = "none"
        self._prompt = kit.area("Prompt", "type a prompt, then press Ask")
        ask_button = kit.button("Ask", "%%ollama MODEL", self._ask)
        stop = kit.button("Stop", "%ollama cancel answer", self._stop)
        new = kit.button("New conversation", "", self._forget)
        self._history, self._answer, self._shown = kit.html(), kit.html(), kit.html()
        self._step = kit.html()
        conversation = kit.scroll(self._answer, self._history)
        self.widget = kit.column(
            kit.row(self._model, self._fold),
            self._folded,
            conversation,
            self._prompt,
            kit.row(ask_button, stop, new),
            self._step,
            self._shown,
        )
        self._whole = self.widget.children
        self._while_answering = (self._shown, conversation, stop, self._step)

    # what is shown ----------------------------------------------------------------------------

    def draw(self, chosen: Snapshot | None, models: Models) -> None:
        """Show what is known now; called by the panel's one writing thread."""
        other = others.other_than_ollama(self._board.service())
        if other is None:
            self._offer(chosen.handle if chosen else "", models)
            shown, children = render.cell(self._cell, self._remark), self._whole
        else:
            shown = others.notice(other, others.way_to_ask(self._board.registry))
            comes = self._board.jobs.running("answer")  # from another service; it can be stopped
            children = self._while_answering if comes else (self._shown,)
        assign(self._folded.layout, display="" if self._fold.value else "none")
        assign(self._history, value=render.page(Html().join(self._turns)))
        assign(self._answer, value=self._current())
        assign(self._step, value=self._line())
        assign(self._shown, value=shown or ("" if chosen else others.nothing_loaded()))
        assign(self.widget, children=children)

    def _offer(self, name: str, models: Models) -> None:
        """Offer these models; one that was chosen stays while its service does not answer."""
        wished = self._wished.get(name)
        names = models.names or (wished or self._board.example_model,)
        if self._offered != (name, names):  # else the choice is the user's
            assign(self._model, options=names, value=wished if wished in names else names[0])
            self._offered = (name, names)
        if models.names:
            self._wished[name] = str(self._model.value)

    def _current(self) -> Html:
        """The last prompt with its answer, as far as it has come."""
        if not self._asked:
            return Html()
        draft, answer = self._draft, self.answer
        if draft is not None:
            text, thinking, line = draft
            body = render.markdown(text) if text else _thought(thinking)
            body += Html("<small>{}</small>").format(line)
        elif answer is not None:
            body = _settled(answer)
        else:
            body = Html()
        return render.page(render.turn(self._asked, body))

    def _line(self) -> Html:
        job = self._board.jobs.latest("answer")
        if job is None or job.state == "done":
            return Html()
        if job.state == "running" and self._draft is not None and not job.is_cancelled:
            return render.page("answering: Stop or Interrupt (■) ends it", "status")
        return render.job(job)

    # what the buttons do ----------------------------------------------------------------------

    def _chose(self, model: str | None) -> None:
        service = self._board.service()
        if model is not None and not self._board.is_drawing:
            self._wished[service.handle if service else ""] = model
            self._board.dirty()

    def _ask(self) -> None:
        prompt = str(self._prompt.value).strip("\n").rstrip()
        if not prompt.strip():
            self._board.say("type a prompt first")
            return
        if self._board.jobs.running("answer"):
            self._board.say("the last answer is still coming: Stop ends it")
            return
        service = self._board.service()
        if other := others.other_than_ollama(service):
            self._board.say(others.refusal(other))
            return
        line = self._line_of_cell()
        request = self._prompts.request(line, prompt)
        if service is not None:
            request = replace(request, host=service.handle)
        self._keep_turn()
        earlier = len(self._messages) // 2
        self._asked, self._cell = prompt, f"%%ollama {line}\n{prompt}"
        self._remark = ""
        if earlier:
            said = f"{earlier} turn{'s' if earlier > 1 else ''}"
            self._remark = f"It does not know the {said} of conversation before it."
        self._board.clear()
        self._send(request)

    def _line_of_cell(self) -> str:
        model = str(self._model.value or self._board.example_model)
        model = model.replace("{{", r"\{{")  # a server names its models as it likes
        words = [f"--model={model}" if model.startswith("-") else model]
        for name, field in (*self._values.items(), ("system", self._system)):
            if text := str(field.value).strip():  # it may look like an option
                words += [f"--{name}={text}"] if text.startswith("-") else [f"--{name}", text]
        return " ".join(map(shlex.quote, words)) + self._board.host_option()

    def _send(self, request: Request) -> None:
        system = [m for m in request.messages if m["role"] == "system"]
        rest = [m for m in request.messages if m["role"] != "system"]
        whole = replace(request, messages=(*system, *self._messages, *rest))
        self.answer = None
        earlier = self._messages  # of this conversation, though another be begun meanwhile

        def took(answer: Answer) -> None:
            if answer.text:  # what came of it is a part of the conversation, complete or not
                earlier.extend([*rest, {"role": "assistant", "content": answer.text}])
            self._took(answer)

        def work(report: Report) -> str:
            ask(self._board.registry, whole, PanelScreen(self.grow, report), took)
            return "answered"

        self._board.begin("answer", "", "asking", "", work)

    def _took(self, answer: Answer) -> None:
        """Keep an answer, complete or not."""
        self.answer, self._draft = answer, None
        self._board.dirty()

    def grow(self, draft: Draft) -> None:
        """Show an answer that is coming as it is now, until this is called again."""
        self._draft = draft.text, draft.thinking[-_SHOWN_THINKING:], draft.live_line
        self._board.dirty()

    def ended(self, job: Job) -> None:
        """Show no draft any longer: its job has ended, however it ended."""
        self._draft = None

    def _keep_turn(self) -> None:
        """Put the last turn into the conversation so far."""
        if self._asked and self.answer is not None:
            self._turns.append(render.turn(self._asked, _settled(self.answer)))
        self._asked, self.answer = "", None

    def _stop(self) -> None:
        if not self._board.jobs.cancel("answer"):
            self._board.say("nothing to stop: no answer is coming")

    def _forget(self) -> None:
        self._board.jobs.cancel("answer")
        self._turns, self._messages = [], []
        self._asked = self._cell = self._remark = ""
        self.answer = None
        self._board.clear()


def _settled(answer: Answer) -> Html:
    body = _thought(answer.thinking) + render.markdown(answer.text)
    return body + Html("<small>{}</small>").format(lines((answer.footer, answer.times)))


def _thought(text: str) -> Html:
    if not text.strip():
        return Html()
    folded = Html("<details><summary>Thinking</summary>{}</details>")
    return folded.format(render.markdown(text))
