"""What users see of the magics stays: names, verbs, options, as their help shows them."""

from __future__ import annotations

import os
import re

from support.kernel import Kernel
from support.scripted_service import Says, ScriptedService
from support.surface import PAGES_FOLDER

PAGE = PAGES_FOLDER / "magics.txt"
KINDS = ("whisper", "kokoro", "chatterbox", "zonos", "ffmpeg", "huggingface", "cowsay")
_VERB = re.compile(r"^%(?:mc|ollama) ([a-z-]+)", re.MULTILINE)


def _help(kernel: Kernel, line: str) -> str:
    got = kernel.run(f"{line} --help" if line.startswith("%%") else f"text = {line} --help")
    if line.startswith("%%"):
        text: str = got.last["data"]["text/plain"]
    else:
        text = kernel.value("str(text)")
    return f"=== {line}\n{text.strip()}\n"


def magics(kernel: Kernel) -> str:
    """Return the help of every magic and every verb, 100 characters wide."""
    kernel.run("import os; os.environ['COLUMNS'] = '100'")
    pages = []
    for magic in ("%mc", "%ollama"):
        page = _help(kernel, magic)
        pages.append(page)
        pages += [_help(kernel, f"{magic} {verb}") for verb in sorted(set(_VERB.findall(page)))]
    pages.append(_help(kernel, "%%ollama"))
    with ScriptedService({"/": Says("here")}) as service:
        for kind in KINDS:
            kernel.run(f"%mc load {service.url} --as it-{kind} --client {kind}")
            pages.append(_help(kernel, f"%%{kind}"))
    return "\n".join(pages)


def _words(text: str) -> list[str]:
    """A text without what versions of argparse do differently: line ends, ``-o NAME, --out``."""
    return re.sub(r"(?<=-\w) [^\s,]+(?=, --)", "", text).split()


def test_the_help_of_all_magics_is_as_it_was(kernel: Kernel) -> None:
    """Where it is to change: MC_TEST_WRITE=1, and say it in the changelog."""
    text = magics(kernel)
    if "MC_TEST_WRITE" in os.environ:
        PAGE.write_text(text, encoding="utf-8")
    assert _words(text) == _words(PAGE.read_text(encoding="utf-8"))
