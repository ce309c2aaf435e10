"""A line of the report, and the looking: all at once, nothing for longer than its limit."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..cancel import Cancel, cancellable
from ..errors import Interrupted
from ..events import Event, Report

Grade = Literal["ok", "absent", "warning", "problem"]
_QUIET_S = 1.0  # a look that is over sooner needs no word of progress


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    what
        Its name.
    verdict
        ``ok``, ``absent`` (not here, which may be fine), ``warning`` or ``problem``.
    fact
        What was seen.
    next
        The next step, best as a line to type; empty where none is needed.
    offers
        The runtime that works by it (``docker``); empty for most.
    """

    what: str
    verdict: Grade
    fact: str
    next: str = ""
    offers: str = ""


@dataclass(frozen=True)
class Probe:
    """A look at one thing.

    Attributes
    ----------
    what
        Its name, for progress and for when it does not end.
    look
        Returns what was seen; called on a thread of its own.
    limit
        Seconds after which nobody waits for it any more.
    advice
        The next step where it does not end.
    """

    what: str
    look: Callable[[], Sequence[Check]]
    limit: float = 3.0
    advice: str = ""


def look_at_all(probes: Sequence[Probe], report: Report) -> list[Check]:
    """Run every probe at the same time and return what they saw, in the order of `probes`.

    An interrupt ends the waiting at once, and cancels the looking.
    """
    answers: queue.SimpleQueue[tuple[int, list[Check]]] = queue.SimpleQueue()
    cancels = [Cancel() for _ in probes]
    seen: dict[int, list[Check]] = {}
    began = time.monotonic()
    try:
        for number, probe in enumerate(probes):
            arguments = (number, probe, cancels[number], answers)
            name = f"mc-jupyter-doctor-{number}"
            threading.Thread(target=_look, args=arguments, name=name, daemon=True).start()
        while len(seen) < len(probes):
            waited = time.monotonic() - began
            for number, probe in enumerate(probes):
                if number not in seen and waited >= probe.limit:
                    seen[number] = [_too_slow(probe)]
            _tell([p.what for n, p in enumerate(probes) if n not in seen], waited, report)
            try:
                number, checks = answers.get(timeout=0.1)
            except queue.Empty:
                continue
            seen.setdefault(number, checks)
    finally:
        for cancel in cancels:
            cancel.cancel()
    return [check for number in sorted(seen) for check in seen[number]]


def _look(
    number: int,
    probe: Probe,
    cancel: Cancel,
    answers: queue.SimpleQueue[tuple[int, list[Check]]],
) -> None:
    try:
        with cancellable(cancel):
            checks = list(probe.look())
    except Interrupted:
        checks = [_too_slow(probe)]
    except Exception as error:  # a report with a hole in it is better than none
        fact = f"could not be looked at: {type(error).__name__}: {error}"
        checks = [Check(probe.what, "problem", fact)]
    answers.put((number, checks))


def _too_slow(probe: Probe) -> Check:
    fact = f"no answer within {probe.limit:g} s"
    return Check(probe.what, "problem", fact, probe.advice)


def _tell(missing: list[str], waited: float, report: Report) -> None:
    if missing and waited > _QUIET_S:
        report(Event("wait", f"looking at {', '.join(missing)}"))
