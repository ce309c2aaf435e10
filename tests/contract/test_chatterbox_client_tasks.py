"""Speech as a task of Chatterbox: watched, fetched, and ended however it goes."""

from __future__ import annotations

import threading
import urllib.request
from contextlib import ExitStack
from typing import Any

import pytest
from support.background import Background
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not
from support.wait import wait_until

from mc_jupyter.clients.chatterbox import ChatterboxClient
from mc_jupyter.clients.peer import Limits
from mc_jupyter.errors import (
    ResponseError,
    TimeLimitError,
)
from mc_jupyter.events import Event

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
LONG = "One two three four five. " * 12


def asked(served: Served) -> list[str]:
    """Methods and paths of all requests, the tasks' numbers left out."""
    found = []
    for one in served.requests() if isinstance(served, Served) else served.requests:
        method, path = (
            (one["method"], one["path"]) if isinstance(one, dict) else (one.method, one.path)
        )
        found.append(f"{method} {path.rpartition('/')[0] if path.count('/') > 2 else path}")
    return found


def task(status: str, **more: Any) -> Says:
    return Says({"task_id": "t", "status": status, "progress": 50, "current_stage": "x", **more})


def scripted(**answers: Says) -> dict[str, Says]:
    """Answers of a server that speaks; by what they are for."""
    return {
        "/get_predefined_voices": Says([{"display_name": "Bob", "filename": "Bob.wav"}]),
        "/tts/async": answers.get("begin", Says({"task_id": "t", "status": "queued"})),
        "/tts/status/t": answers.get("status", task("completed")),
        "/tts/result/t": answers.get("result", Says(b"sound", type="audio/wav")),
        "DELETE /tts/task/t": Says({"message": "Task removed"}),
        "/health": answers.get("health", Says({"status": "healthy", "model_loaded": True})),
    }


def test_a_task_is_watched_and_removed() -> None:
    events: list[Event] = []
    with running("chatterbox", "voices=Emily.wav", "slow=0.4") as served:
        with ChatterboxClient(served.url) as client:
            client.speak(LONG, chunk_size=60, report=events.append)
        wait_until(lambda: "DELETE /tts/task" in asked(served), 2, "the task's end")
        with urllib.request.urlopen(f"{served.url}/tts/tasks", timeout=10) as answer:
            assert b'"total_count":0' in answer.read().replace(b" ", b"")
        assert not served.asked("/tts")  # which would be silent until the end
        looks = asked(served).count("GET /tts/status")
    said = [event.text for event in events if "chunk" in event.text]
    assert said[0] == "chatterbox: chunk 1 of 6 (0 %)"
    assert len(said) == len(set(said)) >= 3
    assert looks < 20  # the pauses grow


def test_a_task_that_fails() -> None:
    with (
        running("chatterbox", "voices=Emily.wav", "fail=task") as served,
        ChatterboxClient(served.url) as client,
    ):
        with pytest.raises(ResponseError) as caught:
            client.speak(LONG)
        assert str(caught.value).splitlines() == [
            "chatterbox: the task failed: TTS engine failed to synthesize audio for chunk 2.",
            "its log may say more: %mc logs chatterbox   (where it was started from here)",
        ]
        wait_until(lambda: "DELETE /tts/task" in asked(served), 2, "the task's end")


def test_a_task_that_somebody_else_ends() -> None:
    with running("chatterbox", "voices=Emily.wav", "slow=0.3") as served:

        def end() -> None:
            wait_until(lambda: "GET /tts/status" in asked(served), what="the task")
            path = next(r["path"] for r in served.requests() if "/tts/status/" in r["path"])
            url = f"{served.url}/tts/task/{path.rpartition('/')[2]}"
            urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10)

        thread = threading.Thread(target=end)
        thread.start()
        with (
            ChatterboxClient(served.url) as client,
            pytest.raises(ResponseError, match="the task cancelled: somebody ended it"),
        ):
            client.speak(LONG)
        thread.join()


def test_a_model_that_is_not_loaded() -> None:
    with (
        running("chatterbox", "voices=Emily.wav", "model_loaded=0") as served,
        ChatterboxClient(served.url) as client,
    ):
        assert client.health()["status"] == "healthy"
        with pytest.raises(ResponseError) as caught:
            client.speak("One.")
        assert str(caught.value).splitlines() == [
            "chatterbox: its model is not loaded (503)",
            "why: %mc logs chatterbox   (where it was started from here)",
        ]
        assert caught.value.status == 503


