from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from mc_jupyter.notebook.transform import CellTransform, line_transform

NAMES = ("mc", "mc_service", "ollama")


@pytest.fixture
def ours() -> TransformerManager:
    manager = TransformerManager()
    manager.cleanup_transforms.insert(0, CellTransform(lambda: NAMES))
    manager.token_transformers.append(line_transform(lambda: NAMES))
    return manager


def cell(name: str, line: str, body: str) -> str:
    return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})\n"


def line(name: str, rest: str) -> str:
    return f"get_ipython().run_line_magic({name!r}, {rest!r})\n"


@pytest.mark.parametrize(
    ("typed", "python"),
    [
        ("%%ollama m -t 0\nhi\n", cell("ollama", "m -t 0", "hi\n")),
        ("# a comment\n\n  # more\n%%ollama m\nhi", cell("ollama", "m", "hi\n")),
        ("%%ollama", cell("ollama", "", "\n")),
        ("%%ollama m\n", cell("ollama", "m", "\n")),
        ("%%ollama  m  ?", cell("ollama", "m  ?", "\n")),
        ("%%mc ollama m --help", cell("mc", "ollama m --help", "\n")),
        ("%%mc_service x\ny", cell("mc_service", "x", "y\n")),
        # what IPython would take for prompts, indentation and help stays as it is
        ("%%ollama m\n... and then?\n>>> x\n", cell("ollama", "m", "... and then?\n>>> x\n")),
        ("%%ollama m\n>>> 1 + 1\n2\n", cell("ollama", "m", ">>> 1 + 1\n2\n")),
        ("%%ollama m\nIn [1]: x\n", cell("ollama", "m", "In [1]: x\n")),
        ("%%ollama m\n  indented\n\n", cell("ollama", "m", "  indented\n\n")),
        ("%%ollama m\n'''\"\\", cell("ollama", "m", "'''\"\\\n")),
        ("%ollama run m Why?", line("ollama", "run m Why?")),
        ("%ollama run m What's up?", line("ollama", "run m What's up?")),
        ("%ollama run m f(x?", line("ollama", "run m f(x?")),
        ("x = 1\n%ollama run m Why?\ny = 2", "x = 1\n" + line("ollama", "run m Why?") + "y = 2\n"),
        ("a = %ollama run m Why?", "a = " + line("ollama", "run m Why?")),
        ("if 1:\n    %ollama run m Why?", "if 1:\n    " + line("ollama", "run m Why?")),
        ("%mc status?", line("mc", "status?")),
        ("%mc ?", line("mc", "?")),
        ("%ollama run m Why", line("ollama", "run m Why")),
    ],
)
def test_what_is_ours(ours: TransformerManager, typed: str, python: str) -> None:
    assert ours.transform_cell(typed) == python


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "\n",
        "# only a comment",
        "x = 1",
        "x?",
        "%%time\nx = 1",
        "%%ollamas m\nhi",
        "%%mcx\nhi",
        "%%ollama?",
        "%%ollama??",
        "%ollama?",
        "%mc_service??",
        "%time ollama?",
        "# c\n%%time\nx",
        "x = 1\n%%ollama m\nhi",
        's = """\n%ollama run m Why?\n%%ollama m\n"""',
        "s = '%ollama run m Why?'",
        "x % ollama run",
        "5 %ollama",
        "!ls ?",
        "%",
        "%%",
        "%%\n",
        "if True:\n  y = (1,\n",
        "'''never closed\n%ollama",
        ">>> 1 + 1\n2",
        "In [1]: x?",
        "  indented = 1\n  more = 2",
        "\ttab",
        "a = b = %time x",
        "\x00",
        "é = 'ü'; print(é)?",
        "x = [\n%ollama run m Why?\n]",
        "\\\n",
        "# c\n\n\n",
        "@d\ndef f(): ...",
        "await x",
    ],
)
def test_every_other_cell_passes_as_it_is(ours: TransformerManager, typed: str) -> None:
    def result(manager: TransformerManager) -> object:
        try:
            return manager.transform_cell(typed), manager.check_complete(typed)
        except Exception as error:
            return repr(error)

    assert result(ours) == result(TransformerManager())


def test_a_terminal_still_waits_for_the_body(ours: TransformerManager) -> None:
    assert ours.check_complete("%%ollama m")[0] == "incomplete"
    assert ours.check_complete("%%ollama m\nhi\n\n")[0] == "complete"


def test_a_foreign_cell_magic_is_left_alone() -> None:
    manager = TransformerManager()
    manager.cleanup_transforms.insert(0, CellTransform(lambda: ("mc", "mc_service")))
    assert manager.transform_cell("# c\n%%ollama\nx") == TransformerManager().transform_cell(
        "# c\n%%ollama\nx"
    )
