"""What a user types to name a service, understood: one :class:`Identifier` for all spellings."""

from __future__ import annotations

import os
import re
from typing import NoReturn
from urllib.parse import SplitResult

from .. import paths
from ..errors import IdentifierError, did_you_mean
from ..urls import split_url
from . import bundled
from .base import Identifier

_ACCEPTED = (
    "accepted: github:OWNER/REPO[@REF], https://HOST/OWNER/REPO[@REF], a folder (./NAME), "
    "http://HOST:PORT (already running), "
)
_GITHUB = ("github.com", "www.github.com")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_OWNER = re.compile(r"[A-Za-z0-9_~][\w.-]*", re.ASCII)
_REPO = re.compile(r"[\w.][\w.-]*", re.ASCII)
_REF = re.compile(r"[A-Za-z0-9][\w./+-]{0,249}", re.ASCII)
_SSH = re.compile(r"(?:ssh://)?[\w.-]+@([\w.-]+)[:/](.+)")
_HOST_PORT = re.compile(r"(?:localhost|[\w-]+(?:\.[\w-]+)+):\d+/?")
_LONGEST = 4096
_DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_identifier(text: str, *, force_url: bool = False) -> Identifier:
    """Understand an identifier.

    Parameters
    ----------
    text
        ``github:OWNER/REPO[@REF]``, ``https://HOST/OWNER/REPO[.git][@REF]``, a folder,
        ``http(s)://host[:port]`` or the short name of a bundled definition. A canonical
        identifier is understood as itself.
    force_url
        Take it for the address of something that runs already, whatever its path.

    Raises
    ------
    IdentifierError
        Naming what was typed and what to write instead.
    """
    typed = text.strip()
    if not typed:
        _refuse("an identifier is empty")
    if len(typed) > _LONGEST:
        _refuse(f"{typed[:40]!r}... has {len(typed):,} characters, and is no identifier")
    if not typed.isprintable():
        _refuse(f"{typed!r} holds a control character")
    lowered = typed.lower()
    if force_url:
        return _url(typed, _split(typed if "://" in typed else f"http://{typed}"))
    if lowered.startswith("github:"):
        return _git(typed, "github.com", typed.partition(":")[2])
    if lowered.startswith(("http://", "https://")):
        return _web(typed, _split(typed))
    if lowered.startswith("bundled:"):
        return _bundled(typed, lowered.removeprefix("bundled:"))
    if typed.startswith((".", "/", "~")) or os.path.isdir(typed):
        return _folder(typed)
    if lowered in bundled.names():
        return _bundled(typed, lowered)
    _unknown(typed)


def _refuse(message: str, hint: str | None = None) -> NoReturn:
    raise IdentifierError(message, hint or _ACCEPTED + f"or: {', '.join(bundled.names())}")


def _unknown(typed: str) -> NoReturn:
    """Guess what was meant by something that names no source."""
    if ssh := _SSH.fullmatch(typed):
        host, path = ssh[1], ssh[2].removesuffix(".git")
        _refuse(f"{typed!r}: ssh addresses are not read", f"write {_short(host, path)}")
    if typed.lower().startswith("file:"):
        _refuse(f"{typed!r} is no identifier", _folder_of(typed))
    if re.match(r"[\w+.-]+:[:/]", typed):
        _refuse(f"{typed.partition(':')[0]!r} addresses are not read")
    name, at, _ = typed.partition("@")
    if at and name.lower() in bundled.names():
        _refuse(f"{typed!r}: a bundled definition has no versions", f"write {name}")
    if _HOST_PORT.fullmatch(typed):
        _refuse(f"{typed!r} is no identifier", f"something that runs already: http://{typed}")
    if typed.count("/") == 1:
        _refuse(
            f"there is no folder {typed!r} here",
            f"a repository on GitHub: github:{typed.removesuffix('.git')}",
        )
    guess = did_you_mean(typed, bundled.names())
    meant = f"{guess} " if guess.startswith("did you mean") else ""
    _refuse(
        f"{typed!r} names no service",
        f"{meant}a service: github:OWNER/REPO, ./FOLDER, http://HOST:PORT or "
        f"{', '.join(bundled.names())}; a model: %%ollama {typed}",
    )


def _folder_of(address: str) -> str:
    """The hint for a ``file:`` address."""
    parts = split_url(address)
    return f"write the folder: {(parts and parts.path) or './'}"


