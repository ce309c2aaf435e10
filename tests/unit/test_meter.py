"""What is said of a download, and what is said while nothing happens."""

from __future__ import annotations

import threading
import time

import pytest
from support.wait import wait_until

from mc_jupyter.events import Event, ticking
from mc_jupyter.meter import Meter, left_text, part_text, size_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fed(rate: int, seconds: int, total: int | None, clock: Clock) -> Meter:
    """A meter of a download that came evenly, told four times a second."""
    meter = Meter(clock)
    for quarter in range(seconds * 4 + 1):
        meter.add(rate * quarter // 4, total)
        clock.now += 0.25
    clock.now -= 0.25
    return meter


def test_bytes_rate_and_time_left() -> None:
    meter = fed(45_000_000, 20, 3_400_000_000, Clock())
    assert meter.words() == "0.9 of 3.4 GB, 45 MB/s, about 55 s left"


def test_without_a_total_there_is_no_time_left() -> None:
    assert fed(45_000_000, 20, None, Clock()).words() == "900 MB, 45 MB/s"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    meter = fed(1_000_000, 20, 100_000_000, clock)
    for _ in range(20):
        clock.now += 0.25
        meter.add(meter._done + 1_000_000, 100_000_000)
    assert meter.words() == "40 of 100 MB, 4.0 MB/s, about 15 s left"


def test_nothing_is_said_of_a_rate_too_early() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.add(10, 999)
    clock.now += 0.1
    meter.add(500, 999)
    assert meter.words() == "500 of 999 B"


def test_a_stall_takes_the_place_of_the_rate() -> None:
    clock = Clock()
    meter = fed(1_000_000, 10, 92_000_000, clock)
    clock.now += 4.9
    assert " left" in meter.words()
    for _ in range(29):  # the server goes on saying the same
        clock.now += 0.25
        meter.add(10_000_000, 92_000_000)
    assert meter.words() == "10 of 92 MB, no byte for 12 s"
    assert round(meter.still()) == 12
    meter.add(11_000_000, 92_000_000)
    assert "no byte" not in meter.words()


def test_a_download_that_is_done_is_no_stall() -> None:
    clock = Clock()
    meter = fed(1_000_000, 10, 10_000_000, clock)
    clock.now += 60
    assert meter.words() == "10 of 10 MB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "about 1 s left"),
        (8.4, "about 8 s left"),
        (48, "about 50 s left"),
        (200, "about 3 min left"),
        (9000, "about 2 h left"),
    ],
)
def test_time_left(seconds: float, text: str) -> None:
    assert left_text(seconds) == text


def test_sizes() -> None:
    sizes = [size_text(size) for size in (12, 1500, 92_300_000, 3_400_000_000)]
    assert sizes == ["12 B", "2 kB", "92 MB", "3.4 GB"]
    assert part_text(400_000_000, 3_400_000_000) == "0.4 of 3.4 GB"


def test_it_ticks_while_the_body_blocks_and_never_after() -> None:
    told: list[Event] = []
    with ticking(lambda s: Event("wait", f"{s:.2f}"), told.append, every=0.05, first=0.01):
        wait_until(lambda: len(told) >= 3, 5, "three reports")
    count = len(told)
    wait_until(lambda: "mc_jupyter progress" not in _threads(), 5, "the end of the thread")
    assert len(told) == count


def test_a_tick_may_have_nothing_to_say_and_a_failing_one_does_not_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Event] = []
    asked: list[float] = []

    def say(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) > 1:
            raise ValueError("odd")

    with ticking(say, told.append, every=0.01):
        wait_until(lambda: "progress could not be told" in caplog.text, 5, "the log")
    assert told == []
    assert len(asked) == 2


def test_the_end_does_not_wait_for_a_tick_that_looks_for_long() -> None:
    looking, free = threading.Event(), threading.Event()
    told: list[Event] = []

    def say(seconds: float) -> Event:
        looking.set()
        free.wait(10)
        return Event("wait", "late")

    with ticking(say, told.append, every=0.01):
        assert looking.wait(5)
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    free.set()
    wait_until(lambda: "mc_jupyter progress" not in _threads(), 5, "the end of the thread")
    assert told == []


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]
