"""Zonos behind Gradio: its queue, its streams of events, and what it says of its inputs."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from support.background import Background
from support.scripted_service import Says, ScriptedService
from support.services import Served, running, why_not
from support.spoken import digits
from support.wait import wait_until

from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.zonos import ZonosClient
from mc_jupyter.errors import (
    ResponseError,
    StreamCutError,
    TimeLimitError,
)

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
CALL = "/gradio_api/call/generate_audio"
PREFIX = 4  # number of an input, counted from 0


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running("zonos") as served:
        yield served


def test_what_the_server_says_of_itself(served: Served) -> None:
    with ZonosClient(served.url) as client:
        assert client.health() == {"status": 200}
        assert [name.rpartition("-")[2] for name in client.models()] == ["transformer", "hybrid"]


def test_a_call_that_was_given_up_does_not_block_the_next() -> None:
    """Gradio works on one call at a time, and cannot stop what a function does."""
    with running("zonos", "slow=6") as slow, ZonosClient(slow.url) as client:
        work = Background(lambda: client.speak("One."))
        wait_until(lambda: len(slow.requests()) >= 3, what="the call")
        work.cancel()
        wait_until(lambda: slow.asked("/gradio_api/cancel"), 3, "the end of the call")
        began = time.monotonic()
        assert client.speak("Two.").content.size > 1000
        assert time.monotonic() - began < 10  # 6 s for its own work


def test_a_call_that_waits_in_the_queue_leaves_it() -> None:
    with running("zonos", "slow=2") as slow, ZonosClient(slow.url) as client:
        first: list[float] = []

        def speak() -> None:
            client.speak("One.")
            first.append(time.monotonic())

        thread = threading.Thread(target=speak)
        thread.start()
        wait_until(lambda: len(slow.asked(CALL)) == 1, what="the first call")
        work = Background(lambda: client.speak("Two."))
        wait_until(lambda: len(slow.asked(CALL)) == 2, what="the second call")
        work.cancel()
        thread.join()
        wait_until(lambda: slow.asked("/gradio_api/cancel"), 3, "the end of the second call")
        client.speak("Three.")
        assert time.monotonic() - first[0] < 3.9  # without the 2 s of the second


@pytest.fixture(scope="module")
def info(served: Served) -> Any:
    """What the server says of its functions."""
    with urllib.request.urlopen(f"{served.url}/gradio_api/info") as answer:
        return json.load(answer)


def scripted(info: Any, stream: bytes | Says, **answers: Says) -> dict[str, Says]:
    says = stream if isinstance(stream, Says) else Says(stream, type="text/event-stream")
    return {
        "/gradio_api/info": Says(info),
        f"POST {CALL}": answers.get("begin", Says({"event_id": "e1"})),
        f"{CALL}/e1": says,
        "/gradio_api/file=/x/audio.wav": Says(digits(), type="audio/wav"),
        "/config": Says({"dependencies": [{"id": 2, "api_name": "generate_audio"}]}),
        "/gradio_api/cancel": Says({"success": True}),
    }


DONE = b'event: complete\ndata: [{"path": "/x/audio.wav", "url": "http://elsewhere:1/x"}, 9]\n\n'


@pytest.mark.parametrize(
    "stream",
    [
        DONE,
        b"event: heartbeat\ndata: null\n\n" * 3 + b"event: generating\ndata: null\n\n" + DONE,
        DONE.replace(b"\n", b"\r\n"),
        b": a comment\n\n" + DONE,
        DONE.rstrip(),
        DONE.replace(b'"/x/audio.wav", ', b'"/x/audio.wav",\ndata: '),
    ],
    ids=["plain", "signs of life", "crlf", "comment", "no empty line", "two data lines"],
)
def test_streams_that_are_right(info: Any, stream: bytes) -> None:
    with ScriptedService(scripted(info, stream)) as odd, ZonosClient(odd.url) as client:
        product = client.speak("One.")
        assert product.content.bytes == digits()
        assert product.facts == {"seed": 9}
        assert not odd.asked("/gradio_api/cancel")


@pytest.mark.parametrize(
    ("stream", "expected", "words"),
    [
        (b"event: error\ndata: null\n\n", ResponseError, "failed while it worked and does not say"),
        (b'event: error\ndata: "no memory"\n\n', ResponseError, "while it worked: no memory"),
        (b"event: heartbeat\ndata: null\n\n", StreamCutError, "ended the answer before"),
        (b"", StreamCutError, "ended the answer before"),
        (b"event: complete\ndata: null\n\n", ResponseError, "no list of outputs"),
        (b"event: complete\ndata: [null, 3]\n\n", ResponseError, "answered without a file"),
        (b"event: complete\ndata: []\n\n", ResponseError, "answered without a file"),
        (Says({"detail": "Session not found."}, 404), ResponseError, "Session not found"),
    ],
)
def test_streams_that_are_wrong(
    info: Any, stream: bytes | Says, expected: type[Exception], words: str
) -> None:
    with ScriptedService(scripted(info, stream)) as odd, ZonosClient(odd.url) as client:
        with pytest.raises(expected, match=words) as caught:
            client.speak("One.")
        assert str(caught.value).startswith("zonos: ")


def test_a_queue_that_is_full(info: Any) -> None:
    begin = Says({"detail": "Queue is full. Max size is 1 and size is 1."}, 503)
    with (
        ScriptedService(scripted(info, DONE, begin=begin)) as odd,
        ZonosClient(odd.url) as client,
        pytest.raises(ResponseError, match=r"Queue is full.* \(503\)"),
    ):
        client.speak("One.")


def test_work_that_never_ends(info: Any) -> None:
    silent = Says(DONE, type="text/event-stream", free=threading.Event())
    limits = Limits(first_byte=0.5)
    with (
        ScriptedService(scripted(info, silent)) as stuck,
        ZonosClient(stuck.url, limits=limits) as client,
    ):
        with pytest.raises(TimeLimitError, match="limit first_byte"):
            client.speak("One.")
        wait_until(lambda: stuck.asked("/gradio_api/cancel"), 2, "the end of the call")


def test_an_interrupt_before_the_calls_number_is_known(info: Any) -> None:
    free = threading.Event()
    begin = Says({"event_id": "e1"}, free=free)
    with (
        ScriptedService(scripted(info, DONE, begin=begin)) as slow,
        ZonosClient(slow.url) as client,
    ):
        work = Background(lambda: client.speak("One."))
        wait_until(lambda: slow.asked(CALL), what="the call")
        work.cancel()
        assert not slow.asked(f"{CALL}/e1")
        free.set()
        wait_until(lambda: slow.asked("/gradio_api/cancel"), 3, "the end of the call")
        sent = slow.asked("/gradio_api/cancel")[0].json
        assert sent == {"session_hash": "e1", "fn_index": 2, "event_id": "e1"}
        assert slow.asked(f"{CALL}/e1")  # it is heard and left: only that takes it off the queue


def test_the_prefix_of_the_page_itself(info: Any) -> None:
    """The real page begins with a tenth of a second of silence, a file of the server's own."""
    info = json.loads(json.dumps(info))
    file = {"path": "/cache/silence_100ms.wav", "url": None, "meta": {"_type": "gradio.FileData"}}
    parameter = info["named_endpoints"]["/generate_audio"]["parameters"][PREFIX]
    parameter |= {"parameter_has_default": True, "parameter_default": file}
    with ScriptedService(scripted(info, DONE)) as odd, ZonosClient(odd.url) as client:
        product = client.speak("One.")
        assert odd.asked(CALL)[-1].json["data"][PREFIX]["path"] == "/cache/silence_100ms.wav"
        assert product.settings["prefix"] == "silence_100ms.wav"


