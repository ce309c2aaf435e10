"""Widgets with few comms, and their end.

Every widget opens one comm, and one each for a layout and a style of its own; so all of the panel
share a few. ``Widget.close`` closes itself only: :meth:`Kit.close` closes everything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

_log = logging.getLogger(__name__)
_LABEL = "7em"
_UNLABELLED = (widgets.HTML, widgets.Button, widgets.ToggleButton)


class Kit:
    """Makes the widgets of one panel.

    Parameters
    ----------
    failed
        Told, in words, when a callback failed; without it, the error would vanish.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._made: list[widgets.Widget] = []
        keep = self._keep
        self._plain = keep(widgets.Layout())
        self._wide = keep(widgets.Layout(width="100%", flex="0 0 auto"))
        self._line = keep(widgets.Layout(width="auto", flex="1 1 16em"))
        self._tall = keep(widgets.Layout(width="auto", height="6em"))
        self._row = keep(widgets.Layout(flex_flow="row wrap", align_items="center"))
        self._field = keep(widgets.Layout(width="14em"))
        self._tick = keep(widgets.Layout(width="18em"))
        self._auto = keep(widgets.Layout(width="auto"))
        self._button = keep(widgets.Layout(width="auto", min_width="6em"))
        self._styles: dict[type[widgets.Widget], widgets.Widget] = {}

    def _style(self, kind: Any) -> widgets.Widget:
        """The one style that all widgets of a kind share."""
        if kind not in self._styles:
            values = {} if kind in _UNLABELLED else {"description_width": _LABEL}
            self._styles[kind] = self._keep(kind.style.klass(**values))
        return self._styles[kind]

    def _keep(self, widget: Any) -> Any:
        self._made.append(widget)
        return widget

    def html(self) -> widgets.HTML:
        """A place for HTML."""
        return self._keep(widgets.HTML(layout=self._wide, style=self._style(widgets.HTML)))

    def button(self, text: str, twin: str, clicked: Callable[[], None]) -> widgets.Button:
        """A button that says which magic does the same."""
        button = widgets.Button(
            description=text,
            tooltip=f"same as {twin}" if twin else "",
            layout=self._button,
            style=self._style(widgets.Button),
        )
        button.on_click(lambda _: self.guarded(clicked))
        return self._keep(button)

    def toggle(self, text: str, twin: str, changed: Callable[[bool], None]) -> widgets.ToggleButton:
        """A button that stays pressed."""
        toggle = widgets.ToggleButton(
            description=text,
            tooltip=f"same as {twin}" if twin else "",
            layout=self._button,
            style=self._style(widgets.ToggleButton),
        )
        toggle.observe(lambda c: self.guarded(lambda: changed(c["new"])), names="value")
        return self._keep(toggle)

    def checkbox(self, text: str) -> widgets.Checkbox:
        """A box to tick."""
        return self._keep(
            widgets.Checkbox(
                description=text,
                indent=False,
                layout=self._field,
                style=self._style(widgets.Checkbox),
            )
        )

    def dropdown(self, label: str, changed: Callable[[str | None], None]) -> widgets.Dropdown:
        """A choice of texts; `changed` hears of the user's choices, and of ours."""
        dropdown = widgets.Dropdown(
            description=label, options=(), layout=self._plain, style=self._style(widgets.Dropdown)
        )
        dropdown.observe(lambda c: self.guarded(lambda: changed(c["new"])), names="value")
        return self._keep(dropdown)

    def text(
        self,
        label: str,
        hint: str = "",
        entered: Callable[[], None] | None = None,
        *,
        tooltip: str = "",
        narrow: bool = False,
        alone: bool = False,
    ) -> widgets.Text:
        """A line to type in, `alone` or in a row; the enter key calls `entered`."""
        text = widgets.Text(
            description=label,
            placeholder=hint,
            tooltip=tooltip,
            layout=self._field if narrow else self._auto if alone else self._line,
            style=self._style(widgets.Text),
        )
        if entered is not None:
            # `on_submit` is deprecated; the message that it waits for is not
            def heard(_: object, content: dict[str, Any], __: object) -> None:
                if content.get("event") == "submit":
                    self.guarded(entered)

            text.on_msg(heard)
        return self._keep(text)

    def area(self, label: str, hint: str = "") -> widgets.Textarea:
        """Lines to type in."""
        return self._keep(
            widgets.Textarea(
                description=label,
                placeholder=hint,
                layout=self._tall,
                style=self._style(widgets.Textarea),
            )
        )

    def row(self, *children: widgets.Widget) -> widgets.HBox:
        """Side by side, as far as the width goes."""
        return self._keep(widgets.HBox(children, layout=self._row))

    def column(self, *children: widgets.Widget, foldable: bool = False) -> widgets.VBox:
        """One below the other; a foldable one has a layout of its own."""
        layout = self._keep(widgets.Layout(width="100%")) if foldable else self._wide
        return self._keep(widgets.VBox(children, layout=layout))

    def scroll(self, *children: widgets.Widget) -> widgets.VBox:
        """One above the other, the first at the bottom, where it stays in sight as it grows."""
        layout = self._keep(
            widgets.Layout(
                width="100%", max_height="30em", overflow="auto", flex_flow="column-reverse nowrap"
            )
        )
        return self._keep(widgets.VBox(children, layout=layout))

    def tabs(self, *parts: tuple[str, widgets.Widget]) -> widgets.Tab:
        """Parts of which one is shown."""
        tab = widgets.Tab(
            [part for _, part in parts],
            titles=[title for title, _ in parts],
            layout=self._wide,
        )
        return self._keep(tab)

    def guarded(self, call: Callable[[], None]) -> None:
        """Call; an error is told instead of lost."""
        try:
            call()
        except Exception as error:
            _log.info("a callback of the panel failed", exc_info=True)
            self._failed(str(error) or type(error).__name__)

    def close(self) -> None:
        """Close every comm."""
        for widget in reversed(self._made):
            widget.close()
        self._made.clear()


def assign(widget: widgets.Widget, **values: Any) -> None:
    """Set traits in one message; nothing is sent for what is the same already."""
    sendable = {name: _sendable(new) for name, new in values.items()}
    changed = {name: new for name, new in sendable.items() if getattr(widget, name) != new}
    if "options" in changed and "value" in sendable:  # new options take the choice away
        changed["value"] = sendable["value"]
    if changed:
        with widget.hold_sync():
            for name, new in changed.items():
                setattr(widget, name, new)


def _sendable(value: Any) -> Any:
    """Half a character, which JSON may hold, cannot be sent."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return tuple(map(_sendable, value)) if isinstance(value, tuple) else value
