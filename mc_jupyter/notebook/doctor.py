"""``%mc doctor``: the report on this machine, and what the kernel knows of the front end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from ..doctor import Check, Probe, auto_words, examine
from ..doctor.machine import package_version
from ..html import Html, code
from ..registry import ServiceRegistry
from .display import Screen
from .results import Table

_COLUMNS = {"what": "check", "verdict": "verdict", "fact": "what was seen"}
_WIDTH = 100
_TOP = Html('style="text-align: left; vertical-align: top"')
_FIRST = Html('style="text-align: left; vertical-align: top; white-space: nowrap"')
_MARKED = ("warning", "problem")
_TO_PASTE = "To paste into a bug report: credentials, user names and home folders are taken out."


class DoctorReport(Table):
    """The rows of an examination: what, verdict, fact, and the next step where there is one."""

    def __init__(self, checks: Sequence[Check], notes: Sequence[str]) -> None:
        rows = [
            {"what": c.what, "verdict": c.verdict, "fact": c.fact, "next": c.next} for c in checks
        ]
        super().__init__(_COLUMNS, rows, notes)

    def text(self) -> str:
        """Columns in line, long facts on several lines, the next step below."""
        lines = []
        wide = max((len(row["what"]) for row in self.rows), default=0)
        for row in self.rows:
            fact = wrap(row["fact"], _WIDTH, break_on_hyphens=False, break_long_words=False)
            steps = [f"-> {step}" for step in row["next"].splitlines()]
            first, *others = [*fact, *steps] or [""]
            lines.append(f"{row['what'].ljust(wide)}   {row['verdict'].ljust(7)}   {first}")
            lines += [" " * (wide + 13) + other for other in others]
        return "\n".join([*lines, "", *self.notes])

    def html(self) -> Html:
        """A table; the next step stands below what was seen."""
        titles = _COLUMNS.values()
        head = Html().join(Html('<th scope="col" {}>{}</th>').format(_TOP, one) for one in titles)
        body = Html().join(map(_html_row, self.rows))
        notes = Html().join(Html("<p>{}</p>").format(note) for note in self.notes)
        whole = Html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>{}")
        return whole.format(head, body, notes)


def _html_row(row: dict[str, Any]) -> Html:
    verdict = row["verdict"]
    if verdict in _MARKED:
        verdict = Html("<strong>{}</strong>").format(verdict)
    step = Html("<br>→ <code>{}</code>")
    steps = Html().join(step.format(code(one)) for one in row["next"].splitlines())
    first = Html('<tr><th scope="row" {}>{}</th>').format(_FIRST, row["what"])
    rest = Html("<td {}>{}</td><td {}>{}{}</td></tr>")
    return first + rest.format(_TOP, verdict, _TOP, row["fact"], steps)


def examination(registry: ServiceRegistry, screen: Screen) -> DoctorReport:
    """Examine this machine and this kernel."""
    has_kernel = screen.mode != "terminal"
    more = (
        Probe("front end", lambda: front_end(has_kernel)),
        Probe("widgets", lambda: widgets(has_kernel)),
    )
    checks = examine(registry, more=more, report=screen.report)
    return DoctorReport(checks, (_TO_PASTE, auto_words(checks, registry.settings)))


def front_end(has_kernel: bool) -> list[Check]:
    """Say which front end this is, as far as a kernel can know.

    Parameters
    ----------
    has_kernel
        False in a terminal IPython.
    """
    if not has_kernel:
        return [Check("front end", "ok", "IPython in a terminal: text only")]
    fact = _front_end()
    if any(name.startswith("BINDER_") for name in os.environ):
        fact += ", on Binder"
    if "JUPYTERHUB_USER" in os.environ:
        fact += ", through JupyterHub"
    return [Check("front end", "ok", fact)]


def _front_end() -> str:
    if "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ:
        return "Colab"
    if "VSCODE_PID" in os.environ or "VSCODE_CWD" in os.environ:
        return "VS Code, or a Jupyter that was started from it"
    if "JPY_SESSION_NAME" in os.environ:
        return "a Jupyter server: JupyterLab or Notebook (a kernel cannot tell which)"
    return "a kernel without a Jupyter server's marks: nbconvert, an editor or a test"


def widgets(has_kernel: bool) -> list[Check]:
    """Say whether the panel can be shown, and when its clicks arrive."""
    what, ours = "widgets", package_version("ipywidgets")
    if ours is None:
        return [Check(what, "absent", "ipywidgets is not installed", "%pip install ipywidgets")]
    if not has_kernel:
        return [Check(what, "absent", f"a terminal shows none (ipywidgets {ours})")]
    manager = package_version("jupyterlab_widgets")
    seen = (
        f"jupyterlab_widgets {manager}"
        if manager
        else "jupyterlab_widgets is not in this environment, in the server's unknown"
    )
    kernel = package_version("ipykernel")
    return [Check(what, "ok", f"ipywidgets {ours}, {seen}; ipykernel {kernel}: {_clicks(kernel)}")]


def _clicks(kernel: str | None) -> str:
    """When a click arrives while a cell runs; seen with JupyterLab 4.6 and these kernels."""
    numbers = tuple(int(part) for part in (kernel or "").split(".")[:2] if part.isdecimal())
    if len(numbers) < 2 or (7, 0) <= numbers < (7, 3):
        return "not known when clicks arrive while a cell runs"
    if numbers[:2] == (7, 3):
        return "clicks arrive at once, also while a cell runs"
    return "clicks arrive when the running cell ends"
