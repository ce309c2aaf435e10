"""Fetching one file of known size over HTTP, going on where an earlier try ended."""

from __future__ import annotations

import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

from ..errors import SourceError, SourceUnreachableError

_BLOCK = 256 * 1024  # bytes
_SILENCE = 10.0  # seconds without a byte before a new try
_TRIES = 5  # in a row without a new byte
_NEWS_EVERY = 0.1  # seconds

Count = Callable[[int], None]


class Download:
    """One file that is being fetched.

    Parameters
    ----------
    url
        ``http:``, ``https:`` or ``file:``.
    partial
        Where the bytes go; kept when interrupted, gone on with next time.
    size
        The file's size in bytes, known beforehand.
    settings
        pip's own: ``cert``, ``client-cert``, ``proxy``.
    """

    def __init__(self, url: str, partial: Path, size: int, settings: Mapping[str, str]) -> None:
        if urlsplit(url).scheme not in ("http", "https", "file"):
            raise SourceError(f"{url} is not an address that can be fetched")
        self.url = url
        self.host = urlsplit(url).netloc or "this machine"
        self.partial = partial
        self.size = size
        self._opener = _opener(settings)
        self._told = 0.0

    def run(self, count: Count, cancelled: Event) -> None:
        """Fetch what is missing.

        Parameters
        ----------
        count
            Told the bytes that are there, at most every 100 ms.
        cancelled
            Ends the call when set; what is there is kept.

        Raises
        ------
        SourceUnreachableError
            No connection, or it broke too often.
        SourceError
            The server refuses, or sends another file.
        OSError
            The file cannot be written.
        """
        failures = 0
        while (have := self._have()) < self.size:
            reason = self._try(have, count, cancelled)
            failures = failures + 1 if self._have() <= have else 0
            if failures >= _TRIES:
                raise SourceUnreachableError(
                    f"{self.host} broke off at {self._have()} of {self.size} bytes: {reason}",
                    "pull again to go on from there",
                )
            if self._have() < self.size and cancelled.wait(0.2 * failures):
                raise CancelledError
        count(self.size)

    def _try(self, have: int, count: Count, cancelled: Event) -> str:
        """Fetch as far as the connection goes; return why it ended."""
        try:
            self._go_on(have, count, cancelled)
        except urllib.error.HTTPError as error:
            if error.code == 416:
                self.partial.unlink(missing_ok=True)
            elif error.code < 500:
                raise SourceError(f"{self.host} answers {error.code} for {self.url}") from None
            return f"it answers {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
            return str(getattr(error, "reason", error)) or type(error).__name__
        except ConnectionError as error:
            return str(error)
        return "the connection ended early"

    def _have(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _go_on(self, have: int, count: Count, cancelled: Event) -> None:
        headers = {"User-Agent": "mc-jupyter", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        request = urllib.request.Request(self.url, headers=headers)
        with self._opener.open(request, timeout=_SILENCE) as reply:
            if not (reply.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
                have = 0  # the server sends the whole file
            with self.partial.open("ab") as file:
                file.truncate(have)
                while block := reply.read(_BLOCK):
                    if have + len(block) > self.size:
                        raise SourceError(f"{self.url} is larger than {self.size} bytes")
                    file.write(block)
                    file.flush()
                    have += len(block)
                    self._tell(have, count)
                    if cancelled.is_set():
                        raise CancelledError

    def _tell(self, have: int, count: Count) -> None:
        now = time.monotonic()
        if now - self._told >= _NEWS_EVERY:
            self._told = now
            count(have)


def _opener(settings: Mapping[str, str]) -> urllib.request.OpenerDirector:
    bundle = settings.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle:
        folder = os.path.isdir(bundle)
        context = ssl.create_default_context(
            cafile=None if folder else bundle, capath=bundle if folder else None
        )
    else:
        context = ssl.create_default_context()
        try:
            import certifi  # a Python from python.org has no certificates of its own on macOS

            context.load_verify_locations(certifi.where())
        except ImportError:
            pass
    if "client-cert" in settings:
        context.load_cert_chain(settings["client-cert"])
    proxy = settings.get("proxy")
    proxies = urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None)
    return urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=context))
