"""What a runtime is: the words shared by docker, native, embedded and url."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from ..events import Report
from ..hosts import Key, Token
from ..manifest import Manifest

Gpu = Literal["auto", "on", "off"]
State = Literal[
    "absent",
    "created",
    "starting",
    "running",
    "restarting",
    "paused",
    "disconnected",
    "exited",
    "stopped",
]
MENDS = {"paused": "start", "disconnected": "restart"}
"""By the state of what runs and cannot answer, the verb of ``%mc`` that makes it answer again."""


@dataclass(frozen=True)
class Spec:
    """What is to run: everything that a runtime needs to know, and nothing it may change.

    Attributes
    ----------
    handle
        The service's name in this kernel (``ollama``).
    canonical
        The canonical identifier without the ref (``github:mediaconduit/ollama-service``).
    ref, commit
        The ref that was asked for and the commit that it was; None where there is none.
    content
        A hash of a definition that comes with mc_jupyter, and has no commit; None elsewhere.
    folder
        The checked-out repository; None for a service that is only a URL.
    manifest
        What ``MediaConduit.service.yml`` says.
    project
        The name of everything that belongs to this service on an engine
        (``mcj-<user>-<handle>-<8 hex>``).
    volume_scope
        Prefix for named volumes: scoped to the source, not to the ref, so that two refs share
        their models (``mcj-<user>-<repo>-<8 hex without the ref>``).
    data
        The folder for this service's own data, ``data/<project>``.
    locks
        The folder for lock files.
    environment
        ``--env`` values; they win over the manifest's.
    gpu
        ``auto`` (where there is one), ``on`` (an error where there is none) or ``off``.
    max_download
        Bytes that may be fetched unasked.
    models
        Read-only folders of GGUF files, for the embedded runtime.
    weights
        The folder where the embedded runtime keeps fetched weights.
    url
        For the url runtime: where the service answers.
    key
        For the url runtime: the variable whose value lets a request in; None where none is named.
    typed
        The identifier as the user typed it, for lines to copy; empty where nobody did.
    links
        Symbolic links of the repository that were left out, and what they name.
    """

    handle: str
    canonical: str
    manifest: Manifest
    project: str
    volume_scope: str
    data: Path
    locks: Path
    ref: str | None = None
    commit: str | None = None
    content: str | None = None
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    gpu: Gpu = "auto"
    max_download: int = 6_000_000_000
    models: tuple[Path, ...] = ()
    weights: Path | None = None
    url: str | None = None
    key: Key | None = None
    typed: str = ""
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_own_folder(self) -> bool:
        """Whether it is a folder of the user's own, where the next step may be to change it."""
        return self.folder is not None and self.commit is None and self.content is None


@dataclass(frozen=True)
class Condition:
    """What a runtime sees when it looks.

    Attributes
    ----------
    state
        ``absent`` when there is nothing of this service; ``disconnected`` when its container runs
        and its network is gone, so that nothing reaches it.
    detail
        The same in words, with the exit code where there is one.
    url
        Where the service answers now (``http://127.0.0.1:PORT``), read afresh; None if nowhere.
    token
        What lets a request in: the embedded server's own token, or the key of the url runtime.
        Never shown.
    started_at
        ISO 8601, UTC; None when it does not run.
    exit_code
        Of a process that ended; else None.
    docker_health
        Docker's own health state (``starting``, ``healthy``, ``unhealthy``), extra information.
    image
        The image that runs; None outside Docker.
    gpu
        In words, whether a GPU is used and why not; None where it cannot be told.
    notes
        What the user should know of this start ("adopted", "settings differ: %mc restart ollama").
    """

    state: State
    detail: str = ""
    url: str | None = None
    token: Token = field(default=None, repr=False)
    started_at: str | None = None
    exit_code: int | None = None
    docker_health: str | None = None
    image: str | None = None
    gpu: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether something runs that may yet answer."""
        return self.state in ("starting", "running")

    @property
    def mend(self) -> str | None:
        """The verb of ``%mc`` that makes it answer again; None where it is alive or has ended."""
        return MENDS.get(self.state)


class Runtime(Protocol):
    """How a service runs. Every call names the service by its :class:`Spec`; a runtime may keep
    processes of this kernel, but the engine is the truth."""

    name: str

    def check(self) -> None:
        """Raise RuntimeUnavailableError where this runtime cannot work here."""

    def start(self, spec: Spec, report: Report) -> Condition:
        """Bring the service up, without waiting until it answers; one that runs is left as it is.

        Raises
        ------
        RuntimeUnavailableError
            Something is absent (engine, image, extra).
        PolicyError, DownloadLimitError, DiskFullError, StartError
            Something is there and failed.
        """

    def condition(self, spec: Spec) -> Condition:
        """Look at the service now."""

    def stop(self, spec: Spec) -> None:
        """Stop it, for every kernel; data and volumes stay. Stopping a stopped one is no error."""

    def logs(self, spec: Spec, lines: int) -> str:
        """Return the last `lines` lines that the service wrote."""

    def follow(self, spec: Spec, lines: int) -> Generator[str, None, None]:
        """Yield the last `lines` lines, then what it writes, in pieces, until it ends.

        Closing the generator, or cancelling its thread's work, ends it.
        """

    def memory(self, spec: Spec) -> int | None:
        """Return the bytes of memory that it takes now; None where that cannot be told."""

    def watch(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Have `changed` called when something changes that this kernel did not do.

        Parameters
        ----------
        changed
            Called from a thread of the runtime's own, with the project that changed; None means
            that any may have.

        Returns
        -------
        callable
            Ends the watching.
        """

    def remove(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Take away what `start` made (volumes and data only if asked); return what went."""

    def plan_removal(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Return what `remove` would take away, in words."""
