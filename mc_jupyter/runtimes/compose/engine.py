"""The engine through docker-py: what runs, its logs, images and volumes. docker-py's only home."""

from __future__ import annotations

import codecs
import contextlib
import socket
import threading
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import docker
import docker.errors
import requests
import urllib3.exceptions

from ...cancel import check, on_cancel
from ...errors import DiskFullError, EngineUnavailableError, ImageUnavailableError, StartError
from ...sockets import shut
from . import detect, look
from .labels import COMPOSE_PROJECT, HOME, IDENTIFIER, PROJECT, SERVICE, Found, home_of
from .sock import on_connect

_LIMIT = 10
_DELETE_LIMIT = 120
_QUICK = 2
_UNNAMED = "<none>:<none>"
_PULL_FIRST = 30.0
_PULL_SILENCE = 300.0  # checking a large layer on a slow disk is silent for long

_TELLING = ("start", "die", "destroy", "pause", "unpause", "rename")

Attributes = Mapping[str, Any]


class _Client(docker.APIClient):
    """Whoever waits for its answers is woken when the work of that thread is cancelled."""

    def get_adapter(self, url: str | bytes) -> Any:
        adapter: Any = super().get_adapter(str(url))
        if not hasattr(adapter, "wakes"):
            on_connect(adapter, _wake_when_cancelled)
            adapter.wakes = True
        return adapter

    def _stream_raw_result(self, response: Any, *_: Any) -> Iterator[bytes]:
        """Of a terminal's log: as it comes, where docker-py gives single bytes."""
        return super()._stream_raw_result(response, 65536, False)  # type: ignore[misc,no-any-return]


def _wake_when_cancelled(sock: socket.socket) -> None:
    getattr(_latest, "take_back", lambda: None)()  # a thread waits for one answer at a time
    _latest.take_back = on_cancel(lambda: shut(sock))
    check()


_latest = threading.local()


