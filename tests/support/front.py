"""The other end of the widgets: what a page holds of them, kept from the kernel's own messages.

No browser: it opens the comms that the kernel opens, applies its updates, and sends what a page
sends for a click or for what is typed.
"""

from __future__ import annotations

import html
import queue
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.kernel import Kernel, Messages

_TAGS = re.compile(r"<style>.*?</style>|<[^>]*>", re.DOTALL)
_LINES = re.compile(r"</(?:p|div|tr|pre|caption)>|<br>")


@dataclass
class Front:
    """The models of a kernel's widgets.

    Attributes
    ----------
    kernel
        Whose.
    models
        State by comm id; what was closed is gone.
    messages
        Every iopub message so far.
    """

    kernel: Kernel
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def run(self, code: str, timeout: float = 60) -> Messages:
        """Run a cell to its end."""
        return self.finish(self.kernel.send(code), timeout)

    def finish(self, request: str, timeout: float = 60) -> Messages:
        """Take what comes until that request is through; return what belongs to it."""
        seen = Messages()
        deadline = time.monotonic() + timeout
        while True:
            message = self._take(deadline - time.monotonic())
            assert message is not None, f"the kernel did not come to rest: {seen.types[-3:]}"
            if message["parent_header"].get("msg_id") != request:
                continue
            seen.all.append(message)
            is_status = message["msg_type"] == "status"
            if is_status and message["content"]["execution_state"] == "idle":
                return seen

    def _take(self, timeout: float) -> dict[str, Any] | None:
        try:
            message = self.kernel.client.get_iopub_msg(timeout=max(0.0, timeout))
        except queue.Empty:
            return None
        self.messages.append(message)
        content, kind = message["content"], message["msg_type"]
        if kind == "comm_open":
            self.models[content["comm_id"]] = dict(content["data"].get("state", {}))
        elif kind == "comm_close":
            self.models.pop(content["comm_id"], None)
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            self.models[content["comm_id"]].update(content["data"]["state"])
        return message

    def listen(self, seconds: float) -> list[dict[str, Any]]:
        """Take whatever comes in that time, and return it."""
        start, deadline = len(self.messages), time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._take(deadline - time.monotonic())
        return self.messages[start:]

    def until(self, fact: Callable[[], Any], what: str, timeout: float = 20) -> Any:
        """Take messages until a fact about them holds; return it."""
        deadline = time.monotonic() + timeout
        while not (found := fact()):
            assert time.monotonic() < deadline, f"{what} did not come; shown:\n{self.text}"
            self._take(0.1)
        return found

    @property
    def text(self) -> str:
        """All that the panel's HTML says, without tags."""
        values = [
            str(state.get("value", ""))
            for state in self.models.values()
            if state.get("_model_name") == "HTMLModel"
        ]
        plain = (_TAGS.sub(" ", _LINES.sub("\n", value)) for value in values)
        return "\n".join(" ".join(html.unescape(x).split(" ")).strip() for x in plain if x.strip())

    def says(self, words: str, timeout: float = 20) -> None:
        """Wait until the panel says that."""
        self.until(lambda: words in " ".join(self.text.split()), repr(words), timeout)

    def find(self, label: str, kind: str = "ButtonModel", nth: int = 0) -> str:
        """The comm of a widget by its label."""
        found = [
            comm
            for comm, state in self.models.items()
            if state.get("_model_name") == kind and state.get("description") == label
        ]
        assert len(found) > nth, f"no {kind} {label!r}: {self.labels()}"
        return found[nth]

    def labels(self) -> list[str]:
        """The labels of all that can be used."""
        return [s["description"] for s in self.models.values() if s.get("description")]

    def click(self, label: str, nth: int = 0) -> None:
        """Press a button, as a page does."""
        toggles = [s for s in self.models.values() if s.get("_model_name") == "ToggleButtonModel"]
        if label in (toggle["description"] for toggle in toggles):
            comm = self.find(label, "ToggleButtonModel")
            self.models[comm]["value"] = not self.models[comm].get("value", False)
            self.type(label, self.models[comm]["value"], "ToggleButtonModel")
            return
        data = {"method": "custom", "content": {"event": "click"}}
        self._send(self.find(label, nth=nth), data)

    def type(self, label: str, value: object, kind: str = "TextModel") -> None:
        """Change the value of a field, as a page does."""
        comm = self.find(label, kind)
        self.models[comm]["value"] = value
        self._send(comm, {"method": "update", "state": {"value": value}, "buffer_paths": []})

    def choose(self, label: str, option: str, nth: int = 0) -> None:
        """Choose from a list, as a page does."""
        comm = self.find(label, "DropdownModel", nth)
        index = self.models[comm]["_options_labels"].index(option)
        self.models[comm]["index"] = index
        self._send(comm, {"method": "update", "state": {"index": index}, "buffer_paths": []})

    def _send(self, comm: str, data: dict[str, Any]) -> None:
        client = self.kernel.client
        message = client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        client.shell_channel.send(message)
