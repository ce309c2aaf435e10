"""Where and how one service may run, and the rule that chooses (``--runtime auto``)."""

from __future__ import annotations

import getpass
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from .errors import DownloadLimitError, EngineUnavailableError, RuntimeUnavailableError
from .events import Event, Report
from .hosts import Key
from .manifest import Manifest
from .runtimes.base import Condition, Runtime, Spec
from .runtimes.process import INSTALL_HINT
from .settings import Settings
from .sources import bundled
from .sources.base import Checkout, Identifier

LOCAL_OLLAMA = "http://127.0.0.1:11434"
_SLOW_S = 1.0
_REMEMBERED_S = 15.0
_SLOW_FAILURES: WeakKeyDictionary[Runtime, float] = WeakKeyDictionary()
"""Until when a hung engine is not asked again just to look; a start always asks."""


@dataclass(frozen=True)
class Placement:
    """What is decided of where a service runs.

    Attributes
    ----------
    wanted
        ``auto``, ``docker``, ``native``, ``embedded`` or ``url``.
    spec
        What a runtime is given.
    runtime
        Returns this kernel's runtime of a name.
    """

    wanted: str
    spec: Spec
    runtime: Callable[[str], Runtime]

    def with_environment(self, environment: Mapping[str, str]) -> Placement:
        """Return the same with more ``--env`` values."""
        merged = {**self.spec.environment, **environment}
        return replace(self, spec=replace(self.spec, environment=merged))

    def with_key(self, key: Key) -> Placement:
        """Return the same with another key."""
        return replace(self, spec=replace(self.spec, key=key))

    def with_checkout(self, checkout: Checkout, manifest: Manifest) -> Placement:
        """Return the same for a fresh checkout."""
        spec = replace(self.spec, folder=checkout.folder, commit=checkout.commit, manifest=manifest)
        spec = replace(spec, content=_content(checkout), links=checkout.links)
        return replace(self, spec=spec)

    def adoptable(self) -> Runtime | None:
        """Return the runtime that may run this service though this kernel did not start it."""
        if self.wanted in ("url", "native", "embedded"):
            return self.runtime(self.wanted)
        docker = self.runtime("docker")
        return docker if _can_be_looked_at(docker) else None


def is_known_to_hang(runtime: Runtime) -> bool:
    """Whether a look found, a moment ago, that it does not answer."""
    return time.monotonic() < _SLOW_FAILURES.get(runtime, 0.0)


def _can_be_looked_at(runtime: Runtime) -> bool:
    """Whether it works here; of one that was slow to say no, this is remembered for a while."""
    if is_known_to_hang(runtime):
        return False
    began = time.monotonic()
    try:
        runtime.check()
    except RuntimeUnavailableError:
        now = time.monotonic()
        if now - began > _SLOW_S:
            _SLOW_FAILURES[runtime] = now + _REMEMBERED_S
        return False
    return True


def place(
    identifier: Identifier,
    checkout: Checkout | None,
    manifest: Manifest,
    *,
    handle: str,
    wanted: str,
    environment: Mapping[str, str],
    settings: Settings,
    runtime: Callable[[str], Runtime],
    key: Key | None = None,
) -> Placement:
    """Return the placement of a service that was just loaded."""
    home = str(settings.data)
    user = _plain(_user())
    project = f"mcj-{user}-{_plain(identifier.handle)}-{_digest(identifier.key, home)}"
    scope = f"mcj-{user}-{_plain(identifier.handle)}-{_digest(identifier.canonical, home)}"
    spec = Spec(
        handle=handle,
        canonical=identifier.canonical,
        manifest=manifest,
        project=project,
        volume_scope=scope,
        data=settings.data / project,
        locks=settings.data / "locks",
        ref=identifier.ref,
        commit=checkout.commit if checkout else None,
        content=_content(checkout),
        folder=checkout.folder if checkout else None,
        environment=dict(environment),
        max_download=settings.max_download,
        models=settings.models,
        weights=settings.cache / "models",
        url=identifier.location if identifier.kind == "url" else None,
        key=key,
        typed=identifier.typed,
        links=checkout.links if checkout else {},
    )
    return Placement("url" if identifier.kind == "url" else wanted, spec, runtime)


def _content(checkout: Checkout | None) -> str | None:
    """Return what stands for a commit in a bundled definition; None elsewhere."""
    return bundled.content(checkout.folder) if checkout and checkout.origin == "bundled" else None


def choose(
    placement: Placement,
    spec: Spec,
    report: Report,
    before: Callable[[Runtime], None] = lambda runtime: None,
) -> tuple[Runtime, Spec, Condition, tuple[str, ...]]:
    """Start the service on the first runtime that can run it.

    ``auto`` is Docker, else (for Ollama) a native server that answers or can be started, else
    the embedded engine. What is absent falls through and is said; what fails is an error.

    Parameters
    ----------
    placement, spec, report
        What is decided already, what is started, and who is told.
    before
        Called with each runtime before the service is started on it; what it raises goes up.

    Returns
    -------
    tuple
        The runtime, the spec that it was given, what it shows, and the lines that must be said.

    Raises
    ------
    RuntimeUnavailableError
        When nothing here can run it.
    """
    if placement.wanted != "auto":
        runtime = placement.runtime(placement.wanted)
        before(runtime)
        return runtime, spec, runtime.start(spec, report), ()
    docker = placement.runtime("docker")
    try:
        docker.check()
        before(docker)
        return docker, spec, docker.start(spec, report), ()
    except (RuntimeUnavailableError, DownloadLimitError) as absent:
        if not spec.manifest.is_ollama:
            if isinstance(absent, EngineUnavailableError):
                absent.message = f"{spec.handle} needs Docker: {absent.message}"
            raise
        return _without_docker(placement, spec, report, absent, before)


_WITHOUT_DOCKER = {
    "native": "the Ollama of this machine",
    "embedded": "the embedded engine",
}


def _without_docker(
    placement: Placement,
    spec: Spec,
    report: Report,
    absent: RuntimeUnavailableError | DownloadLimitError,
    before: Callable[[Runtime], None],
) -> tuple[Runtime, Spec, Condition, tuple[str, ...]]:
    reason = absent.message
    missing = []
    for name, words in _WITHOUT_DOCKER.items():
        runtime = placement.runtime(name)
        note = f"{reason}; using {words}"
        try:
            runtime.check()
            report(Event("note", note, settled=True))
            before(runtime)
            return runtime, spec, runtime.start(spec, report), (note,)
        except RuntimeUnavailableError as also_absent:
            missing.append(also_absent.message)
    raise EngineUnavailableError(
        f"nothing here can run {spec.handle}: {'; '.join([reason, *missing])}",
        f"{INSTALL_HINT}\n%mc load http://HOST:11434   (an Ollama that runs elsewhere)",
    ) from absent


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "user"


def _plain(text: str) -> str:
    """Lower-case letters, digits and dashes: what Compose takes in a project's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
