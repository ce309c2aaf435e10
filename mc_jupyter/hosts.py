"""How hosts are reached: the user's proxies, certificates and keys.

The one place where clients of httpx are made. This machine is reached without a proxy, every other
host through the one that the environment names for it (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, but for
NO_PROXY). SSL_CERT_FILE and SSL_CERT_DIR name the certificates that are trusted. Redirects are not
followed, so what is sent to a host is sent to that one only.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .errors import AccessError, ArgumentError, CertificateError, ConnectionFailedError, ProxyError
from .urls import is_loopback, shown, split_url

if TYPE_CHECKING:
    import httpx

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LONGEST_KEY = 8192  # characters; servers take headers of about that length
_LONGEST_REASON = 200
_WRONG_HOST = 62  # X509_V_ERR_HOSTNAME_MISMATCH
_EXPIRED = 10


@dataclass(frozen=True)
class Key:
    """An environment variable that holds a key; the value is read when it is sent, and not kept.

    Parameters
    ----------
    variable
        Its name.

    Raises
    ------
    ArgumentError
        That is no name of a variable.
    """

    variable: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.variable):
            # not echoed: it may be the key itself
            raise ArgumentError(
                "--key-env: this is no name of an environment variable",
                "it takes the name, without $, and not the key: --key-env NAME",
            )

    def read(self) -> str:
        """Return the value; what stands around it, such as a file's line end, is left out.

        Raises
        ------
        ArgumentError
            There is none, or none that can be sent.
        """
        value = os.environ.get(self.variable, "").strip()
        if not value:
            what = "is empty" if self.variable in os.environ else "is not set in this kernel"
            ask = f"import os, getpass; os.environ[{self._named!r}] = getpass.getpass()"
            raise ArgumentError(f"the variable {self._named} {what}", ask)
        return _sendable(value, f"the variable {self.variable}")

    @property
    def _named(self) -> str:
        """The name for messages; not what looks like a key that was typed in place of one."""
        is_name = self.variable in os.environ or self.variable.isupper() or len(self.variable) < 20
        return self.variable if is_name else "NAME"


Token = Key | str | None
"""What is sent as ``Authorization: Bearer``: a variable's value, or a text."""


