"""What a report must not hold: credentials, the user's name, the path of the home folder."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

_HIDDEN = "***"
_USER = "USER"
_PRIVATE = re.compile(
    r"TOKEN|SECRET|PASS|CREDENTIAL|KEY|AUTH|COOKIE|PRIVATE|SIGNATURE|DSN", re.IGNORECASE
)
_IN_URL = re.compile(r"(?<=//)[^/\s]*@")
_BARE = re.compile(r"[^\s/@:'\"(]+:[^\s/@]+@(?=[\w.\[-])")
_QUERY = re.compile(r"(?<=[?&])([\w.-]+)=[^&\s'\")]+")
_HOMES = re.compile(r"(/(?:home|Users)/)[^/\s:'\")]+")
_SHORTEST = 4
_PLAIN = ("true", "false", "none", "never", "https", "ollama", "docker", "native", "embedded")
_COMMON = ("root", "user", "admin")  # they tell nobody's name


def cleaner(variables: Mapping[str, str] = os.environ) -> Callable[[str], str]:
    """Return what takes out of a text that which is nobody else's business.

    Parameters
    ----------
    variables
        The environment: the values of what is called a token, key or password in it are taken out
        wherever they stand, and so are the passwords in its addresses.
    """
    secrets = sorted(_secrets(variables), key=len, reverse=True)
    homes = sorted(_homes(variables), key=len, reverse=True)
    users = [name for name in _users(variables) if name not in _COMMON]

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, _HIDDEN)
        text = _IN_URL.sub(f"{_HIDDEN}@", text)
        text = _BARE.sub(f"{_HIDDEN}@", text)
        text = _QUERY.sub(rf"\1={_HIDDEN}", text)
        for home in homes:
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
        text = _HOMES.sub(rf"\1{_USER}", text)
        for name in users:
            text = re.sub(rf"(?<=[/@]){re.escape(name)}(?![\w.])", _USER, text)
        return text

    return clean


def _secrets(variables: Mapping[str, str]) -> set[str]:
    found = set()
    for name, value in variables.items():
        if _PRIVATE.search(name):
            found.add(value)
        for part in re.findall(r"(?://|^)[^/\s:@]*:([^/\s]+)@", value):
            found |= {part, unquote(part)}
    return {text for text in found if len(text) >= _SHORTEST and not _is_plain(text)}


def _is_plain(text: str) -> bool:
    """A value that is no secret and stands elsewhere, too (OPENAI_API_KEY=ollama is a custom)."""
    return text.lower() in _PLAIN or (text.startswith("/") and os.path.exists(text))


def _homes(variables: Mapping[str, str]) -> set[str]:
    homes = {variables.get("HOME", "")}
    with suppress(RuntimeError, KeyError, ImportError, OSError):
        import pwd

        homes.add(pwd.getpwuid(os.getuid()).pw_dir)
    homes |= {str(Path(home).resolve()) for home in homes if home}
    return {home.rstrip("/") for home in homes if len(home.rstrip("/")) > 1}


def _users(variables: Mapping[str, str]) -> set[str]:
    names = {variables.get(name, "") for name in ("USER", "LOGNAME", "JUPYTERHUB_USER")}
    with suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    return {name for name in names if name}
