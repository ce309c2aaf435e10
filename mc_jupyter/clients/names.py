"""The two grammars of Ollama: model names, and the addresses that OLLAMA_HOST may hold.

Both follow the server's own code (``types/model/name.go``, ``internal/modelref`` and
``envconfig/config.go`` of github.com/ollama/ollama).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ..errors import ArgumentError
from ..urls import is_loopback, shown, split_url, without_user

__all__ = [
    "ModelName",
    "at",
    "check_name",
    "connectable",
    "full_name",
    "is_cloud",
    "is_loopback",
    "parse_name",
    "same_model",
    "shown",
    "told",
]

DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG = "registry.ollama.ai", "library", "latest"
DEFAULT_PORT = 11434

_PARTS = {
    "host": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}"),
    "namespace": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"),
    "model": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
    "tag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
}


@dataclass(frozen=True)
class ModelName:
    """A model's name in its parts, defaults filled in.

    Attributes
    ----------
    host, namespace, model, tag
        As typed, or ``registry.ollama.ai``, ``library`` and ``latest``.
    """

    host: str
    namespace: str
    model: str
    tag: str

    def __str__(self) -> str:
        """The shortest spelling that keeps the tag, as ``/api/tags`` shows it."""
        name = f"{self.model}:{self.tag}"
        if self.host.lower() != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{name}"
        return name if self.namespace.lower() == DEFAULT_NAMESPACE else f"{self.namespace}/{name}"


def parse_name(text: str) -> ModelName:
    """Split ``[scheme://][host/][namespace/]model[:tag]``, without judging its characters.

    A suffix ``:local`` is dropped and ``:cloud`` behind a tag becomes ``-cloud``, as the server
    does it (``gpt-oss:20b:cloud`` is ``gpt-oss:20b-cloud``).
    """
    rest = _without_source(text.strip())
    tag = ""
    if rest.rfind(":") > rest.rfind("/"):
        rest, _, tag = rest.rpartition(":")
    *before, model = rest.rsplit("/", 2)
    host = before[0].rpartition("://")[2] if len(before) == 2 else ""
    return ModelName(
        host=host or DEFAULT_HOST,
        namespace=(before[-1] if before else "") or DEFAULT_NAMESPACE,
        model=model,
        tag=tag or DEFAULT_TAG,
    )


def _without_source(text: str) -> str:
    base, _, suffix = text.rpartition(":")
    if not base or suffix.lower() not in ("local", "cloud"):
        return text
    if suffix.lower() == "local":
        return base
    return f"{base}-cloud" if base.rfind(":") > base.rfind("/") else text


def full_name(name: str) -> str:
    """Return one spelling for all spellings of a model: ``llama2`` gives ``llama2:latest``.

    Lower case, with the tag, without the default host and namespace.
    """
    return str(parse_name(name)).lower()


def same_model(a: str, b: str) -> bool:
    """Whether two names mean the same model (``llama2`` and ``Llama2:latest`` do)."""
    return full_name(a) == full_name(b)


def is_cloud(name: str) -> bool:
    """Whether the name says that the prompt leaves the server's machine."""
    tag = parse_name(name).tag.lower()
    return tag == "cloud" or tag.endswith("-cloud")


def check_name(name: str) -> str:
    """Return a model's name, stripped, if it follows the grammar.

    Raises
    ------
    ArgumentError
        Naming the part that is wrong.
    """
    text = name.strip() if isinstance(name, str) else ""
    parts = parse_name(text)
    for kind, pattern in _PARTS.items():
        part = getattr(parts, kind)
        if not text or not pattern.fullmatch(part):
            raise ArgumentError(
                f"{name!r} is not a model name: its {kind} is {part!r}",
                "accepted: [host/][namespace/]model[:tag], like llama3.2:1b",
            )
    return text


def connectable(host: str) -> str:
    """Return the HTTP address to connect to for a value of OLLAMA_HOST, or for a URL.

    Parameters
    ----------
    host
        ``[scheme://]host[:port][/path]``; spaces and quotes around it are dropped. Without a
        scheme it is http and port 11434; empty is ``127.0.0.1``. ``0.0.0.0`` and ``::`` (what a
        server binds to) become the loopback address.

    Raises
    ------
    ArgumentError
        For another scheme than http and https, or a port that is none. (Ollama itself takes the
        default port there and says so only in its log.)
    """
    text = host.strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator:
        scheme, rest = ("https" if text == "ollama.com" else "http"), text
    if scheme not in ("http", "https"):
        raise ArgumentError(f"{without_user(text)!r} is not an address: {scheme}://", _ACCEPTED)
    place, slash, path = rest.partition("/")
    user, at, place = place.rpartition("@")
    name, port = _split_port(place, text)
    if not port and not separator and scheme == "http":
        port = str(DEFAULT_PORT)
    netloc = f"{user}{at}{_reachable(name, text)}" + (f":{port}" if port else "")
    url = f"{scheme}://{netloc}{slash}{path}".rstrip("/")
    if split_url(url) is None or not url.isprintable() or len(url) > _LONGEST:
        raise ArgumentError(f"{without_user(text)[:80]!r} is not an address", _ACCEPTED)
    return url


_LONGEST = 4096
_ACCEPTED = "accepted: [http[s]://]host[:port], like 127.0.0.1:11434"


def _split_port(place: str, text: str) -> tuple[str, str]:
    if place.count(":") > 1 and not place.startswith("["):
        return place, ""  # a bare IPv6 address
    bracketed, end, after = place.rpartition("]")
    name, _, port = after.partition(":")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        # what stands before an @ may be a password
        which = "this" if "@" in text else repr(port)
        raise ArgumentError(f"{without_user(text)!r}: {which} is not a port", _ACCEPTED)
    return f"{bracketed}{end}{name}".strip("[]"), port


def _reachable(name: str, text: str) -> str:
    try:
        address = ipaddress.ip_address(name or "0.0.0.0")
    except ValueError:
        if not re.fullmatch(r"[^\s\[\]\"'<>?#@:\\]+", name):
            raise ArgumentError(f"{without_user(text)!r} is not an address", _ACCEPTED) from None
        return name
    if address.version == 6:
        return "[::1]" if address.is_unspecified else f"[{address}]"
    return "127.0.0.1" if address.is_unspecified else str(address)


def told(name: str, url: str, text: str) -> str:
    """Return a message that begins with the service's name, once.

    A name that is only the address respelt (``127-0-0-1-11434``) is nothing that a user typed:
    the address stands in its place, unless the text holds it already.
    """
    parts = split_url(url)
    netloc = parts.netloc.lower() if parts else ""
    if re.sub(r"[^a-z0-9]+", "-", netloc).strip("-") != name:
        return f"{name}: {text}"
    return text if shown(url) in text else f"{shown(url)}: {text}"


def at(name: str) -> str:
    """Return what a line for ``%ollama`` needs so that it reaches this service."""
    return "" if name == "ollama" else f" --host {name}"
