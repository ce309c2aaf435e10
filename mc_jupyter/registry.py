"""The service registry: identifier to service. The only mutable state, and one per kernel."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import cancel
from .addresses import look_at, read_in
from .capable import load_line
from .clients.kinds import KINDS, Kind, named
from .errors import ArgumentError, IdentifierError, did_you_mean
from .events import Event, Report, silent
from .handles import find, free_handle, pick, refuse_taken
from .hosts import Key, check
from .manifest import Manifest
from .placement import is_known_to_hang, place
from .records import Change, How, Load, Stats
from .service import Service
from .settings import RUNTIMES, Settings
from .sources import clear, fetch, parse_identifier
from .sources.base import Checkout, Identifier

if TYPE_CHECKING:
    from .capable import Capable
    from .clients import OllamaClient
    from .runtimes.base import Runtime
    from .runtimes.compose.labels import Found

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Wish:
    """What a load asks for beside the identifier; see :meth:`ServiceRegistry.get_service`."""

    name: str | None
    runtime: str | None
    env: Mapping[str, str]
    refresh: bool
    report: Report
    client: Kind | None = None
    key: Key | None = None


class ServiceRegistry:
    """Loads services, once each, and keeps them. Thread-safe; a fetch never holds the lock.

    Parameters
    ----------
    settings
        Where paths and defaults come from.

    Attributes
    ----------
    routes
        Models that went to a service which has them, and its handle: of each it was said.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._lock = threading.Lock()
        self._services: dict[str, Service] = {}
        self._loading: dict[str, Future[Service]] = {}
        self._runtimes: dict[str, Runtime] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._counts: dict[How, int] = {"fetched": 0, "disk": 0, "memory": 0}
        self._loads: list[Load] = []
        self.routes: set[tuple[str, str]] = set()

    # loading ----------------------------------------------------------------------------------

    def get_service(
        self,
        identifier: str,
        *,
        name: str | None = None,
        runtime: str | None = None,
        env: Mapping[str, str] | None = None,
        refresh: bool = False,
        client: str | None = None,
        key_env: str | None = None,
        report: Report = silent,
    ) -> Service:
        """Return the service of that identifier, loading it where it is not loaded yet.

        Parameters
        ----------
        identifier
            ``github:OWNER/REPO[@REF]``, ``https://HOST/OWNER/REPO[@REF]``, a local folder,
            ``http://host:port`` or a bundled short name.
        name
            A handle of one's own; for a loaded service, a further name.
        runtime
            ``auto``, ``docker``, ``native``, ``embedded`` or ``url``; None takes the setting.
        env
            Environment for the service; wins over the manifest's.
        refresh
            Fetch anew even when it is on disk.
        client
            The kind that it is to be taken for, whatever it says of itself
            (:data:`~mc_jupyter.clients.kinds.KINDS`, or ``plain``); None finds out.
        key_env
            The environment variable that holds the key of a service at an address; its value is
            sent to that address only, over https unless it is this machine, and is not kept.
        report
            Told of each step.

        Raises
        ------
        IdentifierError, SourceError, ManifestError, HandleTakenError, ArgumentError
            As each says.
        """
        start = time.perf_counter()
        if runtime is not None and runtime not in RUNTIMES:
            raise ArgumentError(
                f"there is no runtime {runtime!r}: {did_you_mean(runtime, RUNTIMES)}"
            )
        kind = named(client) if client is not None else None
        is_web = identifier.strip().lower().startswith(("http://", "https://"))
        known = _parsed(identifier, "url" if key_env is not None and is_web else runtime)
        if known.kind == "url" and (env or runtime not in (None, "auto", "url")):
            what = "its environment" if env else f"--runtime {runtime}"
            raise ArgumentError(
                f"{identifier} runs already: {what} cannot be set from here",
                f"%mc load {identifier}",
            )
        there = self._services.get(known.key)
        key = _key(known, key_env) if key_env is not None else there.key if there else None
        loaded = None if refresh else there
        wish = _Wish(name, runtime, env or {}, refresh, report, kind, key)
        if loaded is None and wish == _Wish(None, None, {}, False, report):
            loaded = self._taken_before(identifier)
        if loaded is None:
            return self._load(known, wish)
        self._adopt(loaded, wish)
        self._count(identifier, "memory", time.perf_counter() - start)
        return loaded

    def _taken_before(self, word: str) -> Service | None:
        """What a prompt has loaded or taken for a kind's name, so that there are not two."""
        kind = next((kind for kind in KINDS if kind.name == word.strip().lower()), None)
        if kind is None or not kind.repository:
            return None
        published = self._services.get(parse_identifier(kind.repository).key)
        taken = pick(self.services(), kind.name)
        return published or (taken if taken and taken.identifier.kind == "url" else None)

    def _load(self, identifier: Identifier, wish: _Wish) -> Service:
        """Load it, or wait for the thread that already does."""
        if wish.name is not None:
            refuse_taken(self.services(), wish.name, identifier)
        with self._lock:
            running = self._loading.get(identifier.key)
            if running is None:
                mine: Future[Service] = Future()
                self._loading[identifier.key] = mine
        if running is not None:
            try:
                service = _result(running)
            except KeyboardInterrupt:
                if not running.done():
                    raise
                return self._load(identifier, wish)
            self._adopt(service, wish)
            return service
        try:
            service = self._read(identifier, wish)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(service)
            return service
        finally:
            with self._lock:
                del self._loading[identifier.key]

    def _read(self, identifier: Identifier, wish: _Wish) -> Service:
        start = time.perf_counter()
        checkout: Checkout | None = None
        if identifier.kind == "url":
            manifest = look_at(identifier, wish.client, wish.key)
        else:
            checkout = fetch(identifier, self.settings, refresh=wish.refresh, report=wish.report)
            if checkout.note:
                wish.report(Event("note", checkout.note, settled=True))
            manifest = read_in(checkout, identifier)
        how: How = "fetched" if checkout is None or checkout.fetched else "disk"
        service = self._keep(identifier, checkout, manifest, wish)
        self._count(identifier.typed, how, time.perf_counter() - start)
        return service

    def _keep(
        self,
        identifier: Identifier,
        checkout: Checkout | None,
        manifest: Manifest,
        wish: _Wish,
    ) -> Service:
        """Put what was read under its key and a free handle."""
        with self._lock:
            old = self._services.get(identifier.key)
        if old is not None:
            self._adopt(old, wish)
            if checkout is not None:
                old.use(checkout, manifest)
            return old
        wanted = wish.runtime or self.settings.runtime
        with self._lock:
            if wish.name:  # another thread may have taken it meanwhile
                refuse_taken(list(self._services.values()), wish.name, identifier)
            handle = wish.name or free_handle(list(self._services.values()), identifier)
            service = Service(
                identifier,
                checkout,
                manifest,
                handle=handle,
                placement=place(
                    identifier,
                    checkout,
                    manifest,
                    handle=handle,
                    wanted=wanted,
                    environment=wish.env,
                    settings=self.settings,
                    runtime=self.runtime,
                    key=wish.key,
                ),
                changed=self._changed,
                client=wish.client,
                bounds=lambda: self.settings.bounds,
            )
            self._services[identifier.key] = service
        self._changed(service)
        return service

    def _adopt(self, service: Service, wish: _Wish) -> None:
        """Give a service that is loaded already what a later load asks for."""
        with self._lock:
            if wish.name is not None:
                refuse_taken(list(self._services.values()), wish.name, service.identifier)
        if wish.runtime or wish.env:
            service.prefer(wish.runtime, wish.env)
        if wish.client:
            service.take_for(wish.client)
        if wish.key:
            service.take_key(wish.key)
        if wish.name:
            service.call(wish.name)

    def refresh(self, identifier: str, report: Report = silent) -> Service:
        """Fetch a service anew; a running one changes over when it stops.

        Parameters
        ----------
        identifier
            As for :meth:`get_service`, or the handle of a loaded service.
        """
        loaded = pick(self.services(), identifier)
        if loaded is not None:
            identifier = loaded.identified
        return self.get_service(identifier, refresh=True, report=report)

    def clear_cache(self) -> int:
        """Forget services that do not run, and delete fetched repositories that nobody uses.

        Returns
        -------
        int
            How many folders were deleted. Data, models and running services stay.
        """
        for service in self.services():
            if service.status().state in ("loaded", "absent", "created", "exited", "stopped"):
                self._forget(service)
        kept = [folder for service in self.services() for folder in service.folders]
        return clear(self.settings, keep=kept)

    # finding ----------------------------------------------------------------------------------

    def services(self) -> list[Service]:
        """Return the loaded services, in the order of loading."""
        with self._lock:
            return list(self._services.values())

    def find(self, handle: str) -> Service:
        """Return the loaded service of that handle or alias.

        Raises
        ------
        ServiceNotFoundError
            With the closest handle, or the line that loads one.
        """
        return find(self.services(), handle)

    def find_capable(self, word: str) -> tuple[Capable, ...]:
        """Return what can do a thing: loaded services first, then what can be loaded.

        Parameters
        ----------
        word
            A capability in any spelling (``text-to-audio``), a tag (``transcription``) or the
            name of a kind (``kokoro``).

        Raises
        ------
        ArgumentError
            Nobody knows the word; with the closest one.
        """
        from .capable import find_capable

        return find_capable(self.services(), word)

    def elsewhere(self) -> list[Found]:
        """Return services of ours that run in Docker but are not loaded in this kernel."""
        from .runtimes.compose.engine import discover

        if is_known_to_hang(self.runtime("docker")):
            return []
        mine = {service.placement.spec.project for service in self.services()}
        return [found for found in discover(self.settings.data) if found.project not in mine]

    def stats(self) -> Stats:
        """Return how loads were answered so far."""
        with self._lock:
            counts = self._counts
            return Stats(
                counts["fetched"], counts["disk"], counts["memory"], tuple(self._loads[-100:])
            )

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` after each change, in the thread that made it.

        Returns
        -------
        callable
            Ends the subscription.
        """
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def watch(self) -> Callable[[], None]:
        """Keep what is known of the services true to what happens outside of this kernel.

        Returns
        -------
        callable
            Ends it; see :class:`~mc_jupyter.watching.Watch`.
        """
        from .watching import Watch

        return Watch(self).close

    def remove(self, handle: str, volumes: bool = False) -> tuple[str, ...]:
        """Take away a service's containers and networks, and forget its handle.

        Returns
        -------
        tuple of str
            What went, in words.
        """
        service = self.find(handle)
        gone = service.remove(volumes)
        self._forget(service)
        return gone

    def runtime(self, name: str) -> Runtime:
        """Return this kernel's runtime of that name; made at its first use."""
        from .runtimes import make

        runtime = self._runtimes.get(name)
        if runtime is None:
            runtime = self._runtimes.setdefault(name, make(name))
        return runtime

    # prompting --------------------------------------------------------------------------------

    def for_prompt(
        self, host: str | None = None, report: Report = silent, models: Sequence[str] = ()
    ) -> Service:
        """Return the Ollama service that a prompt goes to; see :mod:`mc_jupyter.prompting`."""
        from .prompting import find_ollama

        return find_ollama(self, host, report, models)

    def prepare(
        self,
        service: Service,
        models: Sequence[str],
        report: Report = silent,
        pull: bool = True,
    ) -> tuple[OllamaClient, str]:
        """Start what is stopped and fetch what is missing; see :mod:`mc_jupyter.prompting`."""
        from .prompting import make_ready

        return make_ready(service, models, report, pull)

    # inside -----------------------------------------------------------------------------------

    def _count(self, identifier: str, how: How, seconds: float) -> None:
        with self._lock:
            self._counts[how] += 1
            self._loads.append(Load(identifier, how, seconds))
            del self._loads[:-100]

    def _forget(self, service: Service) -> None:
        with self._lock:
            self._services.pop(service.identifier.key, None)
        self._tell(Change(service.handle, None))

    def _changed(self, service: Service) -> None:
        self._tell(Change(service.handle, service.snapshot()))

    def _tell(self, change: Change) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(change)
            except Exception:
                _log.exception("a listener of the service registry failed")


def _parsed(identifier: str, runtime: str | None) -> Identifier:
    """The identifier; a kind's name that does not come along leads to where it is published."""
    try:
        return parse_identifier(identifier, force_url=runtime == "url")
    except IdentifierError as error:
        kind = next((kind for kind in KINDS if kind.name == identifier.strip().lower()), None)
        if kind is not None:
            error.message = f"{kind.name} does not come with mc_jupyter"
            error.hint = load_line(kind)
        raise


def _key(identifier: Identifier, variable: str) -> Key:
    """The variable that holds an address's key; what cannot be sent is said before anything is."""
    key = Key(variable)
    if identifier.kind != "url":
        raise ArgumentError(
            f"--key-env is for a service at an address, and {identifier.typed} is none",
            "%mc load https://HOST --key-env NAME",
        )
    check(identifier.location, key)
    key.read()
    return key


def _result(running: Future[Service]) -> Service:
    """Wait for another thread's load, as long as nobody cancels ours."""
    while True:
        try:
            return running.result(timeout=0.2)
        except TimeoutError:
            if running.done():
                raise
            cancel.check()


registry = ServiceRegistry()
"""The kernel's registry."""
