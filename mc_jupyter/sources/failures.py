"""What git says when it fails, told apart.

git has one exit status for everything, so the kind is read from its English messages (it is run
with ``LC_ALL=C``; collected from git 2.39 with libcurl and GnuTLS, and from git's source).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import (
    GitMissingError,
    MediaConduitError,
    RefNotFoundError,
    RepositoryNotFoundError,
    SourceError,
    SourceUnreachableError,
    did_you_mean,
)
from ..meter import size_text
from ..urls import split_url
from .base import Identifier
from .cache import disk_full

_FLAGS = re.IGNORECASE
_DISK = re.compile(r"No space left on device|Disk quota exceeded|Out of diskspace", _FLAGS)
_NO_TOOLS = re.compile(r"xcrun: error|xcode-select: (?:note|error)", _FLAGS)
_REF = re.compile(r"couldn't find remote ref|not our ref|unadvertised object", _FLAGS)
_GONE = re.compile(
    r"repository '.*' not found|could not read (?:Username|Password)|Authentication failed"
    r"|returned error: 4(?:0[134]|10|51)\b|is this a git repository\?"
    r"|does not appear to be a git repository",
    _FLAGS,
)
_REFUSED = re.compile(r"returned error: (?:5\d\d|4\d\d)\b", _FLAGS)
_CERTIFICATE = re.compile(r"certificate", _FLAGS)
_PROTOCOL = re.compile(r"transport '(\w+)' not allowed", _FLAGS)
_UNREACHABLE = re.compile(
    r"Could not resolve (?:host|proxy)|Failed to connect|Couldn't connect"
    r"|Connection (?:was )?(?:refused|timed out|reset|closed)|Operation (?:timed out|too slow)"
    r"|Network is unreachable|No route to host|Empty reply from server|(?:Recv|Send) failure"
    r"|early EOF|unexpected disconnect|hung up unexpectedly|transfer closed"
    r"|from proxy after CONNECT|gnutls_handshake\(\) failed|SSL_ERROR_SYSCALL|SSL_connect"
    r"|curl (?:18|28|35|52|55|56|92)\b",
    _FLAGS,
)
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_SHOWN_REFS = 8


def is_missing_ref(text: str) -> bool:
    """Whether git says that the repository has no such branch, tag or commit."""
    return bool(_REF.search(text))


def explain(
    identifier: Identifier, text: str, folder: Path, refs: Sequence[str], unborn: str | None = None
) -> MediaConduitError:
    """Return the error for what git wrote.

    Parameters
    ----------
    identifier
        What was being fetched.
    text
        git's stderr, in lines.
    folder
        Where to, for a full disk.
    refs
        The branches and tags that there are, if known.
    unborn
        The default branch, where the server says that it is not there.
    """
    typed, host, fact = identifier.typed, _host(identifier), _fact(text)
    if _DISK.search(text):
        return disk_full(folder, typed)
    if _NO_TOOLS.search(text):
        return git_missing()
    if _REF.search(text):
        return _no_ref(identifier, refs, unborn)
    if _GONE.search(text):
        return RepositoryNotFoundError(
            f"{typed}: {host} has no such repository, or wants a login ({fact})",
            f"check the name at {_page(identifier)}; "
            "a private one: clone it, then %mc load ./FOLDER",
        )
    if blocked := _PROTOCOL.search(text):
        return SourceError(
            f"{typed}: git's configuration leads to {blocked[1]}, which is not allowed here",
            f"allow it: %env GIT_ALLOW_PROTOCOL=https:{blocked[1]}",
        )
    if _REFUSED.search(text):
        return SourceError(
            f"{typed}: {host} refused ({fact})", f"try again later: %mc load {typed}"
        )
    if _CERTIFICATE.search(text):
        return SourceError(
            f"{typed}: the certificate of {host} is not trusted ({fact})",
            "name your organisation's: %env GIT_SSL_CAINFO=/path/to/ca.pem",
        )
    if _UNREACHABLE.search(text):
        return unreachable(identifier, fact)
    return SourceError(
        f"{typed}: git failed ({fact})", f"to see more: !git ls-remote {identifier.location}"
    )


def silent(identifier: Identifier, seconds: float, heard: bool) -> SourceUnreachableError:
    """Return the error for a server that said nothing for `seconds`, or nothing `heard` since."""
    return unreachable(identifier, f"{'silent' if heard else 'no answer'} for {seconds:g} s")


def unreachable(identifier: Identifier, fact: str) -> SourceUnreachableError:
    """Return the error for a server that cannot be reached."""
    return SourceUnreachableError(
        f"{identifier.typed}: {_host(identifier)} could not be reached ({fact})",
        "check the connection and run it again, or load a copy: %mc load ./FOLDER",
    )


def git_missing() -> GitMissingError:
    """Return the error for a machine without git."""
    return GitMissingError(
        "there is no git program to fetch with",
        "install it: apt install git, conda install git or xcode-select --install; "
        "without git: %mc load ollama, or %mc load ./FOLDER",
    )


def too_much(identifier: Identifier, fact: str, most: int) -> SourceError:
    """Return the error for a repository beyond a bound, of which `fact` says the size."""
    return SourceError(
        f"{identifier.typed}: {fact}; at most {size_text(most)} are fetched",
        "to take more: %config McJupyter.max_fetch = '2GB', or clone it, then %mc load ./FOLDER",
    )


def _no_ref(identifier: Identifier, refs: Sequence[str], unborn: str | None) -> SourceError:
    typed, ref = identifier.typed, identifier.ref
    if ref is None and refs:
        named = f"its default branch {unborn!r:.80}" if unborn else "its default branch"
        known = ", ".join(refs[:_SHOWN_REFS]) + (" ..." * (len(refs) > _SHOWN_REFS))
        return RefNotFoundError(
            f"{typed}: {named} does not exist; it has: {known}", f"%mc load {typed}@{refs[0]}"
        )
    if ref is None:
        # what a login page in between gives may look to git like an empty repository
        return RefNotFoundError(
            f"{typed}: the repository has no commit yet, or {_host(identifier)} shows a page "
            "instead",
            f"look at {_page(identifier)}",
        )
    bare = typed.removesuffix(f"@{ref}")
    hint = f"without a ref: %mc load {bare}"
    if _SHORT_COMMIT.fullmatch(ref):
        hint = f"a commit is named by its full id, 40 digits; {hint}"
    elif refs:
        guess = did_you_mean(ref, refs)
        known = f"it has {', '.join(refs[:_SHOWN_REFS])}" + (" ..." * (len(refs) > _SHOWN_REFS))
        hint = f"{known}; {hint}"
        if guess.startswith("did you mean"):
            hint = f"{guess} %mc load {bare}@{guess.split(chr(39))[1]}"
    return RefNotFoundError(f"{typed}: the repository has no branch, tag or commit {ref!r}", hint)


def _host(identifier: Identifier) -> str:
    parts = split_url(identifier.location)
    return parts.netloc if parts else identifier.location


def _page(identifier: Identifier) -> str:
    return identifier.location.removesuffix(".git")


def _fact(text: str) -> str:
    """The line that tells most, short and without control characters."""
    lines = [line for line in text.splitlines() if line.startswith(("fatal:", "error:"))]
    line = (lines or text.splitlines() or ["it said nothing"])[0]
    line = re.sub(r"^(?:fatal|error): |unable to access '[^']*': ", "", line)
    line = re.sub(r"^repository '.*' not found", "not found", line)
    line = line.replace("The requested URL returned error:", "it answered with error:")
    return "".join(c if c.isprintable() else " " for c in line).strip()[:160]
