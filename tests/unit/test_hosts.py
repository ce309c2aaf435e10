"""Which proxy and which key go with which address, and how a key is kept out of what is shown."""

from __future__ import annotations

import pytest

from mc_jupyter import hosts
from mc_jupyter.clients.names import connectable
from mc_jupyter.clients.redact import Redactor, secrets_in
from mc_jupyter.errors import ArgumentError, CertificateError, ProxyError
from mc_jupyter.hosts import Key, authorization, key_for, proxy_of
from mc_jupyter.urls import shown

SECRET = "sk-Aa0/9+b=cd'\"e"


@pytest.mark.parametrize(
    ("variable", "address", "found"),
    [
        ("HTTPS_PROXY", "https://a.example", "http://p:1"),
        ("https_proxy", "https://a.example:8443", "http://p:1"),
        ("ALL_PROXY", "https://a.example", "http://p:1"),
        ("all_proxy", "http://a.example", "http://p:1"),
        ("HTTP_PROXY", "http://a.example", "http://p:1"),
        ("HTTP_PROXY", "https://a.example", None),
        ("HTTPS_PROXY", "http://a.example", None),
        ("ALL_PROXY", "http://127.0.0.1:11434", None),
        ("ALL_PROXY", "https://localhost", None),
        ("ALL_PROXY", "http://x.localhost:1", None),
        ("ALL_PROXY", "http://[::1]:1", None),
        ("ALL_PROXY", "http://10.0.0.1", "http://p:1"),
    ],
)
def test_the_proxy_of_an_address(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str, found: str | None
) -> None:
    for value in ("http://p:1", "p:1"):
        monkeypatch.setenv(variable, value)
        proxy = proxy_of(address)
        assert (proxy.url if proxy else None) == found
        assert proxy is None or proxy.variable == variable


@pytest.mark.parametrize(
    ("entries", "address", "is_direct"),
    [
        ("*", "https://a.example", True),
        ("a.example", "https://a.example", True),
        ("A.Example", "https://a.example", True),
        ("example", "https://a.example", True),
        (".example", "https://a.example", True),
        ("*.example", "https://a.example", True),
        ("other, a.example", "https://a.example", True),
        ("other a.example", "https://a.example", True),
        ("a.example:443", "https://a.example", True),
        ("a.example:8443", "https://a.example", False),
        ("a.example:8443", "https://a.example:8443", True),
        ("https://a.example", "https://a.example", True),
        ("ample", "https://a.example", False),
        ("10.0.0.0/8", "https://10.2.3.4", True),
        ("10.0.0.0/8", "https://11.2.3.4", False),
        ("10.2.3.4", "https://10.2.3.4:8080", True),
        ("fd00::/8", "https://[fd00::1]", True),
        ("[fd00::1]", "https://[fd00::1]:8080", True),
        ("[fd00::1]:443", "https://[fd00::1]:8080", False),
        ("", "https://a.example", False),
        (",,", "https://a.example", False),
    ],
)
def test_what_no_proxy_excepts(
    monkeypatch: pytest.MonkeyPatch, entries: str, address: str, is_direct: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", entries)
    assert (proxy_of(address) is None) is is_direct


def test_the_password_of_a_proxy_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@p:1")
    assert str(proxy_of("https://a.example")) == "the proxy http://p:1 (HTTPS_PROXY)"


@pytest.mark.parametrize("address", ["ftp://p:1", "http://["])
def test_a_proxy_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(ProxyError, match=r"HTTPS_PROXY\) cannot be used"):
        hosts.client("https://a.example")


def test_certificates_that_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    assert hosts.certificates() is True
    monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/none.pem")
    with pytest.raises(CertificateError, match=r"none.pem'?: No such file"):
        hosts.certificates()
    with open(f"{tmp_path}/none.pem", "w") as file:
        file.write("no certificate")
    with pytest.raises(CertificateError, match="holds no certificates"):
        hosts.certificates()
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path}/none")
    with pytest.raises(CertificateError, match=r"SSL_CERT_DIR is .* no such folder"):
        hosts.certificates()


# keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [SECRET, f" {SECRET}\n", f"{SECRET}\r\n"])
def test_a_key_is_read_when_it_is_sent(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("A_KEY", value)
    key = Key("A_KEY")
    assert authorization("https://a.example", key) == {"Authorization": f"Bearer {SECRET}"}
    assert authorization("http://127.0.0.1:1", key) == {"Authorization": f"Bearer {SECRET}"}
    monkeypatch.setenv("A_KEY", "another")
    assert authorization("https://a.example", key) == {"Authorization": "Bearer another"}
    assert SECRET not in repr(key) + repr(vars(key))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "A_KEY is not set in this kernel"),
        ("", "A_KEY is empty"),
        (" \n", "A_KEY is empty"),
        ("sk-one\nX-Other: two", "no token may have"),
        ("sk-one two", "no token may have"),
        ("sk-ключ", "no token may have"),
        ("sk-\x00", "no token may have"),
        ("s" * 9000, "more than 8,192 characters"),
    ],
)
def test_a_key_that_cannot_be_sent(
    monkeypatch: pytest.MonkeyPatch, value: str | None, why: str
) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    if value and "\x00" in value:  # no environment holds it
        with pytest.raises(ArgumentError, match=why):
            hosts.check("https://a.example", value)
        return
    if value is not None:
        monkeypatch.setenv("A_KEY", value)
    with pytest.raises(ArgumentError, match=why) as caught:
        Key("A_KEY").read()
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("typed", ["sk-Aa0", "$A_KEY", "a b", "", "1A", "k" * 101, "kéy"])
def test_what_is_no_name_of_a_variable_is_not_shown(typed: str) -> None:
    with pytest.raises(ArgumentError, match="no name of an environment variable") as caught:
        Key(typed)
    assert not typed or typed not in str(caught.value)


def test_a_key_in_place_of_the_name_is_not_shown() -> None:
    pasted = "a9f3c2e1b4d5a9f3c2e1b4d5a9f3c2e1"
    with pytest.raises(ArgumentError, match="the variable NAME is not set") as caught:
        Key(pasted).read()
    assert pasted not in str(caught.value)


@pytest.mark.parametrize("token", [Key("A_KEY"), "a-token"])
@pytest.mark.parametrize(
    "address", ["http://a.example", "HTTP://10.0.0.1:8000", "http://localhost.example"]
)
def test_nothing_is_sent_over_http_to_others(
    monkeypatch: pytest.MonkeyPatch, token: hosts.Token, address: str
) -> None:
    monkeypatch.setenv("A_KEY", SECRET)
    with pytest.raises(ArgumentError, match="over https only"):
        authorization(address, token)


@pytest.mark.parametrize(
    ("address", "is_sent"),
    [
        ("https://ollama.com", True),
        ("https://OLLAMA.com:443", True),
        ("https://ollama.com/v1", True),
        ("http://ollama.com", False),
        ("https://ollama.com:8443", False),
        ("https://www.ollama.com", False),
        ("https://ollama.com.example", False),
        ("https://ollama.com@a.example", False),
        ("http://127.0.0.1:11434", False),
    ],
)
def test_the_key_of_ollama_goes_to_ollama_only(
    monkeypatch: pytest.MonkeyPatch, address: str, is_sent: bool
) -> None:
    assert key_for(address) is None
    monkeypatch.setenv("OLLAMA_API_KEY", SECRET)
    assert (key_for(address) is not None) is is_sent
    assert (f"Bearer {SECRET}" in authorization(address).values()) is is_sent


def test_a_password_in_an_address_is_sent_and_not_shown() -> None:
    address = "https://me:p%40ss@a.example/v1"
    assert secrets_in({"authorization": authorization(address)["Authorization"]})[1] == "p@ss"
    assert hosts.plain(address) == shown(address) == "https://a.example/v1"


@pytest.mark.parametrize(
    "address", ["http://me:hush/x@a.example", "http://me:hush@a.example:no", "x://me:hush@a"]
)
def test_a_password_is_not_shown_by_an_error(address: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        connectable(address)
    assert "hush" not in str(caught.value)


# redactor --------------------------------------------------------------------------------------


def test_a_key_is_taken_out_wherever_it_is_cut() -> None:
    body = f'<a {SECRET}> {{"key": "{SECRET}"}} {SECRET[:5]} {SECRET}{SECRET}'.encode()
    for size in range(1, len(body) + 1):
        redactor = Redactor(SECRET)
        pieces = [redactor.piece(body[at : at + size]) for at in range(0, len(body), size)]
        end = redactor.piece(None)
        whole = b"".join(filter(None, [*pieces, end]))
        assert SECRET.encode() not in whole
        assert whole == body.replace(SECRET.encode(), b"*" * len(SECRET))
        assert end is None or redactor.piece(None) is None


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        "sk-Aa0%2F9%2Bb%3Dcd%27%22e",
        "sk-Aa0\\/9+b=cd'\\\"e",
        "sk-Aa0/9+b=cd&#x27;&quot;e",
        "sk-Aa0/9+b=cd&#39;&quot;e",
        "sk-Aa0/9+b=cd'&#34;e",
    ],
)
def test_every_spelling_of_a_key_is_taken_out(spelled: str) -> None:
    assert Redactor(SECRET).text(f"a {spelled} b") == "a *** b"
    assert Redactor(SECRET).data(f"a {spelled} b".encode()) == b"a *** b"


def test_a_short_key_leaves_a_body_as_it_is() -> None:
    assert Redactor("a").piece(b"banana") == b"banana"
    assert Redactor("abcd").text("abcdef") == "***ef"
    assert Redactor().piece(b"x") == b"x"