def _sendable(text: str, what: str) -> str:
    """A key or token that a header can hold."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ArgumentError(f"{what} holds characters that no token may have", _ONE_WORD)
    if len(text) > _LONGEST_KEY:
        raise ArgumentError(f"{what} holds more than {_LONGEST_KEY:,} characters", _ONE_WORD)
    return text


_ONE_WORD = "a key is one word of ASCII letters, digits and signs"


def key_for(url: str) -> Key | None:
    """Return the key that is sent to an address without being named: OLLAMA_API_KEY to ollama.com.

    Parameters
    ----------
    url
        The address.
    """
    parts = split_url(url)
    if parts is None or (parts.scheme, parts.hostname) != ("https", "ollama.com"):
        return None
    is_set = parts.port in (None, 443) and os.environ.get("OLLAMA_API_KEY", "").strip()
    return Key("OLLAMA_API_KEY") if is_set else None


def check(url: str, token: Token) -> None:
    """Raise ArgumentError for a key or token that may not be sent to an address, or cannot be.

    Parameters
    ----------
    url
        The address.
    token
        What would be sent.
    """
    if not token:
        return
    if not (url.lower().startswith("https:") or is_loopback(url)):
        parts = split_url(url)
        host = (parts and parts.hostname) or "HOST"
        raise ArgumentError(
            f"{shown(url)} is http: a key goes to other machines over https only",
            f"https://{host}, or a tunnel (ssh -L PORT:localhost:PORT {host}) and its "
            "http://127.0.0.1:PORT",
        )
    if isinstance(token, str):
        _sendable(token, "the token")


def authorization(url: str, token: Token = None) -> dict[str, str]:
    """Return the header that lets a request in; empty where there is nothing to send.

    Parameters
    ----------
    url
        The address; a user and password in it are sent where there is no token.
    token
        The key or token; None takes :func:`key_for`.

    Raises
    ------
    ArgumentError
        It may not be sent there, or the variable holds nothing that can be.
    """
    token = token or key_for(url)
    if token:
        check(url, token)
        return {"Authorization": f"Bearer {token.read() if isinstance(token, Key) else token}"}
    parts = split_url(url)
    if parts is None or not (parts.username or parts.password):
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def plain(url: str) -> str:
    """Return an address without the user and password in it: httpx logs the one it is given."""
    parts = split_url(url)
    if parts is None or "@" not in parts.netloc:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


# proxies and certificates ----------------------------------------------------------------------


@dataclass(frozen=True)
class Proxy:
    """A proxy that the environment names.

    Attributes
    ----------
    url
        Its address; may hold a user and password.
    variable
        Where it is named.
    """

    url: str
    variable: str

    def __str__(self) -> str:
        return f"the proxy {shown(self.url)} ({self.variable})"


def proxy_of(url: str) -> Proxy | None:
    """Return the proxy that an address is reached through; None for this machine.

    Parameters
    ----------
    url
        The address.
    """
    parts = split_url(url)
    if parts is None or not parts.hostname or is_loopback(url):
        return None
    from urllib.request import getproxies, proxy_bypass

    known = getproxies()
    name = next((name for name in (parts.scheme, "all") if known.get(name)), None)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if name is None or _is_excepted(parts.hostname, port, known.get("no", "")):
        return None
    if proxy_bypass(f"{parts.hostname}:{port}"):  # what the system's own settings except
        return None
    address = known[name] if "://" in known[name] else f"http://{known[name]}"
    spellings = (f"{name}_proxy", f"{name}_proxy".upper())
    set_by = next((one for one in spellings if os.environ.get(one)), "the system's settings")
    return Proxy(address, set_by)


def _is_excepted(host: str, port: int, entries: str) -> bool:
    """Whether NO_PROXY names a host: ``*``, a name or its domain, an address, a network; a port."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in re.split(r"[,\s]+", entries.lower()):
        name = entry.rpartition("://")[2]
        if name == "*":
            return True
        bare, _, wanted = name.rpartition(":")
        if wanted.isdecimal() and (bare.endswith("]") or ":" not in bare):
            if int(wanted) != port:
                continue
            name = bare
        name = name.removeprefix("[").removesuffix("]")
        if address is not None:
            if _is_in(address, name):
                return True
            continue
        name = name.lstrip("*").strip(".")
        if name and (host.rstrip(".") == name or host.rstrip(".").endswith(f".{name}")):
            return True
    return False


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def certificates() -> ssl.SSLContext | bool:
    """Return what servers' certificates are checked against: httpx's own where nothing is named.

    Raises
    ------
    CertificateError
        SSL_CERT_FILE or SSL_CERT_DIR names nothing that can be read.
    """
    file = os.environ.get("SSL_CERT_FILE", "").strip()
    folder = os.environ.get("SSL_CERT_DIR", "").strip()
    if not file and not folder:
        return True
    if folder and not any(map(os.path.isdir, folder.split(os.pathsep))):
        raise CertificateError(f"SSL_CERT_DIR is {folder!r:.200}: there is no such folder", _UNSET)
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        is_none = not isinstance(error, OSError) or isinstance(error, ssl.SSLError)
        why = "it holds no certificates" if is_none else os.strerror(getattr(error, "errno", 0))
        raise CertificateError(f"SSL_CERT_FILE is {file!r:.200}: {why}", _UNSET) from error


_UNSET = "name a file of certificates (PEM), or unset it: then those of the package certifi hold"


def route(url: str) -> tuple[object, ...]:
    """Return what decides how an address is reached; a client is kept as long as it is the same."""
    trusted = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    return (proxy_of(url), *(trusted if url.startswith("https:") else ()))


def client(url: str, **options: Any) -> httpx.Client:
    """Return a client of httpx for one host; it follows no redirect and sends no key by itself.

    Parameters
    ----------
    url
        The host's address.
    **options
        Further ones of ``httpx.Client``.

    Raises
    ------
    CertificateError, ProxyError
        What the environment names cannot be used.
    """
    import httpx

    proxy = proxy_of(url)
    is_tls = url.startswith("https:") or (proxy and proxy.url.lower().startswith("https:"))
    # no certificates are read where no TLS can occur: that takes 20 ms
    verify = certificates() if is_tls else False
    given: Any = None
    try:
        if proxy is not None:
            given = _given(proxy, verify)
        return httpx.Client(
            trust_env=False, verify=verify, proxy=given, follow_redirects=False, **options
        )
    except ImportError as error:
        raise ProxyError(
            f"{proxy} is a SOCKS proxy, and the package socksio is not installed",
            "%pip install 'httpx[socks]'",
        ) from error