def test_a_server_that_takes_no_more_tasks() -> None:
    with (
        running("chatterbox", "voices=Emily.wav", "slow=5") as served,
        ChatterboxClient(served.url) as client,
        ExitStack() as stack,
    ):
        for number in range(3):
            stack.callback(Background(lambda: client.speak("One.")).cancel)
            wait_until(lambda n=number: len(served.asked("/tts/async")) > n, what="a task")
        wait_until(lambda: client.health()["running_tasks"] == 3, what="three tasks")
        with pytest.raises(ResponseError) as caught:
            client.speak("One.")
        assert str(caught.value).splitlines() == [
            "chatterbox: it takes no more tasks (503): 3 of at most 3 run",
            "wait for one to end, then run this again",
        ]


def is_silent(served: Served) -> bool:
    try:
        urllib.request.urlopen(f"{served.url}/health", timeout=0.3).close()
    except TimeoutError:
        return True
    return False


def test_a_server_that_is_silent_while_it_works() -> None:
    """Somebody else speaks by /tts: until that is done, not even its health answers."""
    with running("chatterbox", "voices=Emily.wav", "slow=1.5") as served:
        data = b'{"text": "One.", "predefined_voice_id": "Emily.wav", "split_text": false}'
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{served.url}/tts", data, headers)
        other = threading.Thread(target=lambda: urllib.request.urlopen(request, timeout=30))
        other.start()
        wait_until(lambda: is_silent(served), what="the silence")
        limits = Limits(silence=0.3)
        with ChatterboxClient(served.url, limits=limits) as client:
            assert client.speak("Two.").content.size > 1000
        other.join()


def test_an_interrupt_before_the_tasks_number_is_known() -> None:
    """The request goes on without us, and the task is ended when its number comes."""
    free = threading.Event()
    begin = Says({"task_id": "t", "status": "queued"}, free=free)
    with ScriptedService(scripted(begin=begin)) as slow, ChatterboxClient(slow.url) as client:
        work = Background(lambda: client.speak("One."))
        wait_until(lambda: slow.asked("/tts/async"), what="the request")
        work.cancel()
        assert not slow.asked("/tts/task/t")
        free.set()
        wait_until(lambda: slow.asked("/tts/task/t"), 3, "the task's end")
        assert slow.asked("/tts/task/t")[0].method == "DELETE"


def test_a_sound_that_is_not_ready_yet() -> None:
    early = Says({"detail": "Task is not completed"}, 202)
    with ScriptedService(scripted(result=early)) as slow, ChatterboxClient(slow.url) as client:

        def ready() -> None:
            wait_until(lambda: len(slow.asked("/tts/result/t")) == 2, what="two looks")
            slow.answers["/tts/result/t"] = Says(b"sound", type="audio/wav")

        thread = threading.Thread(target=ready)
        thread.start()
        assert client.speak("One.").content.bytes == b"sound"
        thread.join()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"status": Says({"detail": "Task not found"}, 404)}, "does not know the task any more"),
        ({"result": Says({"detail": "Result file is missing"}, 404)}, "Result file is missing"),
        ({"result": Says({"ok": 1})}, "/tts/result answered with application/json"),
        ({"begin": Says({"status": "queued"})}, "without the number of a task"),
        ({"begin": Says({"detail": "Text is empty"}, 400)}, r"chatterbox: Text is empty \(400\)"),
    ],
)
def test_odd_answers(answers: dict[str, Says], words: str) -> None:
    with ScriptedService(scripted(**answers)) as odd, ChatterboxClient(odd.url) as client:
        with pytest.raises(ResponseError, match=words):
            client.speak("One.")
        if "begin" not in answers:
            wait_until(lambda: odd.asked("/tts/task/t"), 2, "the task's end")


@pytest.mark.parametrize(
    "answers", [{"status": task("processing")}, {"result": Says({}, 202)}], ids=["task", "result"]
)
def test_a_task_that_does_not_move(answers: dict[str, Says]) -> None:
    limits = Limits(first_byte=0.5)
    with (
        ScriptedService(scripted(**answers)) as stuck,
        ChatterboxClient(stuck.url, limits=limits) as client,
    ):
        with pytest.raises(TimeLimitError, match=r"for 0\.5 s \(limit first_byte\)"):
            client.speak("One.")
        wait_until(lambda: stuck.asked("/tts/task/t"), 2, "the task's end")
