"""What answers at an address is recognised by its own words, and asked though it may be busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.scripted_ollama import ScriptedOllama
from support.services import running, why_not
from support.site import Site
from support.wait import wait_until

from mc_jupyter import addresses
from mc_jupyter.clients.kinds import KINDS, PLAIN, Kind
from mc_jupyter.clients.peer import Limits
from mc_jupyter.errors import (
    ArgumentError,
    ConnectionFailedError,
    ResponseError,
    TimeLimitError,
)
from mc_jupyter.events import Event, silent
from mc_jupyter.prompting import live_client, ollama_client
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.health import knock


@pytest.fixture
def registry() -> ServiceRegistry:
    return ServiceRegistry()


def openapi(*paths: str) -> dict[str, tuple[int, Any]]:
    document = {"info": {"version": "1.9.1"}, "paths": {path: {} for path in paths}}
    return {"/openapi.json": (200, document), "/health": (200, {"status": "healthy"})}


FFMPEG = {
    "/health": (200, {"success": True, "data": {"version": "1.0.0", "ffmpegVersion": "5.1"}}),
    "/": (200, {"service": "ffmpeg-service", "version": "1.0.0", "endpoints": {}}),
}
COWSAY = {"/health": (200, {"status": "healthy", "service": "cowsay-service", "version": "1.0.0"})}
SITES: list[tuple[str, dict[str, tuple[int, Any]], str, str]] = [
    ("whisper", openapi("/asr", "/detect-language") | {"/": (307, "")}, "1.9.1", "/"),
    ("kokoro", openapi("/v1/audio/speech", "/v1/audio/voices"), "1.9.1", "/health"),
    (
        "chatterbox",
        openapi("/tts", "/upload_reference", "/v1/audio/speech"),
        "1.9.1",
        "/health",
    ),
    ("huggingface", openapi("/generate", "/generate/image"), "1.9.1", "/health"),
    (
        "zonos",
        {
            "/gradio_api/info": (200, {"named_endpoints": {"/generate_audio": {}}}),
            "/": (200, "<html>"),
        },
        "",
        "/",
    ),
    ("ffmpeg", FFMPEG, "1.0.0", "/health"),
    ("ffmpeg", FFMPEG | {"/health": (503, {"success": False})}, "1.0.0", "/health"),
    ("cowsay", COWSAY, "1.0.0", "/health"),
]


@pytest.mark.parametrize(("kind", "answers", "version", "path"), SITES)
def test_each_is_known_by_what_it_says(
    registry: ServiceRegistry,
    kind: str,
    answers: dict[str, tuple[int, Any]],
    version: str,
    path: str,
) -> None:
    with Site(answers) as site:
        service = registry.get_service(site.url)
        assert service.kind
        assert (service.kind.name, service.manifest.version) == (kind, version)
        assert service.manifest.health.path == path
        assert service.capabilities == service.kind.capabilities
        assert service.notes == ()
        assert len(site.asked) <= 6


@pytest.mark.parametrize(
    "answers",
    [
        {"/": (200, "<html>hello</html>")},
        {"/": (200, {"service": ["cowsay"]}), "/health": (200, [])},
        {"/": (200, ""), "/openapi.json": (200, {"paths": ["/asr"]})},
        {"/": (200, ""), "/openapi.json": (200, "null"), "/gradio_api/info": (200, "[]")},
        {"/": (200, ""), "/gradio_api/info": (200, {"named_endpoints": {"/predict": {}}})},
    ],
)
def test_anything_else_is_plain(
    registry: ServiceRegistry, answers: dict[str, tuple[int, Any]]
) -> None:
    with Site(answers) as site:
        service = registry.get_service(site.url)
        assert (service.kind, service.manifest.health.path) == (None, "/")
        assert service.start().state == "running"
        assert type(service.client()).__name__ == "PlainClient"
        with pytest.raises(ArgumentError, match=r"no Ollama service\n.*--client ollama"):
            ollama_client(service)


@pytest.mark.parametrize("client", [None, "plain"])
@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
def test_an_api_with_nothing_at_its_root(
    registry: ServiceRegistry, path: str, client: str | None
) -> None:
    with Site({path: (200, {"paths": {}}), "/v1/thing": (200, {"a": 1})}) as site:
        service = registry.get_service(site.url, client=client)
        assert (service.kind, service.manifest.health.path) == (None, path)
        assert service.start().healthy
        assert service.client().call("GET", "/v1/thing").status == 200


def test_the_ollama_is_one_still(registry: ServiceRegistry) -> None:
    with ScriptedOllama() as server:
        service = registry.get_service(server.url)
        assert service.is_ollama
        service.start()
        assert ollama_client(service).models()


# what is named ---------------------------------------------------------------------------------


def test_a_named_client_is_taken_as_it_is(registry: ServiceRegistry) -> None:
    with Site({"/health": (200, {})}) as site:
        service = registry.get_service(site.url, client="kokoro")
        service.start()
        assert type(service.client()).__name__ == "KokoroClient"
        assert site.asked[0] == "/health"
        first = service.client()
        assert service.client() is first
        registry.get_service(site.url, client="cowsay")
        assert type(service.client()).__name__ == "CowsayClient"


@pytest.mark.parametrize("kind", [*KINDS, PLAIN], ids=lambda kind: kind.name)
def test_each_kind_waits_as_long_as_its_client_does(registry: ServiceRegistry, kind: Kind) -> None:
    """A transcription takes hours, a model is fetched first: neither ends after a usual limit."""
    with Site({"/": (200, "")}) as site:
        service = registry.get_service(site.url, client=kind.name)
        service.start()
        with kind.client_class()(site.url) as alone:
            assert service.client()._http.peer.limits == alone._http.peer.limits
        short = Limits(1.0, 1.0, 1.0)
        assert service.client(short)._http.peer.limits == short


def test_a_named_client_without_its_health_path(registry: ServiceRegistry) -> None:
    with Site({"/": (200, "")}) as site:
        service = registry.get_service(site.url, client="kokoro")
        assert service.manifest.health.path == "/"
        assert service.start().healthy
    with Site({}) as site, pytest.raises(ResponseError, match="neither /health nor / as kokoro"):
        registry.get_service(site.url, client="kokoro")


def test_a_named_client_where_nothing_is(registry: ServiceRegistry) -> None:
    with pytest.raises(ConnectionFailedError, match="nothing answers at"):
        registry.get_service("http://127.0.0.1:9", client="whisper")
    assert registry.services() == []


# busy ------------------------------------------------------------------------------------------


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A whisper that is at work: it takes connections and answers nothing."""
    monkeypatch.setattr(addresses, "LIMIT_S", 0.3)
    with Site(openapi("/asr") | {"/": (200, "")}) as site:
        yield site


