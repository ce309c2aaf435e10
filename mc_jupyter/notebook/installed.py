"""What servers have, for a Tab that may not wait: asked in threads, and remembered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import TimeLimitError

if TYPE_CHECKING:
    from ..clients import OllamaClient
    from ..clients.huggingface import HuggingFaceClient
    from ..clients.speech import SpeechClient

FIRST_S = 0.3
LATER_S = 0.03
"""How long a Tab waits for a list that it has not, and for a newer one."""
FRESH_S = 2.0
"""How long a server is not asked again, whether it answered or not."""

_log = logging.getLogger(__name__)

Look = Callable[[Any], Iterable[str]]


def models(client: OllamaClient) -> Iterable[str]:
    """The names of the models that a server has."""
    return [str(model["name"]) for model in client.models() if model.get("name")]


def voices(client: SpeechClient) -> Iterable[str]:
    """The ids of the voices that a server has."""
    return [voice.id for voice in client.voices()]


def held_models(client: HuggingFaceClient) -> Iterable[str]:
    """The ids of the models that a Hugging Face service was given."""
    return [str(model["modelId"]) for model in client.models() if model.get("modelId")]


class Installed:
    """What servers have. Threads may share it.

    Parameters
    ----------
    look
        Given a client, returns the names of what it has.
    """

    def __init__(self, look: Look = models) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._servers: dict[str, _Server] = {}

    def of(self, servers: Mapping[str, Callable[[], Any]]) -> tuple[list[str], bool]:
        """Return what servers have, and whether all that was asked has been answered.

        Parameters
        ----------
        servers
            By address, what makes a client; called in a thread, where a list is wanted.

        Returns
        -------
        tuple
            Names as the servers spell them, each once; what is not known within the limits above
            is left out, and known at a later call.
        """
        with self._lock:
            asked = [self._servers.setdefault(url, _Server(url, self._look)) for url in servers]
            is_first = any(not server.was_waited_for for server in asked)
            for server in asked:
                server.ask(servers[server.url])
        deadline = time.monotonic() + (FIRST_S if is_first else LATER_S)
        for server in asked:
            server.done.wait(max(0.0, deadline - time.monotonic()))
            server.was_waited_for = True
        names = dict.fromkeys(name for server in asked for name in server.names)
        return list(names), not any(server.is_late for server in asked)


class _Server:
    def __init__(self, url: str, look: Look) -> None:
        self.url, self._look = url, look
        self.names: tuple[str, ...] = ()
        self.was_waited_for = False
        self.done = threading.Event()
        self.done.set()
        self._is_late = False
        self._rests_until = 0.0
        self._client: Any = None

    @property
    def is_late(self) -> bool:
        """Whether it still owes an answer, or did not give it in time."""
        return self._is_late or not self.done.is_set()

    def ask(self, connect: Callable[[], Any]) -> None:
        """Ask for the list in a thread, unless that goes on already or the last one is new."""
        if self.done.is_set() and time.monotonic() >= self._rests_until:
            self.done.clear()
            threading.Thread(target=self._ask, args=(connect,), daemon=True).start()

    def _ask(self, connect: Callable[[], Any]) -> None:
        try:
            if self._client is None:
                self._client = connect()
            self.names = tuple(self._look(self._client))
            self._is_late = False
        except Exception as error:
            _log.debug("no list for Tab: %s", error)
            self._is_late = isinstance(error, TimeLimitError)
            if not self._is_late:
                self.names, self._client = (), None  # it is gone, or another one
        finally:
            self._rests_until = time.monotonic() + FRESH_S
            self.done.set()
