"""Speech as a task of the Chatterbox server: begun, watched, fetched, and ended in any case."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..errors import MediaConduitError, ResponseError
from ..events import Event, Report
from .content import Content
from .errand import aside, begin, pause
from .faults import one_line
from .http import Http
from .lines import log
from .loads import amount, count
from .names import told

_FIRST, _LONGEST, _GROWTH = 0.1, 2.0, 1.5  # s between two looks, and how it grows


def speak_as_task(http: Http, body: Mapping[str, Any], report: Report) -> Content:
    """Have a text spoken by a task and return the sound.

    However it ends, the task is removed from the server, which keeps it otherwise: also where the
    interrupt comes before the server has told the task's number.

    Parameters
    ----------
    http
        The server.
    body
        What ``/tts/async`` takes.
    report
        Told which chunk is spoken.

    Raises
    ------
    ResponseError
        The task failed, was cancelled by somebody else, or is gone.
    TimeLimitError
        It did not move for the limit `first_byte`.
    ClientError
        As every request.
    """
    task = begin(lambda: _begun(http, body), lambda late: _end(http, late))
    try:
        _wait(http, task, report)
        return _result(http, task, report)
    finally:
        aside(lambda: _end(http, task))


def _begun(http: Http, body: Mapping[str, Any]) -> str:
    answer = http.call("POST", "/tts/async", body, limit="first_byte")
    task = answer.get("task_id")
    if not isinstance(task, str) or not task:
        raise ResponseError(
            told(http.peer.name, http.url, "/tts/async answered without the number of a task"),
            log(http.peer.name, "to look"),
        )
    return task


def _end(http: Http, task: str) -> None:
    with suppress(MediaConduitError):  # it is gone already, or the server is
        http.call("DELETE", f"/tts/task/{task}")


def _wait(http: Http, task: str, report: Report) -> None:
    """Look at the task until it is done."""
    wait, said, seen, moved = _FIRST, "", "", time.monotonic()
    limit = http.peer.limits.first_byte
    while True:
        status = _status(http, task)
        state = status.get("status")
        if state == "completed":
            return
        if state in ("failed", "cancelled"):
            why = one_line(str(status.get("error_message") or "somebody ended it"))
            raise ResponseError(
                told(http.peer.name, http.url, f"the task {state}: {why}"),
                log(http.peer.name),
            )
        if (words := _words(http.peer.name, status)) != said:
            said = words
            report(Event("work", words))
        now = time.monotonic()
        if (step := f"{words}{status.get('progress')}{status.get('updated_at')}") != seen:
            seen, moved = step, now
        elif limit is not None and now - moved > limit:
            raise http.peer.too_long("first_byte", f"the task did not move ({words})")
        pause(wait)
        wait = min(wait * _GROWTH, _LONGEST)


def _status(http: Http, task: str) -> dict[str, Any]:
    try:
        # while it speaks a chunk, the server may answer nothing
        return http.call("GET", f"/tts/status/{task}", limit="first_byte")
    except ResponseError as error:
        if error.status != 404:
            raise
        raise ResponseError(
            told(http.peer.name, http.url, "the server does not know the task any more (404)"),
            "it may have been restarted: run it again",
            status=404,
        ) from error


def _words(name: str, status: Mapping[str, Any]) -> str:
    """How far it is: ``chunk 2 of 5 (40 %)``, and at what, where that is more than the chunk."""
    total, done = count(status.get("total_chunks")), count(status.get("completed_chunks"))
    stage = one_line(str(status.get("current_stage") or status.get("status") or ""))[:80]
    progress = amount(status.get("progress"))
    percent = "" if progress is None else f" ({progress:.0f} %)"
    if total and done is not None and stage.lower() != "queued":
        doing = f": {stage}" if stage and "chunk" not in stage.lower() else ""
        return f"{name}: chunk {min(done + 1, total)} of {total}{percent}{doing}"
    return f"{name}: {stage}{percent}"


def _result(http: Http, task: str, report: Report) -> Content:
    """The sound; a 202 says that it is being written still."""
    wait, began = _FIRST, time.monotonic()
    limit = http.peer.limits.first_byte
    while True:
        with http.open("GET", f"/tts/result/{task}") as reply:
            if reply.status != 202:
                if not reply.content_type.startswith("audio/"):
                    kind = reply.content_type or "no content type"
                    raise ResponseError(
                        told(http.peer.name, http.url, f"/tts/result answered with {kind}"),
                        log(http.peer.name),
                    )
                return reply.content(report)
        if limit is not None and time.monotonic() - began > limit:
            raise http.peer.too_long("first_byte", "the task is done, its sound did not come")
        pause(wait)
        wait = min(wait * _GROWTH, _LONGEST)
