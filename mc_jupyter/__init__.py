"""AI services inside the notebook: load a MediaConduit service, start it, prompt it.

In a notebook: ``%load_ext mc_jupyter``, then ``%mc`` shows what there is to type. In Python::

    import mc_jupyter
    service = mc_jupyter.load("github:MediaConduit/ollama-service")
    service.start()
    for chunk in service.client().chat("smollm2:135m", [{"role": "user", "content": "Hello"}]):
        print(chunk["message"]["content"], end="")
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

# Bound over the module's name on purpose: `mc_jupyter.registry` is the kernel's registry.
from .records import Snapshot
from .registry import ServiceRegistry, registry
from .service import Service

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .notebook.panel import Panel

__version__ = "0.1.0"
__all__ = [
    "Service",
    "ServiceRegistry",
    "Snapshot",
    "fill",
    "load",
    "load_ipython_extension",
    "panel",
    "registry",
    "unload_ipython_extension",
]

# Without it Python writes warnings and errors into whatever cell runs.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def load(
    identifier: str,
    *,
    name: str | None = None,
    runtime: str = "auto",
    env: Mapping[str, str] | None = None,
    refresh: bool = False,
    client: str | None = None,
    key_env: str | None = None,
) -> Service:
    """Load a service; the Python twin of ``%mc load``.

    Parameters
    ----------
    identifier
        ``github:OWNER/REPO[@REF]``, ``https://HOST/OWNER/REPO[@REF]``, a local folder,
        ``http://host:port`` (already running) or a bundled short name (``ollama``, ``whisper``,
        ``kokoro``, ``ffmpeg``, ``cowsay``).
    name
        A handle of one's own (``--as``).
    runtime
        ``auto`` (also: the setting MC_JUPYTER_RUNTIME), ``docker``, ``native``, ``embedded`` or
        ``url``.
    env
        Environment for the service, by name.
    refresh
        Fetch anew even when it is on disk.
    client
        What to take it for, whatever it says of itself: ``ollama``, ``whisper``, ``kokoro``,
        ``chatterbox``, ``zonos``, ``ffmpeg``, ``huggingface``, ``cowsay`` or ``plain`` (any path).
    key_env
        The environment variable that holds the key of a service at an address. Its value is sent
        to that address only, over https unless it is this machine; it is not kept and not shown.

    Returns
    -------
    Service
        Loaded, not started.

    Raises
    ------
    IdentifierError, SourceError, ManifestError, HandleTakenError, ArgumentError
        As each says.
    """
    wanted = None if runtime == "auto" else runtime
    return registry.get_service(
        identifier,
        name=name,
        runtime=wanted,
        env=env,
        refresh=refresh,
        client=client,
        key_env=key_env,
    )


def fill(template: str, /, **names: object) -> str:
    r"""Fill the ``{{expression}}`` of a template from the names that are given.

    Parameters
    ----------
    template
        A text; a single brace is literal, ``\\{{`` is a literal ``{{``.
    names
        What the expressions may use, besides Python's own functions.

    Returns
    -------
    str
        The text; what was filled in is not filled again.

    Raises
    ------
    TemplateError
        A name that is not given, an expression that fails, a value without a text.

    Examples
    --------
    >>> fill("{{n:,}} reviews of {{name}}", n=1200, name="tea")
    '1,200 reviews of tea'
    """
    from .lab.templates import fill as filled

    return filled(template, dict(names))


def panel() -> Panel:
    """Return the panel over services, models and prompts; the Python twin of ``%mc panel``.

    Returns
    -------
    Panel
        One per kernel. As the last line of a cell, or by ``display``, it shows itself;
        ``.close()`` takes it away.

    Raises
    ------
    ArgumentError
        Outside IPython.
    """
    from .notebook import extension

    return extension.panel(extension.current_shell())


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Add the magics: what ``%load_ext mc_jupyter`` calls. Prints, writes and opens nothing."""
    from .notebook import extension

    extension.load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Take the magics away again; loaded services and the registry stay."""
    from .notebook import extension

    extension.unload(ipython)
