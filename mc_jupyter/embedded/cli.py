"""The arguments of the embedded server: what they are, and which go together."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .catalogue import Published
from .models import valid_name
from .weights import default_store

TOKEN_VARIABLE = "MC_JUPYTER_EMBEDDED_TOKEN"
_LOCAL_NAMES = ("localhost", "localhost.localdomain")

_ABOUT = """\
A small Ollama: serves the Ollama HTTP API over llama.cpp, for machines without Docker.
"""
_SERVE_NOTES = f"""\
When it listens it prints one line on stdout: {{"url": "http://127.0.0.1:PORT", "version": "..."}}.
Everything else goes to stderr.

Callers must send the token in {TOKEN_VARIABLE} as "Authorization: Bearer TOKEN".
The token is never an argument, never part of a URL, and never printed.

examples:
  {TOKEN_VARIABLE}=$(openssl rand -hex 24) python -P -m mc_jupyter.embedded serve
  python -P -m mc_jupyter.embedded serve --no-token --gguf qwen:0.5b=/models/qwen.gguf
  python -P -m mc_jupyter.embedded pull smollm2:135m
"""


@dataclass(frozen=True)
class Arguments:
    """What the command line asks for, checked.

    Attributes
    ----------
    command
        ``serve`` or ``pull``.
    store
        The folder of fetched weights.
    catalogue
        The models that can be fetched.
    model
        The model to pull.
    token
        What callers must bring; None for ``--no-token``. Never shown.
    host, port, num_ctx, parallel, threads, end_with_stdin
        As in :class:`.server.Settings`; None for num_ctx and threads that were not given.
    gguf, models
        As in :class:`.models.Library`.
    """

    command: str
    store: Path
    catalogue: tuple[Published, ...]
    model: str = ""
    token: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    num_ctx: int = 4096
    parallel: int = 4
    threads: int | None = None
    end_with_stdin: bool = False
    gguf: tuple[tuple[str, Path], ...] = ()
    models: tuple[Path, ...] = ()


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) can be reached from this machine only."""
    name = host.strip("[]").rstrip(".").lower()
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def parse(arguments: Sequence[str] | None, catalogue: Sequence[Published]) -> Arguments:
    """Return the checked arguments; takes the token out of the environment.

    Raises
    ------
    SystemExit
        2 with one clear line for wrong arguments, 0 for ``--help``.
    """
    parser = _parser(catalogue)
    given = parser.parse_args(arguments)
    store = given.store or default_store()
    if given.command == "pull":
        return Arguments("pull", store, tuple(catalogue), model=given.model)
    token = os.environ.pop(TOKEN_VARIABLE, "").strip()  # no child inherits it
    if given.no_token and token:
        parser.error(f"--no-token, but {TOKEN_VARIABLE} is set: choose one")
    if not given.no_token and not token:
        parser.error(f"set {TOKEN_VARIABLE} to what callers must send, or say --no-token")
    if not is_loopback(given.host) and not (given.no_token and given.allow_remote):
        parser.error(
            f"--host {given.host} can be reached from other machines: that needs both "
            "--no-token and --allow-remote (plain HTTP would show a token to everybody)"
        )
    return Arguments(
        command="serve",
        store=store,
        catalogue=tuple(catalogue),
        token=token or None,
        host=given.host,
        port=given.port,
        num_ctx=given.num_ctx,
        parallel=given.parallel,
        threads=given.threads,
        end_with_stdin=given.end_with_stdin,
        gguf=tuple(given.gguf),
        models=tuple(given.models),
    )


def _parser(catalogue: Sequence[Published]) -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -P -m mc_jupyter.embedded", description=_ABOUT, formatter_class=form
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|pull")
    serve = commands.add_parser(
        "serve", help="serve the Ollama API", epilog=_SERVE_NOTES, formatter_class=form
    )
    names = ", ".join(entry.name for entry in catalogue)
    pull = commands.add_parser("pull", help="fetch a model's weights ahead of its use")
    pull.add_argument("model", metavar="MODEL", help=f"one of: {names}")
    for command in (serve, pull):
        command.add_argument(
            "--store",
            type=Path,
            metavar="DIR",
            help="folder of fetched weights (default: the user's cache, or MC_JUPYTER_HOME)",
        )
    _add_listening(serve)
    _add_models(serve)
    return parser


def _add_listening(serve: argparse.ArgumentParser) -> None:
    where = serve.add_argument_group("where to listen, and for whom")
    where.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    where.add_argument("--port", type=_Number(0, 65535), default=0, help="0 takes a free one")
    where.add_argument("--no-token", action="store_true", help="let everyone in")
    where.add_argument(
        "--allow-remote", action="store_true", help="with --no-token: any --host, for containers"
    )
    where.add_argument(
        "--end-with-stdin", action="store_true", help="end when stdin does (the caller is gone)"
    )


def _add_models(serve: argparse.ArgumentParser) -> None:
    what = serve.add_argument_group("what to serve, and how")
    what.add_argument(
        "--gguf", type=_named_file, action="append", default=[], metavar="NAME=PATH",
        help="a GGUF file and the name to serve it by (may be repeated)",
    )  # fmt: skip
    what.add_argument(
        "--models", type=Path, action="append", default=[], metavar="DIR",
        help="a folder whose GGUF files are served by their file names (may be repeated)",
    )  # fmt: skip
    what.add_argument(
        "--num-ctx", type=_Number(1), default=4096, metavar="N",
        help="tokens of context for each request (default: %(default)s)",
    )  # fmt: skip
    what.add_argument(
        "--parallel", type=_Number(1, 64), default=4, metavar="N",
        help="requests computed at once (default: %(default)s)",
    )  # fmt: skip
    what.add_argument(
        "--threads", type=_Number(1, 512), metavar="N",
        help="threads that compute (default: the processors that may be used)",
    )  # fmt: skip


class _Number:
    """A whole number within bounds, for argparse."""

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least, self.most = least, most

    def __call__(self, text: str) -> int:
        value = int(text) if text.strip().isdigit() else -1
        if value < self.least or (self.most is not None and value > self.most):
            most = "" if self.most is None else f" to {self.most}"
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {self.least}{most}"
            )
        return value


def _named_file(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator or not valid_name(name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{path!r} is not a file")
    return name, Path(path).absolute()
