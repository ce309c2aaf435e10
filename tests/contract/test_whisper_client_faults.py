"""What a Whisper service, or something else at its address, was seen to answer instead."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from support.scripted_service import Says, ScriptedService
from support.wait import wait_until

from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.upload import Upload
from mc_jupyter.clients.whisper import WhisperClient
from mc_jupyter.errors import (
    ConnectionFailedError,
    MediaConduitError,
    OptionError,
    ResponseError,
    TimeLimitError,
)
from mc_jupyter.events import Event

UPLOAD = Upload.of(b"RIFF....WAVEfmt ", "a.wav")
GOOD = {"text": " hi", "language": "en", "segments": [{"start": 0.0, "end": 1.0, "text": " hi"}]}


def engine(*parameters: str) -> Says:
    """A description of the service, as FastAPI has it."""
    known = [{"name": name} for name in ("language", "task", *parameters)]
    about = {"info": {"title": "Whisper", "version": "1.9.1"}}
    return Says({**about, "paths": {"/asr": {"post": {"parameters": known}}}})


def failed(says: Says, call: str = "transcribe", **options: Any) -> MediaConduitError:
    answers = {"/asr": says, "/detect-language": says}
    with (
        ScriptedService(answers) as service,
        WhisperClient(service.url, name="ear") as client,
        pytest.raises(MediaConduitError) as caught,
    ):
        getattr(client, call)(UPLOAD, **options)
    assert len(str(caught.value).splitlines()) <= 2
    assert str(caught.value).startswith("ear: ")
    return caught.value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "ok"}, "it has detail, no segments"),
        ({}, "it has nothing, no segments"),
        ({"text": "hi", "segments": "none"}, "no transcription"),
        ([1, 2], "no JSON object: '[1, 2]'"),
        ("one two three", "no JSON object: 'one two three'"),
        ("", "no JSON object: ''"),
        ("<!doctype html><html>login</html>", "no JSON object"),
        ("[" * 99, "no JSON object"),
    ],
)
def test_an_answer_that_is_no_transcription(body: Any, said: str) -> None:
    error = failed(Says(body, type="text/plain"))
    assert isinstance(error, ResponseError)
    assert said in error.message
    assert "something else may answer there" in str(error.hint)


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (Says("Internal Server Error", 500, "text/plain"), "it failed (500) and does not say why"),
        (Says("", 500, ""), "it failed (500) and does not say why"),
        (Says({"detail": "no memory"}, 500), "no memory (500)"),
        (
            Says({"detail": [{"loc": ["body", "audio_file"], "msg": "Field required"}]}, 422),
            "audio_file: Field required (422)",
        ),
        (Says("<html>Bad Gateway</html>", 502, "text/html"), "502 and an HTML page"),
        (Says({"detail": "Not Found"}, 404), "does not know /asr (404 'Not Found')"),
        (Says("", 307, "", {"Location": "/docs"}), "points to /docs"),
        (Says("busy", 503, "text/plain"), "busy (503)"),
    ],
)
def test_refusals(says: Says, said: str) -> None:
    assert said in failed(says).message


def test_an_image_without_detection() -> None:
    error = failed(Says({"detail": "Not Found"}, 404), "detect_language")
    assert "this image has no /detect-language (404)" in error.message
    assert error.hint == "a transcription tells the language too"
    assert "without 'language_code'" in failed(Says({"a": 1}), "detect_language").message


def test_nothing_listens_and_another_service() -> None:
    with ScriptedService() as service:
        gone = service.url
        with WhisperClient(service.url) as client, pytest.raises(ResponseError):
            client.health()
        service.answers["/openapi.json"] = Says({"paths": {"/generate": {}}})
        with WhisperClient(service.url) as client, pytest.raises(ResponseError) as caught:
            client.health()
        assert "no Whisper service" in caught.value.message
    with WhisperClient(gone) as client, pytest.raises(ConnectionFailedError) as refused:
        client.transcribe(UPLOAD)
    assert "nothing answers at" in refused.value.message


def test_segments_as_lists() -> None:
    """So do older images with the engine faster_whisper."""
    row = [1, 0, 0.5, 1.5, " hi", [50364], 0.0, -0.3, 0.7, 0.1, None]
    answer = {"text": " hi", "language": "en", "segments": [row]}
    with ScriptedService({"/asr": Says(answer)}) as service, WhisperClient(service.url) as client:
        heard = client.transcribe(UPLOAD)
    assert heard.segments == [{"id": 1, "seek": 0, "start": 0.5, "end": 1.5, "text": " hi"}]
    assert heard.raw == answer


def test_an_answer_without_the_whole_text() -> None:
    """So does the engine whisperx."""
    parts = [{"start": 0.0, "end": 1.0, "text": " one"}, {"start": 1.0, "end": 2.0, "text": " two"}]
    with ScriptedService({"/asr": Says({"segments": parts})}) as service:
        heard = WhisperClient(service.url).transcribe(UPLOAD)
    assert (heard.text, heard.language) == ("one two", None)


def test_nothing_was_said_and_odd_numbers() -> None:
    body = '{"text": "", "language": "en", "segments": [], "avg": NaN}'
    with ScriptedService({"/asr": Says(body)}) as service:
        heard = WhisperClient(service.url).transcribe(UPLOAD)
    assert (heard.text, heard.segments) == ("", [])


def test_word_times_that_were_asked_for_and_did_not_come() -> None:
    notes: list[Event] = []
    with ScriptedService({"/asr": Says(GOOD)}) as service:
        client = WhisperClient(service.url)
        client.transcribe(UPLOAD, word_timestamps=True, report=notes.append)
    assert [note.text for note in notes if note.keep] == ["whisper gave no times of words"]


def test_options_of_one_engine_are_sent_to_it_only() -> None:
    answers = {"/asr": Says(GOOD), "/openapi.json": engine("vad_filter")}
    with ScriptedService(answers) as service, WhisperClient(service.url) as client:
        client.transcribe(UPLOAD, vad_filter=True)
        assert ("vad_filter", "true") in service.asked("/asr")[0].query
        with pytest.raises(OptionError) as caught:
            client.transcribe(UPLOAD, max_speakers=2)
        service.answers["/openapi.json"] = engine()
        with pytest.raises(OptionError):
            client.transcribe(UPLOAD, vad_filter=True)
        client.transcribe(UPLOAD, vad_filter=False)  # which is what every engine does
        service.answers["/openapi.json"] = Says({"paths": {}})
        with pytest.raises(ResponseError, match="no Whisper service"):
            client.transcribe(UPLOAD, diarize=True)
        assert len(service.asked("/asr")) == 2
    assert str(caught.value).splitlines() == [
        "whisper would ignore max_speakers: only the engine whisperx reads it",
        "leave it out, or: %mc load whisper --env ASR_ENGINE=whisperx, then %mc restart whisper   "
        "(started elsewhere: set it there)",
    ]


def test_a_busy_server_that_does_not_read_is_no_broken_one() -> None:
    """It takes no more than its buffers hold; the limit `silence` is not for that."""
    free = threading.Event()
    answers = {"/asr": Says(GOOD), "/": Says({}), "/work": Says({}, free=free)}
    with ScriptedService(answers, one_at_a_time=True) as service:
        limits = Limits(first_byte=None, silence=0.5)
        blocker = WhisperClient(service.url, limits=Limits(silence=60.0))
        at_work = threading.Thread(target=lambda: blocker._http.get("/work"))
        at_work.start()
        wait_until(lambda: service.asked("/work"), what="the other request")
        large = Upload.of(bytes(20_000_000), "a.wav")
        lines: list[str] = []
        timer = threading.Timer(3.0, free.set)  # the other request's own time
        timer.start()
        with WhisperClient(service.url, limits=limits) as client:
            heard = client.transcribe(large, report=lambda event: lines.append(event.text))
        at_work.join()
        assert heard.text == "hi"
        assert service.asked("/asr")[0].size > 20_000_000
    assert lines[0] == "waiting for whisper: it takes one request at a time and is busy"
    assert any(line.startswith("sending to whisper: ") for line in lines)


def test_a_limit_that_is_set_is_kept_while_sending_too() -> None:
    free = threading.Event()
    answers = {"/work": Says({}, free=free)}
    with ScriptedService(answers, one_at_a_time=True) as service:
        at_work = threading.Thread(target=lambda: WhisperClient(service.url)._http.get("/work"))
        at_work.start()
        wait_until(lambda: service.asked("/work"), what="the other request")
        client = WhisperClient(service.url, limits=Limits(first_byte=0.5))
        with client, pytest.raises(TimeLimitError, match=r"limit first_byte"):
            client.transcribe(Upload.of(bytes(20_000_000), "a.wav"))
        free.set()
        at_work.join()


def test_the_token_is_sent() -> None:
    with ScriptedService({"/asr": Says(json.dumps(GOOD))}) as service:
        WhisperClient(service.url, token="s3cret").transcribe(UPLOAD)
        assert service.asked("/asr")[0].headers["authorization"] == "Bearer s3cret"