def _split(address: str) -> SplitResult:
    """Take an HTTP address apart, and refuse what must not be in one."""
    if "@" in re.split(r"[/?#]", address.partition("://")[2])[0]:
        # not echoed: it may be a password
        _refuse(
            "an identifier holds no user name, password or token",
            "let git's credential helper keep it, or load a folder that you cloned: ./NAME",
        )
    parts = split_url(address)
    if parts is None:
        _refuse(f"{address!r} is no address")
    host = parts.hostname or ""
    if parts.scheme.lower() not in _DEFAULT_PORTS:
        _refuse(f"{address!r}: only http and https addresses are read")
    if not _HOST.fullmatch(f"[{host}]" if ":" in host else host):
        _refuse(f"{address!r}: {host!r} is no host name")
    if parts.query or parts.fragment:
        plain = parts._replace(query="", fragment="").geturl()
        _refuse(f"{address!r} has a part behind ? or #", f"write {plain}")
    return parts


def _host(parts: SplitResult) -> str:
    """Host and port as they are written in a canonical address."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    is_default = parts.port in (None, _DEFAULT_PORTS[parts.scheme.lower()])
    return host if is_default else f"{host}:{parts.port}"


def _web(typed: str, parts: SplitResult) -> Identifier:
    if parts.path in ("", "/"):
        return _url(typed, parts)
    if parts.scheme.lower() == "http":
        _refuse(
            f"{typed!r} is neither a repository (https) nor the address of a service (no path)",
            f"write https{typed[4:]}, or add --runtime url for something that runs there",
        )
    return _git(typed, _host(parts), parts.path.removeprefix("/"))


def _url(typed: str, parts: SplitResult) -> Identifier:
    address = f"{parts.scheme.lower()}://{_host(parts)}{parts.path.rstrip('/')}"
    port = parts.port or _DEFAULT_PORTS[parts.scheme.lower()]
    handle = _handle(f"{parts.hostname}-{port}")
    return Identifier("url", address, handle, address, typed)


def _git(typed: str, host: str, path: str) -> Identifier:
    path, at, ref = path.partition("@")
    segments = path.removesuffix("/").split("/")
    if len(segments) != 2:
        _not_two(typed, host, segments)
    owner, repo = segments[0], re.sub(r"\.git$", "", segments[1], flags=re.IGNORECASE)
    is_name = _OWNER.fullmatch(owner) and _REPO.fullmatch(repo)
    if not is_name or ".." in path or repo == ".":
        _refuse(f"{typed!r}: {path!r} is no OWNER/REPO")
    if at and (not _REF.fullmatch(ref) or ".." in ref or ref.endswith("/")):
        _refuse(
            f"{typed!r}: {ref!r} is no branch, tag or commit",
            "a REF is letters, digits and . _ / + -, and begins with a letter or digit",
        )
    is_github = host in _GITHUB
    name = f"{owner}/{repo}".lower()
    return Identifier(
        kind="git",
        canonical=f"github:{name}" if is_github else f"https://{host}/{name}",
        handle=_handle(repo),
        location=f"https://github.com/{owner}/{repo}.git"
        if is_github
        else f"https://{host}/{path}",
        typed=typed,
        owner=owner.lower(),
        ref=ref if at and ref != "HEAD" else None,
    )


def _short(host: str, path: str) -> str:
    return f"github:{path}" if host in _GITHUB else f"https://{host}/{path}"


def _not_two(typed: str, host: str, segments: list[str]) -> NoReturn:
    """Say what to write in place of a page's address, such as ``.../tree/BRANCH``."""
    message = f"{typed!r}: a repository is exactly OWNER/REPO"
    if len(segments) < 2 or not all(segments[:2]):
        _refuse(message, f"write {_short(host, 'OWNER/REPO')}")
    short = _short(host, "/".join(segments[:2]).removesuffix(".git"))
    rest = [part for part in segments[2:] if part not in ("-", "src", "releases", "branch")]
    if len(rest) > 1 and rest[0] in ("tree", "commit", "blob", "tag"):
        ref = "/".join(rest[1:2] if rest[0] == "blob" else rest[1:])
        _refuse(message, f"write {short}@{ref}")
    _refuse(message, f"write {short}, with @REF behind it for a branch, tag or commit")


def _folder(typed: str) -> Identifier:
    path = paths.expanded(typed)
    whole = paths.real(path)
    if whole is None or not os.path.isdir(whole):
        found = "is a file, not a folder" if os.path.exists(path) else "does not exist"
        _refuse(f"{typed!r} {found}", f"a service is a folder; this kernel is in {paths.here()}")
    return Identifier("folder", str(whole), _handle(whole.name), str(whole), typed)


def _bundled(typed: str, name: str) -> Identifier:
    if name not in bundled.names():
        _refuse(f"no definition named {name!r} is bundled", did_you_mean(name, bundled.names()))
    return Identifier("bundled", f"bundled:{name}", _handle(name), name, typed)


def _handle(name: str) -> str:
    """``Ollama-Service`` is ``ollama``: short, and fit to be a magic's name."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")
    return plain.removesuffix("-service") or "service"