def test_how_a_get_is_met(busy: Site) -> None:
    assert knock(busy.url, "/") == "answers"
    assert knock(busy.url, "/nothing") == "refuses"
    busy.free.clear()
    assert knock(busy.url, "/", timeout=0.2) == "silent"
    busy.free.set()
    busy.close()
    assert knock(busy.url, "/") == "gone"


def test_what_is_busy_cannot_be_recognised_but_be_named(
    registry: ServiceRegistry, busy: Site
) -> None:
    busy.free.clear()
    with pytest.raises(TimeLimitError, match=rf"%mc load {busy.url} --client NAME"):
        registry.get_service(busy.url)
    service = registry.get_service(busy.url, client="whisper")
    assert service.status().state == "running"
    assert service.snapshot().healthy is False


def test_a_busy_server_is_not_a_dead_one(registry: ServiceRegistry, busy: Site) -> None:
    service = registry.get_service(busy.url)
    service.start()
    client = service.client()
    busy.free.clear()
    said: list[Event] = []
    assert live_client(service, said.append) is client
    assert [event.text for event in said] == [
        f"{service.handle} is busy and answers nothing; waiting for its turn"
    ]
    assert service.status().state == "running"
    assert service.url == busy.url


def test_a_request_to_a_busy_server_waits_its_turn(registry: ServiceRegistry) -> None:
    with Site({"/": (200, {"turn": "now"}), "/health": (200, {})}) as site:
        service = registry.get_service(site.url, client="plain")
        service.start()
        site.free.clear()
        client = live_client(service, silent)
        got: list[Any] = []
        asking = threading.Thread(target=lambda: got.append(client.call("GET", "/")))
        before = len(site.asked)
        asking.start()
        wait_until(lambda: len(site.asked) > before, what="the request")
        assert got == []
        site.free.set()
        asking.join(10)
        assert [answer.status for answer in got] == [200]


def test_a_server_that_answers_is_asked_at_once(registry: ServiceRegistry, busy: Site) -> None:
    service = registry.get_service(busy.url)
    service.start()
    said: list[Event] = []
    before = len(busy.asked)
    assert live_client(service, said.append) is service.client()
    assert (said, len(busy.asked)) == ([], before + 1)


def test_a_dead_server_is_said_to_be_one(registry: ServiceRegistry, busy: Site) -> None:
    service = registry.get_service(busy.url)
    service.start()
    busy.close()
    with pytest.raises(ConnectionFailedError, match="nothing answers at"):
        live_client(service, silent)


# the stand-ins ---------------------------------------------------------------------------------


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
@pytest.mark.parametrize("kind", ["whisper", "kokoro", "chatterbox", "zonos", "huggingface"])
def test_a_stand_in_is_recognised(registry: ServiceRegistry, kind: str) -> None:
    with running(kind) as served:
        service = registry.get_service(served.url)
        assert service.kind
        assert service.kind.name == kind
        assert service.start().healthy
        assert live_client(service, silent) is service.client()
