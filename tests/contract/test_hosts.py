"""Hosts beyond this machine: through a real proxy, over real TLS, with keys."""

from __future__ import annotations

import datetime
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from support.scripted_handler import Answer
from support.scripted_ollama import ScriptedOllama
from support.tls import Proxy, TlsFront

import mc_jupyter
from mc_jupyter.clients import OllamaClient
from mc_jupyter.clients.plain import PlainClient
from mc_jupyter.errors import (
    AccessError,
    ArgumentError,
    CertificateError,
    MediaConduitError,
    ProxyError,
    ResponseError,
)
from mc_jupyter.events import silent
from mc_jupyter.hosts import Key
from mc_jupyter.prompting import live_client
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.health import answers

SECRET = "sk-0123456789/abcdef"
FAR = "https://service.example"


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.fixture
def server() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as server:
        yield server


@pytest.fixture
def proxy(
    ca: trustme.CA, server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    """Leads service.example and ollama.com to the server, over TLS, and plain.example without."""
    names = ("service.example", "ollama.com")
    with (
        TlsFront(port_of(server.url), ca.issue_cert(*names)) as front,
        Proxy({f"{name}:443": front.port for name in names}) as proxy,
    ):
        proxy.ports["plain.example"] = port_of(server.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        yield proxy


@pytest.fixture
def registry() -> ServiceRegistry:
    return ServiceRegistry()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MY_KEY", SECRET)
    return "MY_KEY"


# proxies ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("trusted")
def test_an_https_host_is_reached_through_the_proxy(
    registry: ServiceRegistry, proxy: Proxy
) -> None:
    service = registry.get_service(FAR)
    assert service.is_ollama
    assert service.start().healthy
    assert live_client(service, silent).models()
    assert {line for line, _ in proxy.asked} == {"CONNECT service.example:443"}


def test_an_http_host_is_reached_through_the_proxy(registry: ServiceRegistry, proxy: Proxy) -> None:
    service = registry.get_service("http://plain.example")
    assert service.start().healthy
    assert service.client().models()
    assert ("GET http://plain.example/api/tags") in [line for line, _ in proxy.asked]


def test_this_machine_is_reached_without(
    registry: ServiceRegistry, server: ScriptedOllama, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    service = registry.get_service(server.url)
    assert service.start().healthy
    assert service.client().models()
    assert proxy.asked == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("status", "words"), [(407, "407 Proxy Authentication"), (502, "502"), (403, "403")]
)
def test_a_proxy_that_refuses_is_said_to_be_it(
    registry: ServiceRegistry, proxy: Proxy, status: int, words: str
) -> None:
    proxy.status = status
    with pytest.raises(ProxyError, match=rf"the proxy {proxy.url} .HTTPS_PROXY.*{words}") as caught:
        registry.get_service(FAR)
    assert ("USER:PASSWORD" in str(caught.value)) is (status == 407)
    with pytest.raises(ProxyError):
        registry.get_service(FAR, client="kokoro")


def test_a_proxy_that_wants_a_login_for_http(registry: ServiceRegistry, proxy: Proxy) -> None:
    proxy.status = 407
    with pytest.raises(ProxyError, match="wants a login"):
        registry.get_service("http://plain.example")


def test_an_answer_that_may_be_the_proxys_names_it(registry: ServiceRegistry, proxy: Proxy) -> None:
    proxy.status = 502
    with pytest.raises(ResponseError, match=rf"502 .*asked through the proxy {proxy.url}"):
        registry.get_service("http://plain.example")


def test_a_proxy_that_is_down(registry: ServiceRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ALL_PROXY", f"http://me:hush@127.0.0.1:{bound.getsockname()[1]}")
        for address in (FAR, "http://plain.example"):
            with pytest.raises(ProxyError, match=r"\(ALL_PROXY\) does not answer") as caught:
                registry.get_service(address)
            assert "hush" not in str(caught.value)
            assert "NO_PROXY=" in str(caught.value)


def test_another_proxy_is_taken_at_once(
    registry: ServiceRegistry, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = registry.get_service("http://plain.example")
    service.start()
    service.client().models()
    with Proxy(proxy.ports) as other:
        monkeypatch.setenv("HTTP_PROXY", other.url)
        before = len(proxy.asked)
        service.client().models()
        assert (len(proxy.asked), len(other.asked)) == (before, 1)


@pytest.mark.usefixtures("trusted")
def test_a_service_whose_proxy_went_down_says_so(registry: ServiceRegistry, proxy: Proxy) -> None:
    service = registry.get_service(FAR)
    service.start()
    proxy.status = 502
    with pytest.raises(ProxyError):
        live_client(service, silent)
    assert "HTTPS_PROXY" in service.status().detail


# certificates ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("proxy")
def test_a_certificate_that_nobody_vouches_for(registry: ServiceRegistry) -> None:
    with pytest.raises(CertificateError, match=r"(?s)service.example is not trusted.*SSL_CERT_FI"):
        registry.get_service(FAR)
    assert not answers(FAR, "/")
    assert registry.services() == []


@pytest.mark.usefixtures("trusted")
def test_a_wrong_name_and_a_past_date(
    registry: ServiceRegistry, ca: trustme.CA, proxy: Proxy, server: ScriptedOllama
) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    for certificate, words in (
        (ca.issue_cert("other.example"), "is not valid for 'service.example'"),
        (ca.issue_cert("service.example", not_after=past), "expired"),
    ):
        with TlsFront(port_of(server.url), certificate) as front:
            proxy.ports["service.example:443"] = front.port
            with pytest.raises(CertificateError, match=words):
                registry.get_service(FAR)
    assert server.requests == []


@pytest.mark.usefixtures("trusted")
def test_tls_on_this_machine(
    registry: ServiceRegistry, ca: trustme.CA, server: ScriptedOllama
) -> None:
    with TlsFront(port_of(server.url), ca.issue_cert("127.0.0.1")) as front:
        assert registry.get_service(f"https://127.0.0.1:{front.port}").start().healthy


# keys ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("trusted")
def test_a_key_lets_in_and_is_nowhere_else(
    registry: ServiceRegistry,
    server: ScriptedOllama,
    proxy: Proxy,
    key: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "mc_jupyter")
    server.token = SECRET
    service = registry.get_service(FAR, key_env=key)
    assert service.is_ollama
    service.start()
    client = service.client()
    assert client.models()
    asked = [{"role": "user", "content": "hi"}]
    assert "".join(c["message"]["content"] for c in client.chat("llama3.2:1b", asked))
    assert {r.headers.get("authorization") for r in server.requests} == {f"Bearer {SECRET}"}
    assert "Authorization" not in {name for _, sent in proxy.asked for name in sent}
    kept = [service, service.snapshot(), service.info(), service.placement, client, vars(client)]
    kept += [client._http.peer, vars(client._http), service._condition, registry.stats()]
    assert SECRET not in f"{kept}{caplog.text}"
    assert service.info()["key"] == "in the variable MY_KEY"


@pytest.mark.usefixtures("trusted", "proxy")
def test_another_key_is_taken_by_the_next_load(
    registry: ServiceRegistry,
    server: ScriptedOllama,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = registry.get_service(FAR, key_env=key)
    service.start()
    monkeypatch.setenv("OTHER_KEY", "another-one")
    registry.get_service(FAR, key_env="OTHER_KEY")
    service.client().models()
    assert server.requests[-1].headers["authorization"] == "Bearer another-one"
    monkeypatch.setenv("OTHER_KEY", "a-third-one")
    service.client().models()
    assert server.requests[-1].headers["authorization"] == "Bearer a-third-one"
    assert registry.get_service(FAR, refresh=True).key == Key("OTHER_KEY")
    monkeypatch.delenv("OTHER_KEY")
    with pytest.raises(ArgumentError, match="OTHER_KEY is not set"):
        service.client().models()


def test_a_key_is_not_sent_over_http(
    registry: ServiceRegistry, server: ScriptedOllama, proxy: Proxy, key: str
) -> None:
    with pytest.raises(ArgumentError, match="over https only"):
        registry.get_service("http://plain.example", key_env=key)
    with pytest.raises(ArgumentError, match="over https only"):
        PlainClient("http://plain.example", token=Key(key))
    assert (proxy.asked, server.requests) == ([], [])
    assert registry.get_service(server.url, key_env=key).start().healthy  # loopback
    assert server.requests[-1].headers["authorization"] == f"Bearer {SECRET}"


def test_a_key_is_for_addresses(registry: ServiceRegistry, key: str) -> None:
    for identifier in ("ollama", "github:MediaConduit/ollama-service"):
        with pytest.raises(ArgumentError, match="--key-env is for a service at an address"):
            registry.get_service(identifier, key_env=key)


def test_the_python_api_takes_a_key(server: ScriptedOllama, key: str) -> None:
    server.token = SECRET
    service = mc_jupyter.load(f"{server.url}/", name="keyed", key_env=key)
    try:
        assert service.is_ollama
    finally:
        mc_jupyter.registry.remove("keyed")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    ca: trustme.CA, server: ScriptedOllama, proxy: Proxy, key: str, status: int
) -> None:
    server.answers["/v1"] = Answer(
        status, headers={"Location": f"https://other.example/?key={SECRET}"}
    )
    with PlainClient(FAR, token=Key(key)) as client, pytest.raises(ResponseError) as caught:
        client.call("GET", "/v1")
    assert "https://other.example" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert [line for line, _ in proxy.asked] == ["CONNECT service.example:443"]


@pytest.mark.usefixtures("trusted", "proxy")
@pytest.mark.parametrize("address", ["https://ollama.com", FAR])
def test_the_key_of_ollama_goes_to_ollama_com(
    registry: ServiceRegistry,
    server: ScriptedOllama,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", SECRET)
    registry.get_service(address).start()
    sent = {request.headers.get("authorization") for request in server.requests}
    assert sent == ({f"Bearer {SECRET}"} if "ollama.com" in address else {None})


# 401 and 403 -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("trusted", "proxy")
@pytest.mark.parametrize("client", [None, "ollama", "kokoro"])
def test_a_server_that_wants_a_key_is_said_to_want_one(
    registry: ServiceRegistry, server: ScriptedOllama, client: str | None
) -> None:
    server.token = SECRET
    server.answers["/"] = Answer(401)
    with pytest.raises(AccessError, match=rf"(?s)401.*%mc load {FAR} --key-env NAME") as caught:
        registry.get_service(FAR, client=client)
    assert caught.value.status == 401
    assert registry.services() == []


@pytest.mark.usefixtures("trusted", "proxy")
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"error": "no"}', b'{"detail": "no"}'])
def test_a_key_that_is_refused_is_named_by_its_variable(
    server: ScriptedOllama, key: str, status: int, body: bytes
) -> None:
    server.answers["/v1"] = Answer(status, body)
    with PlainClient(FAR, token=Key(key)) as client, pytest.raises(AccessError) as caught:
        client.call("GET", "/v1")
    assert f"({status})" in str(caught.value)
    assert "the key in MY_KEY was sent" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_over_http_the_way_to_send_a_key_is_said(
    registry: ServiceRegistry, server: ScriptedOllama, proxy: Proxy
) -> None:
    server.token = SECRET
    with pytest.raises(AccessError, match="--key-env NAME") as caught:
        registry.get_service("http://plain.example")
    assert "over https only" in str(caught.value)


def test_an_ollama_that_is_named_and_wants_a_key_is_no_other(
    registry: ServiceRegistry, server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token = SECRET
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    with pytest.raises(AccessError):
        registry.for_prompt()
    assert registry.services() == []


# what quotes the key ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_key_that_a_server_quotes_is_not_shown(
    server: ScriptedOllama, key: str, status: int
) -> None:
    quoted = {"X-Echo": SECRET}
    server.answers["/echo"] = Answer(status, f'{{"error": "{SECRET}"}}'.encode(), headers=quoted)
    with PlainClient(server.url, token=Key(key)) as client:
        try:
            answer = client.call("GET", "/echo")
            shown = f"{answer.headers}{answer.content.bytes!r}"
        except MediaConduitError as error:
            shown = f"{error}{error.__dict__}"
    assert SECRET not in shown
    assert "***" in shown


def test_a_short_key_is_not_in_an_error(
    server: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "k3y")
    server.answers["/echo"] = Answer(400, b'{"error": "k3y is wrong"}')
    with PlainClient(server.url, token=Key("MY_KEY")) as client:
        with pytest.raises(ResponseError, match=r"\*\*\* is wrong") as caught:
            client.call("GET", "/echo")
        assert "k3y" not in str(caught.value)


def test_a_password_in_an_address_is_not_shown(server: ScriptedOllama) -> None:
    address = server.url.replace("://", "://me:hushhush@")
    server.answers["/api/version"] = Answer(401, b'{"error": "not you, me:hushhush"}')
    with OllamaClient(address) as client, pytest.raises(AccessError) as caught:
        client.version()
    assert server.requests[-1].headers["authorization"].startswith("Basic ")
    assert "hushhush" not in f"{caught.value}{client!r}"
