"""Which repositories were fetched before, as one would type them."""

from __future__ import annotations

import json

from ..settings import Settings

_GITHUB = "https://github.com/"


def known(settings: Settings) -> list[str]:
    """Return the identifiers of what lies in the cache, each once; only reads.

    Parameters
    ----------
    settings
        Where the cache lies.
    """
    found = set()
    for path in (settings.cache / "services").glob("*/*/*/fetched.json"):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            url, ref = str(facts["url"]), str(facts["ref"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        name = url.removesuffix(".git")
        if name.startswith(_GITHUB):
            name = f"github:{name.removeprefix(_GITHUB)}"
        found.add(name if ref == "HEAD" else f"{name}@{ref}")
    return sorted(found)