def changed(info: Any, change: str) -> Any:
    info = json.loads(json.dumps(info))
    named = info["named_endpoints"]
    parameters = named["/generate_audio"]["parameters"]
    if change == "swapped":
        parameters[5], parameters[6] = parameters[6], parameters[5]
    elif change == "one more":
        parameters.append({**parameters[5], "label": "Volume"})
    elif change == "one less":
        del parameters[28]
    elif change == "another function":
        named["/predict"] = named.pop("/generate_audio")
    elif change == "no list":
        return {"named": []}
    return info


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("swapped", "29 in place of 29, number 6 is 'Sadness', not 'Happiness'"),
        ("one more", "30 in place of 29, number 30 is 'Volume', not None"),
        ("one less", "28 in place of 29, number 29 is None, not 'Unconditional Keys'"),
        ("another function", "no function generate_audio, but update_ui, update_ui_1, predict"),
        ("no list", "no list of functions"),
    ],
)
def test_other_inputs_are_refused(info: Any, change: str, words: str) -> None:
    answers = scripted(changed(info, change), DONE)
    with ScriptedService(answers) as odd, ZonosClient(odd.url) as client:
        with pytest.raises(ResponseError, match=words):
            client.speak("One.", reference=Upload.of(digits(), "me.wav"))
        assert [one.path for one in odd.requests] == ["/gradio_api/info"]