def _given(proxy: Proxy, verify: ssl.SSLContext | bool) -> httpx.Proxy:
    """A proxy as httpx takes it."""
    import httpx

    is_own = proxy.url.lower().startswith("https:") and isinstance(verify, ssl.SSLContext)
    try:
        if split_url(proxy.url) is None:
            raise ValueError("no address")
        return httpx.Proxy(proxy.url, ssl_context=verify if is_own else None)  # type: ignore[arg-type]
    except (ValueError, httpx.InvalidURL) as error:
        raise ProxyError(f"{proxy} cannot be used", "accepted: http://HOST:PORT") from error


# what went wrong -------------------------------------------------------------------------------


def failure(error: BaseException, url: str) -> ConnectionFailedError | None:
    """Return our error where a certificate or proxy was the trouble; None for any other.

    Parameters
    ----------
    error
        What httpx raised.
    url
        The address that was asked.
    """
    import httpx

    refused = next((e for e in _chain(error) if isinstance(e, ssl.SSLCertVerificationError)), None)
    if refused is not None:
        return _distrust(refused, url)
    proxy = proxy_of(url)
    if proxy is None:
        return None
    parts = split_url(url)
    host = (parts and parts.hostname) or ""
    around = f"where {host} is reached without a proxy: NO_PROXY={host}"
    if isinstance(error, httpx.ProxyError):
        reason = _short(str(error)) or "no reason"
        hint = _LOG_IN.format(proxy.variable) if reason.startswith("407") else around
        return ProxyError(f"{proxy} does not lead to {host}: {reason}", hint)
    is_tls = any(isinstance(one, ssl.SSLError) for one in _chain(error))
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not is_tls:
        reason = _short(str(error).partition("] ")[2] or str(error))
        return ProxyError(f"{proxy} does not answer ({reason or 'in time'})", around)
    return None


_LOG_IN = "it wants a login: {}=http://USER:PASSWORD@HOST:PORT, set where no notebook shows it"


def refused_by_proxy(url: str) -> ProxyError | None:
    """Return the error for a status of 407, which is a proxy's; None where there is none."""
    proxy = proxy_of(url)
    if proxy is None:
        return None
    return ProxyError(f"{proxy} wants a login (407)", _LOG_IN.format(proxy.variable))


def denied(status: int, url: str, token: Token, what: str) -> AccessError:
    """Return the error for a status of 401 or 403.

    Parameters
    ----------
    status, url
        What came, and from where.
    token
        What was sent.
    what
        The message, without what was sent.
    """
    token = token or key_for(url)
    place = shown(url)
    if not url.startswith("https:") and not is_loopback(url):
        place = f"https://HOST (a key goes to other machines over https only; this is {place})"
    again = f"%mc load {place} --key-env NAME"
    if isinstance(token, Key):
        was = f"the key in {token.variable} was sent"
        return AccessError(f"{what}; {was}", f"another variable's key: {again}", status=status)
    if token:
        return AccessError(f"{what}; a token was sent", "another token=...", status=status)
    if url.startswith("https://ollama.com"):
        hint = "set OLLAMA_API_KEY where the kernel starts; it is sent to https://ollama.com only"
        return AccessError(what, hint, status=status)
    hint = f"a key that an environment variable holds: {again}"
    return AccessError(what, hint, status=status)


def _distrust(error: ssl.SSLCertVerificationError, url: str) -> CertificateError:
    parts = split_url(url)
    host = (parts and parts.netloc.rpartition("@")[2]) or ""
    words = _short(error.verify_message or str(error)).rstrip(".")
    hint = (
        "where you trust who signed it: %env SSL_CERT_FILE=FILE.pem, with the signer's certificate"
    )
    if error.verify_code == _EXPIRED:
        hint = "it is renewed where the server runs; or this machine's clock is wrong"
    elif error.verify_code == _WRONG_HOST or "mismatch" in words:
        hint = "the address has to be one that the certificate names"
    return CertificateError(f"the certificate of {host} is not trusted: {words}", hint)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    for _ in range(20):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _short(text: str) -> str:
    return " ".join(text[:_LONGEST_REASON].split())
