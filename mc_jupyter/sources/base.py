"""Where a service comes from: the identifier that was typed, and the folder that it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["git", "folder", "url", "bundled"]


@dataclass(frozen=True)
class Identifier:
    """An identifier, understood.

    Attributes
    ----------
    kind
        ``git``, ``folder``, ``url`` (already running) or ``bundled`` (a short name).
    canonical
        One text for all spellings of the same thing, without the ref:
        ``github:mediaconduit/ollama-service``, ``https://host/owner/repo``, an absolute path,
        ``http://host:port`` or ``bundled:ollama``.
    handle
        The name that a service loaded by it gets if nobody else has it (``ollama``).
    owner
        The owner's name in lower case, for git; else None (used when a handle is taken).
    ref
        What stood behind ``@``; None means the repository's HEAD.
    location
        What the source opens: a clone URL (``https://github.com/MediaConduit/ollama-service.git``),
        a path, an HTTP address or a bundled name.
    typed
        As it was typed, for messages.
    """

    kind: Kind
    canonical: str
    handle: str
    location: str
    typed: str
    owner: str | None = None
    ref: str | None = None

    @property
    def key(self) -> str:
        """What the registry keeps services under: the canonical identifier and the ref."""
        return f"{self.canonical}@{self.ref or 'HEAD'}"

    @property
    def spelled(self) -> str:
        """The canonical identifier in the letter case as typed, which some hosts insist on."""
        if self.kind != "git":
            return self.canonical
        path = self.location.removesuffix("/").removesuffix(".git")
        is_github = self.canonical.startswith("github:")
        return f"github:{path.removeprefix('https://github.com/')}" if is_github else path


@dataclass(frozen=True)
class Fetched:
    """What a fetch left.

    Attributes
    ----------
    commit
        The full commit id.
    links
        Symbolic links that were left out, and what they name.
    submodules
        Folders of other repositories, which are not fetched.
    """

    commit: str
    links: Mapping[str, str] = field(default_factory=dict)
    submodules: tuple[str, ...] = ()

    @property
    def note(self) -> str | None:
        """What of the repository is not there, in words; None where all of it is."""
        said = []
        if self.submodules:
            said.append(f"submodules are not fetched: {_some(self.submodules)}")
        if self.links:
            links = tuple(f"{name} -> {target:.60}" for name, target in self.links.items())
            said.append(f"links out of the repository are left out: {_some(links)}")
        return "; ".join(said) or None


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if names[3:] else "")


@dataclass(frozen=True)
class Checkout:
    """A folder that holds a service, ready to be read.

    Attributes
    ----------
    folder
        Where it lies.
    commit
        The full commit id; None for folders that are not a git fetch.
    origin
        ``git``, ``folder`` or ``bundled``.
    fetched
        True when this call fetched it, False when it was read from disk.
    seconds
        How long this call took.
    note
        What must be said ("github unreachable: using the definition bundled with mc_jupyter").
    links
        Symbolic links that were left out, and what they name.
    """

    folder: Path
    origin: Literal["git", "folder", "bundled"]
    fetched: bool
    seconds: float
    commit: str | None = None
    note: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
