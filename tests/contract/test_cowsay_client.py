"""The cowsay client: what is sent to the published server, and what is not, for it means another
thing there. The docker layer has the same client on the real bundled server."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from support.background import Background
from support.scripted_service import Says, ScriptedService
from support.wait import wait_until

from mc_jupyter.clients.cowsay import LONGEST, CowsayClient
from mc_jupyter.errors import ConnectionFailedError, InputError, ResponseError

COW = " ____\n< hi >\n ----\n"
PUBLISHED = Says({"status": "healthy", "service": "cowsay", "version": "cowsay available"})
BUNDLED = Says({"status": "healthy", "service": "cowsay-service", "version": "1.0.0"})


def serving(health: Says = PUBLISHED, cow: Says | None = None) -> ScriptedService:
    return ScriptedService({"/health": health, "/cowsay": cow or Says({"cowsayOutput": COW})})


@pytest.mark.parametrize(
    "text", ["hi", "a - b", "Zoë\n\tund so", " -f is fine here", "x" * LONGEST]
)
def test_the_text_goes_as_it_is(text: str) -> None:
    with serving() as service, CowsayClient(service.url) as client:
        assert client.say(text) == COW
    (asked,) = service.requests
    assert (asked.method, asked.path, asked.json) == ("POST", "/cowsay", {"text": text})


@pytest.mark.parametrize("text", ["", " \n "])
def test_no_text_is_the_servers_own(text: str) -> None:
    """Given an empty argument, the published server's cowsay would read its own standard input."""
    with serving() as service, CowsayClient(service.url) as client:
        client.say(text)
    assert service.requests[0].json == {}


@pytest.mark.parametrize(
    ("text", "as_what"),
    [
        ("-f dragon hi", "would take '-f' for an option of cowsay"),
        ("--help", "would take '--help' for an option of cowsay"),
        ("0", "would take '0' for no text at all"),
    ],
)
def test_what_the_published_server_would_misread(text: str, as_what: str) -> None:
    with serving(PUBLISHED) as service, CowsayClient(service.url) as client:
        with pytest.raises(InputError) as caught:
            client.say(text)
        assert [asked.path for asked in service.requests] == ["/health"]
        assert as_what in caught.value.message
        assert caught.value.hint == "put a word before it"
        service.answers["/health"] = BUNDLED  # which hands the text over as input
        client.say(text)
        assert service.requests[-1].json == {"text": text}


def test_too_long_and_not_printable() -> None:
    with serving() as service, CowsayClient(service.url) as client:
        with pytest.raises(InputError, match="up to 1,000 characters, this text has 1,001"):
            client.say("x" * (LONGEST + 1))
        with pytest.raises(InputError, match=r"control character '\\x00'"):
            client.say("a\0b")
        assert service.requests == []


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (Says({"error": "cowsay command not found"}, 500), "cowsay command not found (500)"),
        (Says({"error": "text is no string"}, 400), "text is no string (400)"),
        (Says({"output": "moo"}), "answered without 'cowsayOutput'"),
        (Says({"cowsayOutput": None}), "answered without 'cowsayOutput'"),
        (Says("moo", type="text/plain"), "no JSON object"),
        (Says("", 405, "text/html"), "405"),
    ],
)
def test_faults(says: Says, said: str) -> None:
    with (
        serving(cow=says) as service,
        CowsayClient(service.url, name="cow") as client,
        pytest.raises(ResponseError) as caught,
    ):
        client.say("hi")
    assert said in caught.value.message
    assert caught.value.message.startswith("cow: ")


@pytest.mark.parametrize("answer", [{"status": "ok"}, ["cowsay"], {"service": "ollama"}])
def test_another_service(answer: Any) -> None:
    with (
        serving(Says(answer)) as service,
        CowsayClient(service.url) as client,
        pytest.raises(ResponseError, match="no cowsay service"),
    ):
        client.health()


def test_health() -> None:
    sick = Says({"status": "unhealthy", "error": "cowsay command not found"}, 500)
    with serving(sick) as service, CowsayClient(service.url) as client:
        with pytest.raises(ResponseError, match="command not found"):
            client.health()
        service.answers["/health"] = BUNDLED
        assert client.health()["service"] == "cowsay-service"
    with pytest.raises(ConnectionFailedError):
        CowsayClient(service.url).say("hi")


def test_a_cancel_ends_it() -> None:
    free = threading.Event()
    with serving(cow=Says({}, free=free)) as service:
        work = Background(lambda: CowsayClient(service.url).say("hi"))
        wait_until(lambda: service.asked("/cowsay"), what="the request")
        work.cancel()
