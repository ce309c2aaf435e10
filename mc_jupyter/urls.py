"""Addresses: taken apart by a function that does not raise for what is none, and shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit


def split_url(address: str) -> SplitResult | None:
    """Return the parts of an address, of which host and port can be read; None for what is none.

    ``urlsplit`` raises for some of what is no address (``http://[``), and what it returns for
    some other (``http://host:99999``) raises later, as a name does that DNS cannot hold where it
    is looked up.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
        if ":" in host:
            ipaddress.ip_address(host)
        else:
            host.encode("idna")
    except ValueError:  # UnicodeError is one
        return None
    return parts


def without_user(address: str) -> str:
    """Return an address without the user and password that it may hold."""
    scheme, separator, rest = address.rpartition("://")
    place, slash, path = rest.partition("/")
    port = place.rpartition(":")[2]
    if "@" in path and "@" not in place and ":" in place and not port.isdecimal():
        # a slash in a password: what stands before the @ is no host
        return f"{scheme}{separator}{path.rpartition('@')[2]}"
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


def shown(url: str) -> str:
    """Return a URL for messages: no user, password or query."""
    return without_user(url.partition("?")[0])


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, by its name alone."""
    parts = split_url(url)
    host = (parts and parts.hostname) or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
