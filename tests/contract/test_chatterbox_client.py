"""What is Chatterbox's own: tasks that are watched and ended, voices that are files, cloning."""

from __future__ import annotations

import io
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import soundfile
from support.background import Background
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not
from support.spoken import digits
from support.wait import wait_until

from mc_jupyter.clients import sound
from mc_jupyter.clients.chatterbox import ChatterboxClient
from mc_jupyter.clients.content import Content, Upload
from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.speech import Voice
from mc_jupyter.errors import (
    InputError,
    OptionError,
    ResponseError,
    TimeLimitError,
    VoiceNotFoundError,
)
from mc_jupyter.events import Event

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
LONG = "One two three four five. " * 12


@pytest.fixture(scope="module")
def fresh() -> Iterator[Served]:
    """As it is after its first start: without voices."""
    with running("chatterbox") as served:
        yield served


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("chatterbox", "voices=Bob.mp3,Emily.wav") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[ChatterboxClient]:
    with ChatterboxClient(served.url) as client:
        yield client


def body(served: Served) -> Any:
    return served.asked("/tts/async")[-1]["json"]


def asked(served: Served) -> list[str]:
    """Methods and paths of all requests, the tasks' numbers left out."""
    found = []
    for one in served.requests() if isinstance(served, Served) else served.requests:
        method, path = (
            (one["method"], one["path"]) if isinstance(one, dict) else (one.method, one.path)
        )
        found.append(f"{method} {path.rpartition('/')[0] if path.count('/') > 2 else path}")
    return found


def me(name: str = "me.wav", seconds: float = 0.0) -> Upload:
    """A recording of somebody: of digits, or of so many seconds."""
    if not seconds:
        return Upload.of(digits(), name)
    target = io.BytesIO()
    noise = np.random.default_rng(1).uniform(-0.1, 0.1, round(seconds * 8000))
    soundfile.write(target, noise, 8000, format="WAV")
    return Upload.of(target.getvalue(), name)


# Voices


def test_a_fresh_service_has_no_voices(fresh: Served) -> None:
    with ChatterboxClient(fresh.url) as client:
        assert client.voices() == []
        for voice in (None, "Abigail.wav"):
            with pytest.raises(VoiceNotFoundError, match="it has none at all") as caught:
                client.speak("One.", voice=voice)
            assert caught.value.hint is not None
            assert "--reference FILE" in caught.value.hint
            assert "%chatterbox upload FILE" in caught.value.hint
    assert not fresh.asked("/tts/async")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [(None, "Emily.wav"), ("Bob.mp3", "Bob.mp3"), ("bob", "Bob.mp3"), ("EMILY.WAV", "Emily.wav")],
)
def test_a_voice_is_a_file(
    client: ChatterboxClient, served: Served, typed: str | None, sent: str
) -> None:
    product = client.speak("One.", voice=typed)
    assert body(served) == {
        "text": "One.",
        "voice_mode": "predefined",
        "predefined_voice_id": sent,
        "output_format": "wav",
    }
    assert product.settings["predefined_voice_id"] == sent


def test_the_first_voice_where_the_usual_one_is_not_there() -> None:
    with running("chatterbox", "voices=Zoe.wav") as served, ChatterboxClient(served.url) as client:
        client.speak("One.")
        assert body(served)["predefined_voice_id"] == "Zoe.wav"


def test_a_voice_that_is_not_there(client: ChatterboxClient) -> None:
    with pytest.raises(VoiceNotFoundError, match=r"did you mean 'Emily\.wav'"):
        client.speak("One.", voice="Emile.wav")


def test_a_voice_that_has_just_gone() -> None:
    answers = {
        "/get_predefined_voices": Says([{"display_name": "Bob", "filename": "Bob.wav"}]),
        "/tts/async": Says({"detail": "Predefined voice file 'Bob.wav' not found."}, 404),
    }
    with ScriptedService(answers) as odd, ChatterboxClient(odd.url) as client:
        with pytest.raises(VoiceNotFoundError, match=r"Bob\.wav' not found") as caught:
            client.speak("One.")
        assert caught.value.hint == "to see all: %chatterbox voices"


def test_a_voice_is_added_under_the_servers_name() -> None:
    changes: list[int] = []
    with running("chatterbox") as served:
        client = ChatterboxClient(served.url, changed=lambda: changes.append(1))
        assert client.upload_voice(me("my own voice.wav")) == "my_own_voice.wav"
        assert changes == [1]
        assert client.voices() == [Voice("my_own_voice.wav", client.voices()[0].about)]
        client.speak("One.", voice="my_own_voice")
        with pytest.raises(InputError, match=r"has a voice my_own_voice\.wav already"):
            client.upload_voice(me("my own voice.wav"))
        before = len(served.asked("/upload_predefined_voice"))
        with pytest.raises(InputError, match=r"takes voices as \.wav and \.mp3 files, not x\.ogg"):
            client.upload_voice(me("x.ogg"))
        assert len(served.asked("/upload_predefined_voice")) == before
        with pytest.raises(InputError, match=r"chatterbox does not take x\.wav: .*orrupt"):
            client.upload_voice(Upload.of(b"no sound", "x.wav"))


# Cloning


