"""Addresses taken apart, by the one function that does not raise for what is none."""

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
