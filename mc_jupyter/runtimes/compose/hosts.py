"""Which names of hosts are public, and which host an image comes from."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_IMAGE = re.compile(r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?(?:@\w+:[0-9a-fA-F]+)?", re.ASCII)
_RESERVED = ("arpa", "onion")
"""Suffixes of the list under which no public host is found (RFC 6761, RFC 8375)."""
_LONGEST = 253  # characters of a name, RFC 1035


def is_public(name: str) -> bool:
    """Whether a host's name ends in a public suffix and has more than that.

    Addresses, in whatever spelling, and names of a local network have none. Where a public name
    leads is not looked up: its owner can change that at any time.

    Parameters
    ----------
    name
        The name alone, without a port.
    """
    host = name.lower()
    if len(host) > _LONGEST or not _HOST.fullmatch(host) or host.rpartition(".")[2] in _RESERVED:
        return False
    return bool(_suffixes().privatesuffix(host))


@functools.cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False)


def of_image(reference: str) -> str | None:
    """Return the host and port that an image's name begins with; None where it names none.

    The rule is Docker's own: what stands before the first ``/`` is a host where it has a dot, a
    colon or a capital letter, or is ``localhost``.
    """
    first, slash, _ = reference.partition("/")
    has_sign = "." in first or ":" in first or first != first.lower() or first == "localhost"
    return first if slash and has_sign else None


def problem_of_image(reference: str) -> str:
    """Return what is wrong with the place an image would be fetched from; empty if nothing is."""
    if not _IMAGE.fullmatch(reference):
        return "it is no name of an image"
    host = of_image(reference)
    if host is None or is_public(host.partition(":")[0]):
        return ""
    return f"{host} is not the public name of a host"