def test_a_reference_is_sent_once(fresh: Served) -> None:
    recording = me()
    name = f"mcj-{recording.sha256[:16]}.wav"
    with ChatterboxClient(fresh.url) as client:
        product = client.speak("One.", reference=recording)
        assert product.settings["voice_mode"] == "clone"
        assert product.settings["reference_audio_filename"] == name
        assert "predefined_voice_id" not in body(fresh)
        assert client.reference_files() == [name]
    with ChatterboxClient(fresh.url) as other:
        other.speak("Two.", reference=me("another name.wav"))
    (upload,) = fresh.asked("/upload_reference")
    (part,) = upload["parts"]
    assert part == {
        "name": "files",
        "filename": name,
        "type": "audio/wav",
        "size": recording.size,
        "sha256": recording.sha256,
    }
    assert body(fresh)["reference_audio_filename"] == name


def test_a_result_is_a_reference_and_its_format_names_it(fresh: Served) -> None:
    spoken = sound.convert(Content(digits(), "audio/wav"), "mp3")
    with ChatterboxClient(fresh.url) as client:
        client.speak("One.", reference=Upload.of(spoken, "wrong.wav"))
    assert body(fresh)["reference_audio_filename"] == f"mcj-{spoken.sha256[:16]}.mp3"


def test_references_that_are_not_sent(client: ChatterboxClient, served: Served) -> None:
    ogg = sound.convert(Content(digits(), "audio/wav"), "ogg")
    for recording, words in (
        (Upload.of(ogg, "me.ogg"), r"clones from wav and mp3, me\.ogg is ogg"),
        (Upload.of(ogg, "me.wav"), r"clones from wav and mp3, me\.wav is ogg"),
        (Upload.of(b"text", "me.txt"), r"clones from wav and mp3, me\.txt is text/plain"),
        (me("long.wav", 30.2), r"long\.wav is 30\.2 s long; chatterbox clones from at most 30 s"),
    ):
        with pytest.raises(InputError, match=words):
            client.speak("One.", reference=recording)
    with pytest.raises(OptionError, match="give one of the two"):
        client.speak("One.", voice="Emily.wav", reference=me())
    assert not served.asked("/upload_reference")
    client.upload_reference(me("right.wav", 29.9))


def task(status: str, **more: Any) -> Says:
    return Says({"task_id": "t", "status": status, "progress": 50, "current_stage": "x", **more})


def scripted(**answers: Says) -> dict[str, Says]:
    """Answers of a server that speaks; by what they are for."""
    return {
        "/get_predefined_voices": Says([{"display_name": "Bob", "filename": "Bob.wav"}]),
        "/get_reference_files": Says([]),
        "/tts/async": answers.get("begin", Says({"task_id": "t", "status": "queued"})),
        "/tts/status/t": answers.get("status", task("completed")),
        "/tts/result/t": answers.get("result", Says(b"sound", type="audio/wav")),
        "DELETE /tts/task/t": Says({"message": "Task removed"}),
        "/upload_reference": answers.get("upload", Says({"uploaded_files": ["x.wav"]})),
        "/health": answers.get("health", Says({"status": "healthy", "model_loaded": True})),
    }


def test_the_servers_name_of_an_upload_counts() -> None:
    answers = scripted(upload=Says({"uploaded_files": ["its_name.wav"], "errors": []}))
    with ScriptedService(answers) as odd, ChatterboxClient(odd.url) as client:
        client.speak("One.", reference=me())
        assert odd.asked("/tts/async")[0].json["reference_audio_filename"] == "its_name.wav"


@pytest.mark.parametrize("status", [200, 400])
def test_an_upload_that_is_refused(status: int) -> None:
    errors = [{"filename": "a.wav", "error": "Audio is too quiet."}]
    answer = {"message": "Processed 1.", "uploaded_files": [], "errors": errors}
    with (
        ScriptedService(scripted(upload=Says(answer, status))) as odd,
        ChatterboxClient(odd.url) as client,
    ):
        with pytest.raises(InputError, match=r"does not take a\.wav: Audio is too quiet\."):
            client.speak("One.", reference=me())
        assert not odd.asked("/tts/async")


# Tasks


def test_every_option_arrives(client: ChatterboxClient, served: Served) -> None:
    given = {
        "temperature": 0.7,
        "exaggeration": 0.5,
        "cfg_weight": 0.4,
        "seed": 42,
        "language": "en",
        "split_text": False,
        "chunk_size": 200,
    }
    product = client.speak("One.", voice="Bob", speed=1.5, format="opus", **given)
    sent = {
        **given,
        "voice_mode": "predefined",
        "predefined_voice_id": "Bob.mp3",
        "speed_factor": 1.5,
        "output_format": "opus",
    }
    assert body(served) == {**sent, "text": "One."}
    assert product.settings == sent


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
    assert said[0] == "chatterbox: chunk 1 of 6 (0 %): Synthesizing chunk 1/6"
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
            "its log may say more: %mc logs chatterbox",
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
            "why: %mc logs chatterbox",
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


@pytest.mark.parametrize("answer", [{}, {"voices": []}, "text"])
def test_lists_that_are_none(answer: Any) -> None:
    answers = {"/get_predefined_voices": Says(answer), "/get_reference_files": Says(answer)}
    with ScriptedService(answers) as odd, ChatterboxClient(odd.url) as client:
        for look in (client.voices, client.reference_files):
            with pytest.raises(ResponseError):
                look()
