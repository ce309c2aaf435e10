"""Odd lines for every magic, and what comes of them; runs inside of a kernel.

Made by a seed, so that a line which fails can be run again.
"""

from __future__ import annotations

import os
import random
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIMIT = 10.0
"""Seconds for a line."""

_WORDS = (
    "", '""', "''", '"', "'", "\\", "\\\\", "\0", "a\0b", "\ud800", "\udcff", "é", "😀", "٣",
    "\x1b[31m", "\u2028", "\ue000", "x" * 5000, "-", "--", "---", "-1", "-x", "--x", "?",
    "--help", "=", "A=B", "=B", "A=", "A=\0", "A=\ud800", "0", "nan", "inf", "-inf", "1e999",
    "-1e999", "1e-400", "1.5", "9" * 400, "9" * 5000, "0x10", "1_000", "true", "None", "[]",
    "{}", "[1", "[" * 2000, "%s%n", "@", "@@", "@nosuch", "@\0", "@\ud800", "@" + "a" * 5000,
    "@~nosuchuser/x", "@~nosuchuser", "@/dev/zero", "@/dev/null", "@/proc/self/mem",
    "@/proc/1/root", "@folder", "@pipe", "@circle", "@circle/x", "@binary", "@text", "@huge",
    "@text/x", "folder", "pipe", "circle", "circle/x", "binary", "text", "empty",
    "/dev/zero", "/proc/self/mem", "/proc/1/root", "/", ".", "..", "./text", "~",
    "~nosuchuser/x", "text/x", "a" * 300, "./" + "a" * 300, "/x" * 3000, "{{", "}}", "{{}}",
    "{{x}}", "{{nosuch}}", "{{1/0}}", "{{10**5000}}", "{{chr(0xd800)}}", "{{chr(0)}}",
    "{{broken}}", "{{end()}}", "{{x", "{{await x}}", "{{'\0'}}", "{{(yield)}}", "{{exit()}}",
    "\\{{", "broken", "broken.x", "broken[0]", "broken.made", "items[0]", "items[9]",
    "items['x']", "x", "end", "odd_path", "bytes_path", "x[" + "9" * 5000 + "]", "_", "Out[3]",
    "__builtins__", "x.__class__", "file://]", "file:///x", "file://[::1", "http://",
    "http://[::1", "http://[", "http://]", "http://[x]", "http://[::1]:x",
    "http://[fe80::1%eth0]", "http://[:::]", "http://h:99999", "http://h:abc", "http://h:-1",
    "http://h:" + "9" * 5000, "http://" + "a" * 70, "http://a..b", "http://.", "http://℀",
    "http://ß", "http://127.0.0.1:1", "http://127.0.0.1:1/x", "http://127.0.0.1:1?x#y",
    "http://u:p@h", "http://[@h", "http://127.0.0.1:1/" + "a" * 70000,
    "http://127.0.0.1:1/\x7f", "https://h/a/b@", "https://[/a/b", "https://127.0.0.1:1/a/b",
    "ftp://x", "[::1", "[::1]:x", ":", "::", ":::::", "0.0.0.0", "127.0.0.1:1", "999.1.1.1:1",
    "github:", "github:\0", "github:a", "github:a/b@", "github:a/b@..", "github:../..",
    "github:" + "a" * 5000, "bundled:", "bundled:x", "git@h:a/b", "ssh://git@[/a", "nosuch",
    "demo", "spoken", "/x", "/\ud800", "/" + "y" * 20000, "//", "/?x=1#y", "/../..", "GET",
    "POST", "HEAD",
)  # fmt: skip
_BODIES = (
    "\n", "Hello?", "{{broken}}", "{{x}}", '{"a": 1}', "[" * 5000, "\ud800", "a\0b", "{{end()}}",
)  # fmt: skip


