"""A host with secrets, and what tells whether one of them got out.

Judged is what is there afterwards: secrets in what would run, in what was written and in what a
container printed; rights that the model has; requests at the host's loopback; files that appeared.
An error's text counts for nothing, but for a secret in it.
"""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.git_server import Link

from hostile.repositories import HOSTILE, OTHER_FILE, SECRET_NAME, File, Repository

_MARK = "mark-of-hostile"
_RIGHTS = {
    "annotations", "blkio_config", "cap_add", "cgroup", "cgroup_parent", "configs", "container_name",
    "credential_spec", "device_cgroup_rules", "devices", "dns", "env_file", "extends", "external_links",
    "extra_hosts", "group_add", "ipc", "label_file", "links", "mac_address", "models", "oom_kill_disable",
    "oom_score_adj", "pid", "post_start", "pre_stop", "privileged", "provider", "secrets", "storage_opt",
    "sysctls", "use_api_socket", "userns_mode", "uts", "volumes_from",
}  # fmt: skip
_BUILD_RIGHTS = {
    "additional_contexts", "cache_from", "cache_to", "entitlements", "extra_hosts", "network",
    "privileged", "secrets", "ssh", "tags",
}  # fmt: skip


@dataclass
class Scene:
    """What may not get out.

    Attributes
    ----------
    root
        The folder that all of it lies in.
    other
        The name of another project's container, network and volume.
    """

    root: Path
    other: str = "mc-hostile-other"
    secret: str = field(default_factory=lambda: f"secret-{secrets.token_hex(8)}")
    port: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def outside(self) -> Path:
        """A folder of the host."""
        return self.root / "outside"

    def filled(self, text: str) -> str:
        """A text with the scene's places."""
        words = {
            "@OUTSIDE@": str(self.outside),
            "@PORT@": str(self.port),
            "@OTHER@": self.other,
            "@SECRET_NAME@": SECRET_NAME,
        }
        for word, place in words.items():
            text = text.replace(word, place)
        return text

    def write(self, files: Mapping[str, File], folder: Path) -> Path:
        """Write a repository; its links are real ones."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Link):
                path.symlink_to(self.filled(content.target))
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_bytes(self.filled(content).encode())
        return folder

    def repository(self, number: int, of: Repository) -> Path:
        """Write one of the repositories."""
        return self.write(of.files, self.root / "repositories" / str(number))

    def has_secret(self, *texts: object) -> bool:
        """Whether one of the texts holds a secret."""
        return any(self.secret in str(text) for text in texts)

    def leaks(self, *folders: Path) -> list[str]:
        """What got out so far: requests, files that appeared, secrets in what was written."""
        found = [f"request: {request}" for request in self.requests]
        for place, names, files in os.walk(self.outside):
            found += [f"appeared: {place}/{n}" for n in [*names, *files] if _MARK in n]
        for folder in folders:
            for place, _, files in os.walk(folder):
                for name in files:
                    path = Path(place, name)
                    if (
                        path.is_file()
                        and not path.is_symlink()
                        and self.has_secret(path.read_text(errors="replace"))
                    ):
                        found.append(f"a secret in {path}")
        return found


@contextmanager
def scene(root: Path) -> Iterator[Scene]:
    """Build a scene; the kernel's environment has the secret, too."""
    made = Scene(root)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.requests.append(f"{self.command} {self.path}")
            self.send_response(404)
            self.end_headers()

        do_POST = do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    made.write(
        {
            "secret.env": f"LEAK={made.secret}\n",
            "compose.yml": OTHER_FILE,
            "Dockerfile": f"FROM scratch\nLABEL leak={made.secret}\n",
            "run.sh": f"#!/bin/sh\ntouch {made.outside}/{_MARK}\n",
        },
        made.outside,
    )
    (made.outside / "run.sh").chmod(0o755)
    before = os.environ.get(SECRET_NAME)
    os.environ[SECRET_NAME] = made.secret
    try:
        yield made
    finally:
        os.environ.pop(SECRET_NAME)
        if before is not None:
            os.environ[SECRET_NAME] = before
        server.shutdown()
        server.server_close()
        thread.join()


def swapped(
    place: Scene, folder: Path, harmless: Mapping[str, File], stop: threading.Event
) -> None:
    """Put a harmless and a hostile version of each file in its place, as fast as it goes."""
    for number in itertools.count():
        for name, content in (HOSTILE if number % 2 else harmless).items():
            if name == "in" and "in/x" not in harmless:
                continue
            if stop.is_set():
                return
            part, whole, text = folder.parent / "part", folder / name, place.filled(str(content))
            if name == "in":  # the folder that is bound
                whole.rename(folder.parent / f"in-{number}")
                whole.symlink_to(place.outside)
            elif name == "in/x":
                if whole.parent.is_symlink():
                    whole.parent.unlink()
                whole.parent.mkdir(exist_ok=True)
            else:
                part.symlink_to(text[2:]) if text.startswith("->") else part.write_text(text)
                part.replace(whole)


def rights(document: Mapping[str, Any], own: tuple[Path, ...], scope: str) -> list[str]:
    """What a model has that leads out of its containers, by a look that is not the policy's.

    Parameters
    ----------
    document
        The model that would run.
    own
        Folders that may be bound and built from, links resolved.
    scope
        What the names of the service's own objects begin with.
    """
    found = [key for key in ("include", "configs", "secrets", "models") if document.get(key)]
    for name, service in document["services"].items():
        found += [f"{name}.{key}" for key in _RIGHTS if service.get(key)]
        found += [
            f"{name}.build.{key}" for key in _BUILD_RIGHTS if (service.get("build") or {}).get(key)
        ]
        if str(service.get("network_mode", "none")) not in ("bridge", "none"):
            found.append(f"{name}.network_mode")
        if service.get("runtime") not in (None, "nvidia"):
            found.append(f"{name}.runtime")
        for option in service.get("security_opt") or ():
            found += [] if str(option).startswith("no-new-privileges") else [str(option)]
        found += [
            f"{name}: {port}"
            for port in service.get("ports") or ()
            if port["host_ip"] != "127.0.0.1"
        ]
        if (
            len(service.get("ports") or ()) > 20
            or (service.get("deploy") or {}).get("replicas", 1) != 1
        ):
            found.append(f"{name}: too many")
        places = [m.get("source", "/") for m in service.get("volumes") or () if m["type"] == "bind"]
        if build := service.get("build"):
            places.append(build.get("context", "/"))
            if "dockerfile_inline" not in build:
                found.append(f"{name}: a Dockerfile that is read again")
        for place in places:
            try:
                real = Path(os.path.realpath(place))
            except OSError:
                real = Path("/")
            if str(real) != str(place) or not any(real.is_relative_to(folder) for folder in own):
                found.append(f"{name}: {place}")
        others = [
            m["type"]
            for m in service.get("volumes") or ()
            if m["type"] not in ("bind", "volume", "tmpfs")
        ]
        found += others
    for kind in ("networks", "volumes"):
        for name, wishes in (document.get(kind) or {}).items():
            if not str((wishes or {}).get("name", "")).startswith(scope) or (wishes or {}).get(
                "driver_opts"
            ):
                found.append(f"{kind}.{name}")
            if (wishes or {}).get("driver", "local") not in ("local", "bridge"):
                found.append(f"{kind}.{name}.driver")
    if any("$" in value.replace("$$", "") for value in _texts(document)):
        found.append("a variable that is still to be filled in")
    return found


def _texts(value: Any) -> Iterator[str]:
    """All texts that Compose would fill in: it leaves keys as they are."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