class _PullClient(docker.APIClient):
    """docker-py gives a pull no limit at all; this one has two, and can be ended."""

    limits = (_PULL_FIRST, _PULL_SILENCE)
    answer: requests.Response | None = None
    sock: socket.socket | None = None

    def wake(self) -> None:
        """Break the pull off, from another thread."""
        if self.sock is not None:
            shut(self.sock)

    def _connected(self, sock: socket.socket) -> None:
        self.sock = sock
        check()

    def post(self, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        first, silence = self.limits
        on_connect(self.get_adapter(str(url)), self._connected)
        self.answer = super().post(url, *args, **(options | {"timeout": (5, first)}))
        sock = getattr(getattr(self.answer.raw, "connection", None), "sock", None)
        if sock is not None:
            sock.settimeout(silence)
        return self.answer


Client = TypeVar("Client", bound=docker.APIClient)


class Engine:
    """One engine, at the address that the CLI uses too.

    Parameters
    ----------
    address
        ``unix:///path/of/the.sock``.
    limit
        Seconds for each answer.

    Raises
    ------
    EngineUnavailableError
        Nothing answers there.
    """

    def __init__(self, address: str, limit: int = _LIMIT) -> None:
        self.address = address
        with self._mapped():
            self._api = self._connect(_Client, limit)

    def _connect(self, kind: type[Client], limit: int | None) -> Client:
        client = kind(base_url=self.address, version="auto", timeout=limit)  # type: ignore[arg-type]
        client.headers["Connection"] = "close"  # nothing idle to leak, to share or to fork
        return client

    def _slow(self) -> docker.APIClient:
        return self._connect(_Client, _DELETE_LIMIT)

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn what docker-py and requests raise into our errors."""
        detect.knock(self.address)
        try:
            yield
        except docker.errors.ImageNotFound as error:
            raise ImageUnavailableError(f"image not found: {error.explanation}") from error
        except docker.errors.InvalidArgument as error:  # refused before it was asked
            raise StartError(f"the Docker engine cannot be asked: {error}") from error
        except docker.errors.APIError as error:
            text = str(error.explanation or error)
            if "no space left on device" in text:
                raise DiskFullError(f"Docker's disk is full: {text}", "docker system df") from error
            raise StartError(f"the Docker engine says: {text}") from error
        except requests.exceptions.Timeout as error:
            check()
            raise EngineUnavailableError(
                f"the Docker engine at {self.address} does not answer",
                "restart it: sudo systemctl restart docker (or restart Docker Desktop)",
            ) from error
        except (
            docker.errors.DockerException,
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
        ) as error:
            check()  # we broke it ourselves
            reason = "the connection broke" if "broken" in str(error) else str(error)[:200]
            raise detect.no_engine(reason, self.address) from error

    def containers(self, project: str) -> list[Attributes]:
        """Return the inspected containers of ours in `project`, running or not."""
        return self._inspected({"label": [f"{PROJECT}={project}"]}, everything=True)

    def writable_folders(self) -> list[tuple[str, str]]:
        """Return what running containers of ours, in all projects, can write to of this machine.

        Returns
        -------
        list
            Pairs of a container's name and a folder's path.
        """
        with self._mapped():
            listed = self._api.containers(filters={"label": [PROJECT]})
        return [
            (str(item["Names"][0]).lstrip("/"), str(mount.get("Source", "")))
            for item in listed
            for mount in item.get("Mounts") or ()
            if mount.get("Type") == "bind" and mount.get("RW")
        ]

    def strangers(self, project: str) -> list[str]:
        """Return the names of containers in the Compose project that do not carry our label."""
        filters = {"label": [f"{COMPOSE_PROJECT}={project}"]}
        with self._mapped():
            listed = self._api.containers(all=True, filters=filters)
        return [
            str(item["Names"][0]).lstrip("/")
            for item in listed
            if (item.get("Labels") or {}).get(PROJECT) != project
        ]

    def _inspected(self, filters: Mapping[str, object], everything: bool) -> list[Attributes]:
        with self._mapped():
            listed = self._api.containers(all=everything, filters=filters)
            found = []
            for item in listed:
                with contextlib.suppress(docker.errors.NotFound):  # gone since it was listed
                    found.append(self._api.inspect_container(item["Id"]))
            return found

    def logs(self, container: str, lines: int) -> str:
        """Return a container's last lines; empty where its log cannot be read."""
        try:
            with self._mapped():
                raw = self._api.logs(container, stdout=True, stderr=True, tail=lines)
        except (StartError, ImageUnavailableError):  # gone, or a log driver that cannot be read
            return ""
        return bytes(raw).decode("utf-8", "replace")

    def follow(self, container: str, lines: int) -> Generator[str, None, None]:
        """Yield a container's last lines, then what it writes, until it ends or is cancelled."""
        with self._mapped(), contextlib.closing(self._unlimited()) as client:
            stream = client.logs(
                container, stdout=True, stderr=True, stream=True, follow=True, tail=lines
            )
            letters = codecs.getincrementaldecoder("utf-8")("replace")  # a piece may end in one
            yield from filter(None, (letters.decode(piece) for piece in _ending(stream)))
            detect.knock(self.address)  # an engine that goes ends its streams without a word

    def events(self) -> Generator[str, None, None]:
        """Yield the project of each of our containers that starts, ends or is changed.

        It begins with an empty text, as soon as the engine listens; it ends with the engine, and
        when this thread's work is cancelled.
        """
        filters = {"type": ["container"], "label": [PROJECT], "event": list(_TELLING)}
        with self._mapped(), contextlib.closing(self._unlimited()) as client:
            stream = client.events(decode=True, filters=filters)
            # which docker-py leaves out here
            client._raise_for_status(stream._response)  # type: ignore[attr-defined]
            yield ""
            for event in _ending(stream):
                yield str((event.get("Actor") or {}).get("Attributes", {}).get(PROJECT, ""))

    def _unlimited(self) -> docker.APIClient:
        """For what may say nothing for hours."""
        return self._connect(_Client, None)

    def memory(self, container: str) -> int | None:
        """Return the bytes of memory that a container uses; None where it does not run.

        As ``docker stats`` counts them: without the file cache that the kernel may drop.
        """
        with self._mapped():
            told = self._api.stats(container, stream=False, one_shot=True)
        memory = told.get("memory_stats") or {}
        details = memory.get("stats") or {}
        cache = details.get("inactive_file", details.get("total_inactive_file", 0))
        used = int(memory.get("usage", 0)) - int(cache)
        return used if used > 0 else None

    def unpause(self, container: str) -> None:
        """Let a paused container go on."""
        with self._mapped():
            self._api.unpause(container)

    def image(self, name: str) -> Attributes | None:
        """Return what the engine knows of an image; None where it is not here."""
        with self._mapped():
            try:
                return dict(self._api.inspect_image(name))  # type: ignore[no-untyped-call]
            except docker.errors.ImageNotFound:
                return None

    def pull(
        self,
        image: str,
        platform: str | None = None,
        first: float = _PULL_FIRST,
        silence: float = _PULL_SILENCE,
    ) -> Generator[Attributes, None, None]:
        """Pull an image; yield the engine's lines. Closing the iterator ends the pull.

        Parameters
        ----------
        image
            Its full name, with tag or digest.
        platform
            ``linux/amd64`` or the like; None for the engine's own.
        first, silence
            Seconds until the first line, and between two.

        Raises
        ------
        Interrupted
            It was cancelled; the connection is closed, so that the engine ends the pull too.
        """
        with self._mapped(), contextlib.closing(self._connect(_PullClient, _LIMIT)) as client:
            client.limits = (first, silence)
            take_back = on_cancel(client.wake)
            try:
                yield from client.pull(image, stream=True, decode=True, platform=platform)
                check()  # docker-py takes a connection that is broken off for the end
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
                check()
                if "timed out" not in str(error):  # it comes in several wrappings
                    raise
                raise ImageUnavailableError("no progress, the registry does not answer") from error
            finally:  # a traceback may keep the frames, and with them the pull, alive
                take_back()
                if client.answer is not None:
                    client.answer.close()

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a volume with our labels, or find the one that we created before.

        Raises
        ------
        StartError
            There is a volume of that name that is not ours.
        """
        with self._mapped():
            volume = self._api.create_volume(name, labels=dict(labels))
            if IDENTIFIER not in (volume.get("Labels") or {}):
                # of one that exists the engine may leave them out here (seen with 20.10)
                volume = self._api.inspect_volume(name)
        if IDENTIFIER not in (volume.get("Labels") or {}):
            raise StartError(
                f"a volume named {name} exists already and is not ours",
                f"docker volume inspect {name}",
            )

    def volumes(self, prefix: str) -> list[str]:
        """Return the names of our volumes that begin with `prefix`."""
        with self._mapped():
            listed = self._api.volumes(filters={"label": IDENTIFIER}).get("Volumes") or []
        return sorted(v["Name"] for v in listed if v["Name"].startswith(prefix))

    def remove_volume(self, name: str) -> bool:
        """Remove a volume; False when something still uses it."""
        with self._mapped():
            try:
                self._slow().remove_volume(name)
            except docker.errors.NotFound:
                return True
            except docker.errors.APIError as error:
                if error.status_code == 409:
                    return False
                raise
        return True

    def built_images(self, project: str) -> list[str]:
        """Return the names of the images that were built for `project`; of older ones the ids."""
        with self._mapped():
            listed = self._api.images(filters={"label": [f"{PROJECT}={project}"]})
        tags = [(item["Id"], item.get("RepoTags") or [_UNNAMED]) for item in listed]
        return sorted(number if names == [_UNNAMED] else names[0] for number, names in tags)

    def remove_image(self, name: str) -> None:
        """Remove an image's name, and its layers where nothing else needs them."""
        with self._mapped(), contextlib.suppress(docker.errors.ImageNotFound):
            self._slow().remove_image(name)

    def networks(self, project: str) -> list[str]:
        """Return the names of the networks of `project`."""
        with self._mapped():
            listed = self._api.networks(filters={"label": f"{COMPOSE_PROJECT}={project}"})
        return sorted(item["Name"] for item in listed)

    def network_ids(self) -> set[str]:
        """Return the ids of all networks that there are."""
        with self._mapped():
            return {str(item["Id"]) for item in self._api.networks()}

    def services(self, data: Path | None) -> list[Found]:
        """Return the running services of ours; see :func:`discover`."""
        labels = [SERVICE] + ([f"{HOME}={home_of(data)}"] if data else [])
        found = self._inspected({"label": labels}, everything=False)
        return [look.found_of(item) for item in found if look.is_main(item)]


def _ending(stream: Any) -> Iterator[Any]:
    """What a docker-py stream gives; closed with us, and when this thread's work is cancelled."""
    take_back = on_cancel(stream.close)
    try:
        yield from stream
        check()
    finally:
        take_back()
        stream.close()


def discover(data: Path | None = None) -> list[Found]:
    """Return the services of ours that run on the engine, whoever started them.

    Parameters
    ----------
    data
        Only those of this data folder; None for all.

    Returns
    -------
    list of Found
        Empty where no engine answers quickly.
    """
    try:
        address = detect.engine_address(detect.docker_program())
        return Engine(address, _QUICK).services(data)
    except (EngineUnavailableError, StartError):
        return []
