"""``%load_ext mc_jupyter`` and back: what is added to a shell, and taken away again."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from IPython.core.getipython import get_ipython
from IPython.core.magic import no_var_expand
from traitlets import TraitError

from ..errors import ArgumentError, Interrupted, MediaConduitError
from ..registry import registry
from .caller import magic_call
from .kinds import KindMagic
from .magics import Magics, McJupyter
from .transform import CellTransform, line_transform

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .panel import Panel

_KINDS = ("line", "cell")
_loaded: dict[int, Extension] = {}
_told: set[str] = set()


def load(shell: InteractiveShell) -> None:
    """Add magics, input transformers and settings to a shell. Prints, writes and opens nothing.

    Parameters
    ----------
    shell
        The shell; one that has them already is left as it is.
    """
    if id(shell) not in _loaded:
        _loaded[id(shell)] = Extension(shell)


def unload(shell: InteractiveShell) -> None:
    """Take away what :func:`load` added; loaded services stay."""
    extension = _loaded.pop(id(shell), None)
    if extension is not None:
        extension.remove()


def current_shell() -> InteractiveShell:
    """Return the running shell.

    Raises
    ------
    ArgumentError
        Outside IPython.
    """
    shell = get_ipython()
    if shell is None:
        raise ArgumentError("the panel needs a notebook", "mc_jupyter.registry.services()")
    return shell


def panel(shell: InteractiveShell) -> Panel:
    """Return the panel of a shell; loads the extension where it is not loaded."""
    load(shell)
    return _loaded[id(shell)].panel


class Extension:
    """What one shell was given.

    Parameters
    ----------
    shell
        The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._settings = _settings(shell)
        self._magics = Magics(shell, registry)
        self.panel = self._magics.panel
        self._ours: list[tuple[str, str]] = []
        texts = self._magics.help()
        self._add("mc", self._magics.mc, texts["mc"])
        self._add("mc_service", self._magics.mc, texts["mc"])
        self._add("ollama", self._magics.ollama, texts["ollama"])
        self._magics.once.install()
        self._configurables = cast("list[Any]", shell.configurables)
        self._configurables.append(self._settings)
        self._cell = CellTransform(lambda: [n for kind, n in tuple(self._ours) if kind == "cell"])
        self._line = line_transform(lambda: [n for kind, n in tuple(self._ours) if kind == "line"])
        self._tab = self._magics.completion(self._ours).matcher
        shell.Completer.custom_matchers.append(self._tab)
        shell.input_transformers_cleanup.insert(0, self._cell)
        shell.input_transformer_manager.token_transformers.append(self._line)
        self._magics.kinds.follow(self._add_kind, self._drop_kind)

    def _add_kind(self, magic: KindMagic) -> None:
        """Register the magics of a kind of service, of which the first was loaded."""

        def call(line: str, cell: str | None) -> Any:
            return magic.line(line) if cell is None else magic.cell(line, cell)

        self._add(magic.name, call, magic.help())

    def _drop_kind(self, magic: KindMagic) -> None:
        for kind, name in [ours for ours in self._ours if ours[1] == magic.name]:
            self._shell.magics_manager.magics[kind].pop(name, None)
            self._ours.remove((kind, name))

    def _add(self, name: str, call: Callable[..., Any], text: str) -> None:
        """Register a line and a cell magic, where nobody else has the name."""

        @no_var_expand
        def magic(line: str, cell: str | None = None) -> Any:
            _refuse_half_characters(line + (cell or ""))
            try:
                with magic_call():
                    return call(line, cell)
            except (MediaConduitError, Interrupted) as error:
                _clear_frames(error)
                raise

        magic.__name__, magic.__doc__ = name, text
        for kind in _KINDS:
            if name in self._shell.magics_manager.magics[kind]:
                _tell(name, kind)
                continue
            self._shell.magics_manager.register_function(magic, kind, name)
            self._ours.append((kind, name))

    def remove(self) -> None:
        """Take everything away again."""
        self._magics.close()
        for kind, name in self._ours:
            self._shell.magics_manager.magics[kind].pop(name, None)
        self._magics.once.remove()
        self._configurables.remove(self._settings)
        self._shell.Completer.custom_matchers.remove(self._tab)
        self._shell.input_transformers_cleanup.remove(self._cell)
        self._shell.input_transformer_manager.token_transformers.remove(self._line)


def _refuse_half_characters(text: str) -> None:
    """A lone surrogate can neither be sent nor be the name of anything."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        raise ArgumentError(
            f"the cell holds {half}, half of a character, which cannot be sent",
            f"behind {text[max(0, error.start - 20) : error.start]!r}",
        ) from error


def _settings(shell: InteractiveShell) -> McJupyter:
    """The settings; without those of the configuration where one of them is wrong."""
    try:
        return McJupyter(registry, parent=shell)
    except TraitError as error:
        print(f"mc_jupyter: c.McJupyter is not used: {error}", file=sys.stderr)
        shell.config.pop("McJupyter")
        return McJupyter(registry, parent=shell)


def _clear_frames(error: BaseException) -> None:
    """Empty our frames that an error leads to: IPython keeps the last error, and they an answer."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if str(frame.f_globals.get("__name__")).startswith("mc_jupyter."):
                with suppress(RuntimeError):  # it runs
                    frame.clear()
        waiting += [one.__cause__, one.__context__]


def _tell(name: str, kind: str) -> None:
    """Say once that another extension has a name."""
    typed = ("%%" if kind == "cell" else "%") + name
    if typed not in _told:
        _told.add(typed)
        ours = f"{typed.removesuffix(name)}mc {name}"
        print(f"mc_jupyter: another extension has {typed}; ours is {ours}", file=sys.stderr)
