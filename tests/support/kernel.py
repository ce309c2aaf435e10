"""A real kernel, and what a notebook receives from it."""

from __future__ import annotations

import html
import json
import os
import queue
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from support.scripted_ollama import ScriptedOllama

MODEL = "llama3.2:1b"
"""What a scripted server has, if not told otherwise."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_TIMEOUT = 60.0


class Serve(Protocol):
    """Starts a scripted server that ends with the test."""

    def __call__(self, **script: object) -> ScriptedOllama: ...


def prompt(server: ScriptedOllama, options: str = "", body: str = "Hello?") -> str:
    """A cell that prompts that server."""
    return f"%%ollama {MODEL} --host {server.url} {options}\n{body}"


@dataclass
class Messages:
    """What came on iopub for one request, in order, and the reply."""

    all: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def types(self) -> list[str]:
        """The types of the messages, without busy and idle."""
        return [m["msg_type"] for m in self.all if m["msg_type"] != "status"]

    def of(self, *types: str) -> list[dict[str, Any]]:
        """The contents of the messages of these types."""
        return [m["content"] for m in self.all if m["msg_type"] in types]

    @property
    def displays(self) -> list[dict[str, Any]]:
        """Contents of ``display_data`` and ``execute_result``."""
        return self.of("display_data", "execute_result")

    @property
    def updates(self) -> list[dict[str, Any]]:
        """Contents of ``update_display_data``."""
        return self.of("update_display_data")

    @property
    def last(self) -> dict[str, Any]:
        """The last state of what is displayed."""
        return self.of("display_data", "update_display_data", "execute_result")[-1]

    @property
    def streams(self) -> str:
        """What was printed, to stdout and stderr."""
        return "".join(content["text"] for content in self.of("stream"))

    @property
    def text(self) -> str:
        """The text form of the result."""
        results = self.of("execute_result")
        return str(results[-1]["data"]["text/plain"]) if results else ""

    @property
    def error(self) -> str:
        """What a user reads of an error, without colours; empty where there is none."""
        errors = self.of("error")
        return _ANSI.sub("", "\n".join(errors[-1]["traceback"])) if errors else ""

    @property
    def bytes(self) -> int:
        """Bytes of JSON in the contents of all messages."""
        return sum(len(json.dumps(m["content"], ensure_ascii=False).encode()) for m in self.all)

    def outputs(self) -> list[dict[str, Any]]:
        """What a notebook file keeps of it: displays in their last state, results, streams."""
        kept: list[dict[str, Any]] = []
        by_id: dict[str, dict[str, Any]] = {}
        for message in self.all:
            content = message["content"]
            name = content.get("transient", {}).get("display_id")
            if message["msg_type"] == "update_display_data":
                by_id[name].update(data=content["data"], metadata=content["metadata"])
            elif message["msg_type"] in ("display_data", "execute_result", "stream", "error"):
                kept.append({"type": message["msg_type"], **content})
                if name:
                    by_id[name] = kept[-1]
        return kept


class Kernel:
    """An ipykernel of the Python that runs the tests.

    Parameters
    ----------
    env
        Added to the environment; of the user's, only what has nothing to do with us is kept.
    cwd
        Where it runs.
    """

    def __init__(self, env: Mapping[str, str], cwd: str) -> None:
        from jupyter_client.manager import KernelManager

        mine = ("MC_JUPYTER_", "OLLAMA_", "JPY_", "PYTEST_")
        clean = {name: text for name, text in os.environ.items() if not name.startswith(mine)}
        # No history file: the user's own is in the same place.
        home = {"IPYTHONDIR": cwd}
        self._manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{cwd}/k")
        self._manager.start_kernel(env={**clean, **home, **env}, cwd=cwd)
        self.client = self._manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=_TIMEOUT)

    def close(self) -> None:
        """End it."""
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def send(self, code: str, *, stop_on_error: bool = True) -> str:
        """Queue a cell; return the id of the request."""
        return str(self.client.execute(code, stop_on_error=stop_on_error))

    def interrupt(self) -> None:
        """What the stop button does."""
        self._manager.interrupt_kernel()

    def receive(self, request: str, timeout: float = _TIMEOUT) -> Messages:
        """Everything that a request led to, until the kernel is idle again."""
        messages = Messages()
        start = time.monotonic()
        while not self._take(request, messages, start + timeout):
            pass
        messages.seconds = time.monotonic() - start
        messages.reply = self._reply(request, timeout)
        return messages

    def _take(self, request: str, messages: Messages, deadline: float) -> bool:
        """Take one message; True when the kernel is idle."""
        try:
            message = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            seen = [(m["msg_type"], str(m["content"])[:200]) for m in messages.all[-3:]]
            raise AssertionError(
                f"the kernel did not come to rest; last messages: {seen}"
            ) from None
        if message["parent_header"].get("msg_id") != request:
            return False
        messages.all.append(message)
        idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
        return bool(idle)

    def _reply(self, request: str, timeout: float) -> dict[str, Any]:
        while True:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == request:
                return dict(reply["content"])

    def until(self, request: str, type: str, count: int = 1) -> Messages:
        """What came so far, as soon as it holds `count` messages of a type."""
        messages = Messages()
        deadline = time.monotonic() + _TIMEOUT
        while len(messages.of(type)) < count:
            assert not self._take(request, messages, deadline), f"{type} never came"
        return messages

    def run(self, code: str) -> Messages:
        """Run a cell."""
        return self.receive(self.send(code))

    def value(self, expression: str) -> Any:
        """The value of an expression that can be written as JSON."""
        messages = self.run(f"import json as _json; print(_json.dumps({expression}))")
        assert not messages.error, messages.error
        return json.loads(messages.streams)


def seen(data: dict[str, Any]) -> str:
    """What a person reads of an output: its text, else its HTML without the tags."""
    if "text/plain" in data:
        return str(data["text/plain"])
    text = re.sub(r"<[^>]*>", "", data["text/html"].replace("<br>", "\n"))
    return html.unescape(text).strip()