class Broken:
    """Whatever it is asked for raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RecursionError(name)

    def __str__(self) -> str:
        raise SystemExit("str")

    def __getitem__(self, key: object) -> object:
        raise ValueError(key)


class OddPath(os.PathLike[str]):
    """A path that is none."""

    def __fspath__(self) -> str:
        raise ValueError("no path")


class BytesPath(os.PathLike[bytes]):
    """A path of bytes."""

    def __fspath__(self) -> bytes:
        return b"text"


def names() -> dict[str, Any]:
    """The names that some of the words stand for."""

    def end() -> None:
        raise SystemExit(3)

    return {
        "x": 3, "broken": Broken(), "items": [Broken()], "end": end,
        "odd_path": OddPath(), "bytes_path": BytesPath(),
    }  # fmt: skip


def files(folder: Path) -> None:
    """Make the files that some of the words name."""
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "circle").symlink_to("circle")
    (folder / "binary").write_bytes(bytes(range(256)))
    (folder / "text").write_text("text")
    (folder / "empty").touch()
    with open(folder / "huge", "wb") as file:
        os.truncate(file.fileno(), 2**40)


def lines(seed: int, count: int, shell: Any, only: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield magics' names, their lines, and the body of a cell or None."""
    dice = random.Random(seed)
    places = [place for place in _places(shell) if only in ("", place[0])]
    for _ in range(count):
        magic, verb, is_cell, options = dice.choice(places)
        words = [verb] if verb else []
        for _ in range(dice.randrange(5)):
            word = dice.choice(_WORDS)
            if options and dice.random() < 0.5:
                option = dice.choice(options)
                word = dice.choice((f"{option} {word}", f"{option}={word}"))
            words.append(word)
        yield magic, " ".join(words), dice.choice(_BODIES) if is_cell else None


def _places(shell: Any) -> list[tuple[str, str, bool, list[str]]]:
    """Each magic with each of its verbs: whether it is a cell, and its options."""
    from mc_jupyter.notebook import extension

    magics = extension._loaded[id(shell)]._magics
    places: list[tuple[str, str, bool, list[str]]] = []
    for magic, verbs in (("mc", magics._mc), ("ollama", magics._ollama)):
        places.append((magic, "", False, []))
        places += [(magic, one, False, _options(verbs.parser(one))) for one in verbs]
    prompt, call = _options(magics._prompts.parser), _options(magics.kinds.call.cell_parser)
    places += [("ollama", "--host demo m", True, prompt), ("ollama", "", True, prompt)]
    for line in ("call", "call demo GET /", "call demo POST /api/tags"):
        places += [("mc", line, True, call), ("mc", line, False, call)]
    places += [("mc", "", True, [])]
    for name in magics.kinds:
        kind = magics.kinds.get(name)
        for parser, is_cell in ((kind.line_parser, False), (kind.cell_parser, True)):
            if parser is not None:
                places.append((name, "", is_cell, _options(parser)))
        for one in kind.verbs or ():
            places.append((name, one, False, _options(kind.verbs.parser(one))))
    return [one for one in places if one[1] not in ("doctor", "panel", "remove")]


def _options(parser: Any) -> list[str]:
    return list(parser._option_string_actions)


def walk(shell: Any, seed: int, count: int, only: str = "") -> list[str]:
    """Run odd lines; return those that end in an error which is not ours, with the error.

    Parameters
    ----------
    shell
        The shell with the extension.
    seed, count
        Which lines, and how many.
    only
        A magic; all of them if left out.
    """
    from IPython.utils.capture import capture_output

    from mc_jupyter.errors import Interrupted, MediaConduitError

    found = []
    signal.signal(signal.SIGALRM, _too_long)
    for magic, line, body in lines(seed, count, shell, only):
        shell.user_ns.update(names())
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        try:
            with capture_output(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if body is None:
                    shell.run_line_magic(magic, line)
                else:
                    shell.run_cell_magic(magic, line, body)
        except (MediaConduitError, Interrupted) as error:
            shown = "\n".join(error._render_traceback_())
            if len(shown) > 8000 or not str(error).strip():
                found.append(f"{magic!r} {line!r:.200} {body!r:.40}: {len(shown)} characters")
        except BaseException as error:
            found.append(f"{magic!r} {line!r:.300} {body!r:.40}: {_place(error)}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return found


def _too_long(*_: object) -> None:
    raise TimeoutError(f"no end within {LIMIT} s")


def _place(error: BaseException) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{one.filename.rpartition('mc_jupyter/')[2]}:{one.lineno}" for one in frames]
    return f"{type(error).__name__}: {error!s:.200} <- {' '.join(reversed(ours[-6:]))}"
