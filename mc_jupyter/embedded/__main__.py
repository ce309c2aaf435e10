"""``python -P -m mc_jupyter.embedded``: the command line of the embedded server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

from .catalogue import CATALOGUE, Published
from .cli import parse

EXIT_MISSING, EXIT_INTERRUPTED = 3, 130


def main(arguments: Sequence[str] | None = None, catalogue: Sequence[Published] = CATALOGUE) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments
        Without the program's name; None for those of the process.
    catalogue
        The models that can be fetched.

    Returns
    -------
    int
        The exit code: 0, 1 when the work failed, 2 for wrong arguments, 3 when a package is
        missing, 130 when interrupted.
    """
    options = parse(arguments, catalogue)
    missing = [name for name in ("xllamacpp", "tornado") if not importlib.util.find_spec(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        names = " and ".join(missing)
        line = f"{names} {verb} not installed: pip install 'mc-jupyter[embedded]'"
        print(line, file=sys.stderr)
        return EXIT_MISSING
    from . import commands  # needs tornado

    try:
        return commands.pull(options) if options.command == "pull" else commands.serve(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
