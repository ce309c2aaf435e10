"""What Tab leads to in a real kernel."""

from __future__ import annotations

from typing import Any

from support.kernel import Kernel


def ask(kernel: Kernel, code: str, at: int) -> dict[str, Any]:
    """The kernel's reply to a Tab."""
    kernel.client.complete(code, at)
    while True:
        reply = kernel.client.get_shell_msg(timeout=30)
        if reply["msg_type"] == "complete_reply":
            return dict(reply["content"])


def tab(kernel: Kernel, typed: str) -> list[str]:
    """The cells that Tab leads to; ``|`` is the cursor, else it stands at the end."""
    before, bar, after = typed.partition("|")
    code = before + after
    reply = ask(kernel, code, len(before))
    assert reply["status"] == "ok"
    start, end = reply["cursor_start"], reply["cursor_end"]
    assert end == len(before)
    return [code[:start] + match + bar + code[end:] for match in reply["matches"]]
