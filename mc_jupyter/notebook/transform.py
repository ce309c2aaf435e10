"""Input transformers: what IPython's own syntax does not allow around our magics.

Comments may stand above our cell magics, their body may be empty and begin as it likes (IPython
takes ``...`` and ``>>>`` for prompts and drops them), and a line that prompts may end with ``?``.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Callable, Collection, Sequence

from IPython.core.inputtransformer2 import EscapedCommand, MagicAssign, TokenTransformBase

_CELL = re.compile(r"%%(\w+)(?:\s+(.*))?$")
_QUESTION = re.compile(r"%(\w+)[ \t]+\S.*\?\s*$")


class CellTransform:
    """Makes the call of a cell magic of ours; every other cell passes as it is.

    Parameters
    ----------
    names
        Returns the magics that are ours now.
    """

    # IPython's check whether a cell is complete must still see "%%": it ends with a blank line.
    has_side_effects = True

    def __init__(self, names: Callable[[], Collection[str]]) -> None:
        self._names = names

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines of a cell, transformed or not."""
        for number, line in enumerate(lines):
            if line.startswith("%%"):
                ours = _CELL.match(line.rstrip())
                if ours is None or ours[1] not in self._names():
                    return lines
                # IPython refuses a body of no characters at all.
                body = "".join(lines[number + 1 :]) or "\n"
                arguments = f"{ours[1]!r}, {ours[2] or ''!r}, {body!r}"
                return [f"get_ipython().run_cell_magic({arguments})\n"]
            if line.strip() and not line.lstrip().startswith("#"):
                return lines
        return lines


def _escaped(tokens: list[Sequence[tokenize.TokenInfo]]) -> TokenTransformBase | None:
    """IPython's own transformer for a line with ``%`` in the right place."""
    found: TokenTransformBase | None
    found = MagicAssign.find(tokens) or EscapedCommand.find(tokens)  # type: ignore[no-untyped-call]
    return found


def line_transform(names: Callable[[], Collection[str]]) -> type[TokenTransformBase]:
    """Return the transformer for lines of our magics (`names` returns them) that end with a
    question mark.

    IPython takes ``%ollama run m Why?`` for a question on the name ``Why``. ``%ollama?`` stays one.
    """

    class LineTransform(TokenTransformBase):
        priority = 4  # before HelpEnd, which has 5

        def __init__(self, start: tuple[int, int], inner: TokenTransformBase) -> None:
            super().__init__(start)  # type: ignore[no-untyped-call]
            self._inner = inner

        @classmethod
        def find(
            cls, tokens_by_line: Sequence[Sequence[tokenize.TokenInfo]]
        ) -> LineTransform | None:
            for tokens in tokens_by_line:
                inner = _escaped([tokens])
                if inner is None:
                    continue
                at = (inner.start_line + 1, inner.start_col)
                text = next(token.line for token in tokens if token.start == at)
                ours = _QUESTION.match(text[inner.start_col :])
                if ours and ours[1] in names():
                    outside = (tokenize.INDENT, tokenize.DEDENT)
                    first = next(token for token in tokens if token.type not in outside)
                    return cls(first.start, inner)
            return None

        def transform(self, lines: list[str]) -> list[str]:
            transformed: list[str] = self._inner.transform(lines)
            return transformed

    return LineTransform
